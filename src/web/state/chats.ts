import { batch, computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Chat, ChatEvent, ChatInFull, Client } from "../../client/index.js";
import { usernameKey } from "../../client/username.js";
import {
  applyToChats,
  byActivity,
  peerNameOf,
  toChatMap,
  withChat,
  type ChatMap,
  type ChatState,
} from "./chat-fold.js";
import type { Destination } from "./outbox-entry.js";

export type { ChatState } from "./chat-fold.js";

export interface ChatsDependencies {
  readonly client: Client;
  readonly now: () => number;
  /** The id of the user. */
  readonly me: string;
}

const CHATS_PER_PAGE = 1_000;
/** The last time that the server accepts. */
const END_OF_TIME = "9999-12-31T23:59:59.999Z";

/** The chats of the user. */
export class Chats {
  readonly #client: Client;
  readonly #now: () => number;
  readonly #me: string;
  readonly #isComplete = signal(false);
  readonly #map = signal<ChatMap | undefined>(undefined);
  /** The p2p chats by the keys of the other users. */
  readonly #byPeer: ReadonlySignal<ReadonlyMap<string, ChatState>> = computed(() => {
    const chats = new Map<string, ChatState>();
    for (const chat of this.#map.value?.values() ?? []) {
      if (chat.with_username !== null) chats.set(usernameKey(chat.with_username), chat);
    }
    return chats;
  });
  readonly #byId = new Map<number, ReadonlySignal<ChatState | undefined>>();
  /** The states that were read while an event was still to come. The event makes another state, which is read again. */
  readonly #wasRead = new WeakSet<ChatState>();
  /** The p2p chats of which one may be with a user who was deleted. */
  readonly #unnamed = new Set<number>();
  /** The chats that the user has left while further chats are read. */
  readonly #left = new Set<number>();
  readonly #closing = new AbortController();
  #isReading = false;
  /** Ends the reading of further chats. */
  #paging = new AbortController();

  /** All chats, last active first. `undefined` until the first read. */
  readonly all: ReadonlySignal<readonly ChatState[] | undefined> = computed(
    () => this.#map.value && [...this.#map.value.values()].toSorted(byActivity),
  );

  /** The chats that are not archived: pinned ones first, then last active first. */
  readonly main: ReadonlySignal<readonly ChatState[]> = computed(() => {
    const chats = this.all.value?.filter(({ archived }) => !archived) ?? [];
    return chats.toSorted((one, other) => Number(other.pinned) - Number(one.pinned));
  });

  /** Last active first. */
  readonly archived: ReadonlySignal<readonly ChatState[]> = computed(
    () => this.all.value?.filter(({ archived }) => archived) ?? [],
  );

  /** The number of unread messages in chats that are neither muted nor archived, and of unread mentions in all others. */
  readonly unreadCount: ReadonlySignal<number> = computed(() => {
    let count = 0;
    for (const chat of this.#map.value?.values() ?? []) {
      count += chat.archived || this.isMuted(chat) ? (chat.mention_count ?? 0) : chat.unread_count;
    }
    return count;
  });

  constructor({ client, now, me }: ChatsDependencies) {
    this.#client = client;
    this.#now = now;
    this.#me = me;
  }

  /** Whether all chats of the user have been read. */
  get isComplete(): ReadonlySignal<boolean> {
    return this.#isComplete;
  }

  /** Follows one chat. `undefined` if the user is not in it. */
  byId(chatId: number): ReadonlySignal<ChatState | undefined> {
    const chat = this.#byId.get(chatId) ?? computed(() => this.#map.value?.get(chatId));
    this.#byId.set(chatId, chat);
    return chat;
  }

  /** The p2p chat with a user, by the username. A component that calls it follows the chats. */
  withUser(username: string): ChatState | undefined {
    return this.#byPeer.value.get(usernameKey(username));
  }

  /** The chat to which messages to a destination go. A component that calls it follows the chats. */
  at(destination: Destination): ChatState | undefined {
    return "chatId" in destination
      ? this.byId(destination.chatId).value
      : this.withUser(destination.username);
  }

  isMuted({ muted_until }: ChatState): boolean {
    return muted_until !== null && this.#now() < Date.parse(muted_until);
  }

  /** @param until epoch milliseconds; `Infinity` mutes without end, `undefined` ends it. @throws PalaverError */
  async mute(chatId: number, until: number | undefined): Promise<void> {
    const isEndless = until !== undefined && until > Date.parse(END_OF_TIME);
    const time = until === undefined ? null : isEndless ? END_OF_TIME : new Date(until).toISOString();
    await this.#client.changeChatSettings({ chat_id: chatId, muted_until: time });
  }

  async archive(chatId: number, archived: boolean): Promise<void> {
    await this.#client.changeChatSettings({ chat_id: chatId, archived });
  }

  async pin(chatId: number, pinned: boolean): Promise<void> {
    await this.#client.changeChatSettings({ chat_id: chatId, pinned });
  }

  /** Creates a group of the user and others, by their usernames. Returns its id. @throws PalaverError `unknown_user`, … */
  async createGroup(title: string | null, usernames: readonly string[]): Promise<number> {
    return (await this.#client.createGroupChat({ title, participants: usernames })).chat_id;
  }

  /**
   * Replaces all chats.
   *
   * @param more whether the user has others, which are then read
   */
  reset(chats: readonly Chat[], more: boolean): void {
    this.#paging.abort();
    batch(() => {
      this.#map.value = toChatMap(chats, this.#me, this.#map.peek());
      this.#isComplete.value = !more;
    });
    if (more) void this.#readFurther();
  }

  /** Applies an event behind the last `reset`. */
  apply(event: ChatEvent): void {
    const before = this.#map.peek();
    if (!before) return;
    const after = applyToChats(before, event, this.#me);
    this.#map.value = after;
    if (event.type === "participant.removed" && event.user_id === this.#me) this.#left.add(event.chat_id);
    if (event.type === "user.deleted" && after === before) {
      for (const { chat_id, kind, peer_user_id } of before.values()) {
        if (kind === "p2p" && peer_user_id === undefined) this.#unnamed.add(chat_id);
      }
    }
    void this.#readUnknown();
  }

  close(): void {
    this.#closing.abort();
    this.#paging.abort();
  }

  /** Reads the chats behind the first 1,000. Those that are known by now stay. */
  async #readFurther(): Promise<void> {
    const { signal: ended } = (this.#paging = new AbortController());
    this.#left.clear();
    try {
      const options = { signal: ended, patience: Infinity };
      for await (const page of this.#client.pages("listChats", { limit: CHATS_PER_PAGE }, options)) {
        if (ended.aborted) return;
        const known = this.#map.peek() ?? new Map();
        const further = [...toChatMap(page, this.#me)].filter(([id]) => !this.#left.has(id));
        this.#map.value = new Map([...further, ...known]);
      }
      this.#isComplete.value = true;
    } catch {
      // Only an error that a retry can't fix. The session has ended, or the next reset reads them.
    }
  }

  /** Reads the chats whose counts the events do not determine. */
  async #readUnknown(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    for (let chat = this.#nextUnknown(); chat; chat = this.#nextUnknown()) {
      this.#wasRead.add(chat);
      this.#unnamed.delete(chat.chat_id);
      try {
        const { signal: closing } = this.#closing;
        this.#merge(chat, await this.#client.getChat({ chat_id: chat.chat_id }, { signal: closing }));
      } catch {
        // The next event of the chat tries again.
      }
    }
    this.#isReading = false;
  }

  #nextUnknown(): ChatState | undefined {
    if (this.#closing.signal.aborted) return undefined;
    for (const chat of this.#map.peek()?.values() ?? []) {
      if (this.#unnamed.has(chat.chat_id)) return chat;
      if (chat.mention_count === undefined && !this.#wasRead.has(chat)) return chat;
    }
    return undefined;
  }

  /** Takes over what was unknown, unless an event came meanwhile or is still to come. */
  #merge(before: ChatState, now: ChatInFull): void {
    const map = this.#map.peek();
    if (!map || map.get(before.chat_id) !== before) return;
    const isCurrent =
      now.last_seq === before.last_seq &&
      now.read_seq === before.read_seq &&
      now.unread_count === before.unread_count;
    const peer = before.kind === "p2p" && now.participants.find(({ user_id }) => user_id !== this.#me);
    this.#map.value = withChat(map, {
      ...before,
      with_username: peerNameOf(now.with_username),
      peer_read_seq: now.peer_read_seq,
      peer_user_id: peer ? peer.user_id : before.peer_user_id,
      mention_count: isCurrent ? now.mention_count : before.mention_count,
    });
  }
}

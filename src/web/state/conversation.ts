import { batch, computed, effect, signal, untracked, type ReadonlySignal } from "@preact/signals";
import type { ChatEvent, Client, Message, Participant } from "../../client/index.js";
import { usernameKey } from "../../client/username.js";
import type { Blocks } from "./blocks.js";
import type { Chats, ChatState } from "./chats.js";
import { isEmptyDraft, newTextOf } from "./draft.js";
import type { Draft, Drafts } from "./drafts.js";
import { toFailure, type Failure } from "./failure.js";
import type { Group } from "./group.js";
import { mentionsIn } from "./mentions.js";
import {
  applyToWindow,
  EMPTY_WINDOW,
  PAGE_MESSAGES,
  UNREAD_WINDOW,
  withChanged,
  withNewer,
  withOlder,
  type MessageWindow,
} from "./message-window.js";
import type { Outbox } from "./outbox.js";
import { OwnReactions } from "./own-reactions.js";
import { keyOf, toPending, type Destination, type OutboxEntry } from "./outbox-entry.js";
import type { People } from "./people.js";
import { pause } from "./pause.js";

/** What a conversation waits for. */
export type Loading = "window" | "older" | "newer" | undefined;

/**
 * Why a user cannot write in a conversation.
 *
 * - `left`: the user is no longer in the chat, or never was.
 * - `unknown_user`: no user has the name.
 * - `deleted`: the account of the other user was deleted.
 * - `blocked`: the user has blocked the other one.
 * - `admins_only`: the policy of the group does not allow it.
 */
export type Closure = "left" | "unknown_user" | "deleted" | "blocked" | "admins_only";

export interface ConversationDependencies {
  readonly client: Client;
  readonly chats: Chats;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  readonly people: People;
  readonly blocks: Blocks;
  readonly now: () => number;
  /** The id of the user. */
  readonly me: string;
  readonly openGroup: (chatId: number) => Group;
  readonly onClose: () => void;
}

/** Whether a draft waits for another time, in which the user can write again. */
function mayReopen(closure: Closure): boolean {
  return closure === "blocked" || closure === "admins_only";
}

/** The time between two requests that mark the chat as read. Scrolling through a chat would else send hundreds of them. */
const READ_INTERVAL_MS = 500;
/** The server shows a user as typing for six seconds. */
const TYPING_INTERVAL_MS = 3_000;

/**
 * The messages of one chat that is shown: a window of a bounded number of messages in their order, without gaps. Close it when
 * another one is shown.
 */
export class Conversation {
  readonly #client: Client;
  readonly #chats: Chats;
  readonly #outbox: Outbox;
  readonly #drafts: Drafts;
  readonly #people: People;
  readonly #blocks: Blocks;
  readonly #now: () => number;
  readonly #me: string;
  readonly #openGroup: (chatId: number) => Group;
  readonly #onClose: () => void;
  readonly #group = signal<Group | undefined>(undefined);
  readonly #destination: ReturnType<typeof signal<Destination>>;
  readonly #window = signal<MessageWindow>(UNREAD_WINDOW);
  readonly #loading = signal<Loading>(undefined);
  readonly #failure = signal<Failure | undefined>(undefined);
  readonly #target = signal<number | undefined>(undefined);
  readonly #quotes = new Map<number, ReturnType<typeof signal<Message | null | undefined>>>();
  readonly #closing = new AbortController();
  readonly #stopFollowing: () => void;
  readonly #stopReadingPeople: () => void;
  /** Ends the current read. */
  #reading = new AbortController();
  /** The events since the current read began. The page may be from before them. */
  #journal: ChatEvent[] = [];
  #isAtEnd = true;
  #seenSeq = 0;
  #isMarking = false;
  #typedAt = -Infinity;
  /** Ends the request that states that the user types. It must not arrive behind the text. */
  #typing = new AbortController();
  #mentionsRead: Promise<void> = Promise.resolve();
  /** Ends the request of the edit in the draft. */
  #editing = new AbortController();

  /** The `seq` that was read when the chat was opened. A line "New messages" belongs behind it. */
  readonly readSeqAtOpening: number;

  readonly destination: ReadonlySignal<Destination>;

  readonly reactions: OwnReactions;

  /** `undefined` before the first message to a user, and after the user has left the chat. */
  readonly chat: ReadonlySignal<ChatState | undefined> = computed(() =>
    this.#chats.at(this.destination.value),
  );

  /** The username of the other user. Null in a group, and once that user is deleted. */
  readonly peer: ReadonlySignal<string | null> = computed(() => {
    const destination = this.destination.value;
    if (this.chat.value) return this.chat.value.with_username;
    return "username" in destination ? destination.username : null;
  });

  /** Why the user cannot write, or `undefined`. */
  readonly closure: ReadonlySignal<Closure | undefined> = computed(() => {
    const chat = this.chat.value;
    const destination = this.destination.value;
    if (!chat && "chatId" in destination) return this.#chats.isComplete.value ? "left" : undefined;
    const peer = this.peer.value;
    if (peer !== null && this.#blocks.has(peer)) return "blocked";
    if (!chat) return this.#isNobody(destination) ? "unknown_user" : undefined;
    if (chat.kind === "p2p") return peer === null ? "deleted" : undefined;
    return this.#group.value?.mayPost.value === false ? "admins_only" : undefined;
  });

  /** Whether there is a field for a text: where the user can write, and for an edit or a draft that cannot be sent any more. */
  readonly isComposing: ReadonlySignal<boolean> = computed(() => {
    const { text, editing } = this.draft.value;
    const closure = this.closure.value;
    return !closure || editing !== null || (!mayReopen(closure) && text !== "");
  });

  /** Whether there is nothing to show: there is no such chat or user, and nothing unsent for it. */
  readonly isUnknown: ReadonlySignal<boolean> = computed(() => {
    if (this.chat.value) return false;
    const hasUnsent = this.pending.value.length > 0 || newTextOf(this.draft.value) !== "";
    return !hasUnsent && ("chatId" in this.destination.value || this.closure.value === "unknown_user");
  });

  /** Oldest first. Deleted messages are among them, with `deleted_at`. */
  readonly messages: ReadonlySignal<readonly Message[]> = computed(() => this.#window.value.messages);

  /** The messages on their way, to be shown behind `messages`. Empty while these end before the end of the chat. */
  readonly pending: ReadonlySignal<readonly OutboxEntry[]> = computed(() => {
    if (this.#window.value.hasNewer && this.messages.value.length > 0) return [];
    const entries = this.#outbox.entries.value.filter((entry) => this.#hasDestination(entry.destination));
    return toPending(entries, this.messages.value, this.#me);
  });

  readonly hasOlder: ReadonlySignal<boolean> = computed(() => this.#window.value.hasOlder);

  /** Whether the window ends before the end of the chat, also while it has not been read. */
  readonly hasNewer: ReadonlySignal<boolean> = computed(() => this.#window.value.hasNewer);

  readonly draft: ReadonlySignal<Draft> = computed(() => this.#drafts.of(this.destination.value).value);

  constructor(
    destination: Destination,
    { client, chats, outbox, drafts, people, blocks, now, me, openGroup, onClose }: ConversationDependencies,
  ) {
    this.#client = client;
    this.#chats = chats;
    this.#outbox = outbox;
    this.#drafts = drafts;
    this.#people = people;
    this.#blocks = blocks;
    this.#now = now;
    this.#me = me;
    this.#openGroup = openGroup;
    this.#onClose = onClose;
    this.reactions = new OwnReactions(client, me);
    this.#destination = signal(destination);
    this.destination = this.#destination as ReadonlySignal<Destination>;
    this.readSeqAtOpening = this.chat.peek()?.read_seq ?? 0;
    // The chat with a user is there at once, or comes with the first message of one of the two.
    this.#stopFollowing = effect(() => {
      const chatId = this.chat.value?.chat_id;
      if (chatId !== undefined && !("chatId" in this.destination.peek()))
        untracked(() => this.#enter(chatId));
    });
    // Names are typed before the message is sent, so a send need not wait for the people.
    this.#stopReadingPeople = effect(() => {
      const participants = this.#group.value?.participants;
      if (participants && this.draft.value.text.includes("@")) untracked(() => void participants.loadOnce());
    });
    if ("chatId" in destination) this.#group.value = openGroup(destination.chatId);
    if (this.closure.peek() === "left") this.#window.value = EMPTY_WINDOW;
    else if ("chatId" in destination) void this.jumpToEnd();
  }

  /** The people of the chat. It reads the participants once the draft has an `@`. `undefined` before the first message to a user. */
  get group(): ReadonlySignal<Group | undefined> {
    return this.#group;
  }

  get loading(): ReadonlySignal<Loading> {
    return this.#loading;
  }

  /** Why the last page could not be read, or `undefined`. */
  get failure(): ReadonlySignal<Failure | undefined> {
    return this.#failure;
  }

  /** The message to which `jumpTo` has jumped, for the view to scroll to and highlight. */
  get target(): ReadonlySignal<number | undefined> {
    return this.#target;
  }

  clearTarget(): void {
    this.#target.value = undefined;
  }

  /** Reads a page of older messages. The far end of a full window is dropped, and read again when needed. Never rejects. */
  async loadOlder(): Promise<void> {
    const [first] = this.messages.peek();
    if (!first || this.#loading.peek() || !this.hasOlder.peek()) return;
    await this.#read("older", async (chat_id, ended) => {
      const page = await this.#list({ chat_id, before: first.id, limit: PAGE_MESSAGES }, ended);
      return (window) => withOlder(window, page, PAGE_MESSAGES);
    });
  }

  /** As `loadOlder`, at the other end, until the window reaches the end of the chat. */
  async loadNewer(): Promise<void> {
    const last = this.messages.peek().at(-1);
    if (this.#loading.peek() || !this.hasNewer.peek()) return;
    if (!last) return this.jumpToEnd();
    await this.#read("newer", async (chat_id, ended) => {
      const page = await this.#list({ chat_id, after: last.id, limit: PAGE_MESSAGES }, ended);
      return (window) => withNewer(window, page, PAGE_MESSAGES);
    });
  }

  /** Shows the window around a message, and sets `target`. Returns false if the message cannot be read. Never rejects. */
  async jumpTo(messageId: number): Promise<boolean> {
    let isFound = this.messages.peek().some(({ id }) => id === messageId);
    if (!isFound) {
      const isRead = await this.#read("window", async (chat_id, ended) => {
        const [older, newer] = await Promise.all([
          this.#list({ chat_id, before: messageId + 1, limit: PAGE_MESSAGES }, ended),
          this.#list({ chat_id, after: messageId, limit: PAGE_MESSAGES }, ended),
        ]);
        isFound = older.at(-1)?.id === messageId;
        const around = withOlder(EMPTY_WINDOW, older, PAGE_MESSAGES);
        return (window) => (isFound ? withNewer(around, newer, PAGE_MESSAGES) : window);
      });
      if (isRead && !isFound && this.#window.peek() === UNREAD_WINDOW) await this.#readEnd();
      if (!isRead || !isFound) return false;
    }
    this.#isAtEnd = false;
    this.#target.value = messageId;
    return true;
  }

  /** Shows the newest messages. After a `failure` it tries again. Never rejects. */
  async jumpToEnd(): Promise<void> {
    this.#isAtEnd = true;
    if (this.hasNewer.peek()) await this.#readEnd();
  }

  /**
   * States whether the user sees the end of the window. If so, new messages push the oldest ones out of a full window;
   * else a full window does not grow, and `hasNewer` becomes true.
   */
  setAtEnd(isAtEnd: boolean): void {
    this.#isAtEnd = isAtEnd;
  }

  /** The message that another one replies to: `undefined` until it is read, null if it cannot be read. */
  quoteOf(messageId: number): ReadonlySignal<Message | null | undefined> {
    const known = this.#quotes.get(messageId);
    if (known) return known;
    const quote = signal<Message | null | undefined>(this.messages.peek().find(({ id }) => id === messageId));
    this.#quotes.set(messageId, quote);
    if (quote.peek() === undefined) void this.#readQuote(messageId);
    return quote;
  }

  changeDraft(part: Partial<Draft>): void {
    this.#drafts.change(this.destination.peek(), part);
  }

  /** Puts the text of an own message into the draft, to change it. */
  startEditing({ id, message, mentions }: Message): void {
    const draft = this.draft.peek();
    const before = draft.editing === null ? draft : draft.interrupted;
    const interrupted = before && !isEmptyDraft(before) ? before : null;
    this.#editing.abort();
    this.changeDraft({ text: message, replyTo: null, editing: id, mentions: [], interrupted });
    this.#mentionsRead = this.#readMentions(id, mentions);
    // `submit` reports it.
    this.#mentionsRead.catch(() => {});
  }

  /** Empties the draft. Of an edit, it also ends the request, and restores the draft before it. */
  cancelDraft(): void {
    const { interrupted } = this.draft.peek();
    this.#editing.abort();
    if (interrupted) this.changeDraft(interrupted);
    else this.#drafts.clear(this.destination.peek());
  }

  /**
   * Sends the draft, or changes the message that it edits, and empties it. Does nothing if it is blank. A send never rejects:
   * see `Outbox`.
   *
   * @throws PalaverError if an edit fails; the draft then stays
   */
  async submit(): Promise<void> {
    const { text, replyTo, editing } = this.draft.peek();
    if (text.trim() === "") return;
    this.#typing.abort();
    if (editing !== null) {
      await this.#edit(editing, text);
      return;
    }
    const destination = this.destination.peek();
    const participants = this.#participants;
    // A message that mentions a user who has left is rejected.
    const chosen = this.draft
      .peek()
      .mentions.filter(({ user_id }) => participants?.some((each) => each.user_id === user_id) ?? true);
    const mentions = mentionsIn(text, chosen, participants);
    const lastId = Math.max(this.chat.peek()?.last_message?.id ?? 0, this.messages.peek().at(-1)?.id ?? 0);
    const stored = this.#outbox.add(destination, { text, replyTo, mentions }, lastId);
    this.#drafts.clear(destination, stored);
    if ("chatId" in destination) void this.jumpToEnd();
    await stored;
  }

  /** Puts a rejected message back into the draft. Does nothing if the draft has a text. */
  async editRejected(key: string): Promise<void> {
    if (this.draft.peek().text !== "") return;
    const entry = this.#outbox.entries.peek().find((each) => each.key === key);
    if (entry?.state !== "rejected") return;
    const { text, replyTo, mentions } = entry;
    this.changeDraft({ text, replyTo, mentions, editing: null, interrupted: null });
    await this.#outbox.discard(key);
  }

  /** @param cancelling ends the request, if the server has not answered yet @throws PalaverError */
  async delete(messageId: number, cancelling?: AbortSignal): Promise<void> {
    this.#show(await this.#client.deleteMessage({ id: messageId }, { signal: cancelling }));
  }

  /** Marks the chat as read up to a message that the user has seen. Several calls become one request. Never rejects. */
  markRead(seq: number): void {
    this.#seenSeq = Math.max(this.#seenSeq, seq);
    if (!this.#isMarking) void this.#markSeen();
  }

  /** Shows the other participants that the user types. Call it at each key; few calls become requests. */
  showTyping(): void {
    const destination = this.destination.peek();
    const now = this.#now();
    if (!("chatId" in destination) || now - this.#typedAt < TYPING_INTERVAL_MS) return;
    this.#typedAt = now;
    const { signal: done } = (this.#typing = new AbortController());
    this.#client.sendTyping({ chat_id: destination.chatId }, { patience: 0, signal: done }).catch(() => {});
  }

  /** Applies an event, after the chats have applied it. */
  apply(event: ChatEvent): void {
    const destination = this.destination.peek();
    if (!("chat_id" in event) || !("chatId" in destination) || event.chat_id !== destination.chatId) return;
    if (event.type === "participant.added" && event.chat) {
      void this.#readEnd();
      return;
    }
    if (event.type === "participant.removed" && event.user_id === this.#me) {
      this.#empty();
      return;
    }
    this.#journal.push(event);
    batch(() => {
      this.#window.value = applyToWindow(this.#window.peek(), event, this.#isAtEnd);
      this.reactions.apply(event);
    });
    if (event.type === "message.edited" || event.type === "message.deleted") {
      const quote = this.#quotes.get(event.message.id);
      if (quote) quote.value = event.message;
    }
  }

  /** Reads the window again: events were missed. */
  async reset(): Promise<void> {
    const [first] = this.messages.peek();
    if (!("chatId" in this.destination.peek())) return;
    if (this.closure.peek() === "left") return this.#empty();
    if (this.#isAtEnd || !first) return this.#readEnd();
    const limit = Math.max(this.messages.peek().length, PAGE_MESSAGES);
    await this.#read("window", async (chat_id, ended) => {
      const page = await this.#list({ chat_id, after: first.id - 1, limit }, ended);
      const { hasOlder } = this.#window.peek();
      return () => ({ ...withNewer(EMPTY_WINDOW, page, limit), hasOlder });
    });
  }

  close(): void {
    this.#closing.abort();
    this.#reading.abort();
    this.#stopFollowing();
    this.#stopReadingPeople();
    this.#group.peek()?.close();
    this.#onClose();
  }

  /** Shows no messages of a chat that the user has left. */
  #empty(): void {
    this.#reading.abort();
    batch(() => {
      this.#loading.value = undefined;
      this.#failure.value = undefined;
      this.#window.value = EMPTY_WINDOW;
    });
  }

  #enter(chatId: number): void {
    this.#destination.value = { chatId };
    this.#group.value = this.#openGroup(chatId);
    void this.#readEnd();
  }

  get #participants(): readonly Participant[] | undefined {
    return this.#group.peek()?.participants.value.peek();
  }

  #isNobody(destination: Destination): boolean {
    if ("chatId" in destination) return false;
    const profile = this.#people.profileOf(destination.username).value;
    if (profile === undefined) return false;
    // A profile is also found by an id, or as `me`.
    return profile === null || usernameKey(profile.username) !== usernameKey(destination.username);
  }

  #hasDestination(destination: Destination): boolean {
    if (keyOf(destination) === keyOf(this.destination.value)) return true;
    const chat = this.chat.value;
    return chat !== undefined && this.#chats.at(destination) === chat;
  }

  async #edit(id: number, message: string): Promise<void> {
    this.#editing.abort();
    const { signal: cancelled } = (this.#editing = new AbortController());
    try {
      await this.#mentionsRead;
      const mentions = mentionsIn(message, this.draft.peek().mentions, this.#participants).map(
        ({ user_id }) => user_id,
      );
      this.#show(await this.#client.editMessage({ id, message, mentions }, { signal: cancelled }));
    } catch (error) {
      if (cancelled.aborted) return;
      throw error;
    }
    if (this.draft.peek().editing === id) this.cancelDraft();
  }

  async #readEnd(): Promise<void> {
    await this.#read("window", async (chat_id, ended) => {
      const page = await this.#list({ chat_id, limit: PAGE_MESSAGES }, ended);
      return () => withOlder(EMPTY_WINDOW, page, PAGE_MESSAGES);
    });
  }

  /**
   * Reads a part of the chat, in place of the read in progress, and changes the window by it. Then it applies the events since
   * the request again.
   *
   * @returns whether it was read
   */
  async #read(
    loading: Loading,
    request: (chatId: number, ended: AbortSignal) => Promise<(window: MessageWindow) => MessageWindow>,
  ): Promise<boolean> {
    const destination = this.destination.peek();
    if (!("chatId" in destination) || this.#closing.signal.aborted) return false;
    this.#reading.abort();
    const reading = (this.#reading = new AbortController());
    const journal: ChatEvent[] = (this.#journal = []);
    this.#loading.value = loading;
    try {
      const change = await request(destination.chatId, reading.signal);
      if (reading.signal.aborted) return false;
      batch(() => {
        const window = change(this.#window.peek());
        this.#window.value = journal.reduce(
          (current, event) => applyToWindow(current, event, this.#isAtEnd),
          window,
        );
        this.reactions.settle();
        this.#failure.value = undefined;
        this.#loading.value = undefined;
      });
      return true;
    } catch (error) {
      if (reading.signal.aborted) return false;
      batch(() => {
        this.#failure.value = toFailure(error);
        this.#loading.value = undefined;
      });
      return false;
    }
  }

  #list(request: Parameters<Client["listGroupMessages"]>[0], ended: AbortSignal) {
    return this.#client.listGroupMessages(request, { signal: ended });
  }

  async #readQuote(id: number): Promise<void> {
    const destination = this.destination.peek();
    if (!("chatId" in destination)) return;
    const quote = this.#quotes.get(id)!;
    try {
      const request = { chat_id: destination.chatId, before: id + 1, limit: 1 };
      const [message] = await this.#list(request, this.#closing.signal);
      // An event may have brought it meanwhile.
      if (quote.peek() === undefined) quote.value = message?.id === id ? message : null;
    } catch {
      // The next view of it reads it again.
      this.#quotes.delete(id);
    }
  }

  /** Adds the users that a message mentions to the draft that edits it. */
  async #readMentions(id: number, mentions: readonly string[]): Promise<void> {
    const profiles = await Promise.all(mentions.map((user) => this.#client.getProfile({ user })));
    const draft = this.draft.peek();
    if (draft.editing !== id) return;
    const added = profiles.map(({ user_id, username }) => ({ user_id, username }));
    this.changeDraft({ mentions: [...draft.mentions, ...added] });
  }

  #show(changed: Message): void {
    this.#window.value = withChanged(this.#window.peek(), changed);
  }

  async #markSeen(): Promise<void> {
    this.#isMarking = true;
    let markedSeq = 0;
    for (let chat = this.chat.peek(); chat; chat = this.chat.peek()) {
      const seq = this.#seenSeq;
      if (seq <= Math.max(markedSeq, chat.read_seq)) break;
      try {
        markedSeq = (await this.#client.markRead({ chat_id: chat.chat_id, seq })).read_seq;
      } catch {
        // The next message that is seen tries again.
        break;
      }
      // The last request follows at once when the conversation is closed.
      await pause(READ_INTERVAL_MS, this.#closing.signal);
    }
    this.#isMarking = false;
  }
}

import { effect, type ReadonlySignal } from "@preact/signals";
import {
  createClient,
  type ChatEvent,
  type Client,
  type ClientSignal,
  type CurrentSession,
  type InvitedChat,
  type Snapshot,
} from "../../client/index.js";
import type { Account } from "./account.js";
import { Blocks } from "./blocks.js";
import { Chats } from "./chats.js";
import { Conversation } from "./conversation.js";
import { Drafts } from "./drafts.js";
import { Group } from "./group.js";
import { Live, type LiveStatus } from "./live.js";
import { Notifications } from "./notifications.js";
import { Outbox, type Destination } from "./outbox.js";
import { People } from "./people.js";
import type { Ports } from "./ports.js";
import { Search } from "./search.js";
import { Settings } from "./settings.js";
import { Tabs } from "./tabs.js";
import { Typing } from "./typing.js";
import { unlistedOf, type Unlisted } from "./unlisted.js";
import { UserStorage } from "./user-storage.js";

/** Everything of one user. It ends when the user logs out, or when another one logs in. */
export class Session {
  readonly user: CurrentSession;
  /** For requests without a state. */
  readonly client: Client;
  /** Whether events arrive. */
  readonly status: ReadonlySignal<LiveStatus>;
  /** Whether the browser could not store a draft or an unsent message, so that a reload loses it. */
  readonly isUnsaved: ReadonlySignal<boolean>;
  readonly chats: Chats;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  readonly unlisted: ReadonlySignal<readonly Unlisted[]>;
  readonly typing: Typing;
  readonly people: People;
  readonly blocks: Blocks;
  readonly notifications: Notifications;
  readonly #ports: Ports;
  readonly #storage: UserStorage;
  readonly #tabs: Tabs;
  readonly #live: Live;
  readonly #stopSettling: () => void;
  readonly #conversations = new Set<Conversation>();
  readonly #groups = new Set<Group>();
  readonly #closing = new AbortController();
  #openChat: (chatId: number) => void = () => {};
  #isLeading = false;

  constructor(ports: Ports, account: Account, user: CurrentSession) {
    const { user_id: me } = user;
    const { url, storage, locks, page, notifier, now, openChannel } = ports;
    this.#ports = ports;
    this.user = user;
    this.client = createClient({ url, fetch: account.fetchAs(me) });
    this.#storage = new UserStorage(storage, me);
    this.isUnsaved = this.#storage.isFailing;
    this.#tabs = new Tabs(openChannel(`palaver ${me}`));
    const shared = { client: this.client, storage: this.#storage, tabs: this.#tabs, now, me };
    this.chats = new Chats(shared);
    this.outbox = new Outbox({
      ...shared,
      chatWith: (username) => this.chats.withUser(username)?.chat_id,
      lastSeqOf: (chatId) => this.chats.byId(chatId).peek()?.last_seq,
    });
    this.drafts = new Drafts(this.#storage, this.#tabs);
    this.unlisted = unlistedOf(this);
    this.#stopSettling = effect(() =>
      this.drafts.settle((username) => this.chats.withUser(username)?.chat_id),
    );
    this.typing = new Typing();
    this.people = new People(this.client, me);
    this.blocks = new Blocks(this.client, this.#tabs);
    const openChat = (chatId: number) => this.#openChat(chatId);
    this.notifications = new Notifications({ notifier, locks, page, me, openChat });
    this.#live = new Live({
      client: this.client,
      tabs: this.#tabs,
      page,
      consumer: {
        reset: (snapshot) => this.#reset(snapshot),
        apply: (event) => this.#apply(event),
        applySignal: (signal) => this.#applySignal(signal),
        connected: () => this.#connected(),
        signedOut: () => account.checkExpiry(),
      },
    });
    this.status = this.#live.status;
  }

  /** Reads what the browser and the server have, and follows the events. Resolves once the session is closed. */
  async start(): Promise<void> {
    await Promise.all([this.outbox.load(), this.drafts.load()]);
    await this.#live.start();
    const { signal } = this.#closing;
    try {
      await this.#ports.locks.request(`palaver-leader ${this.user.user_id}`, { signal }, async () => {
        this.#isLeading = true;
        await this.outbox.lead();
        await this.#live.lead();
      });
    } catch (error) {
      // The session was closed before this tab could lead.
      if (!signal.aborted) throw error;
    }
  }

  openConversation(destination: Destination): Conversation {
    const { client, chats, outbox, drafts, people, blocks, user } = this;
    // Somebody may have taken the name meanwhile.
    if ("username" in destination) people.retry(destination.username);
    void blocks.all.loadOnce();
    const conversation: Conversation = new Conversation(destination, {
      client,
      chats,
      outbox,
      drafts,
      people,
      blocks,
      now: this.#ports.now,
      me: user.user_id,
      openGroup: (chatId) => this.openGroup(chatId),
      onClose: () => this.#conversations.delete(conversation),
    });
    this.#conversations.add(conversation);
    return conversation;
  }

  openGroup(chatId: number): Group {
    const group: Group = new Group({
      client: this.client,
      chatId,
      chat: this.chats.byId(chatId),
      me: this.user.user_id,
      onClose: () => this.#groups.delete(group),
    });
    this.#groups.add(group);
    return group;
  }

  openSearch(): Search {
    return new Search(this.client);
  }

  openSettings(): Settings {
    return new Settings(this.client);
  }

  /** @throws PalaverError `unknown_invitation` */
  async readInvitation(code: string): Promise<InvitedChat> {
    return this.client.getInvitation({ code });
  }

  /** Joins the group, and returns its id. @throws PalaverError `unknown_invitation`, … */
  async acceptInvitation(code: string): Promise<number> {
    return (await this.client.acceptInvitation({ code })).chat_id;
  }

  /** Sets the listener that is called with the chat of a notification on which the user clicks. */
  onOpenChat(listener: (chatId: number) => void): void {
    this.#openChat = listener;
  }

  /** Ends all requests, streams and timers. The storage keeps drafts and unsent messages. */
  close(): void {
    this.#closing.abort();
    this.#storage.close();
    this.#live.close();
    this.#stopSettling();
    this.outbox.close();
    this.chats.close();
    this.typing.close();
    this.people.close();
    this.notifications.close();
    for (const conversation of this.#conversations) conversation.close();
    this.#tabs.close();
  }

  #reset({ chats, more }: Snapshot): void {
    this.chats.reset(chats, more);
    this.outbox.settle();
    this.people.reset();
    void this.blocks.all.reload();
    for (const conversation of this.#conversations) void conversation.reset();
    for (const group of this.#groups) group.reset();
  }

  #apply(event: ChatEvent): void {
    this.chats.apply(event);
    for (const conversation of this.#conversations) conversation.apply(event);
    for (const group of this.#groups) group.apply(event);
    if (event.type === "user.updated" || event.type === "user.deleted") this.people.applyEvent(event);
    if (event.type === "message.created" || event.type === "message.edited") {
      this.typing.end(event.chat_id, event.message.sender_user_id);
    }
    if (event.type !== "message.created") return;
    this.outbox.settle();
    const { message, chat_id } = event;
    const chat = this.chats.byId(chat_id).peek();
    if (this.#isLeading && chat) void this.notifications.show(message, chat, this.chats.isMuted(chat));
  }

  #applySignal(signal: ClientSignal): void {
    if (signal.type === "typing") this.typing.apply(signal);
    else this.people.applyPresence(signal);
  }

  #connected(): void {
    this.outbox.wake();
    this.people.connected();
  }
}

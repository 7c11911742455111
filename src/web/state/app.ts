import type { ReadonlySignal } from "@preact/signals";
import type { Client, CurrentSession, InvitedChat } from "../../client/index.js";
import type { Account } from "./account.js";
import type { Chats } from "./chats.js";
import type { Conversation } from "./conversation.js";
import type { Drafts } from "./drafts.js";
import type { Group } from "./group.js";
import type { LiveStatus } from "./live.js";
import type { Notifications } from "./notifications.js";
import type { Destination, Outbox } from "./outbox.js";
import type { People } from "./people.js";
import type { Ports } from "./ports.js";
import type { Search } from "./search.js";
import type { Settings } from "./settings.js";
import type { Typing } from "./typing.js";

/** The state of one tab. */
export interface App {
  readonly account: Account;
  /** Everything of the user who is logged in. `undefined` without one. A new one for each login. */
  readonly session: ReadonlySignal<Session | undefined>;
  /** Ends all requests, streams and timers. */
  close(): void;
}

/** Everything of one user. It ends when the user logs out, or when another one logs in. */
export interface Session {
  readonly user: CurrentSession;
  /** For requests without a state. */
  readonly client: Client;
  readonly status: ReadonlySignal<LiveStatus>;
  /** Whether the browser could not store a draft or an unsent message, so that a reload loses it. */
  readonly isUnsaved: ReadonlySignal<boolean>;
  readonly chats: Chats;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  readonly typing: Typing;
  readonly people: People;
  readonly notifications: Notifications;
  openConversation(destination: Destination): Conversation;
  openGroup(chatId: number): Group;
  openSearch(): Search;
  openSettings(): Settings;
  /** @throws PalaverError `unknown_invitation` */
  readInvitation(code: string): Promise<InvitedChat>;
  /** Joins the group, and returns its id. @throws PalaverError `unknown_invitation`, … */
  acceptInvitation(code: string): Promise<number>;
  /** Called with the chat of a notification on which the user clicks. Replaces the listener. */
  onOpenChat(listener: (chatId: number) => void): void;
}

/** Creates the state of a tab, and begins to ask who is logged in. */
export declare function createApp(ports: Ports): App;

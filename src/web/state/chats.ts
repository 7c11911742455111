import type { ReadonlySignal } from "@preact/signals";
import type { Chat } from "../../client/index.js";
import type { Failure } from "./failure.js";

/** A chat, as a list shows it. */
export interface ChatState extends Omit<Chat, "mention_count"> {
  /** `undefined` while the events do not tell it; the chat is then read again. */
  readonly mention_count: number | undefined;
  /** The position in the list: the greater, the earlier. */
  readonly activity: number;
  /** The id of the other user of a p2p chat, where it is known. */
  readonly peer_user_id: string | undefined;
  /** The `seq` up to which the other user of a p2p chat has read, as far as this browser knows it. */
  readonly peer_read_seq: number;
}

/** The chats of the user. */
export interface Chats {
  /** All chats, last active first. `undefined` until the first read. */
  readonly all: ReadonlySignal<readonly ChatState[] | undefined>;
  /** The chats that are not archived: pinned ones first, then last active first. */
  readonly main: ReadonlySignal<readonly ChatState[]>;
  readonly archived: ReadonlySignal<readonly ChatState[]>;
  /** The number of unread messages in chats that are neither muted nor archived, and of unread mentions in all others. */
  readonly unreadCount: ReadonlySignal<number>;
  /** Follows one chat. `undefined` if the user is not in it. */
  byId(chatId: number): ReadonlySignal<ChatState | undefined>;
  /** The p2p chat with a user, by the exact username. */
  withUser(username: string): ChatState | undefined;
  isMuted(chat: ChatState): boolean;
  /** @param until epoch milliseconds; `Infinity` mutes without end, `undefined` ends it. @throws PalaverError */
  mute(chatId: number, until: number | undefined): Promise<void>;
  archive(chatId: number, archived: boolean): Promise<void>;
  pin(chatId: number, pinned: boolean): Promise<void>;
  /** Creates a group of the user and others, by their usernames. Returns its id. @throws PalaverError `unknown_user`, … */
  createGroup(title: string | null, usernames: readonly string[]): Promise<number>;
  /** Why the chats could not be read, or `undefined`. */
  readonly failure: ReadonlySignal<Failure | undefined>;
}

import type { ChatId } from "./chat.js";
import type { Person } from "./event.js";
import type { UserId } from "./ids.js";

/** How long a user counts as typing after a signal. */
export const TYPING_EXPIRES_IN_MS = 6_000;

/** The most participants of a chat whose presence is shown. */
export const MAX_PRESENCE_PARTICIPANTS = 1_000;

/** A user types in a chat. Delivered to the other participants. */
export interface Typing {
  readonly type: "typing";
  readonly chatId: ChatId;
  readonly user: Person;
}

/** Whether a user has a stream of events open. */
export interface Presence {
  readonly online: boolean;
  /** Epoch milliseconds since when the user has had no stream open; null if they have one, or if it is unknown. */
  readonly offlineSince: number | null;
}

/** A user is online, or no longer. Delivered to each user who shares a p2p chat with them. */
export interface PresenceChange extends Presence {
  readonly type: "presence";
  readonly user: Person;
}

/** What is delivered beside the events. It is not stored, has no cursor, and may be lost. */
export type LiveSignal = Typing | PresenceChange;

/** What the processes that share a store send to each other. */
export type NodeSignal =
  | Typing
  /** These users have streams open at the sender. Repeated while they have. */
  | { readonly type: "online"; readonly userIds: readonly UserId[] }
  /** These users have no stream open at the sender any more. */
  | { readonly type: "offline"; readonly userIds: readonly UserId[] }
  /** The sender has just started, and asks for all `online`. */
  | { readonly type: "hello" };

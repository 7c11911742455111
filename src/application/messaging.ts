import type * as accounts from "./accounts.js";
import { changePassword, ensureUser, getUser, logIn, registerUser } from "./accounts.js";
import type * as blocks from "./blocks.js";
import { blockUser, listBlocks, unblockUser } from "./blocks.js";
import type * as chats from "./chats.js";
import {
  addParticipant,
  changeChat,
  changeChatSettings,
  createGroupChat,
  getChat,
  listChats,
  markRead,
  removeParticipant,
  renameChat,
  setRole,
  listParticipants,
  sliceChats,
} from "./chats.js";
import { bindUseCases, commandChecks, type Checks } from "./commands.js";
import type * as events from "./events.js";
import { everyEvent, subscribe, forgetEvents, listEvents, sliceSync, sync } from "./events.js";
import { ChatRankings, type PortsWithRankings } from "./chat-ranking.js";
import type * as erasure from "./erasure.js";
import { eraseAccount } from "./erasure.js";
import { EventFeed } from "./feed.js";
import type * as live from "./live-signals.js";
import { getPresence, LiveSignals, sendTyping, type PortsWithSignals } from "./live-signals.js";
import type * as retention from "./message-retention.js";
import { forgetMessages } from "./message-retention.js";
import type * as messages from "./messages.js";
import {
  deleteMessage,
  editMessage,
  listMessages,
  pageMessages,
  sendMessage,
  sliceMessagePage,
} from "./messages.js";
import type * as people from "./people.js";
import { findUsers, getProfile, updateProfile } from "./people.js";
import type * as reactions from "./reactions.js";
import { addReaction, listReactions, removeReaction } from "./reactions.js";
import type * as invitations from "./invitations.js";
import {
  acceptInvitation,
  createInvitation,
  deleteInvitation,
  getInvitation,
  listInvitations,
} from "./invitations.js";
import type { Ports } from "./ports.js";
import type * as search from "./search.js";
import { searchMessages } from "./search.js";
import { SessionUses } from "./session-uses.js";
import type * as sessions from "./sessions.js";
import {
  authenticate,
  createToken,
  endOtherSessions,
  endSession,
  endToken,
  listSessions,
  listTokens,
  logOut,
} from "./sessions.js";

const useCases = {
  getProfile,
  updateProfile,
  findUsers,
  listBlocks,
  blockUser,
  unblockUser,
  registerUser,
  ensureUser,
  getUser,
  logIn,
  changePassword,
  eraseAccount,
  authenticate,
  logOut,
  listSessions,
  endSession,
  endOtherSessions,
  createToken,
  listTokens,
  endToken,
  createGroupChat,
  changeChat,
  renameChat,
  addParticipant,
  removeParticipant,
  setRole,
  createInvitation,
  listInvitations,
  deleteInvitation,
  getInvitation,
  acceptInvitation,
  listChats,
  sliceChats,
  getChat,
  listParticipants,
  markRead,
  changeChatSettings,
  sendMessage,
  editMessage,
  deleteMessage,
  listMessages,
  pageMessages,
  sliceMessagePage,
  sendTyping,
  getPresence,
  addReaction,
  removeReaction,
  listReactions,
  searchMessages,
  sync,
  sliceSync,
  listEvents,
  subscribe,
  events: everyEvent,
  forgetEvents,
  forgetMessages,
};

// Taken from the modules, so that an editor shows the docstring of the function at each method.
type Modules = typeof accounts &
  typeof blocks &
  typeof people &
  typeof chats &
  typeof erasure &
  typeof events &
  typeof invitations &
  typeof live &
  typeof messages &
  typeof reactions &
  typeof retention &
  typeof search &
  typeof sessions & {
    /** The events of the caller's chats from this call on, one at a time. See `subscribe`. */
    events: typeof events.everyEvent;
  };

type Methods<UseCases extends Record<keyof UseCases, (core: never, command: never) => unknown>> = {
  readonly [Name in keyof UseCases]: (command: Parameters<UseCases[Name]>[1]) => ReturnType<UseCases[Name]>;
};

/** The messaging core: each use case is a method that takes its command. */
export type Messaging = Methods<Pick<Modules, keyof typeof useCases>>;

/** Lacks no field of any command, or the assignment does not compile. */
const checksOfUseCases: { readonly [Name in keyof Messaging]: Checks<Parameters<Messaging[Name]>[0]> } =
  commandChecks;

/** The use cases that return no promise, and therefore throw. */
const SYNCHRONOUS: ReadonlySet<string> = new Set<keyof Messaging>(["subscribe", "events"]);

/**
 * Binds the use cases to these ports, which the caller closes. The only state is the subscriptions to events, the signals beside
 * them, the last uses of sessions, and the rankings of chats. Each rejects a command with a missing field or a field of another type as
 * `invalid_request`.
 *
 * @param feed the feed of the same store; given by a caller that ends all subscriptions with it.
 * @param signals the signals beside the same feed; given by a caller that binds the same ports twice.
 * @param sessionUses given by a caller that also authenticates without the result.
 */
export function createMessaging(
  ports: Ports,
  feed: EventFeed = new EventFeed(ports),
  sessionUses: SessionUses = new SessionUses(),
  signals: LiveSignals = new LiveSignals(ports, feed),
): Messaging {
  const core: PortsWithSignals & sessions.PortsWithUses & PortsWithRankings = {
    ...ports,
    feed,
    live: signals,
    sessionUses,
    rankings: new ChatRankings(),
  };
  const binding = { checks: checksOfUseCases, synchronous: SYNCHRONOUS, allowsUnknown: true };
  return bindUseCases(useCases, core, binding) as Messaging;
}

import type { Block, BlockedUser } from "../domain/block.js";
import type {
  Chat,
  ChatId,
  ChatOverview,
  ChatSummary,
  Membership,
  Pair,
  Participant,
} from "../domain/chat.js";
import type { StoredChatSettings } from "../domain/chat-settings.js";
import type { EventDraft, LogBounds, SessionEnd, StoredEvent } from "../domain/event.js";
import type { Invitation, InvitationId } from "../domain/invitation.js";
import type { NodeSignal } from "../domain/live-signal.js";
import type { IdempotencyKey, Message, MessageDraft, MessageId } from "../domain/message.js";
import type { Role } from "../domain/policy.js";
import type { Emoji, ListedReaction, Reaction } from "../domain/reaction.js";
import type { SearchQuery } from "../domain/search.js";
import type { Session, SessionId } from "../domain/session.js";
import type { Account, Password, User, UserId, UsernameKey } from "../domain/user.js";

/** The dependencies of the core. Each is implemented by an adapter. */
export interface Ports {
  readonly store: Store;
  readonly passwords: PasswordHasher;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Passwords that nobody may choose, each in its `refusedForm`. */
  readonly refusedPasswords: ReadonlySet<string>;
  /** Whether users can create accounts, or only the operator. Open by default. */
  readonly registration?: Registration | undefined;
  /** Where several processes share the store, how they send signals to each other. */
  readonly signals?: SignalChannel | undefined;
  /** Whether users see who is online. True by default. */
  readonly presence?: boolean | undefined;
}

export type Registration = "open" | "closed";

/**
 * All persistent state. `transaction` and `read` reject with the error that `work` throws. `work` awaits nothing but its
 * repositories and does not use them after it settles, so a store may run it again.
 */
export interface Store {
  /**
   * Stores all that `work` writes, durably before the promise resolves, or nothing if it rejects. Transactions are
   * serializable.
   *
   * @param appendsTo the chat to which `work` only appends messages, events and read markers. A store may run such transactions
   * concurrently and make them durable together.
   * @throws MessagingError `store_unavailable` or `busy`, before anything is applied; `outcome_unknown`.
   */
  transaction<T>(work: (repositories: Repositories) => Promise<T>, appendsTo?: ChatId): Promise<T>;

  /**
   * Runs `work` on one consistent view, with everything that was stored before the call. Everything it returns is durable when the
   * promise resolves.
   */
  read<T>(work: (repositories: ReadRepositories) => Promise<T>): Promise<T>;

  /**
   * Calls `wake` soon after each commit of this or any other process. One call may stand for many commits.
   * Also calls it once a `read` that was rejected with `store_unavailable` or `busy` can succeed, and when the log has begun another
   * epoch.
   *
   * @returns a function that unsubscribes.
   */
  subscribe(wake: () => void): () => void;

  /** The current state, without waiting. */
  status(): StoreStatus;

  /** Completes the calls in progress and releases all resources. No other method may be called afterwards. */
  close(): Promise<void>;
}

/** The health of a store and its counters since it was opened. */
export interface StoreStatus {
  /** Why the store cannot write now, as a text for the operator; undefined if it can. */
  readonly fault: string | undefined;
  /**
   * Which stored data differs from what was written and is not repaired, as a text for the operator; undefined if no damage is
   * known. The running store has all data.
   */
  readonly damage?: string | undefined;
  /** How often the store has found and repaired such damage. */
  readonly repairs?: number;
  /** The number of durable transactions, without those that wrote nothing. */
  readonly transactions: number;
  /** The number of times the store has waited for its medium to make writes durable. Transactions can share a commit. */
  readonly commits: number;
  /** The state of a store on a database server. */
  readonly database?: DatabaseStatus | undefined;
}

/** The connections of this process to a database server, and the events on their way to the event log. */
export interface DatabaseStatus {
  /** The pooled connections, and the calls that wait for one. */
  readonly connections: { readonly used: number; readonly idle: number; readonly waiting: number };
  /** How often a transaction was run again after a conflict with another one. */
  readonly retries: number;
  /** The number of committed events that are not in the event log yet, of all processes. */
  readonly outboxRows: number;
  /** The age of the oldest of them in seconds; 0 without one. */
  readonly relayLagSeconds: number;
}

/** The repositories of a `read`. */
export interface ReadRepositories {
  readonly users: UserReader;
  readonly blocks: BlockReader;
  readonly chats: ChatReader;
  readonly messages: MessageReader;
  readonly reactions: ReactionReader;
  readonly sessions: SessionReader;
  readonly invitations: InvitationReader;
  readonly events: EventReader;
  readonly search: SearchReader;
}

/** The repositories of a `transaction`. They read what the transaction has written. */
export interface Repositories extends ReadRepositories {
  readonly users: UserRepository;
  readonly blocks: BlockRepository;
  readonly chats: ChatRepository;
  readonly messages: MessageRepository;
  readonly reactions: ReactionRepository;
  readonly sessions: SessionRepository;
  readonly invitations: InvitationRepository;
  readonly events: EventLog;
  readonly search: SearchIndex;
}

export interface UserReader {
  /** A deleted user has the username `deleted`. */
  byId(id: UserId): Promise<User | undefined>;
  accountById(id: UserId): Promise<Account | undefined>;
  /** The accounts with these ids, in any order. Leaves out unknown ids. */
  accountsById(ids: readonly UserId[]): Promise<readonly Account[]>;
  byKey(key: UsernameKey): Promise<User | undefined>;
  account(key: UsernameKey): Promise<Account | undefined>;
  /** Whether a user has this key, or had it before they were deleted. */
  isTaken(key: UsernameKey): Promise<boolean>;
  /** The account with this key and the digest of its password. A store may lock it until the end of the transaction. */
  credentials(key: UsernameKey): Promise<(Account & { readonly passwordDigest: string }) | undefined>;
  /** The first `limit` of all accounts with `id > after`, in ascending order by code unit; from the start by default. */
  list(page: { readonly after: UserId | undefined; readonly limit: number }): Promise<readonly Account[]>;
  /** A deleted user with remaining data: `endErasure` was not called. Undefined if there is none. */
  toErase(): Promise<UserId | undefined>;
  /**
   * Whether something of the deleted user remains. A store may lock the user until the end of the transaction, so that one process
   * erases at a time.
   */
  isToErase(id: UserId): Promise<boolean>;
  /**
   * The accounts that are neither disabled nor deleted and have a word among their `directoryWords` that begins with the prefix, each
   * with the first such word, in ascending order of that word by code point, then of id by code unit. The cost depends on the length
   * of the page and the number of words of a user, not on the number of users.
   */
  matching(page: DirectoryPage): Promise<readonly DirectoryEntry[]>;
}

/** The first `limit` entries after `after`; from the start by default. */
export interface DirectoryPage {
  readonly prefix: string;
  readonly after: DirectoryPosition | undefined;
  readonly limit: number;
}

export interface DirectoryPosition {
  readonly word: string;
  readonly id: UserId;
}

export interface DirectoryEntry {
  readonly word: string;
  readonly account: Account;
}

export interface BlockReader {
  /** The first `limit` of the users that the user has blocked with `id > after`, in ascending order; from the start by default. */
  ofUser(
    userId: UserId,
    page: { readonly after: UserId | undefined; readonly limit: number },
  ): Promise<readonly BlockedUser[]>;
  /** The blocks of these others by the user, and of the user by these others, in any order. */
  between(userId: UserId, others: readonly UserId[]): Promise<readonly Block[]>;
}

export interface BlockRepository extends BlockReader {
  /** The number of users that the user has blocked. A store may lock the user until the end of the transaction. */
  count(userId: UserId): Promise<number>;
  /** Returns false and changes nothing if the user has blocked the other one. */
  add(userId: UserId, blocked: UserId, at: number): Promise<boolean>;
  /** Returns false if the user has not blocked the other one. */
  remove(userId: UserId, blocked: UserId): Promise<boolean>;
  /**
   * Deletes blocks by the user.
   *
   * @returns the number of deleted blocks, at most `limit`.
   */
  deleteOfUser(userId: UserId, limit: number): Promise<number>;
}

export interface UserRepository extends UserReader {
  /**
   * As `account`. Until the end of the transaction, no other one changes the account or the user's blocks. A transaction that adds a
   * user to a chat has locked the account before.
   */
  lockedAccount(key: UsernameKey): Promise<Account | undefined>;
  /** As `accountById`, with the promise of `lockedAccount`. */
  lockedAccountById(id: UserId): Promise<Account | undefined>;
  /** Adds an account without a display name that is not disabled. Returns false and changes nothing if the key is taken. */
  add(user: User, key: UsernameKey, passwordDigest: string): Promise<boolean>;
  /** Returns false if the user does not exist. */
  replacePassword(id: UserId, passwordDigest: string): Promise<boolean>;
  /** Returns false if the user does not exist. */
  setDisplayName(id: UserId, displayName: string | null): Promise<boolean>;
  /**
   * @param disabledAt epoch milliseconds; null enables the account.
   * @returns false if the user does not exist.
   */
  setDisabledAt(id: UserId, disabledAt: number | null): Promise<boolean>;
  /**
   * Deletes a user: the username becomes `deleted`, the digest of the password goes, and of the key only a keyed digest remains, so
   * that nobody else gets it. Changes neither sessions nor chats nor messages. Everything that is read later has the new username.
   *
   * @returns false if the user does not exist or is deleted.
   */
  delete(id: UserId, deletedAt: number): Promise<boolean>;
  /** Records that nothing of the deleted user remains. */
  endErasure(id: UserId, erasedAt: number): Promise<void>;
}

/** A chat, and the user whose role in it is `role`. */
export interface OwnMembership extends Membership {
  readonly user: User;
}

export interface ChatReader {
  /** Undefined if the chat does not exist, the user is not a participant of it, or the user is deleted. */
  ofParticipant(id: ChatId, userId: UserId): Promise<OwnMembership | undefined>;
  p2p(pair: Pair): Promise<Chat | undefined>;
  /** The chat as the user sees it, or undefined if it does not exist or the user is not a participant. */
  overview(id: ChatId, userId: UserId): Promise<ChatOverview | undefined>;
  /** Whether the user has more than `count` chats. The cost depends on `count`. */
  hasMoreThan(userId: UserId, count: number): Promise<boolean>;
  /**
   * The user's chats in the order of `ofUser`, without what depends on their messages. The cost depends on the length of the slice.
   * Lets other events of the process have their turn between two slices.
   */
  memberships(userId: UserId, slice: MembershipSlice): Promise<readonly UserMembership[]>;
  /**
   * The chats as the user sees them, in the order of `ids`, with the text, the mentions, the metadata and the reactions of each
   * `lastMessage` left empty. Leaves out chats of which the user is not a participant. Lets other events of the process have
   * their turn within a long list.
   */
  overviews(userId: UserId, ids: readonly ChatId[]): Promise<readonly ChatOverview[]>;
  /**
   * The user's chats in ascending order of `joinedAfter`, then of id. The cost depends on the length of the slice, not on the number
   * of the user's chats or the length of the histories.
   */
  ofUser(userId: UserId, slice: ChatSlice): Promise<readonly JoinedChat[]>;
  /**
   * The user's chats that have a message with `after < id <= upTo`, in any order. The cost depends on the length of that range.
   */
  activeOfUser(userId: UserId, range: Pick<Slice, "after" | "upTo">): Promise<readonly ActiveChat[]>;
  /**
   * A position up to which `ofUser` is complete: every user who joins a chat later comes behind it. Some who have joined may be
   * behind it, too.
   */
  lastJoin(): Promise<JoinPosition>;
  /** In ascending order of `joinedAt`, then of id. The cost depends on the length of the slice, not on that of the list. */
  participants(id: ChatId, slice: ParticipantSlice): Promise<readonly Participant[]>;
  /**
   * The first participant in that order who is not deleted, and has the role if one is given; undefined without one. The cost does
   * not depend on the number of participants.
   */
  oldest(id: ChatId, role?: "admin"): Promise<Participant | undefined>;
  /** The chat, as the operator sees it. A store may lock it until the end of the transaction. */
  summary(id: ChatId): Promise<ChatSummary | undefined>;
  /** A chat without participants; undefined if there is none. */
  abandoned(): Promise<ChatId | undefined>;
  /** The first `limit` of all chats with `id > after`, in ascending order; from the start by default. */
  list(page: { readonly after: ChatId | undefined; readonly limit: number }): Promise<readonly ChatSummary[]>;
}

/** A participant in the order of `ChatReader.participants`. */
export type ParticipantPosition = Pick<Participant, "joinedAt" | "id">;

/** The first `limit` participants after `after`; from the start by default. */
export interface ParticipantSlice {
  readonly after: ParticipantPosition | undefined;
  readonly limit: number;
}

/** The position of a chat in the order of `ChatReader.ofUser`. */
export interface JoinPosition {
  readonly chatId: ChatId;
  /** A number that grows with each user who joins a chat. */
  readonly joinedAfter: number;
}

/** The first `limit` chats after `after` in the order of `ChatReader.ofUser`; from the start by default. */
export interface MembershipSlice {
  readonly after: JoinPosition | undefined;
  readonly limit: number;
}

/** As `MembershipSlice`, for chats with their activity. */
export interface ChatSlice extends MembershipSlice {
  /** `activity` ignores messages with a greater id, so that new messages do not reorder a list between two pages. */
  readonly asOf: number;
}

/** A chat of a user, with what decides which of its events the user receives. */
export interface UserMembership extends JoinPosition, Pick<Membership, "historyStart"> {
  /** The other user of a p2p chat; undefined for a group, and for a chat with oneself. */
  readonly peer: UserId | undefined;
}

export interface ChatActivity {
  readonly chatId: ChatId;
  /** The id of the last message up to a given one; without one, the `lastId` at the creation of the chat. */
  readonly activity: number;
}

/** A chat and its activity at the end of a range. */
export interface ActiveChat extends ChatActivity {
  /** Its activity at the start of the range. */
  readonly before: number;
}

export interface JoinedChat extends ChatActivity, JoinPosition {}

export interface ChatRepository extends ChatReader {
  /** Adds a group chat without participants and metadata, with the `DEFAULT_POLICY`. */
  addGroup(title: string | null, createdAt: number): Promise<Chat>;
  /**
   * Adds the p2p chat of the pair, with both users as participants.
   *
   * @throws any error if the pair has one. Where transactions run in parallel, another one can have added it since this one looked:
   * the store then runs the work again.
   */
  addP2p(pair: Pair, createdAt: number): Promise<Chat>;
  /**
   * Adds a user to a group chat. Returns false and changes nothing if the user is already a participant. The user receives the
   * events of the chat that are appended after this call.
   *
   * @param role member by default.
   * @param historyStart of the `Membership`, 0 by default.
   */
  addParticipant(
    id: ChatId,
    userId: UserId,
    joinedAt: number,
    role?: Role,
    historyStart?: number,
  ): Promise<boolean>;
  /** Returns false if the user is not a participant. Keeps their `readSeq`, for a later `addParticipant`. A p2p chat can lose both users. */
  removeParticipant(id: ChatId, userId: UserId): Promise<boolean>;
  /**
   * Makes a p2p chat without participants an untitled group chat, so that its two users can open another while it is being deleted.
   * Does nothing to a group chat.
   */
  releasePair(id: ChatId): Promise<void>;
  /** Sets the role of a participant of a group chat. A store may reject a second owner. */
  setRole(id: ChatId, userId: UserId, role: Role): Promise<void>;
  /** Replaces `title`, `policy` and `metadata` of the group chat with this id. */
  update(chat: Chat): Promise<void>;
  /**
   * Deletes up to `limit` of the read markers of a chat without participants, messages and invitations, and the chat if it deletes fewer. The
   * id is not assigned again.
   *
   * @returns the number of deleted read markers.
   */
  delete(id: ChatId, limit: number): Promise<number>;
  /** Sets the settings of a participant. They go when the participant leaves, and a user who joins has the default ones. */
  setSettings(id: ChatId, userId: UserId, settings: StoredChatSettings): Promise<void>;
  /** Sets the `readSeq` of the user. */
  setRead(id: ChatId, userId: UserId, seq: number): Promise<void>;
  /**
   * Deletes read markers of the user in any chats, also in those that they have left.
   *
   * @returns the number of deleted read markers, at most `limit`.
   */
  deleteRead(userId: UserId, limit: number): Promise<number>;
}

/** The oldest or newest `limit` messages with `after < id <= upTo`. */
export interface Slice extends SizeBound {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
  readonly from: "oldest" | "newest";
}

/** Bounds the memory that a slice takes. */
export interface SizeBound {
  /**
   * Ends the slice early: behind the message with which the `lengthOf` all of its messages is this many UTF-16 code units together.
   * Unbounded by default.
   */
  readonly maxCharacters?: number | undefined;
}

/** How a store finds a slice among the items of all chats. The result does not depend on it. */
export interface UserSlice {
  /**
   * By default, the cost depends on the number of the user's chats and the length of the slice. If true, it depends on `upTo - after`
   * instead, and other events of the process have their turn within a long range.
   */
  readonly scansRange?: boolean;
}

/**
 * All lists are in ascending order of `id`, also those of the newest messages. Except for `sentBy`, the cost of a slice
 * depends on its length, not on the messages before or after it.
 */
export interface MessageReader {
  /** The greatest id that was stored so far; 0 before the first message. */
  lastId(): Promise<number>;
  /**
   * The greatest id up to which no message will appear any more. It is `lastId`, unless ids of different chats are not stored in
   * order: then it may be behind for as long as a transaction is open.
   */
  settledId(): Promise<number>;
  byId(id: MessageId): Promise<Message | undefined>;
  /** The messages with these ids, in the order of `ids`. Ends early as a slice does. Leaves out unknown ids. */
  byIds(ids: readonly MessageId[], bound: SizeBound): Promise<readonly Message[]>;
  /** The message that the user sent under this key, in its current state. */
  sentAs(userId: UserId, key: IdempotencyKey): Promise<IdempotentMessage | undefined>;
  ofChat(id: ChatId, slice: Slice): Promise<readonly Message[]>;
  /** Of all chats in which the user is a participant now, each from its `historyStart` on. */
  ofUser(id: UserId, slice: Slice & UserSlice): Promise<readonly Message[]>;
  /** The ids of the messages that `ofChat` returns, without reading their texts. */
  idsOfChat(id: ChatId, slice: Omit<Slice, keyof SizeBound>): Promise<readonly MessageId[]>;
  /** The ids of the messages that `ofUser` returns, without reading their texts. */
  idsOfUser(id: UserId, slice: Omit<Slice, keyof SizeBound> & UserSlice): Promise<readonly MessageId[]>;
  /**
   * The messages that the user sent with `after < id <= upTo`, also to chats that they have left. May cost all messages in
   * that range, of any sender.
   */
  sentBy(id: UserId, range: Pick<Slice, "after" | "upTo">): Promise<readonly Message[]>;
  /** The first `limit` messages of all chats with `id > after`, without their texts. */
  timesOf(page: { readonly after: number; readonly limit: number }): Promise<readonly MessageTime[]>;
  /** The number of tombstones of a chat with a greater `seq`. The cost depends on that number. */
  tombstonesAfter(id: ChatId, seq: number): Promise<number>;
}

/** When a message was sent. */
export type MessageTime = Pick<Message, "id" | "chatId" | "sentAt">;

/** The messages of a chat that a call of `MessageRepository.forget` has deleted. */
export interface ForgottenMessages {
  readonly count: number;
  /** The `seq` up to which the messages are deleted. */
  readonly forgottenSeq: number;
  /** The time of the message with that `seq`, in epoch milliseconds. */
  readonly forgottenAt: number;
}

export interface MessageRepository extends MessageReader {
  /**
   * Stores a message under the next `id` and the next `seq` of its chat.
   *
   * @param idempotency stored with the message, for `sentAs`.
   * @throws Error if the sender has already used the key.
   */
  append(draft: MessageDraft, idempotency?: IdempotentSend): Promise<Message>;
  /**
   * Replaces `text`, `mentions`, `metadata`, `editedAt` and `deletedAt` of the message with this id. The old text and metadata must
   * not remain readable. A message with `deletedAt` loses its reactions.
   */
  update(message: Message): Promise<void>;
  /** Replaces `reactions` of the message with this id, which is not deleted. */
  setReactions(message: Pick<Message, "id" | "chatId" | "reactions">): Promise<void>;
  /** As `update`, and permanently removes the idempotency key and the digest, so that `sentAs` no longer finds it. */
  erase(message: Message): Promise<void>;
  /**
   * Deletes messages of a chat, whose events must have been deleted. Their ids are not assigned again.
   *
   * @returns the number of deleted messages, at most `limit`.
   */
  deleteOfChat(id: ChatId, limit: number): Promise<number>;
  /**
   * Deletes the oldest messages of a chat, those with `id <= upTo` and at most `limit` of them, with their idempotency keys. Their
   * events stay and have no message any more. The ids and `seq`s are not assigned again.
   *
   * @returns undefined if it deletes none.
   */
  forget(id: ChatId, upTo: number, limit: number): Promise<ForgottenMessages | undefined>;
}

/** The idempotency key of a message, and the digest of the text and of the other fields as they were sent. */
export interface IdempotentSend {
  readonly key: IdempotencyKey;
  readonly textDigest: string;
}

/** A message that was sent under an idempotency key, and the digest of what was sent. */
export interface IdempotentMessage {
  readonly message: Message;
  readonly textDigest: string;
}

/** The reactions to messages that exist and are not deleted. `Message.reactions` is a summary of them, which the caller keeps. */
export interface ReactionReader {
  /** The first `limit` reactions to the message with `position > after`, in that order; from the start by default. */
  ofMessage(
    id: MessageId,
    page: { readonly after: number | undefined; readonly limit: number },
  ): Promise<readonly ListedReaction[]>;
  /** The first `limit` users of the reactions to the message with the emoji, in the order of `ofMessage`. */
  firstUsers(id: MessageId, emoji: Emoji, limit: number): Promise<readonly UserId[]>;
  /**
   * The first `limit` reactions of the user after `after`, in ascending order of `messageId`, then of emoji by code point; from the
   * start by default. Also those to messages of chats that the user has left.
   */
  ofUser(userId: UserId, slice: ReactionSlice): Promise<readonly Reaction[]>;
}

export interface ReactionSlice {
  readonly after: Pick<Reaction, "messageId" | "emoji"> | undefined;
  readonly limit: number;
}

/** No cost depends on the number of reactions to a message or of a user. */
export interface ReactionRepository extends ReactionReader {
  /**
   * Adds a reaction to a message, behind all others in `ofMessage`. Returns false and changes nothing if the user has reacted to the
   * message with the emoji.
   */
  add(reaction: Reaction): Promise<boolean>;
  /** Returns false if the user has not reacted to the message with the emoji. */
  remove(reaction: Pick<Reaction, "messageId" | "emoji" | "userId">): Promise<boolean>;
  /**
   * Deletes what is stored of reactions to messages that were deleted, with or without a tombstone. No other method returns these
   * reactions.
   *
   * @returns the number of deleted reactions, at most `limit`; less than `limit` if none remains.
   */
  deleteOfDeleted(limit: number): Promise<number>;
}

export interface SessionReader {
  /** The session whose secret has this digest, alive or expired. */
  byDigest(digest: string): Promise<Session | undefined>;
  /** All sessions and tokens of the user, alive or expired, in ascending order of `createdAt`, then of id. */
  ofUser(id: UserId): Promise<readonly Session[]>;
}

export interface SessionRepository extends SessionReader {
  add(session: Session, digest: string): Promise<void>;
  /** Updates `lastSeenAt` and `expiresAt`. Returns false and stores nothing if the session does not exist. */
  touch(session: Session): Promise<boolean>;
  /** Returns false if the session does not exist. */
  remove(id: SessionId): Promise<boolean>;
  /** Removes the sessions and tokens of the user with `expiresAt <= now`. */
  removeExpired(userId: UserId, now: number): Promise<void>;
}

export interface InvitationReader {
  byId(id: InvitationId): Promise<Invitation | undefined>;
  /** The invitation whose code has this digest, usable or not. A store may lock its chat until the end of the transaction. */
  byDigest(digest: string): Promise<Invitation | undefined>;
  /** All invitations of the chat, usable or not, in ascending order of id by code unit. */
  ofChat(id: ChatId): Promise<readonly Invitation[]>;
  /** The first `limit` invitations of this inviter with `id > after`, in that order; from the start by default. */
  byInviter(
    id: UserId,
    page: { readonly after: InvitationId | undefined; readonly limit: number },
  ): Promise<readonly Invitation[]>;
}

export interface InvitationRepository extends InvitationReader {
  add(invitation: Invitation, digest: string): Promise<void>;
  /** Increases `uses` by one. A store may reject more than `maxUses`. */
  countUse(id: InvitationId): Promise<void>;
  /** Removes those of the invitations that exist. */
  remove(ids: readonly InvitationId[]): Promise<void>;
}

/** The first `limit` entries with `after < id <= upTo`. */
export interface EventSlice extends SizeBound {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

/** Reads the event log in commit order: after an entry was read, no entry with a smaller `id` appears. */
export interface EventReader {
  /**
   * @param userId a user whose chats are read from the same view: the log then has every event of this user that the view reflects.
   */
  bounds(userId?: UserId): Promise<LogBounds>;
  /** The entries for all recipients. Each event has the current state of its message, or of the user that it is about. */
  all(slice: EventSlice): Promise<readonly LogEntry[]>;
  /**
   * The events that the user receives: those of the chats in which the user is a participant now, appended since they joined,
   * to all participants or to the user alone; those to the user alone with `includesRemoved`; those about the user; and those about
   * each of their p2p peers, appended since it exists. An event of a message that the user cannot read, see
   * `Membership.historyStart`, is returned without the message.
   */
  ofUser(userId: UserId, slice: EventSlice & UserSlice): Promise<readonly StoredEvent[]>;
}

/** An entry of the event log. */
export type LogEntry = StoredEvent | (SessionEnd & { readonly id: number });

export interface EventLog extends EventReader {
  append(event: EventDraft | SessionEnd): Promise<void>;
  /**
   * Deletes the oldest entries, up to the first one with `before <= at <= now`, but never the last entry of the log.
   *
   * An entry with `at >= before` and `at > now` was appended before the clock went back. It is deleted where an entry with
   * `at < before` follows it, and kept otherwise. A store may give up after 20,000 such entries.
   *
   * @param before epoch milliseconds.
   * @param now epoch milliseconds; by default no entry is after it.
   * @returns the number of deleted entries, at most `limit`.
   */
  forget(before: number, limit: number, now?: number): Promise<number>;
  /**
   * Deletes events of a chat without participants, except those with `includesRemoved`. Cursors stay valid.
   *
   * @returns the number of deleted events, at most `limit`.
   */
  deleteOfChat(id: ChatId, limit: number): Promise<number>;
}

/** The messages with `after < id <= upTo`, of one chat and of one sender where these are given. */
export interface SearchRange {
  readonly after: number;
  readonly upTo: number;
  readonly chatId: ChatId | undefined;
  readonly senderId: UserId | undefined;
}

export interface FoundMessages {
  /** In descending order. */
  readonly ids: readonly MessageId[];
  /** The id down to which the search has come; the `after` of the range at its end. */
  readonly reached: number;
}

/**
 * Finds messages by their `searchTerms`. The index follows behind the sends, so that a send does not pay for it. A text that is edited
 * or deleted leaves the index in the same transaction.
 */
export interface SearchReader {
  /** `find` finds messages up to this id. */
  indexedUpTo(): Promise<number>;
  /**
   * Finds the newest messages of a range that the user can read, as `MessageReader.ofUser` does. Each message with
   * `id > reached` that matches the query is among them. Others can be, if the user can read them, too: a store may find more than
   * it should, and the caller compares the texts.
   *
   * The cost of a call is bounded for every query: it can reach only a part of the range, but always some of it.
   *
   * @param range with an `upTo` of at most `indexedUpTo`.
   */
  find(userId: UserId, query: SearchQuery, range: SearchRange): Promise<FoundMessages>;
}

export interface SearchIndex extends SearchReader {
  /**
   * Brings the index closer to the messages, by a part of bounded size. Call it in a transaction that does nothing else.
   *
   * @returns whether more can be waiting. After a part that is not full it returns false: the next call then finds many new messages,
   * which cost less together than in small parts.
   */
  indexNext(): Promise<boolean>;
}

export interface PasswordHasher {
  /** @throws MessagingError `busy` if too many calls are waiting. */
  hash(password: Password): Promise<string>;
  /**
   * Whether the digest was made from this password. Without a digest it returns false after the same work, so that the
   * response time does not reveal which users exist.
   *
   * @throws MessagingError `busy` if too many calls are waiting.
   */
  verify(digest: string | undefined, password: Password): Promise<boolean>;
  /** Whether the digest was made with other parameters than `hash` uses now. */
  isOutdated(digest: string): boolean;
}

/** Secrets of sessions, codes of invitations, and digests of these and of message texts. A digest reveals nothing about what it was made from. */
export interface Secrets {
  /** 256 random bits as text that a cookie can carry. */
  generate(): string;
  /** 128 random bits in base64url, for a path. */
  generateCode(): string;
  /** The digests of a text: the first, made with the current key, to store; the others, made with older keys, to find. */
  digests(text: string): readonly [string, ...string[]];
}

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Calls `work`, which does not throw, about once in this time, and does not keep the process alive. Without it, nobody is notified
   * of changes of presence.
   *
   * @returns a function that ends the calls.
   */
  every?(milliseconds: number, work: () => void): () => void;
}

/** Carries signals between the processes that share a store. A signal is never stored, and may be lost. */
export interface SignalChannel {
  /** Sends the signal to the other processes, without waiting. Drops it if too many are waiting. */
  publish(signal: NodeSignal): void;
  /**
   * Calls `receive` with the signals that other processes publish, those of one process in their order.
   *
   * @param receive does not throw. `from` is the same for all signals of one process, and differs between processes.
   * @returns a function that unsubscribes.
   */
  subscribe(receive: (signal: NodeSignal, from: string) => void): () => void;
}

export interface Ids {
  /** An id that is unique over time and over all nodes, and longer than 32 characters. */
  next(): string;
}

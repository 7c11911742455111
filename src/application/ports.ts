import type { Chat, ChatId, ChatOverview, ChatSummary, Pair, Participant } from "../domain/chat.js";
import type { EventDraft, LogBounds, SessionEnd, StoredEvent } from "../domain/event.js";
import type { IdempotencyKey, Message, MessageDraft, MessageId } from "../domain/message.js";
import type { Session, SessionId } from "../domain/session.js";
import type { Account, Password, User, UserId, UsernameKey } from "../domain/user.js";

/** What the core needs of the world. Every adapter gives one of these. */
export interface Ports {
  readonly store: Store;
  readonly passwords: PasswordHasher;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Passwords that nobody may choose, each in its `refusedForm`. */
  readonly refusedPasswords: ReadonlySet<string>;
}

/**
 * All state, behind one door. Both calls reject with what `work` threw. `work` awaits nothing but its repositories, and
 * keeps none of them.
 */
export interface Store {
  /**
   * What `work` writes is stored whole and durable before the promise resolves, or not at all. Transactions happen one
   * after the other, or as if.
   *
   * @throws MessagingError `store_unavailable` or `busy`, before anything was applied.
   */
  transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T>;

  /** One consistent view; what it returns can no longer be lost by a power cut. */
  read<T>(work: (repositories: ReadRepositories) => Promise<T>): Promise<T>;

  /**
   * Calls `wake` soon after something was stored, by whoever it was: by other processes, too, where there are any. One call
   * may stand for many transactions.
   *
   * @returns what ends that.
   */
  subscribe(wake: () => void): () => void;

  status(): StoreStatus;

  /** Ends what is under way, lets go of everything. Nothing else may be called after it. */
  close(): Promise<void>;
}

export interface StoreStatus {
  /** Why nothing can be stored at the moment, in words for the operator; undefined while all is well. */
  readonly fault: string | undefined;
  /** Transactions that are durable, since the store was opened; those that wrote nothing do not count. */
  readonly transactions: number;
  /** How often the store has waited for its medium to make them so: many transactions share one commit. */
  readonly commits: number;
}

export interface ReadRepositories {
  readonly users: UserReader;
  readonly chats: ChatReader;
  readonly messages: MessageReader;
  readonly sessions: SessionReader;
  readonly events: EventReader;
}

export interface Repositories extends ReadRepositories {
  readonly users: UserRepository;
  readonly chats: ChatRepository;
  readonly messages: MessageRepository;
  readonly sessions: SessionRepository;
  readonly events: EventLog;
}

export interface UserReader {
  byId(id: UserId): Promise<User | undefined>;
  byKey(key: UsernameKey): Promise<User | undefined>;
  /** The digest of that user's password, too. */
  credentials(key: UsernameKey): Promise<(Account & { readonly passwordDigest: string }) | undefined>;
  /** All there are, by `id`, which is compared character by character: those behind `after`, the first `limit` of them. */
  list(page: { readonly after: UserId | undefined; readonly limit: number }): Promise<readonly Account[]>;
}

export interface UserRepository extends UserReader {
  /** False, and nothing is changed, where the key is in use. */
  add(user: User, key: UsernameKey, passwordDigest: string): Promise<boolean>;
  /** False where there is no such user. */
  replacePassword(id: UserId, passwordDigest: string): Promise<boolean>;
  /** Keeps that as their `disabledAt`. False where there is no such user. */
  setDisabledAt(id: UserId, disabledAt: number | null): Promise<boolean>;
}

export interface ChatReader {
  /** The chat, if it exists and the user is a participant of it. */
  ofParticipant(id: ChatId, userId: UserId): Promise<Chat | undefined>;
  /** The p2p chat of these two. */
  p2p(pair: Pair): Promise<Chat | undefined>;
  /** The chat as the user sees it, if they are a participant. */
  overview(id: ChatId, userId: UserId): Promise<ChatOverview | undefined>;
  /** The ids of the user's chats. */
  idsOfUser(userId: UserId): Promise<readonly ChatId[]>;
  /**
   * The user's chats, last active first: by `activity`, then by id, both falling. Costs their number and what is deleted
   * behind where the user has read, no other history.
   */
  ofUser(userId: UserId, page: ChatPage): Promise<readonly ListedChat[]>;
  /** In the order in which they joined; those of one millisecond by id. */
  participants(id: ChatId): Promise<readonly Participant[]>;
  /** All there are, whoever is in them, by id: those behind `after`, the first `limit` of them. */
  list(page: { readonly after: ChatId | undefined; readonly limit: number }): Promise<readonly ChatSummary[]>;
}

/** The chats behind the one with that `activity` and `chatId`, the first `limit` of them. */
export interface ChatPage {
  /** Activity is counted up to the message with this id, so that new messages do not reorder a list that is being paged. */
  readonly asOf: number;
  readonly after: { readonly activity: number; readonly chatId: ChatId } | undefined;
  readonly limit: number;
}

export interface ListedChat extends ChatOverview {
  /** The id of the chat's last message up to `asOf`; before its first, the greatest id there was when the chat was made. */
  readonly activity: number;
}

export interface ChatRepository extends ChatReader {
  /** A new group chat without participants. */
  addGroup(title: string | null, createdAt: number): Promise<Chat>;
  /** The p2p chat of these two, with both as its participants: made if there was none, once, whoever races. */
  openP2p(pair: Pair, createdAt: number): Promise<Chat>;
  /**
   * False, and nothing is changed, where the user is a participant already. The events of the chat that are appended later
   * are for them, too; those before it are not.
   */
  addParticipant(id: ChatId, userId: UserId, joinedAt: number): Promise<boolean>;
  /** False where the user was no participant. What they have read is kept, for when they come back. */
  removeParticipant(id: ChatId, userId: UserId): Promise<boolean>;
  rename(id: ChatId, title: string | null): Promise<void>;
  /** Notes that the user has read up to that `seq`. */
  setRead(id: ChatId, userId: UserId, seq: number): Promise<void>;
}

/** Of the messages with `after < id <= upTo` the `limit` oldest or newest ones. */
export interface Slice {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
  readonly from: "oldest" | "newest";
}

/** Lists come oldest first, whichever end they are from, that is, by growing `id`. A slice costs what is in it, not what lies before or behind it. */
export interface MessageReader {
  /** The greatest id given so far; 0 before the first. */
  lastId(): Promise<number>;
  byId(id: MessageId): Promise<Message | undefined>;
  /** The message that this user sent under this key. */
  sentAs(userId: UserId, key: IdempotencyKey): Promise<SentAs | undefined>;
  ofChat(id: ChatId, slice: Slice): Promise<readonly Message[]>;
  /** Of all chats of which the user is a participant now. */
  ofUser(id: UserId, slice: Slice): Promise<readonly Message[]>;
  /**
   * What the user sent with `after < id <= upTo`, also to chats that they are in no longer. This one may cost what lies
   * between the two, whoever sent it.
   */
  sentBy(id: UserId, span: Pick<Slice, "after" | "upTo">): Promise<readonly Message[]>;
}

export interface MessageRepository extends MessageReader {
  /**
   * Stores a message under the next `id` and, in its chat, the next `seq`.
   *
   * @param once the key under which nothing of this sender may be stored but this one message.
   * @throws Error where there is one.
   */
  append(draft: MessageDraft, once?: IdempotentSend): Promise<Message>;
  /** Keeps the `text`, `editedAt` and `deletedAt` of the message with that id. What they were before is gone. */
  update(message: Message): Promise<void>;
}

/** How a message was sent, if so that sending it again sends nothing. */
export interface IdempotentSend {
  readonly key: IdempotencyKey;
  /** Of the text as it was sent. */
  readonly textDigest: string;
}

export interface SentAs {
  readonly message: Message;
  readonly textDigest: string;
}

export interface SessionReader {
  /** The session whose secret has this digest, dead or alive. */
  byDigest(digest: string): Promise<Session | undefined>;
  /** Those of the user, dead or alive, the oldest first; of two that began at the same time, that with the lower id. */
  ofUser(id: UserId): Promise<readonly Session[]>;
}

export interface SessionRepository extends SessionReader {
  add(session: Session, digest: string): Promise<void>;
  /** Keeps its `lastSeenAt` and `expiresAt`. False where there is none any more: it stays gone. */
  touch(session: Session): Promise<boolean>;
  /** False where there was none. */
  remove(id: SessionId): Promise<boolean>;
  /** Forgets those of the user that expired at `now` or before. */
  removeExpired(userId: UserId, now: number): Promise<void>;
}

/** The events with `after < id <= upTo`, the first `limit` of them. */
export interface EventSlice {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

/** What happened, in the order in which it was committed: whoever has read up to an `id` meets no smaller one later. */
export interface EventReader {
  bounds(): Promise<LogBounds>;
  /** All there is, whoever it is for. */
  all(slice: EventSlice): Promise<readonly LogEntry[]>;
  /** What is for the user: of the chats that they are in now, since they joined; and what is for them outside of any. */
  ofUser(userId: UserId, slice: EventSlice): Promise<readonly StoredEvent[]>;
}

export type LogEntry = StoredEvent | (SessionEnd & { readonly id: number });

export interface EventLog extends EventReader {
  append(event: EventDraft | SessionEnd): Promise<void>;
  /**
   * Forgets the oldest events that happened before that time, in epoch milliseconds, but never the last one.
   *
   * @returns how many: `limit` at the most.
   */
  forget(before: number, limit: number): Promise<number>;
}

export interface PasswordHasher {
  /** @throws MessagingError `busy` where too many are waiting. */
  hash(password: Password): Promise<string>;
  /**
   * Whether the digest is of this password. False without a digest, after the same work as with one, so that the time
   * taken does not tell who exists.
   *
   * @throws MessagingError `busy` where too many are waiting.
   */
  verify(digest: string | undefined, password: Password): Promise<boolean>;
  /** Whether the digest was made in another way than `hash` makes them now. */
  isOutdated(digest: string): boolean;
}

/** What gives access to a session, and digests, which tell who has stolen the store nothing of what they are of. */
export interface Secrets {
  /** 256 random bits, as text that a cookie can carry. */
  generate(): string;
  /** The digests under which a text may be stored: the first is the one to store under, the others are of older keys. */
  digests(text: string): readonly [string, ...string[]];
}

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export interface Ids {
  /** Unique for ever, over all nodes, and longer than 32 characters. */
  next(): string;
}

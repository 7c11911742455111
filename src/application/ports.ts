import type { Chat, ChatId, Pair } from "../domain/chat.js";
import type { Message, MessageDraft } from "../domain/message.js";
import type { Session, SessionId } from "../domain/session.js";
import type { Password, User, UserId, UsernameKey } from "../domain/user.js";

/** What the core needs of the world. Every adapter gives one of these. */
export interface Ports {
  readonly store: Store;
  readonly passwords: PasswordHasher;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly ids: Ids;
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
}

export interface Repositories extends ReadRepositories {
  readonly users: UserRepository;
  readonly chats: ChatRepository;
  readonly messages: MessageRepository;
  readonly sessions: SessionRepository;
}

export interface UserReader {
  byId(id: UserId): Promise<User | undefined>;
  byKey(key: UsernameKey): Promise<User | undefined>;
  /** The digest of that user's password, too. */
  credentials(
    key: UsernameKey,
  ): Promise<{ readonly user: User; readonly passwordDigest: string } | undefined>;
}

export interface UserRepository extends UserReader {
  /** False, and nothing is changed, where the key is in use. */
  add(user: User, key: UsernameKey, passwordDigest: string): Promise<boolean>;
}

export interface ChatReader {
  /** The chat, if it exists and the user is a participant of it. */
  ofParticipant(id: ChatId, userId: UserId): Promise<Chat | undefined>;
  /** The p2p chat of these two. */
  p2p(pair: Pair): Promise<Chat | undefined>;
}

export interface ChatRepository extends ChatReader {
  /** A new group chat without participants. */
  addGroup(title: string | null, createdAt: number): Promise<Chat>;
  /** The p2p chat of these two, with both as its participants: made if there was none, once, whoever races. */
  openP2p(pair: Pair, createdAt: number): Promise<Chat>;
  /** False, and nothing is changed, where the user is a participant already. */
  addParticipant(id: ChatId, userId: UserId, joinedAt: number): Promise<boolean>;
  /** False where the user was no participant. */
  removeParticipant(id: ChatId, userId: UserId): Promise<boolean>;
}

/** The messages with `after < id <= upTo`, the first `limit` of them. */
export interface Slice {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

/** Lists come oldest first, that is, by growing `id`. A slice costs what is in it, not what lies before or behind it. */
export interface MessageReader {
  /** The greatest id given so far; 0 before the first. */
  lastId(): Promise<number>;
  ofChat(id: ChatId, slice: Slice): Promise<readonly Message[]>;
  /** Of all chats of which the user is a participant now. */
  ofUser(id: UserId, slice: Slice): Promise<readonly Message[]>;
}

export interface MessageRepository extends MessageReader {
  /** Stores a message under the next `id` and, in its chat, the next `seq`. */
  append(draft: MessageDraft): Promise<Message>;
}

export interface SessionReader {
  /** The session whose secret has this digest, dead or alive. */
  byDigest(digest: string): Promise<Session | undefined>;
}

export interface SessionRepository extends SessionReader {
  add(session: Session, digest: string): Promise<void>;
  /** False where there was none. */
  remove(id: SessionId): Promise<boolean>;
  /** Forgets those of the user that expired at `now` or before. */
  removeExpired(userId: UserId, now: number): Promise<void>;
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
}

/** What gives access to a session. The store sees only digests of them. */
export interface Secrets {
  /** 256 random bits, as text that a cookie can carry. */
  generate(): string;
  /** The digests under which a secret may be stored: the first is the one to store under, the others are of older keys. */
  digests(secret: string): readonly [string, ...string[]];
}

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export interface Ids {
  /** Unique for ever, over all nodes, and longer than 32 characters. */
  next(): string;
}

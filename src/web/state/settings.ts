import type { BlockedUser, NewToken, Profile, Session, Token } from "../../client/index.js";
import type { Loaded } from "./loaded.js";

/** What a user sees and changes of the own account. Each list is read by its `load`. Changes throw a `PalaverError`. */
export interface Settings {
  readonly profile: Loaded<Profile>;
  readonly sessions: Loaded<readonly Session[]>;
  readonly tokens: Loaded<readonly Token[]>;
  readonly blocks: Loaded<readonly BlockedUser[]>;
  setDisplayName(name: string | null): Promise<void>;
  changePassword(current: string, next: string): Promise<void>;
  endSession(sessionId: string): Promise<void>;
  endOtherSessions(): Promise<void>;
  /** The secret is shown only once. */
  createToken(name: string): Promise<NewToken>;
  endToken(tokenId: string): Promise<void>;
  /** @param user a username or an id */
  block(user: string): Promise<void>;
  unblock(user: string): Promise<void>;
}

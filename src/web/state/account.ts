import type { ReadonlySignal } from "@preact/signals";
import type { CurrentSession } from "../../client/index.js";

/** Why nobody is logged in. */
export type SignOutReason = "never" | "logged_out" | "expired" | "erased";

/**
 * - `loading`: the browser asks the server who is logged in, for as long as the server does not answer.
 * - `anonymous`: nobody is logged in.
 * - `active`: `user` is logged in.
 */
export type AccountState =
  | { readonly state: "loading" }
  | { readonly state: "anonymous"; readonly reason: SignOutReason }
  | { readonly state: "active"; readonly user: CurrentSession };

/** Who is logged in in this browser. All tabs follow a change in one of them. */
export interface Account {
  readonly current: ReadonlySignal<AccountState>;
  /** @throws PalaverError `wrong_credentials`, `account_disabled`, `too_many_requests`, … */
  logIn(username: string, password: string): Promise<void>;
  /** Creates an account and logs in. @throws PalaverError `username_taken`, `invalid_username`, `registration_closed`, … */
  register(username: string, password: string): Promise<void>;
  /**
   * Ends the session, and deletes drafts, unsent messages and all other data of the user from this browser.
   *
   * @throws PalaverError `no_answer`: the server is not reachable, and nothing is changed
   */
  logOut(): Promise<void>;
  /** Erases the account permanently, and its data from this browser. @throws PalaverError `wrong_password`, … */
  eraseAccount(password: string): Promise<void>;
}

import { MessagingError } from "./errors.js";
import type { UserId } from "./ids.js";
import { isSingleScript } from "./script.js";
import { isLongerThan, lineFault, MAX_UNITS_PER_CHARACTER } from "./text.js";

export type { UserId };

/** An account. `username` is as written at registration, and `DELETED_USERNAME` once the user is deleted. */
export interface User {
  readonly id: UserId;
  readonly username: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** A user as other users see them. */
export interface Profile extends Pick<User, "id" | "username"> {
  /** The name that the user has chosen to be shown by; null for none. */
  readonly displayName: string | null;
  /** A disabled user cannot be added to chats or written to. */
  readonly state: "active" | "disabled" | "deleted";
}

/** A user as the operator sees it. */
export interface Account {
  readonly user: User;
  /** One line of 1 to 64 characters; null for none. */
  readonly displayName: string | null;
  /**
   * Since when the user is barred from logging in, from being added to chats and from receiving p2p messages, in epoch
   * milliseconds; null if not barred.
   */
  readonly disabledAt: number | null;
  /** Since when the user is deleted, in epoch milliseconds; null if not deleted. */
  readonly deletedAt: number | null;
}

/** The username of every deleted user. It is reserved, and no key leads to a deleted user. */
export const DELETED_USERNAME = "deleted";

/**
 * The user of an account that can be added to group chats and receive p2p messages.
 *
 * @throws MessagingError `user_unavailable` if the account is disabled or deleted.
 */
export function assertAvailable(account: Account): User {
  if (isAvailable(account)) return account.user;
  throw new MessagingError(
    "user_unavailable",
    "This user is not available. Ask the operator of this service.",
  );
}

/** Whether the user of an account can be added to group chats and receive p2p messages. */
export function isAvailable({ disabledAt, deletedAt }: Pick<Account, "disabledAt" | "deletedAt">): boolean {
  return disabledAt === null && deletedAt === null;
}

/** The account as other users see it. */
export function profileOf({ user, displayName, disabledAt, deletedAt }: Account): Profile {
  return {
    id: user.id,
    username: user.username,
    displayName,
    state: deletedAt !== null ? "deleted" : disabledAt !== null ? "disabled" : "active",
  };
}

/** The canonical form of a username, used for uniqueness and lookup and never shown. */
export type UsernameKey = string & { readonly usernameKey: true };

/** A valid, normalised password. */
export type Password = string & { readonly password: true };

const MAX_USERNAME_LENGTH = 32;
const MIN_PASSWORD_LENGTH = 8;
const MAX_PASSWORD_LENGTH = 256;

/** In code points. */
export const MAX_DISPLAY_NAME_LENGTH = 64;

/** In UTF-16 code units before normalization. A longer text is no username or password in any normalization form. */
export const MAX_USERNAME_UNITS = MAX_UNITS_PER_CHARACTER * MAX_USERNAME_LENGTH;
export const MAX_PASSWORD_UNITS = MAX_UNITS_PER_CHARACTER * MAX_PASSWORD_LENGTH;

// Letters, marks and digits of any script, with . _ - between them and no mark at the start. Invisible letters and marks are excluded: the default
// ignorable ones (such as Hangul fillers and variation selectors), and two blank hieroglyphs and the Khitan filler, which
// lack that property.
const USERNAME =
  /^(?!.*[\u{16fe4}\u{13441}\u{13442}\p{Default_Ignorable_Code_Point}])[\p{L}\p{Nd}](?:[\p{L}\p{M}\p{Nd}._-]*[\p{L}\p{M}\p{Nd}])?$/u;

/** More combining marks in a row than any language uses, or the same one twice (UTS #39, 5.4), in decomposed form. */
const STACKED_MARKS = /\p{M}{5}|(\p{M})\1/u;

/** The keys of names that could pass for the service itself or for a group of users. */
const RESERVED_USERNAMES: ReadonlySet<string> = new Set([
  "all",
  "channel",
  "everyone",
  "here",
  "admin",
  "administrator",
  "system",
  "palaver",
  "support",
  "me",
  "deleted",
]);

/**
 * The key of any text as a username. Texts that differ only in case or compatibility form (NFKC) have the same key, and the
 * function is idempotent. Lower case alone would distinguish the two Greek small sigmas, hence the upper case; the first
 * lower case unifies ẞ, which is its own upper case, with ß, which is not.
 *
 * A text of more than `MAX_USERNAME_UNITS` code units is its own key: no user has it, and normalizing it could take seconds.
 */
export function usernameKey(text: string): UsernameKey {
  if (text.length > MAX_USERNAME_UNITS) return text as UsernameKey;
  return text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC") as UsernameKey;
}

/**
 * The key of a new username.
 *
 * @throws MessagingError `invalid_username` unless the username, after NFKC, has 1 to 32 code points: letters, combining marks
 * and digits of one script (see `isSingleScript`), with `.`, `_` and `-` between them. A mark does not come first; at most four
 * come in a row, and never the same one twice in a row.
 */
export function parseUsername(username: string): UsernameKey {
  if (username.length > MAX_USERNAME_UNITS) throw usernameTooLong();
  const normal = username.normalize("NFKC");
  if (normal === "") throw invalidUsername("is empty. Enter one.");
  if (isLongerThan(normal, MAX_USERNAME_LENGTH)) throw usernameTooLong();
  if (!USERNAME.test(normal)) {
    throw invalidUsername("has invalid characters. Use letters and digits, with . _ - only between them.");
  }
  if (STACKED_MARKS.test(normal.normalize("NFD"))) {
    throw invalidUsername("has too many combining marks in a row. Use at most four, all different.");
  }
  if (!isSingleScript(normal)) throw invalidUsername("mixes scripts. Use letters of one script.");
  return usernameKey(username);
}

/** @throws MessagingError `invalid_display_name` unless `lineFault` accepts it with at most 64 code points. */
export function parseDisplayName(name: string): string {
  const fault = lineFault(name, MAX_DISPLAY_NAME_LENGTH);
  if (fault !== undefined) throw new MessagingError("invalid_display_name", `The display name ${fault}`);
  return name;
}

/** @throws MessagingError `username_reserved` for a name that only the operator may give to an account, in any form. */
export function assertNotReserved(key: UsernameKey): void {
  if (RESERVED_USERNAMES.has(key)) {
    throw new MessagingError("username_reserved", "This username is reserved. Choose another.");
  }
}

/**
 * The password in NFC, so that the same password typed on different systems has the same digest.
 *
 * @throws MessagingError `invalid_password` unless it has 8 to 256 code points (at most 1,024 bytes of UTF-8).
 */
export function parsePassword(password: string): Password {
  const fault = passwordFault(password);
  if (fault !== undefined) throw new MessagingError("invalid_password", `The password ${fault}`);
  return password.normalize("NFC") as Password;
}

/** @returns undefined for a valid password; otherwise the fault and the remedy, to follow "The password". */
export function passwordFault(password: string): string | undefined {
  const lengthFault = `must have ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters. Choose another.`;
  if (password.length > MAX_PASSWORD_UNITS) return lengthFault;
  if (!password.isWellFormed()) return "contains an unpaired surrogate. Send well-formed Unicode.";
  const normal = password.normalize("NFC");
  if (!isLongerThan(normal, MIN_PASSWORD_LENGTH - 1) || isLongerThan(normal, MAX_PASSWORD_LENGTH)) {
    return lengthFault;
  }
  return undefined;
}

/** The form in which refused passwords are compared: without case and compatibility differences. Keeps a text that is too long. */
export function refusedForm(password: string): string {
  if (password.length > MAX_PASSWORD_UNITS) return password;
  return password.normalize("NFKC").toLowerCase();
}

/**
 * A password to set, normalised as by `parsePassword`.
 *
 * @param refused the passwords that nobody may choose, each in its `refusedForm`.
 * @throws MessagingError `invalid_password`, `refused_password`
 */
export function parseNewPassword(password: string, refused: ReadonlySet<string>): Password {
  const parsed = parsePassword(password);
  if (refused.has(refusedForm(parsed))) {
    throw new MessagingError("refused_password", "This password is too easy to guess. Choose another.");
  }
  return parsed;
}

function usernameTooLong(): MessagingError {
  return invalidUsername(`is longer than ${MAX_USERNAME_LENGTH} characters. Shorten it.`);
}

function invalidUsername(fault: string): MessagingError {
  return new MessagingError("invalid_username", `The username ${fault}`);
}

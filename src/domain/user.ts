import { MessagingError } from "./errors.js";
import type { UserId } from "./ids.js";
import { isSingleScript } from "./script.js";
import { isLongerThan } from "./text.js";

export type { UserId };

/** An account. `username` stands as its owner first wrote it and never changes. */
export interface User {
  readonly id: UserId;
  readonly username: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** A user as the operator of the service sees them. */
export interface Account {
  readonly user: User;
  /** Since when they may not log in, in epoch milliseconds; null while they may. */
  readonly disabledAt: number | null;
}

/** The form of a username under which it is unique and found; never shown. */
export type UsernameKey = string & { readonly usernameKey: true };

/** A password that may be hashed. */
export type Password = string & { readonly password: true };

const MAX_USERNAME_LENGTH = 32;
const MIN_PASSWORD_LENGTH = 8;
const MAX_PASSWORD_LENGTH = 256;

// Letters, marks and digits of any script, and . _ - between them. Some letters and marks are invisible (the Hangul
// fillers, the variation selectors): Unicode calls those default ignorable, and they are left out; so are the two blank
// hieroglyphs and the Khitan filler, which it does not call so.
const USERNAME =
  /^(?!.*[\u{16fe4}\u{13441}\u{13442}\p{Default_Ignorable_Code_Point}])[\p{L}\p{M}\p{Nd}](?:[\p{L}\p{M}\p{Nd}._-]*[\p{L}\p{M}\p{Nd}])?$/u;

/**
 * The key of any text as a username. Texts that differ only in case or in compatibility form (Unicode's NFKC) have one
 * key. Lower case alone would keep the two Greek small sigmas apart, so it goes by way of upper case; and lower case comes
 * before that, since the capital ẞ is its own upper case and ß is not. A key is its own key.
 */
export function usernameKey(text: string): UsernameKey {
  return text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC") as UsernameKey;
}

/**
 * The key of a username that somebody wants to bear.
 *
 * @throws MessagingError `invalid_username` unless it is, after NFKC, 1 to 32 letters, combining marks and digits of any
 * script, but of one only, with `.`, `_` and `-` between them.
 */
export function parseUsername(username: string): UsernameKey {
  const normal = username.normalize("NFKC");
  if (normal === "") throw invalidUsername("is empty");
  if (isLongerThan(normal, MAX_USERNAME_LENGTH)) {
    throw invalidUsername(`is longer than ${MAX_USERNAME_LENGTH} characters`);
  }
  if (!USERNAME.test(normal)) {
    throw invalidUsername("may hold letters and digits, and . _ - between them, and nothing else");
  }
  if (!isSingleScript(normal)) throw invalidUsername("has letters of several scripts");
  return usernameKey(username);
}

/**
 * The password as it is hashed: in Unicode's NFC, so that one password typed on two machines is one password.
 *
 * @throws MessagingError `invalid_password` unless it has 8 to 256 characters (so at most 1,024 bytes of UTF-8).
 */
export function parsePassword(password: string): Password {
  const fault = passwordFault(password);
  if (fault !== undefined) throw new MessagingError("invalid_password", `The password ${fault}.`);
  return password.normalize("NFC") as Password;
}

/** What keeps this from being anybody's password, as the end of a sentence; undefined where nothing does. */
export function passwordFault(password: string): string | undefined {
  if (!password.isWellFormed()) return "holds half a surrogate pair, which is no character";
  const normal = password.normalize("NFC");
  if (!isLongerThan(normal, MIN_PASSWORD_LENGTH - 1) || isLongerThan(normal, MAX_PASSWORD_LENGTH)) {
    return `must have ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters`;
  }
  return undefined;
}

/** The form in which a password is looked for among those that are refused: case and compatibility form do not count. */
export function refusedForm(password: string): string {
  return password.normalize("NFKC").toLowerCase();
}

/**
 * A password that somebody wants to have from now on.
 *
 * @param refused the passwords that nobody may have, each in its `refusedForm`.
 * @throws MessagingError `invalid_password`, `refused_password`
 */
export function parseNewPassword(password: string, refused: ReadonlySet<string>): Password {
  const parsed = parsePassword(password);
  if (refused.has(refusedForm(parsed))) {
    throw new MessagingError(
      "refused_password",
      "This password is among the first to be guessed. Choose another one.",
    );
  }
  return parsed;
}

function invalidUsername(fault: string): MessagingError {
  return new MessagingError("invalid_username", `The username ${fault}.`);
}

/** No username is longer, in UTF-16 code units before normalization. */
const MAX_USERNAME_UNITS = 192;

/**
 * The key of a text as a username: the server ignores case and compatibility form, so two names with the same key are one user.
 *
 * A longer text than any username is its own key, since normalizing it could take seconds.
 */
export function usernameKey(text: string): string {
  if (text.length > MAX_USERNAME_UNITS) return text;
  // Upper case unifies the two Greek small sigmas. The lower case before it unifies ẞ with ß.
  return text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC");
}

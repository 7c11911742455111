const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\]|\/[\w./-]+)(?::\d{1,5})?$/i;

/**
 * The database and the hosts of a PostgreSQL URL, as a text without user, password and parameters: for instance
 * `chat on db.example.org:5432`. Several hosts are separated by commas. The parameter `host` can name the directory of a socket.
 *
 * @returns `undefined` if the URL is invalid, or names no host or no database. The characters `/?#@` of a password must be
 * percent-encoded: a part of it would otherwise be read as a host or as the database.
 */
export function describeDatabase(url: string): string | undefined {
  const [, authority, name = "", query = ""] =
    /^postgres(?:ql)?:\/\/(?:[^@/?#\s]*@)?([^@/?#\s]*)\/([^@/?#\s]+)(?:\?([^@#\s]*))?$/.exec(url) ?? [];
  if (authority === undefined) return undefined;
  try {
    const hosts = new URLSearchParams(query).get("host") ?? decodeURIComponent(authority);
    const database = decodeURIComponent(name);
    const isShown = hosts.split(",").every((host) => HOST.test(host)) && /^[^\p{Cc}]+$/u.test(database);
    return isShown ? `${database} on ${hosts}` : undefined;
  } catch {
    // Invalid percent-encoding.
    return undefined;
  }
}

/**
 * An error for a database that cannot be opened, with its name and the innermost cause.
 *
 * @param cause an error of the connection, or one that wraps it. `AggregateError`, of a host with several addresses, has no message.
 */
export function openingError(url: string, cause: unknown): Error {
  return new Error(`The database ${describeDatabase(url)} cannot be opened: ${reasonOf(cause)}`, { cause });
}

/** The innermost cause of an error, as a sentence. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  return errors.length > 0 ? errors.map(reasonOf).join(" ") : error.message.replace(/[^.]$/, "$&.");
}

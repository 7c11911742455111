import { MessagingError } from "../../domain/errors.js";

const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\]|\/[\w./-]+)(?::(.*))?$/is;

interface Place {
  readonly database: string;
  readonly hosts: string;
}

/** The place that a URL names, or what is wrong with it, without any part of the URL. */
function parse(url: string): Place | string {
  const [, authority, name, query = ""] =
    /^postgres(?:ql)?:\/\/(?:[^@/?#\s]*@)?([^@/?#\s]*)(?:\/([^@/?#\s]*))?(?:\?([^@#\s]*))?$/.exec(url) ?? [];
  if (!/^postgres(?:ql)?:\/\//.test(url)) return "it does not begin with postgres://";
  if (authority === undefined) return "a character of it is not percent-encoded";
  if (!name) return "it names no database";
  try {
    const parameters = new URLSearchParams(query);
    const [host, port] = [parameters.get("host"), parameters.get("port")];
    if (host?.includes(",")) return "several hosts belong before the database, and not into a parameter";
    const hosts = host ?? decodeURIComponent(authority);
    if (hosts === "") return "it names no host";
    const found = hosts.split(",").map((each) => HOST.exec(each));
    if (found.includes(null)) return "it names an invalid host";
    const ports = [...found.map((each) => each?.[1]), port ?? undefined];
    if (!ports.every(isPort)) return "a port is not a number from 1 to 65535";
    const database = decodeURIComponent(name);
    return /^[^\p{Cc}]+$/u.test(database) ? { database, hosts } : "the name of the database is invalid";
  } catch {
    return "its percent-encoding is invalid";
  }
}

function isPort(port: string | undefined): boolean {
  return port === undefined || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535);
}

/**
 * The database and the hosts of a PostgreSQL URL, as a text without user, password and parameters: for instance
 * `chat on db.example.org:5432`. Several hosts are separated by commas. The parameter `host` can name the directory of a socket.
 *
 * @returns `undefined` if the URL is invalid, or names no host or no database. The characters `/?#@` of a password must be
 * percent-encoded: a part of it would otherwise be read as a host or as the database.
 */
export function describeDatabase(url: string): string | undefined {
  const place = parse(url);
  return typeof place === "string" ? undefined : `${place.database} on ${place.hosts}`;
}

/** Why `describeDatabase` returns `undefined` for a URL; `undefined` if it does not. Shows no part of the URL. */
export function problemOfUrl(url: string): string | undefined {
  const place = parse(url);
  return typeof place === "string" ? place : undefined;
}

/** What to do about an error of the server, by its SQLSTATE. */
const ADVICE: Readonly<Record<string, string>> = {
  // insufficient_privilege
  "42501": " Use the user that owns the database and its tables.",
  // read_only_sql_transaction
  "25006": " Use the primary, or a user whose transactions may write.",
};

/**
 * An error for a database that cannot be opened, with its name and the reason.
 *
 * @param cause an error of the connection, or one that wraps it. `AggregateError`, of several addresses, has no message.
 */
export function openingError(url: string, cause: unknown): Error {
  return new Error(`The database ${describeDatabase(url)} cannot be opened: ${reasonOf(cause)}`, { cause });
}

/** The innermost cause of an error, as a sentence. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof MessagingError && error.cause !== undefined) return reasonOf(error.cause);
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  if (errors.length > 0) return errors.map(reasonOf).join(" ");
  const { code = "" } = error as { readonly code?: string };
  return `${error.message.replace(/[^.]$/, "$&.")}${ADVICE[code] ?? ""}`;
}

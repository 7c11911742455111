import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createProxies } from "../adapters/http/forwarded.js";
import type { TrustProxy } from "../adapters/http/trust-proxy.js";
import { problemOfUrl } from "../adapters/postgres/database-url.js";
import { refusedForm } from "../domain/user.js";
import { MIN_SESSION_KEY_LENGTH } from "./session-key.js";
import { MAX_POOL_SIZE, type PostgresStorage, type Settings } from "./settings.js";

const DAY_MS = 24 * 60 * 60 * 1_000;

const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** The settings of this process, validated. */
export interface Config extends Settings {
  readonly storage: "memory" | { readonly sqlite: string } | PostgresStorage;
  readonly host: string;
  readonly port: number;
  /** An absolute path. */
  readonly dataDir: string;
  readonly trustProxy: TrustProxy;
  readonly rateLimits: boolean;
  readonly eventRetentionMs: number;
  /** Undefined keeps all messages. */
  readonly messageRetentionMs: number | undefined;
  /** How long a connection may wait for its next request. */
  readonly keepAliveTimeoutMs: number;
  /** Origins of other sites whose pages may use the API, as browsers send them. */
  readonly corsOrigins: readonly string[];
  /** Whether users can be found by the beginnings of their names. */
  readonly userDirectory: boolean;
  readonly presence: boolean;
  /** Whether the web client is served. */
  readonly webClient: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Every variable, with its purpose and its allowed values, for the help text and the error texts. */
export const variables = {
  HOST: { purpose: "the address to listen on", allowed: "an address or host name; default 127.0.0.1" },
  PORT: { purpose: "the port to listen on", allowed: "0 (any free port) to 65535; default 12000" },
  DATA_DIR: { purpose: "the data directory", allowed: "a directory; default ./resources" },
  DATABASE_URL: {
    purpose: "the kind of store",
    allowed:
      "empty (SQLite in DATA_DIR), postgres://user:password@host/database (PostgreSQL, for any number of servers; percent-encode /, ?, # and @ in the password) or memory: (data is lost when the process ends)",
  },
  DATABASE_POOL: {
    purpose: "the number of connections to PostgreSQL, beside the one for events",
    allowed: `1 to ${MAX_POOL_SIZE}; default 10`,
  },
  DATABASE_DIRECT_URL: {
    purpose: "the URL for the connection to PostgreSQL that waits for events",
    allowed:
      "postgres://user:password@host/database, percent-encoded as DATABASE_URL, past a pooler in transaction mode such as PgBouncer; default DATABASE_URL",
  },
  SESSION_SECRET: {
    purpose: "the keys of the digests under which sessions and tokens are stored",
    allowed: `keys of at least ${MIN_SESSION_KEY_LENGTH} characters, separated by commas, newest first; default: a key created once and kept in DATA_DIR, or in the PostgreSQL database for all servers`,
  },
  PASSWORD_DENYLIST: {
    purpose: "the passwords that nobody may choose",
    allowed: "a readable file of UTF-8 text, one password per line; default none",
  },
  REGISTRATION: {
    purpose: "who creates accounts",
    allowed: "open (everybody) or closed (only the operator, with `palaver user add`); default open",
  },
  TRUST_PROXY: {
    purpose: "the proxies in front, which terminate TLS",
    allowed:
      "off, on (one proxy), the number of proxies that each request passes (up to 10), or their addresses and networks (10.0.0.0/8,fd00::/8), separated by commas; default off",
  },
  RATE_LIMITS: {
    purpose: "limits on the requests of a client",
    allowed: "on or off; default on",
  },
  EVENT_RETENTION_DAYS: {
    purpose: "how long events are kept for clients that resume",
    allowed: "1 to 9999 days; default 30",
  },
  MESSAGE_RETENTION_DAYS: {
    purpose: "how long messages are kept",
    allowed: "1 to 9999 days; default: they stay",
  },
  KEEP_ALIVE_SECONDS: {
    purpose: "how long a connection may wait for its next request",
    allowed: "1 to 3600 seconds, more than the proxy in front holds an idle connection; default 75",
  },
  CORS_ORIGINS: {
    purpose: "other sites whose pages may use the API",
    allowed:
      "origins as browsers send them (https://app.example.org), separated by commas; default none. Cookies work for origins of the same site only, tokens for all",
  },
  USER_DIRECTORY: {
    purpose: "whether users find others by the beginnings of their names",
    allowed: "on or off; default on",
  },
  PRESENCE: {
    purpose: "whether users see who is online",
    allowed: "on or off; default on",
  },
  WEB_CLIENT: {
    purpose: "whether the web client is served at /",
    allowed: "on or off; default on",
  },
  LOG_LEVEL: {
    purpose: "the lowest level that is logged",
    allowed: "debug, info, warn, error or silent; default info",
  },
} satisfies Readonly<Record<string, { readonly purpose: string; readonly allowed: string }>>;

type Name = keyof typeof variables;

/** Invalid environment variables. The message names each with its allowed values, and shows no secret. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads the settings from environment variables. An empty variable counts as unset.
 *
 * @throws ConfigError
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  // Without zod: every command reads its settings, and most commands would load it for nothing else.
  const errors: string[] = [];

  /** @param parse returns `undefined` if the text is not allowed. */
  function read<Value, Default>(name: Name, unset: Default, parse: (text: string) => Value | undefined) {
    const text = env[name] ?? "";
    if (text === "") return unset;
    const value = parse(text);
    if (value === undefined) errors.push(errorText(name, text));
    return value ?? unset;
  }

  // The resolver of the system would map other digits and dots to ASCII.
  const host = read("HOST", "127.0.0.1", (text) => (/^[\x21-\x7e]+$/.test(text) ? text : undefined));
  const port = read("PORT", 12_000, (text) => integer(text, 0, 65_535));
  const dataDir = resolve(read("DATA_DIR", "./resources", (text) => text));
  const databaseUrl = read("DATABASE_URL", undefined, (text) =>
    text === "memory:" ? text : databaseUrlIn(text),
  );
  const poolSize = read("DATABASE_POOL", undefined, (text) => integer(text, 1, MAX_POOL_SIZE));
  const directUrl = read("DATABASE_DIRECT_URL", undefined, databaseUrlIn);
  const sessionKeys = read("SESSION_SECRET", undefined, keysIn);
  const refusedPasswords = read("PASSWORD_DENYLIST", new Set<string>(), refusedPasswordsIn);
  const registration = read("REGISTRATION", "open", (text) =>
    text === "open" || text === "closed" ? text : undefined,
  );
  const trustProxy = read<TrustProxy, TrustProxy>("TRUST_PROXY", false, trustProxyIn);
  const rateLimits = read("RATE_LIMITS", true, onOrOff);
  const eventDays = read("EVENT_RETENTION_DAYS", 30, (text) => integer(text, 1, 9_999));
  const messageDays = read("MESSAGE_RETENTION_DAYS", undefined, (text) => integer(text, 1, 9_999));
  const keepAliveSeconds = read("KEEP_ALIVE_SECONDS", 75, (text) => integer(text, 1, 3_600));
  const corsOrigins = read("CORS_ORIGINS", [], originsIn);
  const userDirectory = read("USER_DIRECTORY", true, onOrOff);
  const presence = read("PRESENCE", true, onOrOff);
  const webClient = read("WEB_CLIENT", true, onOrOff);
  const logLevel = read("LOG_LEVEL", "info", (text) => LOG_LEVELS.find((level) => level === text));
  if (errors.length > 0) throw new ConfigError(errors.join("\n"));
  return {
    host,
    port,
    dataDir,
    storage: storageOf(databaseUrl, { poolSize, directUrl }, dataDir),
    sessionKeys,
    refusedPasswords,
    registration,
    trustProxy,
    rateLimits,
    eventRetentionMs: eventDays * DAY_MS,
    messageRetentionMs: messageDays && messageDays * DAY_MS,
    keepAliveTimeoutMs: keepAliveSeconds * 1_000,
    corsOrigins,
    userDirectory,
    presence,
    webClient,
    logLevel,
  };
}

function storageOf(
  databaseUrl: string | undefined,
  connections: Omit<PostgresStorage, "postgres">,
  dataDir: string,
): Config["storage"] {
  if (databaseUrl === undefined) return { sqlite: dataDir };
  return databaseUrl === "memory:" ? "memory" : { postgres: databaseUrl, ...connections };
}

function databaseUrlIn(text: string): string | undefined {
  return problemOfUrl(text) === undefined ? text : undefined;
}

function integer(text: string, min: number, max: number): number | undefined {
  const value = Number(text);
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && value >= min && value <= max ? value : undefined;
}

function onOrOff(text: string): boolean | undefined {
  if (text === "on") return true;
  return text === "off" ? false : undefined;
}

function trustProxyIn(text: string): TrustProxy | undefined {
  const trust = onOrOff(text) ?? integer(text, 1, 10) ?? partsOf(text);
  return createProxies(trust) && trust;
}

function keysIn(text: string): readonly [string, ...string[]] | undefined {
  const keys = partsOf(text) as [string, ...string[]];
  return keys.every((key) => key.length >= MIN_SESSION_KEY_LENGTH) ? keys : undefined;
}

function originsIn(text: string): readonly string[] | undefined {
  const origins = partsOf(text);
  return origins.every(isOrigin) ? origins : undefined;
}

function partsOf(list: string): string[] {
  return list.split(",").map((part) => part.trim());
}

/** Whether it is an origin as in an `Origin` header: lower case, without path, trailing slash or default port. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** Returns `undefined` if the file is not readable or not UTF-8. */
function refusedPasswordsIn(path: string): ReadonlySet<string> | undefined {
  try {
    const lines = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)).split(/\r?\n/);
    return new Set(lines.filter((line) => line !== "").map(refusedForm));
  } catch {
    return undefined;
  }
}

function errorText(name: Name, value: string): string {
  const secrets: readonly Name[] = ["SESSION_SECRET", "DATABASE_URL", "DATABASE_DIRECT_URL"];
  const shown = secrets.includes(name) ? "the given value (not shown)" : JSON.stringify(value);
  const problem = name.endsWith("_URL") ? `: ${problemOfUrl(value)}` : "";
  return `${name}: ${shown} is not allowed${problem}. Allowed for ${variables[name].purpose}: ${variables[name].allowed}.`;
}

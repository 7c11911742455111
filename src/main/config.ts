import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { refusedForm } from "../domain/user.js";
import { MIN_KEY_LENGTH } from "./session-key.js";

/** How this process is to run, checked. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** An absolute path. */
  readonly dataDir: string;
  /** Where the data is kept: as SQLite in `dataDir`, or nowhere. */
  readonly storage: "sqlite" | "memory";
  /** The first keys new sessions, the others still open old ones; undefined: a key is made once and kept in `dataDir`. */
  readonly sessionKeys: readonly [string, ...string[]] | undefined;
  /** Passwords that nobody may choose, each in its `refusedForm`. */
  readonly refusedPasswords: ReadonlySet<string>;
  readonly trustProxy: boolean;
  readonly rateLimits: boolean;
  /** How long what happened can be read again, in milliseconds. */
  readonly eventRetention: number;
  /** The origins of other sites whose pages may use the API, as browsers write them. */
  readonly corsOrigins: readonly string[];
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
}

const environment = z.object({
  HOST: z.string().default("127.0.0.1"),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .refine((port) => port <= 65_535)
    .default(12_000),
  DATA_DIR: z.string().default("./resources"),
  DATABASE_URL: z.literal("memory:").optional(),
  SESSION_SECRET: z
    .string()
    .transform((list) => list.split(",").map((key) => key.trim()))
    .refine((keys) => keys.every((key) => key.length >= MIN_KEY_LENGTH))
    .optional(),
  PASSWORD_DENYLIST: z
    .string()
    .transform((path, context) => {
      try {
        return refusedPasswordsIn(readFileSync(path));
      } catch (error) {
        context.addIssue({ code: "custom", message: (error as Error).message });
        return z.NEVER;
      }
    })
    .default(new Set<string>()),
  TRUST_PROXY: z.enum(["on", "off"]).default("off"),
  RATE_LIMITS: z.enum(["on", "off"]).default("on"),
  EVENT_RETENTION_DAYS: z
    .string()
    .regex(/^[1-9]\d{0,3}$/)
    .transform(Number)
    .default(30),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(",").map((origin) => origin.trim()))
    .refine((origins) => origins.every(isOrigin))
    .default([]),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
});

type Name = keyof typeof environment.shape;

/** Every variable: what it is for, and what it may be. The help text and the refusals are made of this. */
export const variables: Readonly<Record<Name, { readonly purpose: string; readonly allowed: string }>> = {
  HOST: { purpose: "the address to listen on", allowed: "an address or host name; 127.0.0.1 unless set" },
  PORT: { purpose: "the port to listen on", allowed: "0 (any free one) to 65535; 12000 unless set" },
  DATA_DIR: { purpose: "where the data is", allowed: "a directory; ./resources unless set" },
  DATABASE_URL: {
    purpose: "the kind of store",
    allowed: "empty (SQLite in DATA_DIR) or memory: (nothing is kept); this version has no other",
  },
  SESSION_SECRET: {
    purpose: "the keys of the digests under which sessions and tokens are stored",
    allowed: `keys of at least ${MIN_KEY_LENGTH} characters, with commas between them, newest first; made once and kept in DATA_DIR unless set`,
  },
  PASSWORD_DENYLIST: {
    purpose: "the passwords that nobody may choose",
    allowed: "a file of UTF-8 text that can be read, one password a line; none unless set",
  },
  TRUST_PROXY: { purpose: "a proxy in front that ends TLS", allowed: "on or off; off unless set" },
  RATE_LIMITS: {
    purpose: "limits on how often a client may ask",
    allowed: "on or off; on unless set",
  },
  EVENT_RETENTION_DAYS: {
    purpose: "how long a client may stay away and still be told all that happened",
    allowed: "1 to 9999 days; 30 unless set",
  },
  CORS_ORIGINS: {
    purpose: "the other sites whose pages may use the API",
    allowed:
      "origins as browsers write them (https://app.example.org), with commas between them; none unless set",
  },
  LOG_LEVEL: {
    purpose: "the least level that is logged",
    allowed: "debug, info, warn, error or silent; info unless set",
  },
};

/** The environment has values that can't be used. The text names each, and what is allowed, and shows no secret. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * An empty variable counts as one that is not set.
 *
 * @throws ConfigError
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const result = environment.safeParse(set);
  if (!result.success) {
    const names = new Set(result.error.issues.map(({ path }) => path[0] as Name));
    throw new ConfigError([...names].map((name) => refusal(name, set[name])).join("\n"));
  }
  const { data } = result;
  return {
    host: data.HOST,
    port: data.PORT,
    dataDir: resolve(data.DATA_DIR),
    storage: data.DATABASE_URL === "memory:" ? "memory" : "sqlite",
    sessionKeys: data.SESSION_SECRET as [string, ...string[]] | undefined,
    refusedPasswords: data.PASSWORD_DENYLIST,
    trustProxy: data.TRUST_PROXY === "on",
    rateLimits: data.RATE_LIMITS === "on",
    eventRetention: data.EVENT_RETENTION_DAYS * 24 * 60 * 60 * 1_000,
    corsOrigins: data.CORS_ORIGINS,
    logLevel: data.LOG_LEVEL,
  };
}

/** As in an `Origin` header: no path, no slash at the end, no port that is the usual one, lower case. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** @throws TypeError where the file is not UTF-8 */
function refusedPasswordsIn(file: Uint8Array): ReadonlySet<string> {
  const lines = new TextDecoder("utf-8", { fatal: true }).decode(file).split(/\r?\n/);
  return new Set(lines.filter((line) => line !== "").map(refusedForm));
}

function refusal(name: Name, value: string | undefined): string {
  const secret = name === "SESSION_SECRET" || name === "DATABASE_URL";
  const shown = secret ? "the value given (not shown here)" : JSON.stringify(value);
  return `${name}: ${shown} is not allowed. Allowed for ${variables[name].purpose}: ${variables[name].allowed}.`;
}

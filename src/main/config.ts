import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { refusedForm } from "../domain/user.js";
import { MIN_SESSION_KEY_LENGTH } from "./session-key.js";
import type { Settings } from "./settings.js";

/** The settings of this process, validated. */
export interface Config extends Settings {
  readonly storage: "memory" | { readonly sqlite: string };
  readonly host: string;
  readonly port: number;
  /** An absolute path. */
  readonly dataDir: string;
  readonly trustProxy: boolean;
  readonly rateLimits: boolean;
  readonly eventRetentionMs: number;
  /** Origins of other sites whose pages may use the API, as browsers send them. */
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
    .refine((keys) => keys.every((key) => key.length >= MIN_SESSION_KEY_LENGTH))
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

/** Every variable, with its purpose and its allowed values, for the help text and the error texts. */
export const variables: Readonly<Record<Name, { readonly purpose: string; readonly allowed: string }>> = {
  HOST: { purpose: "the address to listen on", allowed: "an address or host name; default 127.0.0.1" },
  PORT: { purpose: "the port to listen on", allowed: "0 (any free port) to 65535; default 12000" },
  DATA_DIR: { purpose: "the data directory", allowed: "a directory; default ./resources" },
  DATABASE_URL: {
    purpose: "the kind of store",
    allowed: "empty (SQLite in DATA_DIR) or memory: (data is lost when the process ends)",
  },
  SESSION_SECRET: {
    purpose: "the keys of the digests under which sessions and tokens are stored",
    allowed: `keys of at least ${MIN_SESSION_KEY_LENGTH} characters, separated by commas, newest first; default: a key created once and kept in DATA_DIR`,
  },
  PASSWORD_DENYLIST: {
    purpose: "the passwords that nobody may choose",
    allowed: "a readable file of UTF-8 text, one password per line; default none",
  },
  TRUST_PROXY: { purpose: "a proxy in front that terminates TLS", allowed: "on or off; default off" },
  RATE_LIMITS: {
    purpose: "limits on the requests of a client",
    allowed: "on or off; default on",
  },
  EVENT_RETENTION_DAYS: {
    purpose: "how long events are kept for clients that resume",
    allowed: "1 to 9999 days; default 30",
  },
  CORS_ORIGINS: {
    purpose: "other sites whose pages may use the API",
    allowed: "origins as browsers send them (https://app.example.org), separated by commas; default none",
  },
  LOG_LEVEL: {
    purpose: "the lowest level that is logged",
    allowed: "debug, info, warn, error or silent; default info",
  },
};

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
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const result = environment.safeParse(set);
  if (!result.success) {
    const names = new Set(result.error.issues.map(({ path }) => path[0] as Name));
    throw new ConfigError([...names].map((name) => errorText(name, set[name])).join("\n"));
  }
  const { data } = result;
  const dataDir = resolve(data.DATA_DIR);
  return {
    host: data.HOST,
    port: data.PORT,
    dataDir,
    storage: data.DATABASE_URL === "memory:" ? "memory" : { sqlite: dataDir },
    sessionKeys: data.SESSION_SECRET as [string, ...string[]] | undefined,
    refusedPasswords: data.PASSWORD_DENYLIST,
    trustProxy: data.TRUST_PROXY === "on",
    rateLimits: data.RATE_LIMITS === "on",
    eventRetentionMs: data.EVENT_RETENTION_DAYS * 24 * 60 * 60 * 1_000,
    corsOrigins: data.CORS_ORIGINS,
    logLevel: data.LOG_LEVEL,
  };
}

/** Whether it is an origin as in an `Origin` header: lower case, without path, trailing slash or default port. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** @throws TypeError if the file is not UTF-8 */
function refusedPasswordsIn(file: Uint8Array): ReadonlySet<string> {
  const lines = new TextDecoder("utf-8", { fatal: true }).decode(file).split(/\r?\n/);
  return new Set(lines.filter((line) => line !== "").map(refusedForm));
}

function errorText(name: Name, value: string | undefined): string {
  const secret = name === "SESSION_SECRET" || name === "DATABASE_URL";
  const shown = secret ? "the given value (not shown)" : JSON.stringify(value);
  return `${name}: ${shown} is not allowed. Allowed for ${variables[name].purpose}: ${variables[name].allowed}.`;
}

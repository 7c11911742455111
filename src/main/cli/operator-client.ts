import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { createConnection } from "node:net";
import { duplexPair, type Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { diskOf, NoStoreError } from "../../adapters/sqlite/existing-store.js";
import type { Config } from "../config.js";
import { controlPath, controlPathError } from "../control-path.js";
import { assertOwnFiles } from "../owner.js";
import { generateSessionKey, readSessionKey } from "../session-key.js";
import type { OutputRow } from "./terminal.js";

/** A request of the operator's API. */
export interface OperatorRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: Readonly<Record<string, string | undefined>>;
  /** Whether the response holds a new secret, whose digest needs the session key of the server. */
  readonly issuesSecret?: true;
}

/** The operator's API rejected a request. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  /** A code of the API, such as `unknown_user`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Timeouts {
  /** How long to wait for a directory that a process has locked but does not serve: one that starts, stops, or is a command. */
  readonly lockMs?: number;
  /** How long to wait for each part of a response. */
  readonly responseMs?: number;
  /** How long to wait for a locked directory before `onWait`. */
  readonly noticeMs?: number;
  /** Receives a sentence, at most once, if the wait for a locked directory takes longer. */
  readonly onWait?: (notice: string) => void;
}

const LOCK_TIMEOUT_MS = 10_000;
const RESPONSE_TIMEOUT_MS = 10_000;
const NOTICE_DELAY_MS = 1_000;
const RETRY_INTERVAL_MS = 50;

/** A command leaves a segment of the log behind. This is the smallest that can hold every record of a server. */
const SEGMENT_BYTES = 2 * 2 ** 20;

/**
 * The settings that a command needs. It reads `refusedPasswords` only if it opens the store itself, and `sessionKeys` only if it
 * then issues a secret.
 */
export type OperatorConfig = Pick<Config, "dataDir" | "storage" | "refusedPasswords" | "sessionKeys">;

/**
 * Sends a request to the server that runs on the data directory. If none runs, or the data is in a database, opens the store
 * and handles the request in this process.
 *
 * @param request if undefined, only establishes that a request could be sent.
 * @param onFatal receives the error after which the store can store nothing more.
 * @returns the rows of the response.
 * @throws OperatorError if the request is rejected
 * @throws Error if there is no store, it cannot be opened, or the request fails
 */
export async function* sendRequest(
  config: OperatorConfig,
  request: OperatorRequest | undefined,
  onFatal: (error: Error) => void,
  timeouts: Timeouts = {},
): AsyncGenerator<OutputRow, void, void> {
  const { responseMs = RESPONSE_TIMEOUT_MS } = timeouts;
  const { stream, close } = await connect(config, request, onFatal, timeouts);
  try {
    if (request) yield* exchange(stream, request, responseMs);
  } finally {
    stream.destroy();
    await close();
  }
}

/** A connection to an HTTP server with the operator's API. */
interface Connection {
  readonly stream: Duplex;
  readonly close: () => Promise<void>;
}

async function connect(
  config: OperatorConfig,
  request: OperatorRequest | undefined,
  onFatal: (error: Error) => void,
  { lockMs = LOCK_TIMEOUT_MS, noticeMs = NOTICE_DELAY_MS, onWait }: Timeouts,
): Promise<Connection> {
  const { dataDir, storage } = config;
  if (storage === "memory") {
    throw new Error(
      "Data in memory (DATABASE_URL=memory:) cannot be administered. Use a data directory or a database.",
    );
  }
  if ("postgres" in storage) {
    // Opening a mistyped database would create the tables of a store in it.
    const { assertSchema } = await import("../../adapters/postgres/inspection.js");
    await assertSchema(storage.postgres);
    return openInProcess(config, request, onFatal);
  }
  assertStore(dataDir);
  let notify = onWait;
  const pathError = controlPathError(dataDir);
  for (const startedAt = performance.now(); ; await sleep(RETRY_INTERVAL_MS)) {
    const stream = pathError === undefined ? await connectToSocket(controlPath(dataDir)) : undefined;
    if (stream) return { stream, close: async () => {} };
    assertOwnFiles(dataDir);
    const connection = await openUnlessInUse(config, request, onFatal);
    if (connection) return connection;
    const waitedMs = performance.now() - startedAt;
    if (pathError !== undefined || waitedMs >= lockMs) {
      const reason = pathError ?? `No server answers at ${controlPath(dataDir)}.`;
      throw new Error(
        `The directory ${dataDir} is in use by another process, and cannot be administered through it. ${reason} Or stop that process first.`,
      );
    }
    if (waitedMs >= noticeMs) {
      notify?.(
        `The directory ${dataDir} is in use by another process. Waiting up to ${lockMs / 1_000} seconds for it.`,
      );
      notify = undefined;
    }
  }
}

/** Requires a store: opening a mistyped directory would create a new one. */
function assertStore(directory: string): void {
  try {
    diskOf(directory);
  } catch (error) {
    if (!(error instanceof NoStoreError)) throw error;
    throw new Error(
      `${error.message} Run \`palaver serve\` on it once, which creates the store, or name another directory.`,
      { cause: error },
    );
  }
}

/** Returns `undefined` if no server listens, for instance if a killed server has left its socket behind. */
async function connectToSocket(path: string): Promise<Duplex | undefined> {
  const socket = createConnection(path);
  try {
    await once(socket, "connect");
    return socket;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
    throw error;
  }
}

/** As `openInProcess`. Returns `undefined` if a process has the directory locked. */
async function openUnlessInUse(
  config: OperatorConfig,
  request: OperatorRequest | undefined,
  onFatal: (error: Error) => void,
): Promise<Connection | undefined> {
  const { DirectoryInUseError } = await import("../../adapters/sqlite/wal/lock.js");
  try {
    return await openInProcess(config, request, onFatal);
  } catch (error) {
    if (error instanceof DirectoryInUseError) return undefined;
    throw error;
  }
}

/** Opens the store, and a connection to the operator's API over it. */
async function openInProcess(
  config: OperatorConfig,
  request: OperatorRequest | undefined,
  onFatal: (error: Error) => void,
): Promise<Connection> {
  const { storage, refusedPasswords } = config;
  const sessionKeys = request?.issuesSecret ? await sessionKeysOf(config) : ([generateSessionKey()] as const);
  // A command that a server carries out needs none of it, and it is most of what would be loaded.
  const [
    { createContainer, tokens },
    { createControlServer, createOperatorAppOver },
    { pino },
    { logOpening },
  ] = await Promise.all([
    import("../container.js"),
    import("../control.js"),
    import("pino"),
    import("../log.js"),
  ]);
  const log = pino({ level: "warn", base: null }, pino.destination({ fd: 2, sync: true }));
  const onTrouble = (trouble: Error) => log.warn({ cause: String(trouble.cause) }, trouble.message);
  const sqlite = { onFatal, onTrouble, segmentBytes: SEGMENT_BYTES };
  const postgres = { onTrouble };
  const container = createContainer({ storage, refusedPasswords, sessionKeys, sqlite, postgres });
  const store = await container.getAsync(tokens.store);
  if (store.opening) logOpening(store.opening, log);
  const ports = await container.getAsync(tokens.ports);
  const { server, stop } = createControlServer(createOperatorAppOver(ports, config, log));
  const [stream, serverStream] = duplexPair();
  server.emit("connection", serverStream);
  return {
    stream,
    async close() {
      // The server tracks, and would close, only connections of a socket that it listens on.
      serverStream.destroy();
      await stop(0);
      await container.unbindAsync(tokens.store);
    },
  };
}

/**
 * The session keys of the server that will run on the directory, or of those on the database.
 *
 * @throws Error if they are unknown: the server would not accept a secret under a new key.
 */
async function sessionKeysOf({
  dataDir,
  storage,
  sessionKeys,
}: OperatorConfig): Promise<readonly [string, ...string[]]> {
  if (sessionKeys) return sessionKeys;
  if (typeof storage === "object" && "postgres" in storage) {
    const { readSessionKey: readFrom } = await import("../../adapters/postgres/inspection.js");
    const key = await readFrom(storage.postgres);
    if (key !== undefined) return [key];
    throw new Error(
      "There is no session key in the database, so its servers have one in SESSION_SECRET. Set SESSION_SECRET to the same value.",
    );
  }
  const key = readSessionKey(dataDir);
  if (key !== undefined) return [key];
  throw new Error(
    `There is no session key in ${dataDir}, so its server has one in SESSION_SECRET. Set SESSION_SECRET to the same value, or run the command while the server runs.`,
  );
}

async function* exchange(
  stream: Duplex,
  { method, path, body }: OperatorRequest,
  responseMs: number,
): AsyncGenerator<OutputRow, void, void> {
  const text = body && JSON.stringify(body);
  const headers = text === undefined ? {} : { "Content-Type": "application/json" };
  const sent = httpRequest({ method, path, headers, createConnection: () => stream });
  // A failure while nobody waits is seen at the next wait.
  sent.on("error", () => {});
  const wait = <Part>(part: Promise<Part>) => waitFor(part, stream, responseMs);
  sent.end(text);
  const [response] = (await wait(once(sent, "response"))) as [IncomingMessage];
  const lines = linesOf(response.setEncoding("utf8"));
  if (response.statusCode !== 200) throw toError(response, (await wait(lines.next())).value);
  for (;;) {
    const { done, value } = await wait(lines.next());
    if (done === true) return;
    yield JSON.parse(value) as OutputRow;
  }
}

/** Waits for a part of a response. Time in which the reader does not wait, as at a full pipe, does not count. */
async function waitFor<Part>(part: Promise<Part>, stream: Duplex, timeoutMs: number): Promise<Part> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stream.destroy();
  }, timeoutMs);
  try {
    return await part;
  } catch (error) {
    throw new Error(
      timedOut
        ? `The server sent nothing for ${timeoutMs / 1_000} seconds, so it is unknown whether the command was carried out. Check whether the server is stopped or stuck.`
        : "The server broke off its response, so it is unknown whether the command was carried out. Check its log and the result.",
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Fails if the response breaks off. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string, undefined, void> {
  let rest = "";
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
  return undefined;
}

function toError({ statusCode }: IncomingMessage, line = "{}"): Error {
  const { code, detail } = JSON.parse(line) as { readonly code?: string; readonly detail?: string };
  if (code === "not_found" || code === "method_not_allowed") {
    return new Error("The running server is of another version, and has no such command. Restart it.");
  }
  if (code === undefined || code === "internal_error") {
    return new Error(`The command failed with status ${statusCode}. The log has the cause.`);
  }
  return new OperatorError(code, detail ?? code);
}

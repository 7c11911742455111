import { once } from "node:events";
import { chmodSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { toLoggableError } from "../adapters/http/log.js";
import type { Disk } from "../adapters/sqlite/wal/disk.js";
import { filesOn } from "../adapters/sqlite/wal/files.js";
import { diskOf, NoStoreError } from "../adapters/sqlite/inspection.js";
import { DirectoryInUseError } from "../adapters/sqlite/wal/lock.js";
import { systemClock, uuids } from "../adapters/system.js";
import { getUserByNameOrId } from "../application/users.js";
import { MessagingError, type ErrorCode } from "../domain/errors.js";
import { administration, type Data } from "./administration.js";
import type { Config } from "./config.js";
import { jsonLine, type Row } from "./terminal.js";

/*
 * Commands of the operator on a data directory. Whoever has the directory carries them out: a server that runs on it is asked
 * at a Unix-domain socket in it, `control`; where none runs, the command opens the store itself. At the socket a request is
 * one line of JSON, and the answer is a line for each row, then one that says how it ended.
 */

interface Request {
  readonly command: string;
  readonly args: readonly string[];
  /** Only to tell whether it would be refused whatever the password is; gives no rows. */
  readonly prepare?: boolean;
}

type Answer =
  | { readonly row: Row }
  | { readonly end: "done" }
  | { readonly end: "refused"; readonly code: ErrorCode; readonly message: string }
  | { readonly end: "failed"; readonly message: string };

/**
 * How long the path of the socket may be, in bytes: what fits into the system's `sockaddr_un`, less two, since the socket is
 * bound at a longer path before it is moved.
 */
const LONGEST_PATH = (process.platform === "linux" ? 107 : 103) - 2;

const tooLong = (path: string) =>
  `${path} is too long for a socket, by ${Buffer.byteLength(path) - LONGEST_PATH} bytes. Give the data directory a shorter path, by a symbolic link say.`;

function socketIn(directory: string): string {
  return join(directory, "control");
}

/** How long requests under way may take to end when the server closes, in milliseconds. */
const LAST_MOMENTS = 1_000;

/**
 * Listens for commands, from whoever may write to the directory and nobody else. Where that can't be, the log says why, and
 * the service goes on without.
 *
 * @param data whose directory is locked by this process.
 * @returns what ends it.
 */
export async function listenForCommands(data: Data, log: Logger): Promise<() => Promise<void>> {
  const underWay = new Map<Socket, Promise<void>>();
  const server = createServer((socket) => {
    const answering = answer(socket, data, log).finally(() => underWay.delete(socket));
    underWay.set(socket, answering);
  });
  try {
    await listen(server, socketIn(data.directory));
  } catch (error) {
    log.warn({ cause: String(error) }, "No command can reach this server, only its data once it has ended.");
    return async () => {};
  }
  return async () => {
    server.close();
    rmSync(socketIn(data.directory), { force: true });
    await Promise.race([Promise.all(underWay.values()), sleep(LAST_MOMENTS, undefined, { ref: false })]);
    for (const socket of underWay.keys()) socket.destroy();
    await Promise.all(underWay.values());
  };
}

async function listen(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) throw new Error(tooLong(path));
  // A directory that only its owner may enter hides the socket until its mode is set.
  const hidden = mkdtempSync(join(dirname(path), "."));
  try {
    server.listen(join(hidden, "s"));
    await once(server, "listening");
    chmodSync(join(hidden, "s"), 0o600);
    // The directory is locked, so a socket that is there was left behind by a server that was killed.
    renameSync(join(hidden, "s"), path);
  } finally {
    rmSync(hidden, { recursive: true });
  }
}

async function answer(socket: Socket, data: Data, log: Logger): Promise<void> {
  try {
    for await (const line of linesFrom(socket)) {
      const answering = answers(JSON.parse(line) as Request, data, log);
      try {
        await pipeline(answering, socket);
      } finally {
        // Where the socket breaks, `pipeline` does not wait for what is still to be done.
        await answering.return(undefined);
      }
      return;
    }
  } catch {
    // Whoever asked has left, or has asked for nothing that is JSON.
  } finally {
    socket.destroy();
  }
}

async function* answers(request: Request, data: Data, log: Logger): AsyncGenerator<string> {
  const line = (content: Answer) => jsonLine(content);
  if (!Object.hasOwn(administration, request.command)) {
    const message = "The server that runs is of another version, and has no such command. Restart it.";
    yield line({ end: "failed", message });
    return;
  }
  try {
    const rows = request.prepare ? carryOut(request, data) : audited(request, data, log);
    for await (const row of rows) yield line({ row });
    yield line({ end: "done" });
  } catch (error) {
    if (error instanceof MessagingError) {
      yield line({ end: "refused", code: error.code, message: error.message });
      return;
    }
    log.error({ command: request.command, err: toLoggableError(error) });
    yield line({ end: "failed", message: "Something failed in the server. Its log tells what." });
  }
}

/** Carries it out, and tells the log so, also where nobody waited for the end. No names, which users chose. */
async function* audited(request: Request, data: Data, log: Logger): AsyncGenerator<Row> {
  const { command, args } = request;
  let code: ErrorCode | undefined;
  try {
    yield* carryOut(request, data);
  } catch (error) {
    if (error instanceof MessagingError) code = error.code;
    throw error;
  } finally {
    const account = await data.store
      .read(({ users }) => getUserByNameOrId(users, args[0] ?? ""))
      .catch(() => undefined);
    log.info({ audit: "administration", command, account_id: account?.id, code });
  }
}

async function* carryOut({ command, args, prepare }: Request, data: Data): AsyncGenerator<Row> {
  if (prepare) await administration[command]!.prepare?.(data, ...args);
  else yield* administration[command]!.run(data, ...args);
}

/** How long a command waits, in milliseconds. */
interface Waits {
  /** For a directory that another process has and does not serve: it starts, ends, or is a command. */
  readonly patience?: number;
  /** For the next that a server says. */
  readonly silence?: number;
}

const PATIENCE = 10_000;
const SILENCE = 10_000;
const PAUSE = 50;

/** A command leaves a segment of the log behind. This is the smallest that takes whatever a server's takes. */
const SEGMENT_BYTES = 2 * 2 ** 20;

/** What has to be known of the configuration. The passwords are read only where the command opens the store itself. */
export type AdministeredConfig = Pick<Config, "dataDir" | "storage" | "refusedPasswords">;

/**
 * Carries out a command on the data directory of the configuration, by the server that has it where there is one.
 *
 * @param onFatal is told when the store can go on no longer.
 * @throws MessagingError what the command is refused with
 * @throws Error where there is no store, it can't be had, or the server says nothing
 */
export async function* administer(
  config: AdministeredConfig,
  request: Request,
  onFatal: (error: Error) => void,
  { patience = PATIENCE, silence = SILENCE }: Waits = {},
): AsyncGenerator<Row> {
  const { dataDir } = config;
  if (config.storage === "memory") {
    throw new Error("What a server holds in memory (DATABASE_URL is memory:) can't be administered.");
  }
  // Or a name that is mistyped would make a new store.
  const disk = requireStore(dataDir);
  for (const begun = Date.now(); ; await sleep(PAUSE)) {
    const socket = await connect(socketIn(dataDir));
    if (socket) return yield* ask(socket, request, silence);
    requireOwnFiles(dataDir, disk);
    const data = await openUnlessInUse(config, onFatal);
    if (data) return yield* carryOutAndClose(request, data);
    if (Date.now() - begun >= patience || Buffer.byteLength(socketIn(dataDir)) > LONGEST_PATH)
      throw new Error(whyNot(dataDir));
  }
}

function whyNot(directory: string): string {
  const path = socketIn(directory);
  const why = Buffer.byteLength(path) > LONGEST_PATH ? tooLong(path) : `Nothing answers at ${path}.`;
  return `The directory ${directory} is in use by another process, which can't be asked. ${why} Or end that process first.`;
}

function requireStore(directory: string): Disk {
  try {
    return diskOf(directory);
  } catch (error) {
    if (!(error instanceof NoStoreError)) throw error;
    const words = `${error.message} Start \`palaver serve\` on it once, which makes it, or name another.`;
    throw new Error(words, { cause: error });
  }
}

/** What root writes belongs to root, and the service could not start with it. Others can't write what is not theirs. */
function requireOwnFiles(directory: string, disk: Disk): void {
  if (process.geteuid?.() !== 0) return;
  const { snapshots, segments } = filesOn(disk);
  const owners = [...snapshots, ...segments].map(
    ({ name }) => statSync(join(directory, name), { throwIfNoEntry: false })?.uid ?? 0,
  );
  const owner = owners.find((uid) => uid !== 0);
  if (owner === undefined) return;
  throw new Error(
    `No server answers for ${directory}, whose files are of the user ${owner}. What root would write there, that user could not read. Run it as that user: sudo -u '#${owner}' palaver …`,
  );
}

async function openUnlessInUse(
  config: AdministeredConfig,
  onFatal: (error: Error) => void,
): Promise<Data | undefined> {
  const { dataDir: directory, refusedPasswords } = config;
  // Whoever asks a server needs none of it, and it takes a sixth of the time that a command takes to load.
  const [{ pino }, { argon2Hasher }, { openStore }] = await Promise.all([
    import("pino"),
    import("../adapters/argon2.js"),
    import("./storage.js"),
  ]);
  try {
    const log = pino({ level: "warn", base: null }, pino.destination({ fd: 2, sync: true }));
    const store = await openStore(config, log, onFatal, { segmentBytes: SEGMENT_BYTES });
    return { store, directory, refusedPasswords, passwords: argon2Hasher(), clock: systemClock, ids: uuids };
  } catch (error) {
    if (error instanceof DirectoryInUseError) return undefined;
    throw error;
  }
}

async function* carryOutAndClose(request: Request, data: Data): AsyncGenerator<Row> {
  try {
    yield* carryOut(request, data);
  } finally {
    await data.store.close();
  }
}

/** @returns undefined where nobody listens there, as when a server was killed and has left its socket behind. */
async function connect(path: string): Promise<Socket | undefined> {
  if (Buffer.byteLength(path) > LONGEST_PATH) return undefined;
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

async function* ask(socket: Socket, request: Request, silence: number): AsyncGenerator<Row> {
  let silent = false;
  // Not the timeout of the socket: while nobody reads what comes, nothing comes, and that is no silence.
  const limit = () =>
    setTimeout(() => {
      silent = true;
      socket.destroy();
    }, silence);
  let waiting: NodeJS.Timeout | undefined;
  try {
    socket.write(jsonLine(request));
    const lines = linesFrom(socket)[Symbol.asyncIterator]();
    for (;;) {
      waiting = limit();
      const { done, value } = await lines.next();
      clearTimeout(waiting);
      if (done === true) break;
      const content = JSON.parse(value) as Answer;
      if ("row" in content) {
        yield content.row;
        continue;
      }
      if (content.end === "refused") throw new MessagingError(content.code, content.message);
      if (content.end === "failed") throw new Error(content.message);
      return;
    }
    if (silent) {
      throw new Error(
        `The server has said nothing for ${silence / 1_000} seconds, so it is not known whether the command was carried out. See whether that process is stopped or stuck.`,
      );
    }
    throw new Error("The server has ended, and did not say whether the command was carried out. Look.");
  } finally {
    clearTimeout(waiting);
    socket.destroy();
  }
}

function linesFrom(socket: Socket): AsyncIterable<string> {
  const lines = createInterface({ input: socket, crlfDelay: Infinity });
  // What breaks ends the lines, which does not come by itself; who reads them sees that the last one is missing.
  socket.on("error", () => {});
  socket.once("close", () => lines.close());
  return lines;
}

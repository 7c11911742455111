import type { Socket } from "node:net";
import pg from "pg";
import { MessagingError } from "../../domain/errors.js";
import type { Row, SqlValue } from "../sql/columns.js";
import { problemOfUrl } from "./database-url.js";

/** A parameter of a statement. */
export type Value = SqlValue | readonly SqlValue[];

/**
 * Single statements on one connection. They run in the order of the calls. Statements that are sent without waiting for the ones
 * before them share a round trip.
 */
export interface Statements {
  row(sql: string, ...values: Value[]): Promise<Row | undefined>;
  rows(sql: string, ...values: Value[]): Promise<readonly Row[]>;
  /** @returns how many rows the statement inserted, updated or deleted. */
  change(sql: string, ...values: Value[]): Promise<number>;
  /**
   * Runs a statement whose parameters are arrays, with the values of all consecutive calls for it in this turn.
   *
   * @returns the row of this call. The statement returns one row for each call, in their order, or none.
   */
  each(sql: string, ...values: SqlValue[]): Promise<Row | undefined>;
}

/** How often the work of a transaction or read runs at most on connections that fail. */
export const MAX_CONNECTION_ATTEMPTS = 3;

/** Of a pool that opens connections, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;
/** The server ends a statement, a wait for a lock, and a transaction whose node has stopped. */
const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
/** The client gives up on a server that does not answer, since a network can fail without a trace. */
const QUERY_TIMEOUT_MS = 35_000;
const KEEP_ALIVE_DELAY_MS = 10_000;

/** 64-bit integers as numbers: ids and times stay below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format),
};

/** A client whose `end` does not wait for the server, which can be gone without a trace. */
class DatabaseClient extends pg.Client {
  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    let ending: Promise<void> | undefined;
    if (callback === undefined) ending = super.end();
    else super.end(callback);
    // Behind the farewell to the server.
    (this.connection.stream as Socket).destroySoon();
    return ending;
  }
}

/** The servers of a database, of which one is writable. */
export class Servers {
  readonly #urls: readonly string[];
  #current = 0;

  /** @param url with one host or, as in libpq, several: `postgres://user@one:5432,two:5432/palaver`. */
  constructor(url: string) {
    const problem = problemOfUrl(url);
    if (problem !== undefined) {
      throw new TypeError(`Invalid URL of PostgreSQL: ${problem}. Use postgres://user@host/database.`);
    }
    const [, before, hosts, after] = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/s.exec(url)!;
    this.#urls = hosts!.split(",").map((host) => `${before}${host}${after}`);
  }

  get count(): number {
    return this.#urls.length;
  }

  /** The index of the server that `config` is for. */
  get current(): number {
    return this.#current;
  }

  /** Creates a client of the server that was last writable. */
  client(): pg.Client {
    return new DatabaseClient(this.config());
  }

  config(): pg.ClientConfig {
    return {
      connectionString: this.#urls[this.#current]!,
      types,
      pipeline: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      fallback_application_name: "palaver",
    };
  }

  /** Uses the server after `server` for further connections. Callers that leave the same server agree on the next. */
  leave(server: number): void {
    this.#current = (server + 1) % this.#urls.length;
  }
}

const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()::text";

/** A connection that its user releases. */
export interface Connection extends Statements {
  /** Runs statements without parameters, separated by semicolons. */
  execute(sql: string): Promise<{ readonly command: string }>;
  /** Begins a transaction at READ COMMITTED. Returns its id. */
  begin(): Promise<string>;
  /** Returns the connection to the pool, or closes it. */
  release(isBroken: boolean): void;
  /** See `incarnation` in the schema. */
  readonly incarnation: string | undefined;
}

/** A pool of connections to the writable server of a database. */
export class Pool {
  readonly #servers: Servers;
  readonly #pool: pg.Pool;
  readonly #incarnations = new WeakMap<object, string | undefined>();

  /** @param onTrouble receives the errors of idle connections. */
  constructor(url: string, size: number, onTrouble: (trouble: Error) => void) {
    const servers = new Servers(url);
    this.#servers = servers;
    this.#pool = new pg.Pool({
      Client: class extends DatabaseClient {
        constructor() {
          super(servers.config());
          // The pool listens to idle connections only. One in use rejects its statements, too.
          this.on("error", () => {});
        }
      },
      max: size,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // oxlint-disable-next-line typescript/no-misused-promises -- The pool waits for it.
      onConnect: (client) => this.#prepare(client),
    });
    this.#pool.on("error", onTrouble);
  }

  /** The connections that are open, those without work, and the callers that wait for one. */
  get counts(): { readonly total: number; readonly idle: number; readonly waiting: number } {
    const { totalCount: total, idleCount: idle, waitingCount: waiting } = this.#pool;
    return { total, idle, waiting };
  }

  /**
   * Waits for a connection. Tries each server once.
   *
   * @throws MessagingError `busy` if none was free in time; `store_unavailable` if none can be opened.
   */
  async acquire(): Promise<Connection> {
    const client = await this.#connect();
    const statements = statementsOf(client);
    return {
      ...statements,
      execute(sql) {
        statements.sendGathered();
        shareWrite(client);
        return client.query(sql);
      },
      async begin() {
        shareWrite(client);
        // One message and one answer. pg returns the results of both statements.
        const results: unknown = await client.query({ text: BEGIN, rowMode: "array" });
        const [, { rows }] = results as readonly [unknown, { readonly rows: readonly [readonly [string]] }];
        return rows[0][0];
      },
      release: (isBroken) => client.release(isBroken),
      incarnation: this.#incarnations.get(client),
    };
  }

  /** Runs `work` on a connection, which is closed if it has failed, or was opened before the first migration. */
  async run<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.acquire();
    let isBroken = connection.incarnation === undefined;
    try {
      return await work(connection);
    } catch (error) {
      isBroken ||= isConnectionError(error);
      throw error;
    } finally {
      connection.release(isBroken);
    }
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    const causes: unknown[] = [];
    for (;;) {
      const server = this.#servers.current;
      try {
        return await this.#pool.connect();
      } catch (cause) {
        if (isPoolTimeout(cause)) {
          throw new MessagingError("busy", "The database is busy. Try again in a moment.", { cause });
        }
        this.#servers.leave(server);
        causes.push(cause);
        if (causes.length === this.#servers.count) throw unavailable(causeOf(causes));
      }
    }
  }

  async #prepare(client: pg.ClientBase): Promise<void> {
    const statements = statementsOf(client);
    const [isReadOnly, isStandby] = (await statements.row(
      "SELECT current_setting('transaction_read_only') = 'on', pg_is_in_recovery()",
    ))!;
    if (isReadOnly) {
      const { host, port } = client as pg.Client;
      const reason = isStandby
        ? "is a standby, which is read-only. Use the primary, or name all hosts."
        : "lets this user only read. Set default_transaction_read_only to off.";
      throw new Error(`The server ${host}:${port} ${reason}`);
    }
    this.#incarnations.set(client, await incarnationOf(statements));
  }
}

/** Whether no connection of the pool became free in time. The error has no class or code. */
function isPoolTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "timeout exceeded when trying to connect";
}

/** The OID of the schema of the store: the one in which tables are created. A database can have several stores. */
export const SCHEMA_ID = "to_regnamespace(quote_ident(current_schema()))::oid";

/** The expression for a table in the schema of the store, `NULL` if it does not exist. Other schemas of the search path can have one. */
function tableNamed(name: string): string {
  return `to_regclass(quote_ident(current_schema()) || '.${name}')`;
}

/** The expression for whether the schema has a store. Another program can have a table `schema_version` or `incarnation`, too. */
export const HAS_STORE = `(${tableNamed("event_log")} IS NOT NULL AND EXISTS (
  SELECT FROM pg_attribute WHERE attrelid = ${tableNamed("schema_version")}
    AND attname = 'version' AND atttypid = 'integer'::regtype))`;

/** The incarnation of the server; undefined before the first migration. */
export async function incarnationOf(statements: Pick<Statements, "row">): Promise<string | undefined> {
  const [exists] = (await statements.row(
    `SELECT ${HAS_STORE} AND ${tableNamed("incarnation")} IS NOT NULL`,
  ))!;
  if (!exists) return undefined;
  // Two statements: the first waits for another node that inserts. If the connection is lost, both fail.
  const [, found] = await Promise.all([
    statements.row("INSERT INTO incarnation (id) VALUES (gen_random_uuid()) ON CONFLICT DO NOTHING"),
    statements.row("SELECT id FROM incarnation"),
  ]);
  return found?.[0] as string | undefined;
}

const names = new Map<string, string>();

/** The name under which each connection prepares a statement once. */
function nameOf(sql: string): string {
  const known = names.get(sql);
  if (known !== undefined) return known;
  const name = `palaver_${names.size}`;
  names.set(sql, name);
  return name;
}

/** The calls of `each` for one statement that wait for the end of the turn. */
interface Gathered {
  readonly sql: string;
  readonly calls: SqlValue[][];
  readonly rows: Promise<readonly Row[]>;
  readonly send: () => void;
}

export function statementsOf(client: pg.ClientBase): Statements & { sendGathered(): void } {
  let gathered: Gathered | undefined;
  const query = (text: string, values: Value[]) => {
    sendGathered();
    shareWrite(client);
    return client.query<SqlValue[]>({ name: nameOf(text), text, values, rowMode: "array" });
  };
  function gather(sql: string): Gathered {
    const calls: SqlValue[][] = [];
    let send = () => {};
    const rows = new Promise<readonly Row[]>((resolve, reject) => {
      send = () => {
        const columns = calls[0]!.map((_, column) => calls.map((values) => values[column]!));
        query(sql, columns).then(({ rows: found }) => resolve(found), reject);
      };
    });
    return { sql, calls, rows, send };
  }
  function sendGathered(): void {
    const { send } = gathered ?? {};
    gathered = undefined;
    send?.();
  }
  return {
    sendGathered,
    async each(sql, ...values) {
      if (gathered?.sql !== sql) {
        sendGathered();
        gathered = gather(sql);
        atEndOfTurn(sendGathered);
      }
      const { calls, rows } = gathered;
      const index = calls.push(values) - 1;
      return (await rows)[index];
    },
    row: async (sql, ...values) => (await query(sql, values)).rows[0],
    rows: async (sql, ...values) => (await query(sql, values)).rows,
    change: async (sql, ...values) => (await query(sql, values)).rowCount ?? 0,
  };
}

/**
 * Lets the statements of one turn share a write to the socket. A write costs more than the rest of a statement: it wakes the
 * server.
 */
function shareWrite(client: pg.ClientBase): void {
  const { stream } = (client as pg.Client).connection;
  if (stream.writableCorked > 0) return;
  stream.cork();
  atEndOfTurn(() => stream.uncork());
}

/** Runs `work` behind the promises of this turn. */
function atEndOfTurn(work: () => void): void {
  queueMicrotask(() => process.nextTick(work));
}

export function tooManyChanges(cause?: unknown): MessagingError {
  return new MessagingError("busy", "Too many changes at once. Try again in a moment.", { cause });
}

/** The failure of each host, as the cause of one error. */
export function causeOf(failures: readonly unknown[]): unknown {
  return failures.length === 1 ? failures[0] : new AggregateError(failures);
}

export function unavailable(cause: unknown): MessagingError {
  return new MessagingError("store_unavailable", "The database cannot be reached. Try again later.", {
    cause,
  });
}

/** The SQLSTATE of an error of the server; undefined for errors of the connection. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Whether the connection, and any transaction on it, has ended or will end. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return isSystemError(error);
  // Connection exceptions, shutdowns, time-outs that end the session, and a server that is no longer writable.
  return /^(?:08|57P|25P03|25P04|25006)/.test(error.code ?? "") || error.severity === "FATAL";
}

/** The errors that `pg` and the system raise for a connection have no class. Programming errors have one. */
function isSystemError(error: unknown): boolean {
  return (
    error instanceof Error &&
    !(error instanceof MessagingError) &&
    !(error instanceof TypeError) &&
    ("syscall" in error || /connection|terminat|timeout|not queryable|socket/i.test(error.message))
  );
}

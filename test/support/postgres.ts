import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import pg from "pg";

const program = fileURLToPath(new URL("../../../script/dev-postgres.mjs", import.meta.url));

/** A PostgreSQL database that only its creator knows. */
export interface TestDatabase {
  readonly url: string;
  /** Closes all connections to the database and deletes it. */
  drop(): Promise<void>;
}

// Text sorts by language, as on most servers, so that a test finds a statement that relies on another order.
const LOCALE = "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en'";

/**
 * Creates an empty database on the server of `TEST_DATABASE_URL`. Where that is not set, as in a run of one test file, this
 * process starts a server, which ends with it.
 */
export async function createDatabase(locale: string = LOCALE): Promise<TestDatabase> {
  const server = process.env["TEST_DATABASE_URL"] ?? (await (ownServer ??= startServer())).url;
  const name = `palaver_test_${randomBytes(8).toString("hex")}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await execute(server, `CREATE DATABASE ${name} ${locale} TEMPLATE template0`);
  return { url: url.href, drop: () => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

interface TestServer {
  readonly url: string;
  stop(): Promise<void>;
}

let ownServer: Promise<TestServer> | undefined;

/** Starts a server without databases. It stops when `stop` is called or this process ends. */
async function startServer(): Promise<TestServer> {
  // Ctrl-C ends all processes of this group. The program is in another one, since it stops PostgreSQL afterwards.
  const child = spawn(process.execPath, [program, "--temporary", "--without-sync"], {
    stdio: "pipe",
    detached: true,
  });
  const closed = once(child, "close");
  const errors = text(child.stderr);
  const [output] = (await Promise.race([once(child.stdout, "data"), closed])) as [Buffer | number | null];
  if (!(output instanceof Buffer)) {
    const action = "Set TEST_DATABASE_URL to the URL of a server, with a user that may create databases.";
    throw new Error(`The tests found no PostgreSQL. ${action}\n${await errors}`);
  }
  // Nothing here keeps this process running. Its end closes the pipe, and the program stops the server.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr] as Socket[]) stream.unref();
  return {
    url: output.toString().trim(),
    async stop() {
      child.ref();
      child.stdin.end();
      await closed;
    },
  };
}

/** Starts one server for the test files of a whole run, which mocha distributes over several processes. */
export async function mochaGlobalSetup(): Promise<void> {
  if (process.env["TEST_DATABASE_URL"] !== undefined) return;
  ownServer = startServer();
  process.env["TEST_DATABASE_URL"] = (await ownServer).url;
}

export async function mochaGlobalTeardown(): Promise<void> {
  await (await ownServer)?.stop();
}

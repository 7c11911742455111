import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { plaintextHasher } from "../../src/adapters/predictable.js";
import type { openPostgresStore, PostgresOptions, PostgresStore } from "../../src/adapters/postgres/store.js";
import { keyedSecrets, systemClock, uuids } from "../../src/adapters/system.js";
import { EventFeed } from "../../src/application/feed.js";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import type { Ports, Repositories, Store } from "../../src/application/ports.js";
import type { Chat } from "../../src/domain/chat.js";
import type { User } from "../../src/domain/user.js";

/** Locks the log, as a relay does. */
export const THE_LOG = "SELECT FROM event_log FOR UPDATE";

export type OpenPostgresStore = typeof openPostgresStore;

/** A call whose transaction waits between its last statement and its commit. */
export interface HeldCall<T> {
  /** Lets the transaction commit. */
  commit(): Promise<T>;
}

/** A node: a store of its own on the shared database, and a core. */
export interface TestNode {
  readonly ports: Ports;
  readonly core: Messaging;
  readonly feed: EventFeed;
  /** Calls the core, and holds the transaction of the call. One call at a time. */
  hold<T>(call: (core: Messaging) => Promise<T>): Promise<HeldCall<T>>;
}

/** Two nodes on one database. */
export interface TestNodes {
  readonly one: TestNode;
  readonly other: TestNode;
  readonly url: string;
  /** How long a subscriber waits at most, in milliseconds. */
  readonly patience: number;
  /** Runs statements on one connection that belongs to no node. */
  readonly sql: pg.Client;
  /** Registers users with names that nobody has, of which the stems are a part. */
  users(...stems: string[]): Promise<User[]>;
  group(creator: User, ...others: readonly User[]): Promise<Chat>;
  /** Opens one more node, which ends with the others. */
  add(options?: PostgresOptions): Promise<TestNode>;
  close(): Promise<void>;
}

let registered = 0;

/** @param patience see `TestNodes`. The default is far above the second between two polls. */
export async function openNodes(open: OpenPostgresStore, url: string, patience = 20_000): Promise<TestNodes> {
  const opened: { readonly store: PostgresStore; readonly feed: EventFeed }[] = [];
  const add = async (options?: PostgresOptions) => {
    const store = await open(url, { onTrouble: () => {}, ...options });
    const node = nodeOver(store);
    opened.push({ store, feed: node.feed });
    return node;
  };
  const [one, other] = await Promise.all([add(), add()]);
  const sql = new pg.Client(url);
  sql.on("error", () => {});
  await sql.connect();
  return {
    one,
    other,
    url,
    patience,
    sql,
    add,
    users: (...stems) =>
      Promise.all(
        stems.map((stem) => {
          registered += 1;
          return one.core.registerUser({ username: `${stem}.${registered}`, password: PASSWORD });
        }),
      ),
    group: ({ id: by }, ...others) =>
      one.core.createGroupChat({ by, participants: others.map(({ username }) => username) }),
    async close() {
      for (const { feed } of opened) feed.close();
      await sql.end();
      await Promise.all(opened.map(({ store }) => store.close()));
    },
  };
}

/** The password of all users. */
export const PASSWORD = "the password of all of them";

function nodeOver(inner: PostgresStore): TestNode {
  let next: { readonly reached: () => void; readonly released: Promise<void> } | undefined;
  const store: Store = {
    ...inner,
    transaction: (work, appendsTo) =>
      inner.transaction(async (repositories) => {
        const result = await work(repositories);
        const hold = next;
        next = undefined;
        if (hold !== undefined) {
          await allExecuted(repositories);
          hold.reached();
          await hold.released;
        }
        return result;
      }, appendsTo),
  };
  const ports: Ports = {
    store,
    passwords: plaintextHasher(),
    secrets: keyedSecrets(["the key of all nodes"]),
    clock: systemClock,
    ids: uuids,
    refusedPasswords: new Set(),
  };
  const feed = new EventFeed(ports);
  const core = createMessaging(ports, feed);
  return {
    ports,
    feed,
    core,
    async hold(call) {
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      let calling: ReturnType<typeof call> | undefined;
      await new Promise<void>((reached, reject) => {
        next = { reached, released };
        calling = call(core);
        calling.then(() => reject(new Error("The call ended without a transaction.")), reject);
      });
      return {
        commit() {
          release();
          return calling!;
        },
      };
    },
  };
}

/** Statements run in their order, and a store need not wait for those that return nothing. */
async function allExecuted({ users }: Repositories): Promise<void> {
  await users.list({ after: undefined, limit: 1 });
}

/** Resolves once the attempt has settled, or a transaction waits for a lock other than that of the log. */
export function settledOrBlocked(nodes: TestNodes, attempt: Promise<unknown>): Promise<void> {
  return settledOrWaiting(nodes, attempt, 1, `query <> '${THE_LOG}'`);
}

/** Resolves once the attempt has settled, or as many connections wait for locks. */
export async function settledOrWaiting(
  { sql }: TestNodes,
  attempt: Promise<unknown>,
  count: number,
  condition = "true",
): Promise<void> {
  let hasSettled = false;
  const onEnd = () => void (hasSettled = true);
  attempt.then(onEnd, onEnd);
  for (; !hasSettled; await sleep(2)) {
    const { rowCount } = await sql.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database()
         AND wait_event_type = 'Lock' AND application_name = 'palaver' AND ${condition}`,
    );
    if (rowCount !== null && rowCount >= count) return;
  }
}

/** Runs `work` while a connection of its own holds what the statement has locked. */
export async function whileLocked<T>(
  { url }: TestNodes,
  statement: string,
  work: (release: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query("BEGIN");
  await client.query(statement);
  let ending: Promise<void> | undefined;
  const release = () => (ending ??= client.end());
  try {
    return await work(release);
  } finally {
    await release();
  }
}

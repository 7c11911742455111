/**
 * Measures what a user with many chats costs others, who log in with a new device: sync, all pages and a stream. The client runs
 * in a thread, so that its work does not count. Usage: script/measure-many-chats [CHATS] [sqlite|postgres]
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import type { User } from "../../src/domain/user.js";
import { Client } from "../support/client.js";
import { createManyChats, readManyChats } from "../support/many-chats.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { openTestServer } from "../support/server.js";

/** The sessions of the user with many chats and of another one. */
interface Sessions {
  readonly url: string;
  readonly ana: string;
  readonly bo: string;
}

const ROUNDS = 3;

/** The chats that `createManyChats` creates, without their events: a database takes minutes for so many transactions. */
function manyChats(owner: User, member: User, count: number): string {
  return `
    INSERT INTO chats (kind, title, created_at, participant_count, born_after)
      SELECT 'group', 'One of many', 1, 2, 0 FROM generate_series(1, ${count});
    INSERT INTO participants (user_id, chat_id, joined_at, joined_after, joined_position, role)
      SELECT users.id, chats.id, 1, nextval('event_numbers'), 0, CASE users.id WHEN '${owner.id}' THEN 'owner' ELSE 'member' END
      FROM users, chats;
    INSERT INTO messages (id, chat_id, seq, sender_id, text, sent_at)
      SELECT nextval('message_ids'), id, 1, '${member.id}', 'hello', 1 FROM chats ORDER BY id;
    ANALYZE;`;
}

/** Keeps a thread busy for as long as a reading took, to show the turns of an idle server. */
function spin(ms: number): void {
  for (const startedAt = performance.now(); performance.now() - startedAt < ms;) JSON.parse("[1,2,3]");
  parentPort!.postMessage({});
}

async function readInThread({ url, ana, bo }: Sessions): Promise<void> {
  const clients = [ana, bo].map((cookie) => Object.assign(new Client(url), { cookie }));
  const send = () => clients[1]!.post("/v1/messages", { group_chat_id: 1, message: "news" });
  const startedAt = performance.now();
  const { listed } = await readManyChats(clients[0]!, send);
  parentPort!.postMessage({ chats: listed.length, ms: Math.round(performance.now() - startedAt) });
}

/** The time that this thread has been on a processor, in milliseconds, so that other processes do not count. Linux only. */
function onProcessorMs(): number {
  return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
}

/** Measures the turns of the event loop in milliseconds on a processor while a thread works. */
async function turnsDuring(work: Sessions | number) {
  const worker = new Worker(new URL(import.meta.url), { workerData: work });
  // Starting a thread takes a long turn.
  await once(worker, "online");
  const turns: number[] = [];
  let last = onProcessorMs();
  let isOver = false;
  const turn = () => {
    const now = onProcessorMs();
    turns.push(now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const [result] = (await once(worker, "message")) as [{ readonly chats: number; readonly ms: number }];
  isOver = true;
  turns.sort((one, other) => other - one);
  const [longest = 0] = turns;
  const rounded = (ms: number) => Math.round(ms * 10) / 10;
  return {
    result,
    turns: {
      longest: rounded(longest),
      tenth: rounded(turns[9] ?? 0),
      over10: turns.filter((ms) => ms > 10).length,
    },
  };
}

async function measure(count: number, storeName: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "palaver-"));
  const postgres = new PostgresStores();
  const store = await (storeName === "postgres" ? postgres.openEmpty() : openSqliteStore(directory));
  const server = await openTestServer({ store });
  try {
    const ana = await server.signIn("ana");
    const bo = await server.signIn("bo");
    if (storeName === "postgres") await postgres.execute(manyChats(ana.user, bo.user, count));
    else await createManyChats(server.store, [ana.user, bo.user], count);
    await sleep(1_000);
    const sessions: Sessions = { url: server.url, ana: ana.client.cookie, bo: bo.client.cookie };
    for (let round = 1; round <= ROUNDS; round += 1) {
      globalThis.gc?.();
      const before = process.memoryUsage().heapUsed;
      let peak = before;
      const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage().heapUsed)), 5);
      const { result: read, turns } = await turnsDuring(sessions);
      clearInterval(sampling);
      const { turns: idle } = await turnsDuring(read.ms);
      globalThis.gc?.();
      const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
      console.log({
        store: storeName,
        round,
        ...read,
        turnsMs: turns,
        idleTurnsMs: idle,
        heapPeakMb: megabytes(peak - before),
        heapKeptMb: megabytes(process.memoryUsage().heapUsed - before),
      });
    }
  } finally {
    await server.close();
    await postgres.drop();
    rmSync(directory, { recursive: true });
  }
}

if (isMainThread) {
  const [count = "50000", storeName = "sqlite"] = process.argv.slice(2);
  if (!Number.isInteger(Number(count)) || !["sqlite", "postgres"].includes(storeName)) {
    throw new Error("Usage: script/measure-many-chats [CHATS] [sqlite|postgres]");
  }
  await measure(Number(count), storeName);
} else if (typeof workerData === "number") {
  spin(workerData);
} else {
  await readInThread(workerData as Sessions);
}

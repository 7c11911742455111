/**
 * Measures searches over a large store, the longest turn of the event loop meanwhile, and sends with and without the index, in turn.
 * Times are those of this thread on a processor, so that other programs do not count; on PostgreSQL, which has processes of its own,
 * those of the clock. Usage: script/measure-search [MESSAGES] [sqlite|postgres]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import { createMessaging } from "../../src/application/messaging.js";
import type { Store } from "../../src/application/ports.js";
import { indexMessages, type SearchMessages } from "../../src/application/search.js";
import type { Chat } from "../../src/domain/chat.js";
import type { User } from "../../src/domain/user.js";
import { createGroup, draft, register } from "../contract/fixtures.js";
import { person } from "../contract/fixtures.js";
import { testPorts } from "../support/ports.js";
import { PostgresStores } from "../support/postgres-stores.js";

const ROUNDS = 7;
const SENDS_PER_ROUND = 3_000;
const CLIENTS = 64;
const WORDS_PER_MESSAGE = 12;
const VOCABULARY = 50_000;

/** The time that this thread has been on a processor, in milliseconds. Linux only. */
function onProcessorMs(): number {
  return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
}

let state = 1;
const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;

/** A text of words, of which the first are frequent as in a language: the word n about n times as rare as the first. */
function textOf(): string {
  return Array.from(
    { length: WORDS_PER_MESSAGE },
    () => `w${Math.floor(VOCABULARY ** random()).toString(36)}`,
  ).join(" ");
}

/**
 * The messages: ana is in all chats, bo in one with a thousandth of the messages. Every second one has the word `often`, and the
 * others `other`; the word `rare` is in one of a hundred thousand.
 */
async function fill(store: Store, count: number, ana: User, bo: User, cy: User): Promise<void> {
  await register(store, ana, bo, cy);
  const chats: Chat[] = [await createGroup(store, bo, ana)];
  for (let index = 1; index < 20; index += 1) chats.push(await createGroup(store, cy, ana));
  for (let sent = 0; sent < count;) {
    await store.transaction(async ({ messages }) => {
      const appended: Promise<unknown>[] = [];
      for (let index = 0; index < 500 && sent < count; index += 1, sent += 1) {
        const chat = sent % 1_000 === 0 ? chats[0]! : chats[1 + (sent % 19)]!;
        const extra = sent % 100_000 === 50_000 ? " rare" : "";
        const text = `${textOf()} ${sent % 2 === 0 ? "often" : "other"}${extra}`;
        appended.push(messages.append(draft(chat, chat === chats[0] ? bo : cy, text)));
      }
      await Promise.all(appended);
    });
  }
}

/** Runs work, and returns the longest turn of the event loop meanwhile, on a processor, beside the time by the clock. */
async function watched(
  work: () => Promise<unknown>,
): Promise<{ readonly ms: number; readonly longestTurnMs: number }> {
  let [last, longestTurnMs, isOver] = [onProcessorMs(), 0, false];
  const turn = () => {
    const now = onProcessorMs();
    longestTurnMs = Math.max(longestTurnMs, now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const startedAt = performance.now();
  await work();
  isOver = true;
  return { ms: performance.now() - startedAt, longestTurnMs };
}

const rounded = (ms: number) => Math.round(ms * 100) / 100;
const median = (values: readonly number[]) =>
  values.toSorted((one, other) => one - other)[values.length >> 1]!;

async function measure(store: Store, count: number, clock: () => number): Promise<void> {
  const [ana, bo, cy] = [person("ana"), person("bo"), person("cy")] as const;
  const ports = testPorts(store);
  const messaging = createMessaging(ports);
  await fill(store, count, ana, bo, cy);
  const turns = async () => new Promise<void>((resolve) => setImmediate(resolve));
  const heap = () => {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = heap();
  const searches: readonly (readonly [string, User, Partial<SearchMessages>])[] = [
    ["a rare word", ana, { query: "rare" }],
    ["a frequent word", ana, { query: "often" }],
    ["a frequent word and a prefix", ana, { query: "often w1" }],
    ["two frequent words that are never together", ana, { query: "often other" }],
    ["a word of no message", ana, { query: "nothing" }],
    ["a frequent word, by a user of a small chat", bo, { query: "often" }],
    ["a rare word, by a user of a small chat", bo, { query: "rare" }],
  ];
  const search = async (when: string) => {
    for (const [what, { id: by }, part] of searches) {
      const times: number[] = [];
      let longest = 0;
      let found = "";
      for (let round = 0; round < 15; round += 1) {
        const { ms, longestTurnMs } = await watched(async () => {
          const page = await messaging.searchMessages({ by, query: "", limit: 50, ...part });
          found = `${page.messages.length} messages${page.next === undefined ? "" : ", and a next page"}`;
        });
        times.push(ms);
        // The first ones compile.
        if (round >= 5) longest = Math.max(longest, longestTurnMs);
      }
      console.log(
        `${when}: ${what}: ${rounded(median(times))} ms, longest turn ${rounded(longest)} ms, ${found}`,
      );
    }
    const { ms } = await watched(() => messaging.pageMessages({ by: ana.id, of: "all", limit: 50 }));
    console.log(`${when}: a page of 50 messages: ${rounded(ms)} ms`);
  };
  await search("before indexing");
  const startedAt = clock();
  const { longestTurnMs } = await watched(() => indexMessages(ports, turns));
  const perMessage = ((clock() - startedAt) / count) * 1_000;
  console.log(
    `indexing ${count} messages: ${rounded(perMessage)} µs a message, longest turn ${rounded(longestTurnMs)} ms`,
  );
  console.log(`memory of the index in this process: ${rounded((heap() - before) / 2 ** 20)} MiB`);
  await search("indexed");

  const { id: chatId } = await createGroup(store, ana, bo, cy);
  const texts = Array.from({ length: SENDS_PER_ROUND }, textOf);
  const sends = async () => {
    let next = 0;
    const client = async () => {
      for (let text = texts[next++]; text !== undefined; text = texts[next++]) {
        await messaging.sendMessage({ by: ana.id, to: { chatId }, text });
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  };
  const time = async (work: () => Promise<unknown>) => {
    const from = clock();
    await work();
    return ((clock() - from) / SENDS_PER_ROUND) * 1_000;
  };
  await sends();
  await indexMessages(ports, turns);
  const pairs: (readonly [alone: number, indexing: number])[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    pairs.push([await time(sends), await time(() => indexMessages(ports, turns))]);
  }
  const [alone, indexing] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))];
  const ratio = median(pairs.map(([one, other]) => (one + other) / one));
  console.log(
    `a send in the core: ${rounded(alone)} µs, its indexing afterwards: ${rounded(indexing)} µs, together ${rounded(ratio)} times the send`,
  );
}

const count = Number(process.argv[2] ?? 100_000);
if (process.argv[3] === "postgres") {
  const stores = new PostgresStores();
  const store = await stores.openEmpty();
  await measure(store, count, () => performance.now());
  await store.close();
  await stores.drop();
} else {
  const directory = mkdtempSync(join(tmpdir(), "palaver-search-"));
  const store = await openSqliteStore(directory);
  await measure(store, count, onProcessorMs);
  await store.close();
  rmSync(directory, { recursive: true });
}
process.exit(0);

/**
 * Fails over from a primary of PostgreSQL to its synchronous standby, repeatedly and under load, while two nodes run on. No
 * acknowledged message may be lost, doubled or reordered, and every subscriber receives each message once.
 * Usage: script/prove-failover [ROUNDS] [CLIENTS]
 *
 * In odd rounds the primary is killed with SIGKILL. In even rounds it stops to respond and its connections stay open, as when its
 * machine vanishes from the network.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, PalaverError, type Client } from "../../src/client/index.js";
import { PASSWORD } from "../support/client.js";
import { PostgresPair } from "../support/postgres-pair.js";
import { runServer } from "../support/process.js";

const GROUPS = 3;
const RUN_MS = 3_000;
const RETRY_DELAY_MS = 50;
/** For how long a subscriber may reconnect and receive what it has missed. */
const MAX_CATCH_UP_MS = 60_000;

const rounds = Number(process.argv[2] ?? 4);
const clients = Number(process.argv[3] ?? 8);
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(clients) || clients < 2) {
  throw new Error("Usage: script/prove-failover [ROUNDS] [CLIENTS], ROUNDS at least 1, CLIENTS at least 2.");
}

interface Stored {
  readonly chatId: number;
  readonly id: number;
  readonly seq: number;
  readonly text: string;
}

const sent = new Set<string>();
const acknowledged: Stored[] = [];
/** When each node first acknowledged a request that was sent after the last failure. */
const firstAfterFailure = new Map<number, number>();
const failures = new Map<string, number>();
let failedAt = Number.POSITIVE_INFINITY;
let isSending = true;

const pair = await PostgresPair.start(process.env["POSTGRES_BIN"] ?? "/usr/lib/postgresql/15/bin");
const nodes: Awaited<ReturnType<typeof runServer>>[] = [];
try {
  for (let n = 0; n < 2; n += 1) {
    nodes.push(await runServer("", { DATABASE_URL: pair.url }));
  }
  await prove();
} finally {
  for (const { child } of nodes) child.kill("SIGKILL");
  pair.close();
}

async function prove(): Promise<void> {
  const names = Array.from({ length: clients }, (_, n) => `client${n}`);
  // Each user sends on one node and subscribes on the other.
  const senders = await Promise.all(names.map((name, n) => logIn(name, n % 2)));
  const chatIds: number[] = [];
  for (let n = 0; n < GROUPS; n += 1) {
    const { chat_id } = await senders[0]!.createGroupChat({});
    for (const username of names.slice(1)) await senders[0]!.addParticipant({ chat_id, username });
    chatIds.push(chat_id);
  }
  const subscriptions = await Promise.all(
    names.map(async (name, n) => subscribe(await logIn(name, (n + 1) % 2))),
  );
  const sending = senders.map((client, n) => sendAll(client, n, chatIds));
  const all = Promise.all(sending);
  for (let round = 1; round <= rounds; round += 1) {
    await Promise.race([sleep(RUN_MS), all]);
    await failOver(round);
  }
  await sleep(RUN_MS);
  isSending = false;
  await all;
  await audit(senders, chatIds, subscriptions);
}

/** Returns a client of the user on a node. Registers the user on first use. */
async function logIn(username: string, node: number): Promise<Client> {
  const client = createClient({ url: nodes[node]!.url });
  if (node === Number(username.replace("client", "")) % 2)
    await client.registerUser({ username, password: PASSWORD });
  await client.logIn({ username, password: PASSWORD });
  return client;
}

async function failOver(round: number): Promise<void> {
  const isKilled = round % 2 === 1;
  firstAfterFailure.clear();
  failedAt = performance.now();
  pair.signalPrimary(isKilled ? "SIGKILL" : "SIGSTOP");
  pair.promote();
  const promotedAt = performance.now();
  while (firstAfterFailure.size < nodes.length) {
    if (!nodes.every(({ child }) => child.exitCode === null)) throw new Error("A node has exited.");
    await sleep(10);
  }
  const writesAt = Math.max(...firstAfterFailure.values());
  pair.killOther();
  console.log(
    `Round ${round}: the primary ${isKilled ? "is killed" : "hangs"}, its standby is promoted after ${seconds(promotedAt - failedAt)}, ` +
      `both nodes write ${seconds(writesAt - promotedAt)} later. ${acknowledged.length} messages so far.`,
  );
  failedAt = Number.POSITIVE_INFINITY;
  await pair.addStandby();
}

/** Sends to one group after the other. Repeats each message under its key until it is acknowledged. */
async function sendAll(client: Client, sender: number, chatIds: readonly number[]): Promise<void> {
  for (let n = 0; isSending; n += 1) {
    const text = `client${sender} ${n}`;
    const chatId = chatIds[n % chatIds.length]!;
    const idempotencyKey = randomUUID();
    sent.add(text);
    for (let isStored = false; !isStored;) {
      const startedAt = performance.now();
      try {
        const options = { idempotencyKey, patience: 0, timeout: 10_000 };
        const { id, seq } = await client.sendMessage({ group_chat_id: chatId, message: text }, options);
        acknowledged.push({ chatId, id, seq, text });
        isStored = true;
        const node = sender % nodes.length;
        if (startedAt > failedAt && !firstAfterFailure.has(node))
          firstAfterFailure.set(node, performance.now());
      } catch (error) {
        if (!(error instanceof PalaverError)) throw error;
        failures.set(error.code, (failures.get(error.code) ?? 0) + 1);
        if (!["no_answer", "busy", "store_unavailable", "outcome_unknown"].includes(error.code)) throw error;
        await sleep(RETRY_DELAY_MS);
      }
    }
  }
}

interface ReceivedMessages {
  readonly received: readonly Stored[];
  close(): Promise<void>;
}

async function subscribe(client: Client): Promise<ReceivedMessages> {
  const { cursor } = await client.sync();
  const received: Stored[] = [];
  const events = client.events({ after: cursor });
  const reading = (async () => {
    for await (const event of events) {
      if (event.type === "resync") throw new Error("A subscriber has to read its chats again.");
      if (event.type !== "message.created") continue;
      const { id, seq, message } = event.message;
      received.push({ chatId: event.chat_id, id, seq, text: message });
    }
  })();
  reading.catch(() => {});
  return {
    received,
    async close() {
      await events.return?.();
      await reading;
    },
  };
}

async function audit(
  senders: readonly Client[],
  chatIds: readonly number[],
  subscriptions: readonly ReceivedMessages[],
): Promise<void> {
  const faults = { lost: 0, doubled: 0, reordered: 0, phantom: 0, missed: 0 };
  const stored: Stored[] = [];
  for (const [node, client] of [senders[0]!, senders[1]!].entries()) {
    for (const chatId of chatIds) {
      const listed: Stored[] = [];
      for await (const page of client.pages("listGroupMessages", { chat_id: chatId, limit: 100, after: 0 })) {
        for (const { id, seq, message } of page) listed.push({ chatId, id, seq, text: message });
      }
      const texts = new Set(listed.map(({ text }) => text));
      faults.doubled += listed.length - texts.size;
      faults.phantom += listed.filter(({ text }) => !sent.has(text)).length;
      faults.reordered += listed.filter(({ seq }, index) => seq !== index + 1).length;
      faults.reordered += outOfOrder(listed);
      const found = new Set(listed.map(identity));
      const expected = acknowledged.filter((each) => each.chatId === chatId);
      faults.lost += expected.filter((each) => !found.has(identity(each))).length;
      if (node === 0) stored.push(...listed);
    }
  }
  const end = performance.now() + MAX_CATCH_UP_MS;
  for (const subscription of subscriptions) {
    while (subscription.received.length < stored.length && performance.now() < end) await sleep(20);
    await subscription.close();
    for (const chatId of chatIds) {
      const expected = stored.filter((each) => each.chatId === chatId).map(identity);
      const received = subscription.received.filter((each) => each.chatId === chatId).map(identity);
      if (expected.join("\n") !== received.join("\n")) faults.missed += 1;
    }
  }
  const summary = Object.entries(faults).map(([name, count]) => `${count} ${name}`);
  console.log(`${rounds} failovers: ${acknowledged.length} messages acknowledged, ${summary.join(", ")}.`);
  const codes = Array.from(failures, ([code, count]) => `${code} ${count}`);
  console.log(`Requests that were repeated: ${codes.join(", ")}.`);
  if (Object.values(faults).some((count) => count > 0)) throw new Error("FAILED.");
}

/** How many messages of a sender are listed before one that it sent earlier. */
function outOfOrder(listed: readonly Stored[]): number {
  const last = new Map<string, number>();
  return listed.filter(({ text }) => {
    const [sender, number] = text.split(" ") as [string, string];
    const isLater = Number(number) > (last.get(sender) ?? -1);
    last.set(sender, Number(number));
    return !isLater;
  }).length;
}

function identity({ chatId, id, seq, text }: Stored): string {
  return `${chatId} ${id} ${seq} ${text}`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, PalaverError, type Client } from "../../src/client/index.js";
import { PASSWORD } from "./client.js";

const GROUPS = 3;
const RETRY_DELAY_MS = 50;
/** For how long a subscriber may reconnect and receive what it has missed. */
const MAX_CATCH_UP_MS = 60_000;
const REPEATED = ["no_answer", "busy", "store_unavailable", "outcome_unknown", "server_closing"];

interface Stored {
  readonly chatId: number;
  readonly id: number;
  readonly seq: number;
  readonly text: string;
}

/**
 * Clients of several nodes. Each user sends on one node, under idempotency keys, and subscribes on the other. A failed request is
 * repeated.
 */
export class NodesLoad {
  readonly acknowledged: Stored[] = [];
  /** How often a request was repeated, by the code of the error. */
  readonly repeats = new Map<string, number>();
  readonly #urls: readonly string[];
  readonly #sent = new Set<string>();
  readonly #rejected = new Set<string>();
  /** When the last acknowledged request of each node was sent, on the clock of `performance`. */
  readonly #lastSentAt = new Map<number, number>();
  #senders: readonly Client[] = [];
  #chatIds: readonly number[] = [];
  #subscriptions: readonly Subscribed[] = [];
  #sending: Promise<unknown> = Promise.resolve();
  #isSending = true;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  async start(clients: number): Promise<void> {
    const names = Array.from({ length: clients }, (_, n) => `client${n}`);
    this.#senders = await Promise.all(names.map((name, n) => this.#logIn(name, n, true)));
    const [first] = this.#senders;
    const chatIds: number[] = [];
    for (let n = 0; n < GROUPS; n += 1) {
      chatIds.push((await first!.createGroupChat({ participants: names.slice(1) })).chat_id);
    }
    this.#chatIds = chatIds;
    const readers = await Promise.all(names.map((name, n) => this.#logIn(name, n + 1, false)));
    this.#subscriptions = await Promise.all(readers.map((client) => this.#subscribe(client)));
    this.#sending = Promise.all(this.#senders.map((client, n) => this.#sendAll(client, n)));
    this.#sending.catch(() => {});
  }

  /** Waits until every node has acknowledged a message that was sent after this call. */
  async untilAllAnswer(): Promise<void> {
    const calledAt = performance.now();
    const all = (async () => {
      while (!this.#urls.every((_, node) => (this.#lastSentAt.get(node) ?? 0) > calledAt)) await sleep(20);
    })();
    // A sender that fails ends the wait.
    await Promise.race([all, this.#sending]);
  }

  /** Stops sending, and compares all lists and subscriptions with what was acknowledged. Returns the number of violations. */
  async audit(): Promise<Readonly<Record<string, number>>> {
    this.#isSending = false;
    await this.#sending;
    const faults = { lost: 0, doubled: 0, reordered: 0, phantom: 0, missed: 0 };
    const stored: Stored[] = [];
    for (const [node, client] of this.#senders.slice(0, this.#urls.length).entries()) {
      for (const chatId of this.#chatIds) {
        const listed: Stored[] = [];
        for await (const page of client.pages("listGroupMessages", {
          chat_id: chatId,
          limit: 100,
          after: 0,
        })) {
          for (const { id, seq, message } of page) listed.push({ chatId, id, seq, text: message });
        }
        faults.doubled += listed.length - new Set(listed.map(({ text }) => text)).size;
        faults.phantom += listed.filter(
          ({ text }) => !this.#sent.has(text) || this.#rejected.has(text),
        ).length;
        faults.reordered += listed.filter(({ seq }, index) => seq !== index + 1).length;
        faults.reordered += listed.filter(({ id }, index) => id <= (listed[index - 1]?.id ?? 0)).length;
        faults.reordered += outOfOrder(listed);
        const found = new Set(listed.map(identity));
        const expected = this.acknowledged.filter((each) => each.chatId === chatId);
        faults.lost += expected.filter((each) => !found.has(identity(each))).length;
        if (node === 0) stored.push(...listed);
      }
    }
    const end = performance.now() + MAX_CATCH_UP_MS;
    for (const subscribed of this.#subscriptions) {
      while (subscribed.received.length < stored.length && performance.now() < end) await sleep(20);
      await subscribed.close();
      for (const chatId of this.#chatIds) {
        const inChat = (all: readonly Stored[]) =>
          all
            .filter((each) => each.chatId === chatId)
            .map(identity)
            .join("\n");
        if (inChat(stored) !== inChat(subscribed.received)) faults.missed += 1;
      }
    }
    return faults;
  }

  async #logIn(username: string, node: number, isNew: boolean): Promise<Client> {
    const client = createClient({ url: this.#urls[node % this.#urls.length]! });
    if (isNew) await client.registerUser({ username, password: PASSWORD });
    await client.logIn({ username, password: PASSWORD });
    return client;
  }

  async #sendAll(client: Client, sender: number): Promise<void> {
    for (let n = 0; ; n += 1) {
      if (!this.#isSending) return;
      const text = `client${sender} ${n}`;
      const chatId = this.#chatIds[n % this.#chatIds.length]!;
      this.#sent.add(text);
      const options = { idempotencyKey: randomUUID(), patience: 0, timeout: 10_000 };
      await this.#repeatedly(async () => {
        const sentAt = performance.now();
        const { id, seq } = await client.sendMessage({ group_chat_id: chatId, message: text }, options);
        this.acknowledged.push({ chatId, id, seq, text });
        this.#lastSentAt.set(sender % this.#urls.length, sentAt);
      });
      if (n % 10 === 0) await this.#sendRejected(client, sender, n, text, options.idempotencyKey);
    }
  }

  /** Sends another message under a used key, which must be rejected and never appear. */
  async #sendRejected(
    client: Client,
    sender: number,
    n: number,
    used: string,
    idempotencyKey: string,
  ): Promise<void> {
    const text = `${used} again`;
    this.#rejected.add(text);
    const chatId = this.#chatIds[n % this.#chatIds.length]!;
    await this.#repeatedly(async () => {
      const command = { group_chat_id: chatId, message: text };
      const isRejected = await client
        .sendMessage(command, { idempotencyKey, patience: 0, timeout: 10_000 })
        .then(
          () => false,
          (error: unknown) => {
            if (error instanceof PalaverError && error.code === "idempotency_key_reused") return true;
            throw error;
          },
        );
      if (!isRejected) throw new Error(`client${sender} sent two messages under one key.`);
    });
  }

  async #repeatedly(call: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof PalaverError) || !REPEATED.includes(error.code)) throw error;
        this.repeats.set(error.code, (this.repeats.get(error.code) ?? 0) + 1);
      }
      await sleep(RETRY_DELAY_MS);
    }
  }

  async #subscribe(client: Client): Promise<Subscribed> {
    let { cursor }: { cursor: string } = await client.sync();
    const received: Stored[] = [];
    let isOpen = true;
    let events = client.events({ after: cursor });
    const receive = async () => {
      for await (const event of events) {
        if (event.type === "resync") throw new Error("A subscriber has to read its chats again.");
        ({ cursor } = event);
        if (event.type !== "message.created") continue;
        const { id, seq, message } = event.message;
        received.push({ chatId: event.chat_id, id, seq, text: message });
      }
    };
    const receiving = (async () => {
      while (isOpen) {
        await this.#repeatedly(receive);
        if (isOpen) events = client.events({ after: cursor });
      }
    })();
    receiving.catch(() => {});
    return {
      received,
      async close() {
        isOpen = false;
        await events.return?.();
        await receiving;
      },
    };
  }
}

interface Subscribed {
  readonly received: readonly Stored[];
  close(): Promise<void>;
}

/** How many messages of a sender are listed behind one that it sent later. */
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

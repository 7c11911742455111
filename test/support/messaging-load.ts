import { z } from "zod";
import { Client, PASSWORD, type HttpResponse } from "./client.js";

/** Clients that send messages over HTTP, one after the other, and check the lists of the server against what it acknowledged. */
export interface MessagingLoad {
  /**
   * Sends with all clients concurrently. A client stops after `limit` messages, an error status or a lost connection.
   *
   * @param options `padding` is the number of characters added to each message.
   * @returns the statuses other than 200.
   */
  send(options?: { readonly limit?: number; readonly padding?: number }): Promise<readonly number[]>;
  /** Lists every chat and counts the differences from the acknowledged messages. */
  audit(): Promise<void>;
  /** Switches to another server, with the same sessions. */
  moveTo(url: string): void;
  readonly counts: Counts;
}

/** Numbers of messages. All but `acknowledged` must be 0. */
export interface Counts {
  acknowledged: number;
  /** Acknowledged, and not listed, or listed with another id or `seq`. */
  lost: number;
  /** Listed twice. */
  doubled: number;
  /** Listed out of the order of ids, with a gap in `seq`, or not in the order of sending. */
  reordered: number;
  /** Listed, though they were never sent, or were absent from an earlier list after a restart. */
  phantom: number;
}

interface SentMessage {
  readonly sender: number;
  readonly number: number;
  /** The id and `seq`; undefined without a response. */
  acknowledged?: string;
}

interface Sender {
  client: Client;
  readonly username: string;
  sent: number;
}

const listedMessage = z.object({ id: z.number(), seq: z.number(), message: z.string() });
type ListedMessage = z.infer<typeof listedMessage>;

/** The messages that were sent to one chat, by text. */
type Ledger = Map<string, SentMessage>;

/** Registers the clients and creates a group chat of all of them. Each client also writes to itself. */
export async function openLoad(url: string, clients: number): Promise<MessagingLoad> {
  const counts: Counts = { acknowledged: 0, lost: 0, doubled: 0, reordered: 0, phantom: 0 };
  const senders: Sender[] = [];
  for (let n = 0; n < clients; n += 1) {
    const sender = { client: new Client(url), username: `client${n}`, sent: 0 };
    const credentials = { username: sender.username, password: PASSWORD };
    required(await sender.client.post("/v1/auth/register", credentials));
    required(await sender.client.post("/v1/auth/login", credentials));
    senders.push(sender);
  }
  const [first, ...others] = senders;
  if (first === undefined) throw new Error("A load needs at least one client.");
  const made = required(await first.client.post("/v1/group_chat"));
  const chatId = z.object({ chat_id: z.number() }).parse(made).chat_id;
  for (const { username } of others) {
    required(await first.client.post(`/v1/group_chat/${chatId}/participants`, { username }));
  }
  const groupLedger: Ledger = new Map();
  const ownLedgers = senders.map((): Ledger => new Map());

  async function sendAll(sender: Sender, index: number, limit: number, padding: string): Promise<number[]> {
    for (let n = 0; n < limit; n += 1) {
      const toGroup = sender.sent % 2 === 0;
      const text = `${sender.username} ${sender.sent} ${padding}`;
      const entry: SentMessage = { sender: index, number: sender.sent };
      sender.sent += 1;
      const ledger = toGroup ? groupLedger : ownLedgers[index]!;
      ledger.set(text, entry);
      const destination = toGroup ? { group_chat_id: chatId } : { dest_username: sender.username };
      const sending = sender.client.post("/v1/messages", { ...destination, message: text });
      const response = await sending.catch(() => undefined);
      if (response === undefined) return [];
      if (response.status !== 200) {
        // A 503 guarantees that nothing was stored. After any other failure, the message may be listed.
        if (response.status === 503) ledger.delete(text);
        return [response.status];
      }
      entry.acknowledged = identity(listedMessage.parse(response.json));
      counts.acknowledged += 1;
    }
    return [];
  }

  return {
    counts,
    async send({ limit = Number.POSITIVE_INFINITY, padding = 0 } = {}) {
      const sending = senders.map((sender, index) => sendAll(sender, index, limit, "x".repeat(padding)));
      return (await Promise.all(sending)).flat();
    },
    async audit() {
      check(await list(first, `group/${chatId}`), groupLedger, counts);
      for (const [n, sender] of senders.entries()) {
        check(await list(sender, `p2p/${sender.username}`), ownLedgers[n]!, counts);
      }
    },
    moveTo(newUrl) {
      for (const sender of senders) {
        const { cookie } = sender.client;
        sender.client = Object.assign(new Client(newUrl), { cookie });
      }
    },
  };
}

/** The number of messages that violate a guarantee. */
export function faults({ lost, doubled, reordered, phantom }: Counts): number {
  return lost + doubled + reordered + phantom;
}

export function describeCounts({ acknowledged, lost, doubled, reordered, phantom }: Counts): string {
  return (
    `${acknowledged} messages acknowledged, ` +
    `${lost} lost, ${doubled} doubled, ${reordered} reordered, ${phantom} phantom`
  );
}

async function list({ client }: Sender, path: string): Promise<readonly ListedMessage[]> {
  return z.array(listedMessage).parse(required(await client.get(`/v1/group_chat/messages/${path}`)));
}

/** Counts the differences between the list of a chat and its ledger. */
function check(listed: readonly ListedMessage[], ledger: Ledger, counts: Counts): void {
  const seen = new Set<string>();
  const lastOfSender = new Map<number, number>();
  let lastId = 0;
  for (const [index, message] of listed.entries()) {
    const sent = ledger.get(message.message);
    if (seen.has(message.message)) counts.doubled += 1;
    seen.add(message.message);
    if (message.id <= lastId || message.seq !== index + 1) counts.reordered += 1;
    lastId = message.id;
    if (sent === undefined) {
      counts.phantom += 1;
      continue;
    }
    if (sent.number <= (lastOfSender.get(sent.sender) ?? -1)) counts.reordered += 1;
    lastOfSender.set(sent.sender, sent.number);
    if (sent.acknowledged !== undefined && sent.acknowledged !== identity(message)) counts.lost += 1;
    // A listed message must remain, even if it was not acknowledged.
    sent.acknowledged = identity(message);
  }
  for (const [text, sent] of ledger) {
    if (seen.has(text)) continue;
    if (sent.acknowledged === undefined) ledger.delete(text);
    else counts.lost += 1;
  }
}

function identity({ id, seq }: ListedMessage): string {
  return `${id} ${seq}`;
}

function required({ status, text, json }: HttpResponse): unknown {
  if (status !== 200) throw new Error(`The server responded with ${status}: ${text}`);
  return json;
}

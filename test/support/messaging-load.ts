import { z } from "zod";
import { Client, PASSWORD, type HttpAnswer } from "./client.js";

/**
 * Clients that send one message after the other over HTTP, and remember what the server has acknowledged: the ledger
 * against which its lists are held.
 */
export interface MessagingLoad {
  /**
   * Sends with every client at once, each until the server is gone, refuses, or has taken `limit` messages of it, to
   * each of which so many characters are added. Gives the statuses that were no 200.
   */
  send(options?: { readonly limit?: number; readonly padding?: number }): Promise<readonly number[]>;
  /** Lists every chat and holds it against the ledger. */
  audit(): Promise<void>;
  /** Speaks to another server from now on, with the sessions that it has. */
  moveTo(url: string): void;
  readonly counts: Counts;
}

/** Messages. All but the first must be 0. */
export interface Counts {
  acknowledged: number;
  /** Acknowledged, and not listed, or listed with another id, place or text. */
  lost: number;
  /** Listed twice. */
  doubled: number;
  /** Listed out of the order of ids, with a gap in `seq`, or in another order than their sender sent them in. */
  reordered: number;
  /** Listed, though nobody sent them, or though an earlier list, after the server had come back, was without them. */
  phantom: number;
}

interface SentMessage {
  readonly sender: number;
  readonly number: number;
  /** Undefined while the server has not answered. */
  acknowledged?: string;
}

interface Sender {
  client: Client;
  readonly username: string;
  sent: number;
}

const listedMessage = z.object({ id: z.number(), seq: z.number(), message: z.string() });
type ListedMessage = z.infer<typeof listedMessage>;

/** One chat as it should be: what was sent to it, by text. */
type Ledger = Map<string, SentMessage>;

/** Registers the clients and makes their chats: a group of them all, and a p2p chat of each with itself. */
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
  if (first === undefined) throw new Error("A load needs a client.");
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
      const answer = await sending.catch(() => undefined);
      if (answer === undefined) return [];
      if (answer.status !== 200) {
        // It was refused before anything was changed, so that no list may show it. After any other failure it may.
        if (answer.status === 503) ledger.delete(text);
        return [answer.status];
      }
      entry.acknowledged = identity(listedMessage.parse(answer.json));
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
      hold(await list(first, `group/${chatId}`), groupLedger, counts);
      for (const [n, sender] of senders.entries()) {
        hold(await list(sender, `p2p/${sender.username}`), ownLedgers[n]!, counts);
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

/** How many messages the server has wronged. */
export function faults({ lost, doubled, reordered, phantom }: Counts): number {
  return lost + doubled + reordered + phantom;
}

export function inWords({ acknowledged, lost, doubled, reordered, phantom }: Counts): string {
  return (
    `${acknowledged} messages acknowledged, ` +
    `${lost} lost, ${doubled} doubled, ${reordered} reordered, ${phantom} phantom`
  );
}

async function list({ client }: Sender, path: string): Promise<readonly ListedMessage[]> {
  return z.array(listedMessage).parse(required(await client.get(`/v1/group_chat/messages/${path}`)));
}

/** Counts what this list of one chat has wrong. */
function hold(listed: readonly ListedMessage[], ledger: Ledger, counts: Counts): void {
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
    // What was listed once may not vanish, whether it was acknowledged or not.
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

function required({ status, text, json }: HttpAnswer): unknown {
  if (status !== 200) throw new Error(`The server answered ${status}: ${text}`);
  return json;
}

import { connect } from "node:net";
import { openHttpConnection, type HttpConnection } from "./connection.js";
import { percentile } from "./figures.js";
import { MESSAGE, ownChatRequests, requestText } from "./members.js";

/** Members who send to one server, and read their streams from another. */
export interface LatencyConfig {
  readonly sendPort: number;
  readonly streamPort: number;
  readonly cookies: readonly string[];
  /** Of `createOwnChats`. */
  readonly chatIds: readonly number[];
  readonly sendsPerSecond: number;
  readonly milliseconds: number;
}

/** From the response to a send to its event, in milliseconds. Negative if the event was first. */
export interface LatencyResult {
  readonly messages: number;
  readonly p50: number;
  readonly p99: number;
}

/** Replaced by the number of the message, which has the same length. */
const MARK = "m000000";

async function measureLatency(config: LatencyConfig): Promise<LatencyResult> {
  const { sendPort, streamPort, cookies, chatIds, sendsPerSecond, milliseconds } = config;
  const responses = new Map<string, number>();
  const events = new Map<string, number>();
  const onEvent = (mark: string) => events.set(mark, performance.now());
  const streams = await Promise.all(cookies.map((cookie) => openStream(streamPort, cookie, onEvent)));
  const senders = await Promise.all(chatIds.map(() => openHttpConnection(sendPort)));
  const idle = senders.map((connection, index) => ({
    connection,
    request: ownChatRequests(cookies, chatIds, `${MESSAGE.slice(MARK.length)}${MARK}`)[index]!,
  }));
  const sending: Promise<void>[] = [];
  const start = performance.now();

  async function send(mark: string, sender: { connection: HttpConnection; request: string }): Promise<void> {
    const status = await sender.connection.request(sender.request.replace(MARK, mark));
    if (status !== 200) throw new Error(`The server responded with status ${status}.`);
    responses.set(mark, performance.now());
    idle.push(sender);
  }

  while (performance.now() - start < milliseconds) {
    const due = ((performance.now() - start) / 1000) * sendsPerSecond;
    while (sending.length < due && idle.length > 0) {
      sending.push(send(`m${String(sending.length).padStart(6, "0")}`, idle.shift()!));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(sending);
  while (events.size < responses.size) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const each of [...streams, ...senders]) each.close();
  const latencies = [...responses].map(([mark, at]) => events.get(mark)! - at);
  return { messages: latencies.length, p50: percentile(latencies, 50), p99: percentile(latencies, 99) };
}

/** Resolves when the stream is open. */
function openStream(
  port: number,
  cookie: string,
  onEvent: (mark: string) => void,
): Promise<{ close(): void }> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("latin1");
  socket.write(requestText("/v1/events/stream", `Cookie: ${cookie}`));
  return new Promise((resolve, reject) => {
    let rest = "";
    socket.on("error", reject);
    socket.on("data", (text: string) => {
      const parts = (rest + text).split("\n\n");
      rest = parts.pop()!;
      for (const part of parts) {
        const mark = /(m\d{6})"/.exec(part)?.[1];
        if (mark !== undefined) onEvent(mark);
      }
      resolve({ close: () => socket.destroy() });
    });
  });
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

// A separate process. Each message is a measurement, and the reply is the result.
process.on("message", (config: LatencyConfig) => {
  measureLatency(config).then((result) => process.send?.(result), fail);
});

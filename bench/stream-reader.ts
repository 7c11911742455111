import { connect } from "node:net";
import { openHttpConnection, type HttpConnection } from "./connection.js";

/** The streams to read, and the request that sends a message to all of them. */
export interface ReaderConfig {
  readonly port: number;
  /** Servers that the streams are spread over. Default: `port`. */
  readonly streamPorts?: readonly number[];
  readonly streams: StreamProtocol;
  /** A complete HTTP/1.1 request that sends one message to each stream. */
  readonly send: string;
}

/** How to open and read the streams of a server. Texts are bytes in Latin-1. */
export interface StreamProtocol {
  /** Complete HTTP/1.1 requests, each of which opens a stream. */
  readonly requests: readonly string[];
  /** Sent after the first bytes of a response. */
  readonly hello?: string;
  /** Received when a stream is open. */
  readonly opened: string;
  /** Occurs exactly once in each message. */
  readonly message: string;
}

/** A period of sends: at least one message, and a constant number of messages that are not delivered to all streams yet. */
export interface Burst {
  readonly inFlight: number;
  readonly milliseconds: number;
}

export interface BurstResult {
  readonly messages: number;
  /** Until every message was delivered to every stream. */
  readonly seconds: number;
  /** The share of a core that the reader used. Near 1, it limits the result. */
  readonly busy: number;
}

/** A message that was sent, until all streams have received it. */
interface PendingMessage {
  received: number;
  onDelivered: () => void;
}

async function readStreams({ port, streamPorts = [port], streams, send }: ReaderConfig): Promise<void> {
  const pending: PendingMessage[] = [];
  /** The number of messages in earlier bursts. */
  let delivered = 0;
  const receive = (message: number) => {
    const entry = pending[message - delivered];
    if (!entry) throw new Error("A stream received a message that was not sent.");
    entry.received += 1;
    if (entry.received === streams.requests.length) entry.onDelivered();
  };
  for (const [index, request] of streams.requests.entries()) {
    await openStream(streamPorts[index % streamPorts.length]!, request, streams, receive);
  }

  /** Resolves when all streams have received the message. */
  async function deliverOne(sender: HttpConnection): Promise<void> {
    const isDelivered = new Promise<void>((resolve) => pending.push({ received: 0, onDelivered: resolve }));
    const status = await sender.request(send);
    if (status !== 200) throw new Error(`The server responded to a send with status ${status}.`);
    await isDelivered;
  }

  async function runBurst({ inFlight, milliseconds }: Burst): Promise<BurstResult> {
    // The server closes connections that are idle while other targets are measured, so each burst opens its own.
    const senders = await Promise.all(Array.from({ length: inFlight }, () => openHttpConnection(port)));
    const start = performance.now();
    const cpuAtStart = process.cpuUsage();
    const keepSending = async (sender: HttpConnection): Promise<void> => {
      do await deliverOne(sender);
      while (performance.now() - start < milliseconds);
    };
    await Promise.all(senders.map(keepSending));
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpuAtStart);
    for (const sender of senders) sender.close();
    const messages = pending.splice(0).length;
    delivered += messages;
    return { messages, seconds, busy: (user + system) / 1e6 / seconds };
  }

  process.on("message", (burst: Burst) => {
    runBurst(burst).then((result) => process.send?.(result), fail);
  });
  process.send?.("open");
}

/** Shared by all sockets. Only the end of a chunk is kept, because a mark may be split between two chunks. */
const buffer = Buffer.alloc(64 * 1024);

/** Resolves when the stream is open. */
function openStream(
  port: number,
  request: string,
  { hello, opened, message }: StreamProtocol,
  receive: (message: number) => void,
): Promise<void> {
  const mark = Buffer.from(message, "latin1");
  let received = 0;
  let tail = "";
  let isOpen = false;
  return new Promise((resolve) => {
    let head = "";
    const socket = connect({
      port,
      host: "127.0.0.1",
      onread: {
        buffer,
        callback(length) {
          const chunk = buffer.subarray(0, length);
          if (!isOpen) {
            if (head === "" && hello !== undefined) socket.write(hello, "latin1");
            head += chunk.toString("latin1");
            isOpen = head.includes(opened);
            if (isOpen) resolve();
          }
          if ((tail + chunk.toString("latin1", 0, mark.length - 1)).includes(message)) receive(received++);
          for (let at = chunk.indexOf(mark); at >= 0; at = chunk.indexOf(mark, at + mark.length)) {
            receive(received++);
          }
          tail = (tail + chunk.subarray(-mark.length).toString("latin1")).slice(1 - mark.length);
          return true;
        },
      },
    });
    socket.on("close", () => fail(new Error("The server closed a stream.")));
    socket.on("error", fail);
    socket.write(request);
  });
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

// A separate process. The first message is its configuration, and its reply says that all streams are open. Each later message
// is a burst, and the reply is the result.
process.once("message", (config: ReaderConfig) => {
  readStreams(config).catch(fail);
});

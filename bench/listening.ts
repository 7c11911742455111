import { connect } from "node:net";
import { openConnection, type Connection } from "./connection.js";

/** Who listens, and what is sent to them. */
export interface Listening {
  readonly port: number;
  readonly streams: Streams;
  /** A whole HTTP/1.1 request, after which each stream tells of one message. */
  readonly send: string;
}

/** How streams of events are opened and read. Texts are bytes, in Latin-1. */
export interface Streams {
  /** Whole HTTP/1.1 requests, each of which opens one. */
  readonly requests: readonly string[];
  /** What is said once there is an answer. */
  readonly hello?: string;
  /** What has come when one is open. */
  readonly opened: string;
  /** What stands once in each message that one tells. */
  readonly message: string;
}

/** To send for so long, in milliseconds, and once at least: so many messages at a time are not told to everybody yet. */
export interface Sending {
  readonly inFlight: number;
  readonly milliseconds: number;
}

/** What came of it, in the seconds until everybody was told everything. */
export interface Told {
  readonly messages: number;
  readonly seconds: number;
  /** The share of a core that those who listen took: near 1, they are what is measured. */
  readonly busy: number;
}

// A process of its own. Its first message is who listens; it answers when all do. Each one after that is a sending.
process.once("message", (listening: Listening) => {
  listen(listening).catch(fail);
});

async function listen({ port, streams, send }: Listening): Promise<void> {
  /** How many streams have told the message, for each that not all have. */
  const waitingFor: { told: number; allTold: () => void }[] = [];
  let done = 0;
  const tell = (message: number) => {
    const waiting = waitingFor[message - done];
    if (!waiting) throw new Error("A stream told of a message that nobody sent.");
    waiting.told += 1;
    if (waiting.told === streams.requests.length) waiting.allTold();
  };
  for (const request of streams.requests) await openStream(port, request, streams, tell);

  /** Resolves when everybody has been told of it. */
  async function sendOne(sender: Connection): Promise<void> {
    const allTold = new Promise<void>((resolve) => waitingFor.push({ told: 0, allTold: resolve }));
    const status = await sender.ask(send);
    if (status !== 200) throw new Error(`A send was answered with ${status}.`);
    await allTold;
  }

  async function sendFor({ inFlight, milliseconds }: Sending): Promise<Told> {
    // Opened anew: a server closes a connection that nobody used while others were measured.
    const senders = await Promise.all(Array.from({ length: inFlight }, () => openConnection(port)));
    const began = performance.now();
    const cpuBefore = process.cpuUsage();
    const keepSending = async (sender: Connection): Promise<void> => {
      do await sendOne(sender);
      while (performance.now() - began < milliseconds);
    };
    await Promise.all(senders.map(keepSending));
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    for (const sender of senders) sender.end();
    const messages = waitingFor.splice(0).length;
    done += messages;
    return { messages, seconds, busy: (user + system) / 1e6 / seconds };
  }

  process.on("message", (sending: Sending) => {
    sendFor(sending).then((told) => process.send?.(told), fail);
  });
  process.send?.("all listen");
}

/** What all sockets are read into, one after the other: nothing is kept but what a message may begin with. */
const buffer = Buffer.alloc(64 * 1024);

/** Resolves when it is open. */
function openStream(
  port: number,
  request: string,
  { hello, opened, message }: Streams,
  tell: (message: number) => void,
): Promise<void> {
  const marker = Buffer.from(message, "latin1");
  let told = 0;
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
          if ((tail + chunk.toString("latin1", 0, marker.length - 1)).includes(message)) tell(told++);
          for (let at = chunk.indexOf(marker); at >= 0; at = chunk.indexOf(marker, at + marker.length)) {
            tell(told++);
          }
          tail = (tail + chunk.subarray(-marker.length).toString("latin1")).slice(1 - marker.length);
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

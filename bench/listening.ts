import { connect, type Socket } from "node:net";
import { openConnection } from "./connection.js";

/** Who listens, and what is sent to them. */
export interface Listening {
  readonly port: number;
  /** Whole HTTP/1.1 requests, each of which opens a stream of events. */
  readonly streams: readonly string[];
  /** A whole HTTP/1.1 request, after which each stream tells of one message. */
  readonly send: string;
}

/** In milliseconds, from the answer to the send until the last one was told; 0 where that was before the answer. */
export type Told = number;

// A process of its own. Its first message is who listens; it answers when all do. Each one after that asks for a send.
process.once("message", (listening: Listening) => {
  listen(listening).catch(fail);
});

async function listen({ port, streams, send }: Listening): Promise<void> {
  let told = 0;
  let expected = 0;
  let allTold = () => {};
  const count = () => {
    told += 1;
    if (told === expected) allTold();
  };
  const sockets: Socket[] = [];
  for (const request of streams) sockets.push(await openStream(port, request, count));
  const sender = await openConnection(port);
  process.on("message", () => {
    expected += sockets.length;
    const last = new Promise<number>((resolve) => {
      allTold = () => resolve(performance.now());
    });
    sender
      .ask(send)
      .then(async (status) => {
        if (status !== 200) throw new Error(`A send was answered with ${status}.`);
        const answered = performance.now();
        process.send?.(Math.max(0, (await last) - answered) satisfies Told);
      })
      .catch(fail);
  });
  process.send?.("all listen");
}

const MESSAGE = "event: message.created\n";

/** Resolves with the first that comes of it. */
async function openStream(port: number, request: string, onMessage: () => void): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("latin1");
  let received = "";
  socket.on("close", () => fail(new Error("The server closed a stream.")));
  socket.write(request);
  await new Promise((resolve) => {
    socket.on("data", (text: string) => {
      received += text;
      for (let at = received.indexOf(MESSAGE); at >= 0; at = received.indexOf(MESSAGE)) {
        received = received.slice(at + MESSAGE.length);
        onMessage();
      }
      received = received.slice(-MESSAGE.length);
      resolve(undefined);
    });
  });
  return socket;
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

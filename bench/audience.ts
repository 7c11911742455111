import type { Listening, Sending, Streams, Told } from "./listening.js";
import { makeToken, requestText, type Members } from "./members.js";
import { ask, end, launch } from "./processes.js";

export const LISTENERS = 1000;
/** As many as a session may have. */
const STREAMS_A_SESSION = 5;

/** Those who listen to a server, in a process of their own. */
export interface Audience {
  send(sending: Sending): Promise<Told>;
  end(): Promise<void>;
}

/** Resolves when all listen. */
export async function gather(listening: Listening): Promise<Audience> {
  const child = launch("./listening.js");
  await ask(child, listening);
  return {
    send: (sending) => ask<Told>(child, sending),
    end: () => end(child, "SIGKILL"),
  };
}

const serverSentEvents = { opened: "\n\n", message: "event: message.created\n" };

/** A thousand streams of a Palaver, of all members but the last. */
export async function palaverStreams(port: number, { cookies }: Pick<Members, "cookies">): Promise<Streams> {
  const listeners = cookies.slice(0, -1);
  const requests: string[] = [];
  for (let count = 0; requests.length < LISTENERS; count++) {
    const session = await makeToken(port, listeners[count % listeners.length]!);
    requests.push(...Array<string>(STREAMS_A_SESSION).fill(requestText("/v1/events/stream", session)));
  }
  return { ...serverSentEvents, requests: requests.slice(0, LISTENERS) };
}

export const tcpStreams: Streams = {
  ...serverSentEvents,
  requests: Array<string>(LISTENERS).fill(requestText("/", "")),
};

const UPGRADE = [
  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  "\r\n",
].join("\r\n");

export const socketIoStreams: Streams = {
  requests: Array<string>(LISTENERS).fill(UPGRADE),
  // The text frame `40`, masked with zeros: connect to the main namespace.
  hello: "\x81\x82\0\0\0\x0040",
  opened: '40{"sid"',
  message: '["message.created"',
};

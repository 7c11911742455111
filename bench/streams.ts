import { createToken, requestText, type Members } from "./members.js";
import { exchange, launch, stop } from "./processes.js";
import type { Burst, BurstResult, ReaderConfig, StreamProtocol } from "./stream-reader.js";

export const LISTENERS = 1000;
/** The limit of Palaver. */
const MAX_STREAMS_PER_SESSION = 5;

/** A process that reads all streams of a server. */
export interface Listeners {
  send(burst: Burst): Promise<BurstResult>;
  stop(): Promise<void>;
}

/** Resolves when all streams are open. */
export async function startListeners(config: ReaderConfig): Promise<Listeners> {
  const child = launch("./stream-reader.js");
  await exchange(child, config);
  return {
    send: (burst) => exchange<BurstResult>(child, burst),
    stop: () => stop(child, "SIGKILL"),
  };
}

const serverSentEvents = { opened: "\n\n", message: "event: message.created\n" };

/** Returns the streams of all members but the last. */
export async function palaverStreams(
  port: number,
  { cookies }: Pick<Members, "cookies">,
): Promise<StreamProtocol> {
  const listeners = cookies.slice(0, -1);
  const requests: string[] = [];
  for (let count = 0; requests.length < LISTENERS; count++) {
    const authorization = await createToken(port, listeners[count % listeners.length]!);
    const request = requestText("/v1/events/stream", authorization);
    requests.push(...Array<string>(MAX_STREAMS_PER_SESSION).fill(request));
  }
  return { ...serverSentEvents, requests: requests.slice(0, LISTENERS) };
}

export const tcpStreams: StreamProtocol = {
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

export const socketIoStreams: StreamProtocol = {
  requests: Array<string>(LISTENERS).fill(UPGRADE),
  // A text frame `40` with a zero mask: connect to the main namespace.
  hello: "\x81\x82\0\0\0\x0040",
  opened: '40{"sid"',
  message: '["message.created"',
};

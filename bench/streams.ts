import { requestText, type Members } from "./members.js";
import { exchange, launch, stop } from "./processes.js";
import type { Burst, BurstResult, ReaderConfig, StreamProtocol } from "./stream-reader.js";

export const LISTENERS = 1000;
/** The limit of Palaver. */
const MAX_STREAMS_PER_USER = 20;
/** As many as the listeners need, and one who sends. */
export const MEMBERS_OF_LISTENERS = LISTENERS / MAX_STREAMS_PER_USER + 1;

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

/** Returns the streams of all members but the last, who are `MEMBERS_OF_LISTENERS` in all. */
export function palaverStreams({ cookies }: Pick<Members, "cookies">): StreamProtocol {
  const requests = cookies
    .slice(0, -1)
    .map((cookie) => requestText("/v1/events/stream", `Cookie: ${cookie}`))
    .flatMap((request) => Array<string>(MAX_STREAMS_PER_USER).fill(request));
  return { ...serverSentEvents, requests };
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

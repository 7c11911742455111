import { join } from "node:path";
import { compare, measureRounds, type Figure } from "./figures.js";
import { createMembers } from "./members.js";
import { OTHER_CORES, startServer } from "./processes.js";
import type { Settings } from "./settings.js";
import type { BurstResult } from "./stream-reader.js";
import {
  LISTENERS,
  MEMBERS_OF_LISTENERS,
  palaverStreams,
  socketIoStreams,
  startListeners,
  tcpStreams,
  type Listeners,
} from "./streams.js";
import { formatRate, startPeer } from "./targets.js";

/** Measures the rate of deliveries to a thousand listeners of a group chat, against servers that store nothing. */
export async function measureDeliveries(settings: Settings): Promise<readonly Figure[]> {
  const { scratch, rounds, quick, warmUpMs, lapMs } = settings;
  const server = await startServer("palaver", join(scratch, "deliveries"), OTHER_CORES);
  const members = await createMembers(server.port, MEMBERS_OF_LISTENERS);
  const tcp = await startPeer("tcp", join(scratch, "tcp"));
  const socketIo = quick ? undefined : await startPeer("socket-io", join(scratch, "socket-io"));
  const streams = palaverStreams(members);
  const listeners = {
    palaver: await startListeners({ port: server.port, streams, send: members.sends[0]! }),
    tcp: tcp && (await startListeners({ port: tcp.port, streams: tcpStreams, send: tcp.sends[0]! })),
    socketIo:
      socketIo &&
      (await startListeners({ port: socketIo.port, streams: socketIoStreams, send: socketIo.sends[0]! })),
  };
  const figures: Figure[] = [];
  for (const inFlight of [1, 8]) {
    const side = (receivers: Listeners | undefined) =>
      receivers &&
      (async () => {
        await receivers.send({ inFlight, milliseconds: warmUpMs });
        return deliveriesPerSecond(await receivers.send({ inFlight, milliseconds: lapMs }));
      });
    const sides = {
      palaver: side(listeners.palaver),
      tcp: side(listeners.tcp),
      socketIo: side(listeners.socketIo),
    };
    const results = await measureRounds(rounds, sides);
    const against = (name: string, other: "tcp" | "socketIo") =>
      sides[other]
        ? [
            compare(
              `Deliveries a second to ${LISTENERS} listeners, ${inFlight} in flight, against ${name}`,
              results,
              [(round) => round.palaver, (round) => round[other]],
              formatRate,
            ),
          ]
        : [];
    figures.push(...against("a plain TCP write loop", "tcp"), ...against("socket.io", "socketIo"));
  }
  for (const each of Object.values(listeners)) await each?.stop();
  for (const each of [server, tcp, socketIo]) await each?.stop();
  return figures;
}

function deliveriesPerSecond({ messages, seconds }: BurstResult): number {
  return (messages * LISTENERS) / seconds;
}

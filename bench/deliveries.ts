import { join } from "node:path";
import { gather, LISTENERS, palaverStreams, socketIoStreams, tcpStreams, type Audience } from "./audience.js";
import { perSecond, startPeer } from "./contenders.js";
import { inTurn, ratio, type Figure } from "./figures.js";
import type { Told } from "./listening.js";
import { signUp } from "./members.js";
import { OTHER_CORES, startServer } from "./processes.js";
import type { Setting } from "./setting.js";

/** How fast a thousand listeners are told of what is sent to a group, against those who store nothing. */
export async function measureDeliveries(setting: Setting): Promise<readonly Figure[]> {
  const { scratch, rounds, quick } = setting;
  const server = await startServer("palaver", join(scratch, "deliveries"), OTHER_CORES);
  const members = await signUp(server.port);
  const tcp = await startPeer("tcp", join(scratch, "tcp"));
  const socketIo = quick ? undefined : await startPeer("socket-io", join(scratch, "socket-io"));
  const streams = await palaverStreams(server.port, members);
  const audiences = {
    palaver: await gather({ port: server.port, streams, send: members.sends[0]! }),
    tcp: tcp && (await gather({ port: tcp.port, streams: tcpStreams, send: tcp.sends[0]! })),
    socketIo:
      socketIo && (await gather({ port: socketIo.port, streams: socketIoStreams, send: socketIo.sends[0]! })),
  };
  const figures: Figure[] = [];
  for (const inFlight of [1, 8]) {
    const side = (audience: Audience | undefined) =>
      audience &&
      (async () => {
        await audience.send({ inFlight, milliseconds: setting.warmUp });
        return deliveries(await audience.send({ inFlight, milliseconds: setting.lap }));
      });
    const sides = {
      palaver: side(audiences.palaver),
      tcp: side(audiences.tcp),
      socketIo: side(audiences.socketIo),
    };
    const measured = await inTurn(rounds, sides);
    const against = (name: string, other: "tcp" | "socketIo", atLeast?: number) =>
      sides[other]
        ? [
            ratio(
              `Deliveries a second to ${LISTENERS} listeners, ${inFlight} in flight, against ${name}`,
              atLeast === undefined ? undefined : { atLeast },
              measured,
              [(round) => round.palaver, (round) => round[other]],
              perSecond,
            ),
          ]
        : [];
    figures.push(
      ...against("a plain TCP write loop", "tcp", inFlight === 1 ? 0.9 : 3),
      ...against("socket.io", "socketIo"),
    );
  }
  for (const audience of Object.values(audiences)) await audience?.end();
  for (const each of [server, tcp, socketIo]) await each?.end();
  return figures;
}

function deliveries({ messages, seconds }: Told): number {
  return (messages * LISTENERS) / seconds;
}

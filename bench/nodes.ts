import { join } from "node:path";
import { compare, measureRounds, median, type Figure } from "./figures.js";
import type { LatencyConfig, LatencyResult } from "./latency.js";
import { createMembers, createOwnChats, ownChatRequests } from "./members.js";
import { startPostgres } from "./postgres.js";
import { ALL_CORES, exchange, launch, startServer, stop } from "./processes.js";
import type { Settings } from "./settings.js";
import {
  LISTENERS,
  MEMBERS_OF_LISTENERS,
  palaverStreams,
  startListeners,
  type Listeners,
} from "./streams.js";
import {
  formatMs,
  formatRate,
  measureClosedLoop,
  responsesPerSecond,
  startPeer,
  warmUpJit,
} from "./targets.js";

const CLIENTS = 64;
const SENDERS = 16;
const SENDS_PER_SECOND = 500;

/** What the measures of two nodes share. */
interface Nodes {
  readonly port: number;
  readonly otherPort: number;
  readonly cookies: readonly string[];
  readonly chatIds: readonly number[];
}

/**
 * Measures one and two nodes on PostgreSQL, against a server that was written by hand for the same rows. All processes share all
 * cores, since PostgreSQL uses several.
 */
export async function measureNodes(settings: Settings): Promise<readonly Figure[]> {
  const { scratch } = settings;
  const postgres = await startPostgres(scratch);
  const url = await postgres.createDatabase("palaver");
  const start = (name: string) => startServer("palaver", join(scratch, name), ALL_CORES, url);
  const one = await start("node-1");
  const members = await createMembers(one.port, MEMBERS_OF_LISTENERS);
  const cookies = members.cookies.slice(0, SENDERS);
  const chatIds = await createOwnChats(one.port, cookies, CLIENTS);
  // Before the second node starts, whose work is not that of the index.
  const indexFigures = await measureIndex(
    { port: one.port, sends: ownChatRequests(cookies, chatIds) },
    await postgres.createDatabase("unindexed"),
    settings,
  );
  const other = await start("node-2");
  const nodes: Nodes = { port: one.port, otherPort: other.port, cookies, chatIds };
  const startPeerOn = async (kind: string) =>
    startPeer(
      "fastify-postgres",
      { directory: join(scratch, "fastify-postgres"), onCores: ALL_CORES },
      await postgres.createDatabase(kind),
      kind,
    );
  const peers = { pipelined: await startPeerOn("pipelined"), awaited: await startPeerOn("awaited") };
  const figures = [
    ...indexFigures,
    ...(await measureThroughput(nodes, members.sends, peers, settings)),
    ...(await measureLatency(nodes, settings)),
    ...(await measureListeners(nodes, members, settings)),
  ];
  for (const each of [one, other, peers.pipelined, peers.awaited]) await each?.stop();
  await postgres.stop();
  return figures;
}

/** Returns what measures the sends a second of one or more nodes. */
function rate(
  port: number | readonly number[],
  requests: readonly string[],
  settings: Settings,
): () => Promise<number> {
  return async () =>
    responsesPerSecond(await measureClosedLoop({ port }, requests, CLIENTS, { ...settings, poll: false }));
}

/** Measures sends of a node alone, against one on the database at the URL that indexes no texts. */
async function measureIndex(
  { port, sends }: { readonly port: number; readonly sends: readonly string[] },
  url: string,
  settings: Settings,
): Promise<readonly Figure[]> {
  const unindexed = await startServer("no index", join(settings.scratch, "no-index"), ALL_CORES, url);
  const { cookies } = await createMembers(unindexed.port, SENDERS);
  const chatIds = await createOwnChats(unindexed.port, cookies, CLIENTS);
  const unindexedSends = ownChatRequests(cookies, chatIds);
  await warmUpJit({ port }, sends, CLIENTS, false);
  await warmUpJit(unindexed, unindexedSends, CLIENTS, false);
  const results = await measureRounds(settings.rounds, {
    indexed: rate(port, sends, settings),
    unindexed: rate(unindexed.port, unindexedSends, settings),
  });
  await unindexed.stop();
  const name = `Sends a second on PostgreSQL, ${CLIENTS} clients and chats, against Palaver without its search index`;
  return [compare(name, results, [(round) => round.indexed, (round) => round.unindexed], formatRate)];
}

async function measureThroughput(
  { port, otherPort, cookies, chatIds }: Nodes,
  hotSends: readonly string[],
  { pipelined, awaited }: Readonly<Record<"pipelined" | "awaited", Awaited<ReturnType<typeof startPeer>>>>,
  settings: Settings,
): Promise<readonly Figure[]> {
  const sends = ownChatRequests(cookies, chatIds);
  await warmUpJit({ port: [port, otherPort] }, sends, CLIENTS, false);
  for (const peer of [pipelined, awaited])
    if (peer) await warmUpJit(peer, peer.sendsToOwnChats, CLIENTS, false);
  const sides = {
    one: rate(port, sends, settings),
    pipelined: pipelined && rate(pipelined.port, pipelined.sendsToOwnChats, settings),
    two: rate([port, otherPort], sends, settings),
    awaited: awaited && rate(awaited.port, awaited.sendsToOwnChats, settings),
    oneHot: rate(port, hotSends, settings),
    pipelinedHot: pipelined && rate(pipelined.port, pipelined.sends, settings),
    twoHot: rate([port, otherPort], hotSends, settings),
  };
  const results = await measureRounds(settings.rounds, sides);
  const against = (name: string, side: keyof typeof sides, baseline: keyof typeof sides) =>
    sides[baseline]
      ? [compare(name, results, [(round) => round[side], (round) => round[baseline]], formatRate)]
      : [];
  return [
    ...against(
      `Sends a second on PostgreSQL, ${CLIENTS} clients and chats, against Fastify and pg`,
      "one",
      "pipelined",
    ),
    ...against("Against Fastify and pg that waits for each statement", "one", "awaited"),
    ...against("Sends a second to one chat, against Fastify and pg", "oneHot", "pipelinedHot"),
    ...against("Sends a second of two nodes, against one node on the same cores", "two", "one"),
    ...against("The same to one chat", "twoHot", "oneHot"),
  ];
}

async function measureLatency(
  { port, otherPort, cookies, chatIds }: Nodes,
  { rounds, warmUpMs, longLapMs }: Settings,
): Promise<readonly Figure[]> {
  const child = launch("./latency.js");
  const side = (streamPort: number) => async () => {
    const config = { sendPort: port, streamPort, cookies, chatIds, sendsPerSecond: SENDS_PER_SECOND };
    const measure = (milliseconds: number) =>
      exchange<LatencyResult>(child, { ...config, milliseconds } satisfies LatencyConfig);
    await measure(warmUpMs);
    return measure(longLapMs);
  };
  const results = await measureRounds(rounds, { same: side(port), other: side(otherPort) });
  await stop(child, "SIGKILL");
  const figure = (percentile: "p50" | "p99"): Figure => ({
    name: `The ${percentile} from a response to its event at another node, ${SENDS_PER_SECOND} sends a second`,
    rounds: results.map(({ other }) => other[percentile]),
    unit: "ms",
    detail: `at the same node ${formatMs(median(results.map(({ same }) => same[percentile])))}`,
  });
  return [figure("p50"), figure("p99")];
}

async function measureListeners(
  { port, otherPort }: Nodes,
  { cookies, sends }: { readonly cookies: readonly string[]; readonly sends: readonly string[] },
  { rounds, warmUpMs, lapMs }: Settings,
): Promise<readonly Figure[]> {
  const streams = palaverStreams({ cookies });
  const side = (streamPorts: readonly number[]) => async () => {
    const listeners: Listeners = await startListeners({ port, streamPorts, streams, send: sends[0]! });
    await listeners.send({ inFlight: 1, milliseconds: warmUpMs });
    const { messages, seconds } = await listeners.send({ inFlight: 1, milliseconds: lapMs });
    await listeners.stop();
    return (seconds / messages) * 1000;
  };
  const results = await measureRounds(rounds, { one: side([port]), two: side([port, otherPort]) });
  return [
    compare(
      `The time until ${LISTENERS} listeners have an event, spread over two nodes, against one node`,
      results,
      [(round) => round.two, (round) => round.one],
      formatMs,
    ),
  ];
}

import { join } from "node:path";
import { compare, measureRounds, type Figure } from "./figures.js";
import { copyStore, loadStore, type LoadedStore } from "./loaded-store.js";
import { requestText } from "./members.js";
import { OTHER_CORES, startServer } from "./processes.js";
import type { Settings } from "./settings.js";
import { formatRate, measureClosedLoop, responsesPerSecond, startPeer, warmUpJit } from "./targets.js";

const CLIENTS = 16;

/** Measures pages of the latest 50 messages of a long history, against a short history and a constant response. */
export async function measurePages(settings: Settings): Promise<readonly Figure[]> {
  const { scratch, rounds } = settings;
  const long = await serveCopy(await settings.loadedStore(), join(scratch, "long"));
  const shortStore = await loadStore(join(scratch, "short-store"), { inSnapshot: 1000, inLog: 0 });
  const short = await serveCopy(shortStore, join(scratch, "short"));
  const constant = await startPeer("koa", join(scratch, "constant"), "buffer", String(long.pageBytes));
  await warmUpJit(long, long.requests, CLIENTS);
  await warmUpJit(short, short.requests, CLIENTS);
  if (constant) await warmUpJit(constant, long.requests, CLIENTS);
  const side = (target: { readonly port: number }, requests: readonly string[]) => async () =>
    responsesPerSecond(await measureClosedLoop(target, requests, CLIENTS, settings));
  const results = await measureRounds(rounds, {
    long: side(long, long.requests),
    short: side(short, short.requests),
    constant: constant && side(constant, long.requests),
  });
  for (const target of [long, short, constant]) await target?.stop();
  const against = (name: string, other: "short" | "constant") =>
    compare(name, results, [(round) => round.long, (round) => round[other]], formatRate);
  return [
    against("Latest 50 of 1,000,000 messages, against of 1,000", "short"),
    ...(constant
      ? [against(`Latest 50, against a Koa with a ready buffer of ${long.pageBytes} bytes`, "constant")]
      : []),
  ];
}

async function serveCopy(loaded: LoadedStore, directory: string) {
  copyStore(loaded, directory);
  const server = await startServer("palaver", directory, OTHER_CORES);
  const { cookies, chatId } = loaded.members;
  const path = `/v1/messages/group/${chatId}?limit=50`;
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    headers: { Cookie: cookies[0]! },
  });
  if (!response.ok) throw new Error(`${path} responded with status ${response.status}.`);
  return {
    port: server.port,
    requests: cookies.map((cookie) => requestText(path, `Cookie: ${cookie}`)),
    pageBytes: (await response.arrayBuffer()).byteLength,
    stop: () => server.stop(),
  };
}

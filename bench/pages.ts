import { join } from "node:path";
import { closedLoop, compile, perSecond, rate, startPeer } from "./contenders.js";
import { inTurn, ratio, type Figure } from "./figures.js";
import { copyStore, loadStore, type LoadedStore } from "./loaded-store.js";
import { requestText } from "./members.js";
import { OTHER_CORES, startServer } from "./processes.js";
import type { Setting } from "./setting.js";

const CLIENTS = 16;

/** The latest 50 messages of a chat with a long history, against a short one and against no work at all. */
export async function measurePages(setting: Setting): Promise<readonly Figure[]> {
  const { scratch, rounds } = setting;
  const long = await serveCopy(await setting.loaded(), join(scratch, "long"));
  const few = await loadStore(join(scratch, "few"), { inSnapshot: 1000, inLog: 0 });
  const short = await serveCopy(few, join(scratch, "short"));
  const ready = await startPeer("koa", join(scratch, "ready"), "buffer", String(long.pageBytes));
  await compile(long, long.requests, CLIENTS);
  await compile(short, short.requests, CLIENTS);
  if (ready) await compile(ready, long.requests, CLIENTS);
  const side = (contender: { readonly port: number }, requests: readonly string[]) => async () =>
    rate(await closedLoop(contender, requests, CLIENTS, setting));
  const measured = await inTurn(rounds, {
    long: side(long, long.requests),
    short: side(short, short.requests),
    ready: ready && side(ready, long.requests),
  });
  for (const contender of [long, short, ready]) await contender?.end();
  const against = (name: string, other: "short" | "ready", atLeast: number) =>
    ratio(name, { atLeast }, measured, [(round) => round.long, (round) => round[other]], perSecond);
  return [
    against("Latest 50 of 1,000,000 messages, against of 1,000", "short", 0.9),
    ...(ready
      ? [against(`Latest 50, against a Koa with a ready buffer of ${long.pageBytes} bytes`, "ready", 0.35)]
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
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}.`);
  return {
    port: server.port,
    requests: cookies.map((cookie) => requestText(path, `Cookie: ${cookie}`)),
    pageBytes: (await response.arrayBuffer()).byteLength,
    end: () => server.end(),
  };
}

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { compile, milliseconds } from "./contenders.js";
import { inTurn, median, ratio, watchHighest, type Figure, type Watch } from "./figures.js";
import { copyStore, loadStore } from "./loaded-store.js";
import { residentBytes, startLoad, startServer } from "./processes.js";
import type { Setting } from "./setting.js";

const MESSAGES = 100_000;
const SENDS_PER_SECOND = 1000;

/** What it does to memory and to the sends of others when a whole list is read, again and again. */
export async function measureLists(setting: Setting): Promise<readonly Figure[]> {
  const { scratch, rounds, warmUp, longLap } = setting;
  const loaded = await loadStore(join(scratch, "listed"), { inSnapshot: MESSAGES, inLog: 0 });
  const { sends, cookies, chatId } = loaded.members;
  const directory = join(scratch, "lists");
  const read = async () => {
    copyStore(loaded, directory);
    const server = await startServer("palaver", directory);
    await compile(server, sends, 64);
    const load = startLoad({ port: server.port, requests: sends, clients: 64, rate: SENDS_PER_SECOND });
    const idleMemory = watchMemory(server.child);
    const alone = await load.lapAfter(warmUp, longLap);
    const idle = idleMemory.end();
    const memory = watchMemory(server.child);
    const reader = readAgainAndAgain(server.port, `/v1/messages/group/${chatId}`, cookies[0]!);
    const beside = await load.lapAfter(warmUp, longLap);
    await reader.end();
    const reading = memory.end();
    await load.end();
    await server.end();
    rmSync(directory, { recursive: true });
    return { alone: alone.p99, beside: beside.p99, megabytes: (reading - idle) / 1e6 };
  };
  const measured = (await inTurn(rounds, { read })).map((round) => round.read);
  const what = `whole lists of ${MESSAGES.toLocaleString("en")} messages are read`;
  return [
    {
      name: `The memory of the server while ${what}, above that without`,
      goal: { atMost: 40 },
      rounds: measured.map(({ megabytes }) => megabytes),
      unit: "MB",
      detail: `the highest; ${median(measured.map(({ megabytes }) => megabytes)).toFixed(0)} MB`,
    },
    ratio(
      `The p99 of the sends of others while ${what}, against none`,
      { atMost: 3 },
      measured,
      [(round) => round.beside, (round) => round.alone],
      milliseconds,
    ),
  ];
}

/** What is resident of a process at the most, in bytes, as seen every ten milliseconds. */
function watchMemory(child: ChildProcess): Watch {
  return watchHighest(() => residentBytes(child), 10);
}

/** One reader, who asks again once an answer is here whole. `end` waits for the last. */
function readAgainAndAgain(port: number, path: string, cookie: string): { end(): Promise<void> } {
  let ending = false;
  const reading = (async () => {
    while (!ending) {
      const request = get({ host: "127.0.0.1", port, path, headers: { Cookie: cookie } });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      if (response.statusCode !== 200) throw new Error(`A list was answered with ${response.statusCode}.`);
      await once(response.resume(), "end");
    }
  })();
  return {
    async end() {
      ending = true;
      await reading;
    },
  };
}

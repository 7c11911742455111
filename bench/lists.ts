import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { compare, measureRounds, median, monitorPeak, type Figure, type PeakMonitor } from "./figures.js";
import { copyStore, loadStore } from "./loaded-store.js";
import { residentBytes, startLoad, startServer } from "./processes.js";
import type { Settings } from "./settings.js";
import { formatMs, warmUpJit } from "./targets.js";

const MESSAGES = 100_000;
const SENDS_PER_SECOND = 1000;

/** Measures the memory for reading a whole list repeatedly, and how that slows down sends. */
export async function measureLists(settings: Settings): Promise<readonly Figure[]> {
  const { scratch, rounds, warmUpMs, longLapMs } = settings;
  const loaded = await loadStore(join(scratch, "listed"), { inSnapshot: MESSAGES, inLog: 0 });
  const { sends, cookies, chatId } = loaded.members;
  const directory = join(scratch, "lists");
  const read = async () => {
    copyStore(loaded, directory);
    const server = await startServer("palaver", directory);
    await warmUpJit(server, sends, 64);
    const load = startLoad({ port: server.port, requests: sends, clients: 64, rate: SENDS_PER_SECOND });
    const idleMemory = monitorMemory(server.child);
    const alone = await load.lapAfter(warmUpMs, longLapMs);
    const idle = idleMemory.stop();
    const memory = monitorMemory(server.child);
    const reader = readRepeatedly(server.port, `/v1/messages/group/${chatId}`, cookies[0]!);
    const during = await load.lapAfter(warmUpMs, longLapMs);
    await reader.stop();
    const reading = memory.stop();
    await load.stop();
    await server.stop();
    rmSync(directory, { recursive: true });
    return { alone: alone.p99, during: during.p99, megabytes: (reading - idle) / 1e6 };
  };
  const results = (await measureRounds(rounds, { read })).map((round) => round.read);
  const what = `whole lists of ${MESSAGES.toLocaleString("en")} messages are read`;
  return [
    {
      name: `The memory of the server while ${what}, above that without`,
      rounds: results.map(({ megabytes }) => megabytes),
      unit: "MB",
      detail: `the peak; ${median(results.map(({ megabytes }) => megabytes)).toFixed(0)} MB`,
    },
    compare(
      `The p99 of the sends of others while ${what}, against none`,
      results,
      [(round) => round.during, (round) => round.alone],
      formatMs,
    ),
  ];
}

/** Monitors the resident memory of a process in bytes, every 10 ms. */
function monitorMemory(child: ChildProcess): PeakMonitor {
  return monitorPeak(() => residentBytes(child), 10);
}

/** Requests a list again after each complete response. `stop` waits for the last one. */
function readRepeatedly(port: number, path: string, cookie: string): { stop(): Promise<void> } {
  let isStopping = false;
  const reading = (async () => {
    while (!isStopping) {
      const request = get({ host: "127.0.0.1", port, path, headers: { Cookie: cookie } });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      if (response.statusCode !== 200)
        throw new Error(`The server responded to a list with status ${response.statusCode}.`);
      await once(response.resume(), "end");
    }
  })();
  return {
    async stop() {
      isStopping = true;
      await reading;
    },
  };
}

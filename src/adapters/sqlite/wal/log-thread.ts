import { openSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { errorMessage } from "./damage.js";
import { nodeDisk } from "./disk.js";
import { segmentWriter } from "./segment-writer.js";
import type { LogCommand } from "./threads.js";

const directory = workerData as string;
// The end of the thread closes all descriptors that it has opened.
const writer = segmentWriter(nodeDisk(directory, openSync(directory, "r")));

parentPort?.on("message", (command: LogCommand) => {
  let failure: string | undefined;
  if (command === "prepare") failure = failureOf(() => writer.prepare());
  else if ("write" in command) writer.write(command.write);
  else writer.begin(command.begin.after, command.begin.size);
  parentPort?.postMessage(failure);
});

function failureOf(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

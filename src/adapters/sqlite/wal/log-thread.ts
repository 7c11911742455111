import { parentPort, workerData } from "node:worker_threads";
import { nodeDisk } from "./disk.js";
import { segmentWriter } from "./segment-writer.js";
import type { LogCommand } from "./threads.js";

const writer = segmentWriter(nodeDisk(workerData as string));

parentPort?.on("message", (command: LogCommand) => {
  if ("write" in command) writer.write(command.write);
  else writer.begin(command.begin.after, command.begin.size);
  parentPort?.postMessage(undefined);
});

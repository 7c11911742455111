import { parentPort, workerData } from "node:worker_threads";
import { nodeDisk } from "./disk.js";
import { segmentWriter } from "./segment-writer.js";
import type { LogOrder } from "./threads.js";

const writer = segmentWriter(nodeDisk(workerData as string));

parentPort?.on("message", (order: LogOrder) => {
  if ("write" in order) writer.write(order.write);
  else writer.begin(order.begin.after, order.begin.size);
  parentPort?.postMessage(undefined);
});

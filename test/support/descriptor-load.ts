import { closeSync, openSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import { MessagingError } from "../../src/domain/errors.js";
import { openP2p, send } from "../adapters/sqlite/conversation.js";

/*
 * A process that uses up its file descriptors, fills the log until a write is rejected, and then closes them. Prints how
 * many messages were stored meanwhile, and the code of the rejection.
 */
const directory = process.argv[2]!;
const store = await openSqliteStore(directory, {
  segmentBytes: 64 * 1024,
  retryAfter: 10,
  onTrouble: () => {},
});
const chat = await openP2p(store);
// The log opens the next segment as soon as it is made.
while (!readdirSync(directory).includes("spare.palaver")) await sleep(10);
await sleep(200);
const opened: number[] = [];
try {
  for (;;) opened.push(openSync(directory, "r"));
} catch (error) {
  process.stdout.write(`${(error as NodeJS.ErrnoException).code}\n`);
}
/** Sends a message, again while the store is busy. Returns the code of any other rejection. */
async function sendUnlessRejected(text: string): Promise<string | undefined> {
  for (;;) {
    try {
      await send(store, chat, text);
      return undefined;
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      if (error.code !== "busy") return error.code;
      await sleep(1);
    }
  }
}

let stored = 0;
let code: string | undefined;
while (code === undefined && stored < 1000) {
  code = await sendUnlessRejected("x".repeat(1000));
  if (code === undefined) stored += 1;
}
process.stdout.write(`${stored} ${code} ${store.status().fault}\n`);
for (const descriptor of opened) closeSync(descriptor);
while (store.status().fault !== undefined) await sleep(10);
await sendUnlessRejected("again");
await store.close();
process.stdout.write("closed\n");

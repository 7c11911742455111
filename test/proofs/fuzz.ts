/**
 * Sends an API what its document allows and what it does not, and holds every answer against it.
 * Usage: script/fuzz [REQUESTS] [SEED], or with a PATH behind, to see a failure again.
 */
import { readDocument, type Json } from "../support/document.js";
import { fuzz } from "../support/fuzz.js";
import { openTestServer } from "../support/server.js";

const [requests = "1000000", seed = `${Date.now() % 2 ** 31}`, path] = process.argv.slice(2);
if (![Number(requests), Number(seed)].every(Number.isInteger) || Number(requests) < 1) {
  throw new Error("Usage: script/fuzz [REQUESTS] [SEED] [PATH]");
}
const began = Date.now();
const server = await openTestServer();
const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Json;
await server.close();
const fuzzed = await fuzz(readDocument(document), { requests: Number(requests), seed: Number(seed), path });
const answers = Array.from(fuzzed.answers, ([answer, count]) => `${answer}: ${count}`);
console.log(answers.toSorted((one, other) => one.localeCompare(other)).join("\n"));
if (fuzzed.failure !== undefined) console.log(fuzzed.failure);
const seconds = Math.round((Date.now() - began) / 1000);
console.log(
  `${fuzzed.requests} requests in ${seconds} s: ${fuzzed.failure === undefined ? "no" : "an"} answer that the document does not have`,
);
process.exitCode = fuzzed.failure === undefined ? 0 : 1;

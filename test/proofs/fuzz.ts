/**
 * Sends valid and invalid requests to the API and checks every response against its document.
 * Usage: script/fuzz [REQUESTS] [SEED] [PATH]. PATH reproduces a reported failure.
 */
import { readDocument, type Json } from "../support/document.js";
import { fuzz } from "../support/fuzz.js";
import { openTestServer } from "../support/server.js";

const [requests = "1000000", seed = `${Date.now() % 2 ** 31}`, path] = process.argv.slice(2);
if (![Number(requests), Number(seed)].every(Number.isInteger) || Number(requests) < 1) {
  throw new Error("Usage: script/fuzz [REQUESTS] [SEED] [PATH]");
}
const startedAt = Date.now();
const server = await openTestServer();
const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Json;
await server.close();
const result = await fuzz(readDocument(document), { requests: Number(requests), seed: Number(seed), path });
const responses = Array.from(result.responses, ([response, count]) => `${response}: ${count}`);
console.log(responses.toSorted((one, other) => one.localeCompare(other)).join("\n"));
if (result.failure !== undefined) console.log(result.failure);
const seconds = Math.round((Date.now() - startedAt) / 1000);
console.log(
  `${result.requests} requests in ${seconds} s: ${result.failure === undefined ? "no response contradicts" : "a response contradicts"} the document`,
);
process.exitCode = result.failure === undefined ? 0 : 1;

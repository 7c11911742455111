import { expect } from "chai";
import { readDocument, type Json } from "../../support/document.js";
import { fuzz } from "../../support/fuzz.js";
import { openTestServer } from "../../support/server.js";

/** A part of the document, its replacement (undefined removes it), and a seed that finds it quickly; any seed finds it. */
type Mutation = readonly [path: readonly string[], part: unknown, seed: number];

const component = (name: string) => ["components", "schemas", name];
const operation = (method: string, path: string) => ["paths", path, method];
const fields = ["requestBody", "content", "application/json", "schema", "properties"];

/** Mistakes that a document could have. */
const mutations: Readonly<Record<string, Mutation>> = {
  "lacks a field of a response": [[...component("Message"), "properties", "edited_at"], undefined, 1],
  "has another type for a field of a response": [
    [...component("Message"), "properties", "seq"],
    { type: "string" },
    1,
  ],
  "has a field that is not in the response": [
    component("User"),
    { type: "object", properties: { email: { type: "string" } }, required: ["email"] },
    4,
  ],
  "lacks a type of event": [
    [...component("MessageEvent"), "properties", "type"],
    { const: "message.deleted" },
    9,
  ],
  "lacks a status": [
    [...operation("get", "/v1/messages/group/{chat_id}"), "responses", "403"],
    undefined,
    12,
  ],
  "lacks a code": [
    [...operation("get", "/v1/messages/p2p/{username}"), "responses", "400"],
    { $ref: "#/components/responses/BadRequest" },
    7,
  ],
  "lacks a header": [
    [...operation("get", "/v1/messages"), "responses", "200", "headers", "Link"],
    undefined,
    12,
  ],
  "has another media type": [
    [...operation("get", "/v1/events/stream"), "responses", "200", "content"],
    { "application/json": { schema: {} } },
    1,
  ],
  "allows a field that is rejected": [
    [...operation("post", "/v1/group_chat"), ...fields, "name"],
    { type: "string" },
    2,
  ],
  "allows a number where a string is required": [
    [...operation("post", "/v1/group_chat"), ...fields, "title"],
    { type: "integer", minimum: 1, maximum: 9 },
    1,
  ],
  "forbids a value that is accepted": [
    [...operation("post", "/v1/group_chat"), ...fields, "participants"],
    { type: "array", items: { type: "string" }, maxItems: 0 },
    1,
  ],
};

describe("fuzz", function () {
  this.timeout(180_000);
  let document: Json;

  before(async () => {
    const server = await openTestServer();
    document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Json;
    await server.close();
  });

  // script/fuzz sends many more.
  it("finds no response that contradicts the document", async () => {
    const read = readDocument(document);
    const done = read.operations
      .filter(({ signedIn, body }) => signedIn || body)
      .map(({ id }) => `${id} 200`);
    const seen = new Set<string>();
    // A round misses operations that rarely succeed.
    for (let round = 0; round < 10 && !done.every((each) => seen.has(each)); round += 1) {
      const { failure, requests, responses } = await fuzz(read, {
        requests: 2_000,
        seed: 47 + 1_000 * round,
      });
      expect(failure).to.equal(undefined);
      expect(requests).to.be.at.least(2_000);
      for (const each of responses.keys()) seen.add(each);
    }
    expect([...seen]).to.include.members(done);
  });

  // They test the fuzzer, which is the same over each store, and on PostgreSQL the responses to a seed vary.
  const planted = process.env["TEST_STORE"] === "postgres" ? {} : mutations;
  for (const [name, [path, part, seed]] of Object.entries(planted)) {
    it(`finds a document that ${name}`, async () => {
      const wrong = structuredClone(document);
      replace(wrong, path, part);
      const find = async (from: number) =>
        (await fuzz(readDocument(wrong), { requests: 10_000, seed: from, shrink: false })).failure;
      // Another operation changes the requests that a seed gives.
      const failure = (await find(seed)) ?? (await find(seed + 1)) ?? (await find(seed + 2));
      expect(failure).to.be.a("string").and.not.include("Cannot");
    });
  }
});

function replace(whole: Record<string, unknown>, path: readonly string[], part: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length > 0) replace(whole[key] as Record<string, unknown>, rest, part);
  else if (part === undefined) delete whole[key];
  else whole[key] = part;
}

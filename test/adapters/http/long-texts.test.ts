import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import sinon from "sinon";
import { MAX_PASSWORD_UNITS } from "../../../src/domain/user.js";
import { readDocument, type Json } from "../../support/document.js";
import { Client, signedIn } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

const root = join(import.meta.dirname, "../../../..");
const document = readDocument(JSON.parse(readFileSync(join(root, "docs/openapi.json"), "utf8")) as Json);

/** Normalizing this takes quadratic time: each mark of the second kind moves before all of the first. */
const marks = (length: number) => `a${"\u0301".repeat(length / 2)}${"\u0323".repeat(length / 2)}`;

function propertiesOf(schema: Json): Readonly<Record<string, Json>> {
  return (schema["properties"] ?? {}) as Readonly<Record<string, Json>>;
}

/** The string schemas within a schema, each with its path. */
function* stringsIn(schema: Json, path: string): Generator<readonly [path: string, schema: Json]> {
  if (schema["type"] === "string" || (schema["type"] as unknown[] | undefined)?.includes?.("string")) {
    yield [path, schema];
  }
  for (const [name, part] of Object.entries(propertiesOf(schema))) yield* stringsIn(part, `${path}.${name}`);
  for (const choice of ["anyOf", "oneOf", "allOf"]) {
    for (const part of (schema[choice] ?? []) as readonly Json[]) yield* stringsIn(part, path);
  }
  if (schema["items"] !== undefined) yield* stringsIn(schema["items"] as Json, `${path}[]`);
}

describe("a string in a request", () => {
  it("has a maximum length in its schema", () => {
    const strings = document.operations.flatMap(({ id, body, parameters }) => [
      ...(body === undefined ? [] : stringsIn(body.schema, id)),
      ...parameters.flatMap(({ name, schema }) => Array.from(stringsIn(schema, `${id}?${name}`))),
    ]);
    expect(strings).to.have.length.greaterThan(20);
    const unlimited = strings.filter(
      ([, { maxLength, enum: values, const: value, pattern }]) =>
        maxLength === undefined &&
        values === undefined &&
        value === undefined &&
        !/\{\d+,\d+\}\$$/.test(String(pattern)),
    );
    expect(unlimited.map(([path]) => path)).to.deep.equal([]);
  });

  describe("that is longer than any valid one", () => {
    let server: TestServer;
    let ana: Client;

    before(async () => {
      server = await openTestServer();
      ana = await signedIn(server.url);
    });

    afterEach(() => sinon.restore());

    after(() => server.close());

    for (const { id, method, path, body, parameters } of document.operations) {
      const fields = Object.entries(body === undefined ? {} : propertiesOf(body.schema))
        .filter(([name, schema]) => Array.from(stringsIn(schema, name)).length > 0)
        .map(([name]) => name)
        .filter((name) => name !== "group_chat_id");
      const names = parameters.filter((each) => each.in === "path" && each.name.startsWith("user"));
      if (fields.length === 0 && names.length === 0) continue;

      it(`is rejected by ${id} before it is normalized`, async () => {
        const { json } = await ana.post("/v1/group_chat", {});
        const filled = path
          .replace("{chat_id}", String(json["chat_id"]))
          .replace("{id}", "1")
          .replaceAll(/\{user(name)?\}/g, encodeURIComponent(marks(2_000)));
        const bodies = fields.map((name) => ({ ...(body?.example as Json), [name]: marks(30_000) }));
        for (const each of body === undefined ? [undefined] : bodies) {
          const normalize = sinon.spy(String.prototype, "normalize");
          const { status } = await ana.request(method, filled, { body: each });
          const lengths = normalize.thisValues.map((text) => String(text).length);
          normalize.restore();
          expect(Math.max(0, ...lengths)).to.be.at.most(MAX_PASSWORD_UNITS);
          expect(status).to.be.within(400, 499).and.not.equal(413);
        }
      });
    }
  });
});

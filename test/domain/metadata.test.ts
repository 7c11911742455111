import { expect } from "chai";
import fc from "fast-check";
import { MAX_METADATA_BYTES, parseMetadata, type Metadata } from "../../src/domain/metadata.js";
import { errorCode } from "../support/error-code.js";

const codeOf = (value: unknown) => errorCode(() => parseMetadata(value as Metadata));
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe("parseMetadata", () => {
  it("accepts each JSON object of at most 4,096 bytes, unchanged, and rejects larger ones", () => {
    const anyValue = fc.jsonValue({ maxDepth: 5, stringUnit: "binary" });
    const anyObject = fc.dictionary(fc.string({ unit: "binary" }), anyValue, { maxKeys: 9 });
    fc.assert(
      fc.property(anyObject, fc.nat(5_000), (part, length) => {
        const value = { ...part, padding: "é".repeat(length / 2) };
        if (bytesOf(value) > MAX_METADATA_BYTES) expect(codeOf(value)).to.equal("invalid_metadata");
        else expect(JSON.stringify(parseMetadata(value))).to.equal(JSON.stringify(value));
      }),
    );
  });

  it("counts bytes of UTF-8, exactly to the limit", () => {
    for (const [character, bytes] of [
      ["a", 1],
      ["é", 2],
      ["€", 3],
      ["🙂", 4],
    ] as const) {
      const frame = bytesOf({ a: "" });
      const count = Math.floor((MAX_METADATA_BYTES - frame) / bytes);
      const rest = "a".repeat(MAX_METADATA_BYTES - frame - count * bytes);
      expect(codeOf({ a: character.repeat(count) + rest })).to.equal(undefined);
      expect(codeOf({ a: `${character.repeat(count)}${rest}a` })).to.equal("invalid_metadata");
    }
  });

  it("rejects what is not JSON, and values that are nested without end", () => {
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = [cyclic, cyclic];
    const notJson = [undefined, () => 1, Symbol("a"), 1n, Number.NaN, Infinity, new Date(), new Map()];
    for (const value of [...notJson.map((each) => ({ a: [each] })), [], ["a"], cyclic]) {
      expect(codeOf(value)).to.equal("invalid_metadata");
    }
  });

  it("accepts 32 levels of lists and objects, and rejects more, which parsers of clients may reject", () => {
    const lists = (depth: number) => ({ a: JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown });
    const objects = (depth: number) =>
      JSON.parse('{"a":'.repeat(depth) + "{}" + "}".repeat(depth)) as unknown;
    for (const nested of [lists, objects]) {
      expect(codeOf(nested(31))).to.equal(undefined);
      for (const depth of [32, 1_500, 5_000]) expect(codeOf(nested(depth))).to.equal("invalid_metadata");
    }
  });

  it("rejects unpaired surrogates in names and texts, which parsers of clients may reject", () => {
    for (const text of ["\ud800", "a\udc00b"]) {
      for (const value of [{ a: text }, { a: [{ b: text }] }, { [text]: 1 }]) {
        expect(codeOf(value)).to.equal("invalid_metadata");
      }
    }
    expect(codeOf({ "🙂": "🙂\0" })).to.equal(undefined);
  });

  it("returns a copy", () => {
    const given = { list: [1] };
    const parsed = parseMetadata(given);
    given.list.push(2);
    expect(parsed).to.deep.equal({ list: [1] });
  });
});

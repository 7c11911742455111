import { expect } from "chai";
import fc from "fast-check";
import { MAX_METADATA_BYTES, parseMetadata, type Metadata } from "../../src/domain/metadata.js";
import { errorCode } from "../support/error-code.js";

const codeOf = (value: unknown) => errorCode(() => parseMetadata(value as Metadata));
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe("parseMetadata", () => {
  it("accepts each JSON object of at most 4,096 bytes, unchanged, and rejects larger ones", () => {
    const anyObject = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue(), { maxKeys: 9 });
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

  it("accepts the deepest nesting that 4,096 bytes hold, and rejects deeper ones", () => {
    const nested = (depth: number) => ({ a: JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown });
    const deepest = (MAX_METADATA_BYTES - bytesOf({ a: 1 }) + 1) / 2;
    expect(codeOf(nested(Math.floor(deepest)))).to.equal(undefined);
    for (const depth of [Math.floor(deepest) + 1, 60_000]) {
      expect(codeOf(nested(depth))).to.equal("invalid_metadata");
    }
  });

  it("returns a copy", () => {
    const given = { list: [1] };
    const parsed = parseMetadata(given);
    given.list.push(2);
    expect(parsed).to.deep.equal({ list: [1] });
  });
});

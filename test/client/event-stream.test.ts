import { expect } from "chai";
import fc from "fast-check";
import { EventStreamParser, type Block } from "../../src/client/event-stream.js";

/** Parses a text that arrives in pieces of these sizes, followed by the remainder. */
function parse(text: string, sizes: readonly number[] = []): readonly Block[] {
  const bytes = new TextEncoder().encode(text);
  const parser = new EventStreamParser();
  let at = 0;
  return [...sizes, bytes.length].flatMap((size) => parser.push(bytes.subarray(at, (at += size))));
}

/** The events of a stream, each as its type, its data and the last id. */
const events = (text: string) =>
  parse(text).flatMap(({ event, data, id }) => (data === undefined ? [] : [[event, data, id]]));

describe("EventStreamParser", () => {
  const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n\0]/g, "é"));
  const block = fc.record({
    event: fc.option(line, { nil: "" }),
    data: fc.option(fc.array(line, { minLength: 1 }), { nil: undefined }),
    id: fc.option(line, { nil: undefined }),
    retry: fc.option(fc.nat(), { nil: undefined }),
    comment: line,
    newline: fc.constantFrom("\n", "\r", "\r\n"),
  });

  it("parses the same blocks for every newline, and wherever the bytes are split", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 7 }));
    const property = fc.property(fc.array(block), sizes, fc.boolean(), line, (blocks, cuts, hasBom, rest) => {
      let lastId = "";
      const expected = blocks.map(({ event, data, id = lastId, retry }) => {
        lastId = id;
        return { event: event || "message", data: data?.join("\n"), id, retry };
      });
      const written = blocks.map(({ event, data = [], id, retry, comment, newline }) =>
        [
          `:${comment}`,
          ...(event === "" ? [] : [`event: ${event}`]),
          ...data.map((each) => `data: ${each}`),
          ...(id === undefined ? [] : [`id: ${id}`]),
          ...(retry === undefined ? [] : [`retry: ${retry}`]),
          "",
          "",
        ].join(newline),
      );
      // The incomplete block at the end must be discarded.
      const text = `${hasBom ? "\uFEFF" : ""}${written.join("")}id: ${rest}\ndata: ${rest}\n`;
      expect(parse(text, cuts)).to.deep.equal(expected);
    });
    fc.assert(property, { numRuns: 500 });
  });

  for (const [name, text, expected] of [
    ["joins lines of data", "data: YHOO\ndata: +2\ndata: 10\n\n", [["message", "YHOO\n+2\n10", ""]]],
    [
      "returns events with empty data",
      "data\n\ndata\ndata\n\ndata:\n\n",
      [
        ["", ""],
        ["\n", ""],
        ["", ""],
      ].map((each) => ["message", ...each]),
    ],
    ["returns no event for a block without data", "event: a\nid: 1\n\ndata: x\n\n", [["message", "x", "1"]]],
    [
      "strips one leading space from a value",
      "data:x\n\ndata:  x\n\n",
      [
        ["message", "x", ""],
        ["message", " x", ""],
      ],
    ],
    [
      "keeps the last id until an empty id resets it",
      "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
      [
        ["message", "a", "1"],
        ["message", "b", "1"],
        ["message", "c", ""],
      ],
    ],
    ["ignores an id that contains NUL", "id: 1\n\nid: 2\0\ndata: a\n\n", [["message", "a", "1"]]],
    [
      "ignores comments and unknown fields",
      ": a\nfoo: b\n data: c\nDATA: d\ndata: e\n\n",
      [["message", "e", ""]],
    ],
    [
      "strips a byte order mark at the start of the stream only",
      "\uFEFFdata: a\n\n\uFEFFdata: b\n\n",
      [["message", "a", ""]],
    ],
    [
      "resets the type to message after each event",
      "event: x\ndata: a\n\ndata: b\n\n",
      [
        ["x", "a", ""],
        ["message", "b", ""],
      ],
    ],
  ] as const) {
    it(name, () => {
      expect(events(text)).to.deep.equal(expected);
    });
  }

  it("accepts a reconnection time only if it consists of digits", () => {
    expect(parse("retry: 50\n\nretry: 5s\n\nretry:\n\n").map(({ retry }) => retry)).to.deep.equal([
      50,
      undefined,
      undefined,
    ]);
  });
});

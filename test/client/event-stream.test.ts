import { expect } from "chai";
import fc from "fast-check";
import { eventStreamReader, type Block } from "../../src/client/event-stream.js";

/** What a reader makes of a text that comes in pieces of these sizes, and then whole. */
function read(text: string, sizes: readonly number[] = []): readonly Block[] {
  const bytes = new TextEncoder().encode(text);
  const reader = eventStreamReader();
  let at = 0;
  return [...sizes, bytes.length].flatMap((size) => reader(bytes.subarray(at, (at += size))));
}

/** The events of a stream, each as its type, its data and the id that counts after it. */
const events = (text: string) =>
  read(text).flatMap(({ event, data, id }) => (data === undefined ? [] : [[event, data, id]]));

describe("A stream of Server-Sent Events", () => {
  const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n\0]/g, "é"));
  const block = fc.record({
    event: fc.option(line, { nil: "" }),
    data: fc.option(fc.array(line, { minLength: 1 }), { nil: undefined }),
    id: fc.option(line, { nil: undefined }),
    retry: fc.option(fc.nat(), { nil: undefined }),
    comment: line,
    newline: fc.constantFrom("\n", "\r", "\r\n"),
  });

  it("is read alike however it is written and wherever it is cut", () => {
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
      // A block that is not whole is none, whatever it has already.
      const text = `${hasBom ? "\uFEFF" : ""}${written.join("")}id: ${rest}\ndata: ${rest}\n`;
      expect(read(text, cuts)).to.deep.equal(expected);
    });
    fc.assert(property, { numRuns: 500 });
  });

  for (const [name, text, told] of [
    ["joins lines of data", "data: YHOO\ndata: +2\ndata: 10\n\n", [["message", "YHOO\n+2\n10", ""]]],
    [
      "tells empty data",
      "data\n\ndata\ndata\n\ndata:\n\n",
      [
        ["", ""],
        ["\n", ""],
        ["", ""],
      ].map((each) => ["message", ...each]),
    ],
    ["tells nothing where there is no data", "event: a\nid: 1\n\ndata: x\n\n", [["message", "x", "1"]]],
    [
      "takes one space off, and no more",
      "data:x\n\ndata:  x\n\n",
      [
        ["message", "x", ""],
        ["message", " x", ""],
      ],
    ],
    [
      "keeps the last id, until an empty one",
      "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
      [
        ["message", "a", "1"],
        ["message", "b", "1"],
        ["message", "c", ""],
      ],
    ],
    ["takes no id with a NUL in it", "id: 1\n\nid: 2\0\ndata: a\n\n", [["message", "a", "1"]]],
    [
      "passes over comments and what it does not know",
      ": a\nfoo: b\n data: c\nDATA: d\ndata: e\n\n",
      [["message", "e", ""]],
    ],
    [
      "takes off a mark of its order of bytes, once",
      "\uFEFFdata: a\n\n\uFEFFdata: b\n\n",
      [["message", "a", ""]],
    ],
    [
      "begins each event as a message",
      "event: x\ndata: a\n\ndata: b\n\n",
      [
        ["x", "a", ""],
        ["message", "b", ""],
      ],
    ],
  ] as const) {
    it(name, () => {
      expect(events(text)).to.deep.equal(told);
    });
  }

  it("goes by a time to wait that is all digits, and by no other", () => {
    expect(read("retry: 50\n\nretry: 5s\n\nretry:\n\n").map(({ retry }) => retry)).to.deep.equal([
      50,
      undefined,
      undefined,
    ]);
  });
});

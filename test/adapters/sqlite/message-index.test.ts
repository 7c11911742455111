import { expect } from "chai";
import fc from "fast-check";
import { MessageIndex, type IndexedText } from "../../../src/adapters/sqlite/message-index.js";
import type { MessageId } from "../../../src/domain/message.js";
import { matchesQuery, parseSearchQuery } from "../../../src/domain/search.js";

/** Fills a third of a segment. */
const FILLING = Array.from({ length: 2_700 }, (_, index) => `f${index}`).join(" ");

describe("MessageIndex", () => {
  const word = fc.constantFrom("a", "ab", "b", "東京", "🙂");
  const text = fc.record({ words: fc.array(word, { maxLength: 3 }), isLong: fc.boolean() });
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("send" as const), text, gap: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("edit" as const), text, at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), at: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("refresh" as const), length: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("read" as const), length: fc.integer({ min: 1, max: 5 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  );

  it("finds what matches, after any sequence of sends, edits, deletions and reads; and nothing else once all is read", () => {
    fc.assert(
      fc.property(
        fc.array(action, { minLength: 30, maxLength: 60 }),
        fc.nat(60),
        fc.nat(60),
        (actions, after, upTo) => {
          const index = new MessageIndex();
          const texts = new Map<number, string>();
          let lastId = 0;
          const toText = ({
            words,
            isLong,
          }: {
            readonly words: readonly string[];
            readonly isLong: boolean;
          }) => [...words, ...(isLong ? [FILLING] : [])].join(" ");
          const stored = (ids: Iterable<number>): IndexedText[] =>
            Array.from(ids)
              .filter((id) => texts.has(id))
              .toSorted((one, other) => one - other)
              .map((id) => ({ id: id as MessageId, text: texts.get(id)! }));
          const refresh = (length: number) => {
            const ids = index.toRefresh()?.slice(0, length);
            if (ids) index.refresh(ids, stored(ids));
            return ids !== undefined;
          };
          const read = (length: number) => {
            const behind = stored(texts.keys()).filter(({ id }) => id > index.readUpTo);
            if (behind.length > 0) index.add(behind.slice(0, length));
            return behind.length > 0;
          };
          const expectFound = (isExact: boolean) => {
            for (const given of ["a", "ab", "a b", "京", "f1 f2"]) {
              const query = parseSearchQuery(given);
              const end = Math.min(upTo, index.indexedUpTo);
              const found: number[] = [];
              for (let at = end; at > after;) {
                const { ids, reached } = index.find(query, after, at);
                expect(reached).to.be.within(after, at - 1);
                expect(ids.every((id) => id > reached && id <= at)).to.equal(true);
                found.push(...ids);
                at = reached;
              }
              const matching = stored(texts.keys())
                .filter(({ id, text: each }) => id > after && id <= end && matchesQuery(query, each))
                .map(({ id }) => id as number)
                .toReversed();
              expect(found).to.deep.equal(found.toSorted((one, other) => other - one));
              if (isExact) expect(found).to.deep.equal(matching);
              else expect(found).to.include.members(matching);
            }
          };
          for (const each of actions) {
            const ids = [...texts.keys()];
            if (each.do === "send") texts.set((lastId += 1 + each.gap), toText(each.text));
            else if (each.do === "refresh") refresh(each.length);
            else if (each.do === "read") read(each.length);
            else if (each.do === "flush") {
              if (stored(texts.keys()).every(({ id }) => id <= index.readUpTo)) index.flush(lastId);
            } else if (ids.length > 0) {
              const id = ids[each.at % ids.length]!;
              if (each.do === "edit") texts.set(id, toText(each.text));
              else texts.delete(id);
              index.change([id]);
            }
            expectFound(false);
          }
          while (refresh(3) || read(5));
          index.flush(lastId);
          expect(index.indexedUpTo).to.equal(lastId);
          expectFound(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("finds many matches in several calls", () => {
    const index = new MessageIndex();
    const texts = Array.from({ length: 5_000 }, (_, at) => ({ id: (at + 1) as MessageId, text: "word" }));
    index.add(texts);
    index.flush(5_000);
    const found: number[] = [];
    let calls = 0;
    for (let upTo = 5_000; upTo > 0; calls += 1) {
      const { ids, reached } = index.find(parseSearchQuery("w"), 0, upTo);
      expect(ids).to.have.lengthOf.at.most(400);
      found.push(...ids);
      upTo = reached;
    }
    expect(found).to.deep.equal(texts.map(({ id }) => id).toReversed());
    expect(calls).to.be.greaterThan(10);
  });
});

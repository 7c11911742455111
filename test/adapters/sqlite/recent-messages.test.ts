import { expect } from "chai";
import fc from "fast-check";
import { openTails } from "../../../src/adapters/sqlite/recent-messages.js";
import type { ChatId } from "../../../src/domain/chat.js";
import type { Message, MessageId, MessageText } from "../../../src/domain/message.js";
import { ana } from "./conversation.js";

const CHAT = 4 as ChatId;
const END = Number.MAX_SAFE_INTEGER;

/** The message with that `seq`, in a chat between whose messages others have sent. */
function message(seq: number, text = "hello"): Message {
  const times = { sentAt: 1, editedAt: null, deletedAt: null };
  return { chatId: CHAT, id: (seq * 2) as MessageId, seq, sender: ana, text: text as MessageText, ...times };
}

const chat = (length: number) => Array.from({ length }, (_, index) => message(index + 1));

describe("the tails of chats", () => {
  const count = fc.nat({ max: 400 });
  const did = fc.oneof(
    fc.record({ do: fc.constant("send" as const), times: count }),
    fc.record({ do: fc.constant("read" as const), limit: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ do: fc.constant("edit" as const) }),
  );
  const asked = fc.record({ after: fc.nat({ max: 900 }), upTo: fc.nat({ max: 900 }), limit: count });

  it("have what was asked for whole, or say that they do not know, whatever was sent, read and edited", () => {
    fc.assert(
      fc.property(count, fc.array(did, { maxLength: 8 }), fc.array(asked), (before, all, slices) => {
        const stored = chat(before);
        const tails = openTails();
        for (const each of all) {
          if (each.do === "edit") tails.drop(CHAT);
          if (each.do === "read") {
            const found = stored.slice(-each.limit);
            tails.keep(CHAT, found, found.length < each.limit);
          }
          for (let time = 0; each.do === "send" && time < each.times; time += 1) {
            stored.push(message(stored.length + 1));
            tails.lengthen(stored.at(-1)!);
          }
        }
        const ends = [1, 10, 400].map((limit) => ({ after: 0, upTo: END, limit }));
        for (const { after, upTo, limit } of [...slices, ...ends]) {
          const known = tails.newest(CHAT, { after, upTo, limit });
          const within = stored.filter(({ id }) => id > after && id <= upTo);
          if (known) expect(known).to.deep.equal(within.slice(Math.max(0, within.length - limit)));
        }
        expect(tails.last(CHAT) ?? stored.at(-1)).to.equal(stored.at(-1));
      }),
      { numRuns: 300 },
    );
  });

  it("know the newest hundred of a chat that is written to, however long it is", () => {
    const tails = openTails();
    const long = "x".repeat(2_000);
    for (const each of chat(2_000)) {
      tails.lengthen({ ...each, text: long as MessageText });
      const limit = Math.min(each.seq, 100);
      expect(tails.newest(CHAT, { after: 0, upTo: END, limit })).to.have.lengthOf(limit);
    }
    expect(tails.newest(CHAT, { after: 0, upTo: END, limit: 2_000 })).to.equal(undefined);
  });

  it("leave alone what they were given and what they gave", () => {
    const tails = openTails();
    const given = chat(3);
    tails.keep(CHAT, given, true);
    const gave = tails.newest(CHAT, { after: 0, upTo: END, limit: 3 });
    tails.lengthen(message(4));
    expect(given).to.have.lengthOf(3);
    expect(gave).to.have.lengthOf(3);
  });

  it("hold so much and no more: who was asked for longest ago goes first", () => {
    const tails = openTails();
    const long = "x".repeat(10_000);
    const chats = Array.from({ length: 1_000 }, (_, index) => (index + 1) as ChatId);
    for (const chatId of chats) tails.lengthen({ ...message(1, long), chatId });
    expect(chats.filter((id) => tails.last(id)).length).to.be.within(300, 400);
    expect(tails.last(chats.at(-1)!)?.chatId).to.equal(1_000);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { RecentMessages } from "../../../src/adapters/sqlite/recent-messages.js";
import type { ChatId } from "../../../src/domain/chat.js";
import type { Message, MessageId, MessageText } from "../../../src/domain/message.js";
import { ana } from "./conversation.js";
import { PLAIN } from "../../contract/fixtures.js";

const CHAT = 4 as ChatId;
const END = Number.MAX_SAFE_INTEGER;

/** The message with that `seq`, in a chat whose ids have gaps. */
function message(seq: number, text = "hello"): Message {
  const others = { ...PLAIN, sentAt: 1, editedAt: null, deletedAt: null, reactions: [] };
  return { chatId: CHAT, id: (seq * 2) as MessageId, seq, sender: ana, text: text as MessageText, ...others };
}

const chat = (length: number) => Array.from({ length }, (_, index) => message(index + 1));

describe("RecentMessages", () => {
  const count = fc.nat({ max: 400 });
  const action = fc.oneof(
    fc.record({ do: fc.constant("append" as const), times: count }),
    fc.record({ do: fc.constant("set" as const), limit: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ do: fc.constant("delete" as const) }),
  );
  const slice = fc.record({ after: fc.nat({ max: 900 }), upTo: fc.nat({ max: 900 }), limit: count });

  it("returns a slice whole or undefined, after any sequence of append, set and delete", () => {
    fc.assert(
      fc.property(count, fc.array(action, { maxLength: 8 }), fc.array(slice), (before, actions, slices) => {
        const stored = chat(before);
        const recent = new RecentMessages();
        for (const each of actions) {
          if (each.do === "delete") recent.delete(CHAT);
          if (each.do === "set") {
            const found = stored.slice(-each.limit);
            recent.set(CHAT, found, found.length < each.limit);
          }
          for (let time = 0; each.do === "append" && time < each.times; time += 1) {
            stored.push(message(stored.length + 1));
            recent.append(stored.at(-1)!);
          }
        }
        const ends = [1, 10, 400].map((limit) => ({ after: 0, upTo: END, limit }));
        for (const { after, upTo, limit } of [...slices, ...ends]) {
          const cached = recent.newest(CHAT, { after, upTo, limit });
          const within = stored.filter(({ id }) => id > after && id <= upTo);
          if (cached) expect(cached).to.deep.equal(within.slice(Math.max(0, within.length - limit)));
        }
        expect(recent.last(CHAT) ?? stored.at(-1)).to.equal(stored.at(-1));
      }),
      { numRuns: 300 },
    );
  });

  it("holds the newest hundred messages of a chat, but not a long history", () => {
    const recent = new RecentMessages();
    const long = "x".repeat(2_000);
    for (const each of chat(2_000)) {
      recent.append({ ...each, text: long as MessageText });
      const limit = Math.min(each.seq, 100);
      expect(recent.newest(CHAT, { after: 0, upTo: END, limit })).to.have.lengthOf(limit);
    }
    expect(recent.newest(CHAT, { after: 0, upTo: END, limit: 2_000 })).to.equal(undefined);
  });

  it("changes neither the lists that it is given nor those that it has returned", () => {
    const recent = new RecentMessages();
    const given = chat(3);
    recent.set(CHAT, given, true);
    const returned = recent.newest(CHAT, { after: 0, upTo: END, limit: 3 });
    recent.append(message(4));
    expect(given).to.have.lengthOf(3);
    expect(returned).to.have.lengthOf(3);
  });

  it("evicts the least recently used chats when the texts exceed its capacity", () => {
    const recent = new RecentMessages();
    const long = "x".repeat(10_000);
    const chats = Array.from({ length: 1_000 }, (_, index) => (index + 1) as ChatId);
    for (const chatId of chats) recent.append({ ...message(1, long), chatId });
    expect(chats.filter((id) => recent.last(id)).length).to.be.within(300, 400);
    expect(recent.last(chats.at(-1)!)?.chatId).to.equal(1_000);
  });
});

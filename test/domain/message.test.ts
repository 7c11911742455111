import { expect } from "chai";
import { parseTitle, type ChatId } from "../../src/domain/chat.js";
import {
  edit,
  parseIdempotencyKey,
  parseMessageText,
  assertSender,
  tombstone,
  type Message,
  type MessageId,
} from "../../src/domain/message.js";
import type { UserId } from "../../src/domain/user.js";
import { refusal } from "../support/refusal.js";

for (const [noun, parse, longest, code] of [
  ["message", parseMessageText, 10_000, "invalid_message"],
  ["title", parseTitle, 100, "invalid_title"],
] as const) {
  describe(`the text of a ${noun}`, () => {
    for (const [meaning, text] of [
      ["one character", "a"],
      ["as long as it gets", "a".repeat(longest)],
      ["as long as it gets in characters that are pairs of surrogates", "🙂".repeat(longest)],
      ["white space with something in it", " \n\t a \r\n"],
      ["not in any normal form", "e\u0301\u00e9 ﬁ Å\u212b"],
      ["full of quotes", `'"\`\\ ''; -- <b>&amp;</b> %00 \\u0000`],
      ["full of controls that are not NUL", "\u0001\u0008\u001f\u007f\u202e\u200b\ufeff"],
      ["of emoji", "👩‍👩‍👧‍👦🏳️‍🌈"],
    ] as const) {
      it(`is kept to the letter where it is ${meaning}`, () => {
        expect(parse(text)).to.equal(text);
      });
    }

    for (const [fault, text] of [
      ["empty", ""],
      ["nothing but white space", " \t\r\n\u00a0\u2003\u3000\u2028"],
      ["nothing that could be seen", " \u200b\u2060\n\u3164\ufe0f"],
      ["one character too long", "a".repeat(longest + 1)],
      ["one character too long in characters that are pairs of surrogates", "🙂".repeat(longest + 1)],
      ["far too long", "a".repeat(5_000_000)],
      ["with a NUL in it", "a\0b"],
      ["with the first half of a pair alone in it", "a\ud83db"],
      ["with the second half of a pair alone in it", "\ude42"],
      ["with a pair the wrong way round in it", "\ude42\ud83d"],
    ] as const) {
      it(`is refused where it is ${fault}`, () => {
        expect(refusal(() => parse(text))).to.equal(code);
      });
    }
  });
}

describe("an idempotency key", () => {
  it("is any 1 to 64 visible ASCII characters", () => {
    const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("");
    for (const key of ["a", "0", visible.slice(0, 64), visible.slice(30)]) {
      expect(parseIdempotencyKey(key)).to.equal(key);
    }
  });

  it("is refused where it is empty, too long, or holds anything else", () => {
    for (const key of ["", "k".repeat(65), " ", "a b", "a\n", "\0", "\u007f", "é", "🙂"]) {
      expect(
        refusal(() => parseIdempotencyKey(key)),
        key,
      ).to.equal("invalid_idempotency_key");
    }
  });
});

describe("a message that was sent", () => {
  const ana = { id: "ana" as UserId, username: "ana" };
  const sent: Message = {
    id: 5 as MessageId,
    chatId: 1 as ChatId,
    seq: 2,
    sender: ana,
    text: parseMessageText("hello"),
    sentAt: 1,
    editedAt: null,
    deletedAt: null,
  };

  it("is its sender's while they are a participant of its chat, and nobody else's", () => {
    expect(assertSender(sent, ana.id, true)).to.equal(sent);
    for (const attempt of [
      () => assertSender(sent, ana.id, false),
      () => assertSender(sent, "bo" as UserId, true),
      () => assertSender(undefined, ana.id, true),
    ]) {
      expect(refusal(attempt)).to.equal("not_your_message");
    }
  });

  it("is the very same where it is edited to the text that it has", () => {
    expect(edit(sent, sent.text, 9)).to.equal(sent);
  });

  it("keeps everything but its text, and when that was changed", () => {
    const text = parseMessageText("edited");
    expect(edit(sent, text, 9)).to.deep.equal({ ...sent, text, editedAt: 9 });
  });

  it("is a tombstone without its text once it is deleted, and stays that", () => {
    const deleted = tombstone(sent, 9);
    expect(deleted).to.deep.equal({ ...sent, text: "", deletedAt: 9 });
    expect(tombstone(deleted, 10)).to.equal(deleted);
    expect(refusal(() => edit(deleted, sent.text, 10))).to.equal("message_deleted");
  });
});

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
import { errorCode } from "../support/error-code.js";

for (const [parse, maxLength, code] of [
  [parseMessageText, 10_000, "invalid_message"],
  [parseTitle, 100, "invalid_title"],
] as const) {
  describe(parse.name, () => {
    for (const [meaning, text] of [
      ["one character", "a"],
      ["the maximum length", "a".repeat(maxLength)],
      ["the maximum length in surrogate pairs", "🙂".repeat(maxLength)],
      ["white space around a visible character", " \n\t a \r\n"],
      ["a text in no Unicode normal form", "e\u0301\u00e9 ﬁ Å\u212b"],
      ["quotes", `'"\`\\ ''; -- <b>&amp;</b> %00 \\u0000`],
      ["control characters other than NUL", "\u0001\u0008\u001f\u007f\u202e\u200b\ufeff"],
      ["emoji", "👩‍👩‍👧‍👦🏳️‍🌈"],
    ] as const) {
      it(`accepts ${meaning} unchanged`, () => {
        expect(parse(text)).to.equal(text);
      });
    }

    for (const [fault, text] of [
      ["the empty text", ""],
      ["only white space", " \t\r\n\u00a0\u2003\u3000\u2028"],
      ["only invisible characters", " \u200b\u2060\n\u3164\ufe0f"],
      ["one character too many", "a".repeat(maxLength + 1)],
      ["one character too many in surrogate pairs", "🙂".repeat(maxLength + 1)],
      ["a text that is far too long", "a".repeat(5_000_000)],
      ["a NUL", "a\0b"],
      ["an unpaired high surrogate", "a\ud83db"],
      ["an unpaired low surrogate", "\ude42"],
      ["a reversed surrogate pair", "\ude42\ud83d"],
    ] as const) {
      it(`rejects ${fault}`, () => {
        expect(errorCode(() => parse(text))).to.equal(code);
      });
    }
  });
}

describe("parseIdempotencyKey", () => {
  it("accepts 1 to 64 visible ASCII characters", () => {
    const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("");
    for (const key of ["a", "0", visible.slice(0, 64), visible.slice(30)]) {
      expect(parseIdempotencyKey(key)).to.equal(key);
    }
  });

  it("rejects an empty key, a longer one and any other character", () => {
    for (const key of ["", "k".repeat(65), " ", "a b", "a\n", "\0", "\u007f", "é", "🙂"]) {
      expect(
        errorCode(() => parseIdempotencyKey(key)),
        key,
      ).to.equal("invalid_idempotency_key");
    }
  });
});

describe("a stored message", () => {
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

  it("passes assertSender only for its sender while they are a participant", () => {
    expect(assertSender(sent, ana.id, true)).to.equal(sent);
    for (const attempt of [
      () => assertSender(sent, ana.id, false),
      () => assertSender(sent, "bo" as UserId, true),
      () => assertSender(undefined, ana.id, true),
    ]) {
      expect(errorCode(attempt)).to.equal("not_your_message");
    }
  });

  it("is returned as the same object by edit with an equal text", () => {
    expect(edit(sent, sent.text, 9)).to.equal(sent);
  });

  it("changes only text and editedAt by edit", () => {
    const text = parseMessageText("edited");
    expect(edit(sent, text, 9)).to.deep.equal({ ...sent, text, editedAt: 9 });
  });

  it("becomes a tombstone without text that can be neither edited nor changed by another deletion", () => {
    const deleted = tombstone(sent, 9);
    expect(deleted).to.deep.equal({ ...sent, text: "", deletedAt: 9 });
    expect(tombstone(deleted, 10)).to.equal(deleted);
    expect(errorCode(() => edit(deleted, sent.text, 10))).to.equal("message_deleted");
  });
});

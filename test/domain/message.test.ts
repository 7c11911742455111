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
import { newToken, type SessionId } from "../../src/domain/session.js";
import { errorCode } from "../support/error-code.js";

const USER = { id: "ana" as UserId, username: "ana", createdAt: 0 };

for (const [parse, maxLength, code] of [
  [parseMessageText, 10_000, "invalid_message"],
  [parseTitle, 100, "invalid_title"],
] as const) {
  describe(parse.name, () => {
    for (const [meaning, text] of [
      ["one character", "a"],
      ["the maximum length", "a".repeat(maxLength)],
      ["the maximum length in surrogate pairs", "🙂".repeat(maxLength)],
      ["white space around a visible character", " \u3000 a "],
      ["a text in no Unicode normal form", "e\u0301\u00e9 ﬁ Å\u212b"],
      ["quotes", `'"\`\\ ''; -- <b>&amp;</b> %00 \\u0000`],
      ["invisible characters around a visible one", "\ufeffa\u200b\u200f\u061c\u00ad"],
      ["right-to-left text with a direction mark", "\u05e9\u05dc\u05d5\u05dd!\u200f"],
      ["a combining mark alone", "\u0301"],
      ["a character of a later version of Unicode", "\u{1fae9}"],
      ["emoji", "👩‍👩‍👧‍👦🏳️‍🌈"],
    ] as const) {
      it(`accepts ${meaning} unchanged`, () => {
        expect(parse(text)).to.equal(text);
      });
    }

    for (const [fault, text] of [
      ["the empty text", ""],
      ["only white space", " \t\r\n\u00a0\u2003\u3000\u2028"],
      ["only invisible characters", " \u200b\u2060\u3164\ufe0f\u{e0041}"],
      ["only blanks that are letters, marks or symbols", "\u2800\u115f\uffa0\u{13441}\u{16fe4}\u{1d159}"],
      ["only an annotation control or a noncharacter", "\ufff9\uffff"],
      ["one character too many", "a".repeat(maxLength + 1)],
      ["one character too many in surrogate pairs", "🙂".repeat(maxLength + 1)],
      ["a text that is far too long", "a".repeat(5_000_000)],
      ["a NUL", "a\0b"],
      ["a bell", "a\u0007b"],
      ["only control characters", "\u0007\u0002"],
      ["an escape sequence", "a\u001b[2J"],
      ["a C1 control character", "a\u009b2J"],
      ["a delete character", "a\u007f"],
      ["a carriage return without a line feed", "a\rb"],
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

describe("parseMessageText", () => {
  it("accepts tabs, line breaks and bidirectional controls unchanged", () => {
    for (const text of ["a\tb\nc\r\nd\r\n", "\r\na", "a\u2028b\u2029c", "\u2067\u05d0\u2069 \u202ea\u202c"]) {
      expect(parseMessageText(text)).to.equal(text);
    }
  });

  it("rejects every character that is invisible alone, and no other", () => {
    const strays = [];
    // Marks at the start of an Arabic, Syriac or Kaithi number are format characters by their class, but visible.
    const visible = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;
    const invisible = /[\p{Z}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;
    const blanks = /[\u2800\u{13440}-\u{13442}\u{16fe4}\u{1d159}]/u;
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const text = String.fromCodePoint(code);
      const expected = !visible.test(text) && (invisible.test(text) || blanks.test(text));
      if ((errorCode(() => parseMessageText(text)) !== undefined) !== expected)
        strays.push(code.toString(16));
    }
    expect(strays).to.deep.equal([]);
  });
});

for (const [subject, code, parse] of [
  ["parseTitle", "invalid_title", parseTitle],
  ["newToken", "invalid_token_name", (name: string) => newToken("1" as SessionId, USER, name, 0)],
] as const) {
  describe(`${subject}, for a line`, () => {
    for (const [fault, ...lines] of [
      ["a line break or separator", "a\nb", "a\r\nb", "a\u2028b", "a\u2029b", "a\u0085b", "a\u000bb", "a\n"],
      ["a tab", "a\tb"],
      ["bidirectional embeddings and overrides", "a\u202ab", "a\u202bb\u202c", "a\u202db", "a\u202eb"],
      ["bidirectional isolates", "a\u2066b", "a\u2067b\u2069", "a\u2068b"],
    ] as const) {
      it(`rejects ${fault}`, () => {
        for (const line of lines) {
          expect(
            errorCode(() => parse(line)),
            JSON.stringify(line),
          ).to.equal(code);
        }
      });
    }

    it("accepts the direction marks, joiners and a byte order mark", () => {
      for (const line of ["\u05d0!\u200f", "a\u200eb\u061c", "\u{1f469}\u200d\u{1f680}", "\ufeffa"]) {
        expect(errorCode(() => parse(line))).to.equal(undefined);
      }
    });
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
    replyTo: 3 as MessageId,
    mentions: ["bo" as UserId],
    metadata: { a: 1 },
    sentAt: 1,
    editedAt: null,
    deletedAt: null,
    reactions: [],
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

  it("is returned as the same object by an edit in which nothing changes", () => {
    for (const change of [{}, { text: sent.text }, { mentions: ["bo" as UserId], metadata: { a: 1 } }]) {
      expect(edit(sent, change, 9)).to.equal(sent);
    }
  });

  it("changes only the given fields and editedAt by edit", () => {
    for (const change of [
      { text: parseMessageText("edited") },
      { mentions: ["ana" as UserId, "bo" as UserId] },
      { mentions: [] },
      { metadata: { a: 2 } },
      { metadata: null },
      { text: parseMessageText("edited"), mentions: [], metadata: null },
    ]) {
      expect(edit(sent, change, 9)).to.deep.equal({ ...sent, ...change, editedAt: 9 });
    }
  });

  it("becomes a tombstone without text, mentions and metadata that can be neither edited nor changed by another deletion", () => {
    const deleted = tombstone(sent, 9);
    expect(deleted).to.deep.equal({ ...sent, text: "", mentions: [], metadata: null, deletedAt: 9 });
    expect(tombstone(deleted, 10)).to.equal(deleted);
    expect(errorCode(() => edit(deleted, { text: sent.text }, 10))).to.equal("message_deleted");
  });
});

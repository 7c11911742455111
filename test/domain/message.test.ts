import { expect } from "chai";
import { parseTitle } from "../../src/domain/chat.js";
import { parseMessageText } from "../../src/domain/message.js";
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

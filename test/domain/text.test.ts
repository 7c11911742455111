import { expect } from "chai";
import { MAX_UNITS_PER_CHARACTER } from "../../src/domain/text.js";

describe("MAX_UNITS_PER_CHARACTER", () => {
  for (const [composed, decomposed] of [
    ["NFC", "NFD"],
    ["NFKC", "NFKD"],
  ] as const) {
    it(`is enough for every text whose ${composed} is one character`, () => {
      // The planes after the second have no character with another form.
      const characters = Array.from({ length: 0x3_0000 }, (_, code) => String.fromCodePoint(code));
      /** The code units of the longest character by its decomposed form. */
      const longest = new Map<string, number>();
      for (const character of characters) {
        const form = character.normalize(decomposed);
        longest.set(form, Math.max(longest.get(form) ?? 0, character.length));
      }
      const lengths = characters
        .filter((character) => character.normalize(composed) === character)
        .map((character) =>
          Array.from(character.normalize(decomposed)).reduce((sum, part) => sum + longest.get(part)!, 0),
        );
      expect(lengths.reduce((most, length) => Math.max(most, length))).to.be.within(
        4,
        MAX_UNITS_PER_CHARACTER,
      );
    });
  }
});

import { expect } from "chai";
import fc from "fast-check";
import { assertNotReserved, parsePassword, parseUsername, usernameKey } from "../../src/domain/user.js";
import { errorCode } from "../support/error-code.js";

const anyText = fc.string({ unit: "binary", maxLength: 12 });

/** Texts of code points with irregular case and compatibility mappings. */
const oddText = fc.string({
  unit: fc.constantFrom(
    ...Array.from("ßẞİiıΣσςΌόǰŉﬁﬀᾳᾼΐΰ\u0345\u0301\u0308\u0307ſKΩᴮᵃａＡʼ.-_ΑΩ\u1e9e\u2126\u13a0\uab70"),
  ),
  maxLength: 8,
});

const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Cs}\p{Z}]$/u;
const UNASSIGNED = /^[\p{Cn}\p{Co}\p{Cs}]$/u;

function* everyCodePoint(): Generator<string> {
  for (let code = 0; code <= 0x10ffff; code += 1) yield String.fromCodePoint(code);
}

/** All assigned code points. */
const everyCharacter = Array.from(everyCodePoint()).filter((point) => !UNASSIGNED.test(point));

function accepts(username: string): boolean {
  return errorCode(() => parseUsername(username)) === undefined;
}

describe("a username", () => {
  for (const [meaning, ...forms] of [
    ["case", "Ana", "ANA", "ana", "aNa"],
    ["compatibility form", "Ana", "Ａｎａ", "𝐀𝐧𝐚", "ᵃⁿᵃ"],
    ["combined accents", "\u00c9va", "E\u0301va", "e\u0301VA"],
    ["Greek sigmas", "ΟΔΟΣ", "οδος", "οδοσ", "Οδοσ"],
    ["superscript capitals", "ᴮᴵᴳᴮᴵᴿᴰ", "BIGBIRD", "bigbird", "ᴮᴵᴳbird"],
    ["sharp s", "STRASSE", "straße", "STRAẞE", "strasse"],
    ["long s", "ſam", "sam", "SAM"],
    ["ligatures", "ﬁn", "fin", "FIN"],
    ["Kelvin and Ångström", "Kelvin\u212b", "\u212aelvinå"],
    ["an i without a dot, whose capital has none either", "Ivan", "IVAN", "ıvan"],
    ["numbers of one sign", "Louis.VIII", "louis.Ⅷ"],
    ["Cherokee", "ᎠᎡ", "ꭰꭱ"],
  ] as const) {
    it(`has the same key in equivalent forms: ${meaning}`, () => {
      expect(new Set(forms.map((form) => parseUsername(form)))).to.have.property("size", 1);
    });
  }

  it("has another key if a letter only looks alike", () => {
    const names = ["ana", "аӊа", "ανα", "anna", "ána", "an", "ana1", "a.na", "a-na", "a_na", "ivan", "İvan"];
    expect(new Set(names.map((name) => parseUsername(name)))).to.have.property("size", names.length);
  });

  for (const username of [
    "a",
    "7",
    "ab",
    "ana.b_c-d",
    "a..b",
    "Zoë",
    "Ольга",
    "李小龍",
    "ひろし",
    "محمد",
    "नमस्ते",
    "ประเสริฐ",
    "한국",
    "٣٤",
    "𝔘𝔫𝔦",
    "Tokyo東京とうきょうトーキョー",
    "K팝漢字",
    "ㄅ半B",
    "Ольга_7",
    "ана",
    "ᎠᎡ",
    "a\u0301",
    "Nguyễn",
    "a\u0301\u0323\u0308\u0327",
    "𐐀𐐁",
    "a".repeat(32),
    "ａ".repeat(32),
    "𐐀".repeat(32),
    "e\u0301".repeat(32),
    "a.".repeat(15) + "aa",
  ]) {
    it(`is valid: ${username}`, () => {
      expect(parseUsername(username)).to.equal(usernameKey(username));
    });
  }

  for (const [fault, ...usernames] of [
    ["no characters", ""],
    [
      "too many characters",
      "a".repeat(33),
      "𐐀".repeat(33),
      "ﬃ".repeat(11),
      "a".repeat(100_000),
      "e\u0301".repeat(33),
    ],
    ["a leading sign", ".ana", "_ana", "-ana", ".", "-.-", "\u2024ana"],
    ["a trailing sign", "ana.", "ana_", "ana-", "ana\uff0e"],
    ["other signs", "a@b", "a/b", "a+b", "a'b", "a,b", "$a", "a%b", "a:b", "a#", "1½", "a´"],
    ["a leading mark", "\u0301", "\u0301a", "\u0301a\u0301", "\u093eक", "\u0e31ก"],
    [
      "the same mark twice in a row",
      "a" + "\u0301".repeat(31),
      "a\u0301\u0301",
      "\u00e1\u0301",
      "a\u0323\u0301\u0301",
      "a\u0301\u0323\u0301",
      "ณํํ",
      "İ\u0307",
    ],
    ["five marks in a row", "a\u0301\u0323\u0308\u0327\u0330", "\u1e69\u0301\u0327\u0330"],
    ["emoji", "a🙂b", "👍", "a❤b", "1\u20e3\ufe0f"],
    [
      "white space",
      " ana",
      "ana ",
      "a na",
      "a\tb",
      "a\nb",
      "ana\n",
      "a\u00a0b",
      "a\u3000b",
      "a\u2028b",
      "\u1680a",
    ],
    ["control characters", "a\0b", "a\u0007b", "\u007fa", "a\u0085b"],
    ["zero-width characters", "a\u200bb", "a\u200cb", "a\u200db", "a\u2060b", "\ufeffana", "ana\u200b"],
    ["bidi controls", "a\u202eb", "\u202dana", "a\u2066b\u2069", "a\u200eb", "a\u200fb", "a\u061cb"],
    ["Hangul fillers", "\u3164", "a\u3164b", "\u115f", "a\u1160b", "a\uffa0b"],
    ["letters and marks that are blank", "\u{13441}", "a\u{13442}b", "a\u{16fe4}b"],
    ["variation selectors", "a\ufe0f", "a\ufe00b", "a\u{e0100}", "a\u180bb", "a\u180fb"],
    ["soft hyphens and joiners", "a\u00adb", "a\u034fb", "a\u17b4b", "a\u{1bca0}b"],
    ["tags and private or unassigned characters", "a\u{e0041}b", "a\ue000b", "a\u0378b", "a\uffffb"],
    [
      "letters of several scripts",
      "аna",
      "anа",
      "αna",
      "Ольгa",
      "pаypаl",
      "ana\u0301б",
      "a٣",
      "aא",
      "한ひ",
      "ひㄅ",
      "Ꭺna",
      "\u{10428}na",
      "aᎪ",
      "a\u0345",
    ],
    ["an unpaired surrogate", "\ud800", "a\udc00b", "ana\ud83d"],
  ] as const) {
    it(`is invalid with ${fault}`, () => {
      for (const username of usernames) {
        expect(
          errorCode(() => parseUsername(username)),
          JSON.stringify(username),
        ).to.equal("invalid_username");
      }
    });
  }

  it("rejects every invisible character of Unicode", () => {
    const strays = [];
    for (const character of everyCodePoint()) {
      if (INVISIBLE.test(character) && accepts(`a${character}a`)) strays.push(character.codePointAt(0));
    }
    expect(strays).to.deep.equal([]);
  });

  it("has an idempotent key for every character of Unicode", () => {
    const strays = [];
    for (const character of everyCharacter) {
      const key = usernameKey(character);
      if (usernameKey(key) !== key) strays.push(character);
    }
    expect(strays).to.deep.equal([]);
  });

  it("has an idempotent key that all its normal forms share", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, oddText), (text) => {
        const key = usernameKey(text);
        for (const form of ["NFC", "NFD", "NFKC", "NFKD"]) {
          expect(usernameKey(text.normalize(form))).to.equal(key);
        }
        expect(usernameKey(key)).to.equal(key);
      }),
      { numRuns: 2_000 },
    );
  });

  it("has a key that is a valid username except for its length", () => {
    const strays = [];
    for (const character of everyCharacter) {
      if (accepts(character) && !accepts(usernameKey(character))) strays.push(character);
    }
    expect(strays).to.deep.equal([]);
    fc.assert(
      fc.property(fc.oneof(anyText, oddText), (text) => {
        const key = usernameKey(text);
        fc.pre(Array.from(key).length <= 32 && accepts(text));
        expect(parseUsername(key)).to.equal(key);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("assertNotReserved", () => {
  it("rejects reserved usernames in any form of them", () => {
    for (const username of [
      "all",
      "channel",
      "everyone",
      "here",
      "admin",
      "administrator",
      "system",
      "palaver",
      "support",
      "me",
      "deleted",
      "ADMIN",
      "Ａｄｍｉｎ",
      "ſystem",
      "ᵃˡˡ",
    ]) {
      expect(
        errorCode(() => assertNotReserved(parseUsername(username))),
        username,
      ).to.equal("username_reserved");
    }
  });

  it("accepts names that contain a reserved one", () => {
    for (const username of ["admin1", "small", "me.too", "systems", "ádmin", "админ"]) {
      expect(
        errorCode(() => assertNotReserved(parseUsername(username))),
        username,
      ).to.equal(undefined);
    }
  });
});

describe("a password", () => {
  for (const password of [
    "12345678",
    "        ",
    "🙂".repeat(8),
    "\0\u0001\n\t\u200b\u202e\ufeffx",
    "x".repeat(256),
    "𐐀".repeat(256),
    "e\u0301".repeat(256),
  ]) {
    it(`is valid: ${JSON.stringify(password.slice(0, 16))}, ${password.length} code units`, () => {
      const parsed = parsePassword(password);
      expect(parsed).to.equal(password.normalize("NFC"));
      expect(Buffer.byteLength(parsed)).to.be.at.most(1_024);
    });
  }

  for (const [fault, password] of [
    ["empty", ""],
    ["7 characters", "1234567"],
    ["7 characters in 14 code units", "🙂".repeat(7)],
    ["7 characters in 14 code points before NFC", "e\u0301".repeat(7)],
    ["257 characters", "x".repeat(257)],
    ["257 characters in 514 code units", "𐐀".repeat(257)],
    ["a million characters", "x".repeat(1_000_000)],
    ["an unpaired high surrogate", "12345678\ud800"],
    ["an unpaired low surrogate", "12345678\udc00"],
  ] as const) {
    it(`is invalid: ${fault}`, () => {
      expect(errorCode(() => parsePassword(password))).to.equal("invalid_password");
    });
  }

  it("is the same with composed and decomposed accents", () => {
    expect(parsePassword("cafe\u0301 noir")).to.equal(parsePassword("caf\u00e9 noir"));
  });

  it("is distinguished by case, spaces and compatibility form", () => {
    const passwords = ["Password", "password", " password", "password ", "ｐassword"];
    expect(new Set(passwords.map(parsePassword))).to.have.property("size", passwords.length);
  });
});

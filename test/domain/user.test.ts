import { expect } from "chai";
import fc from "fast-check";
import { parsePassword, parseUsername, usernameKey } from "../../src/domain/user.js";
import { refusal } from "../support/refusal.js";

const anyText = fc.string({ unit: "binary", maxLength: 12 });

/** Code points whose case and compatibility forms are the odd ones, among letters, marks and the rest. */
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

/** Every code point that is a character already. */
const everyCharacter = Array.from(everyCodePoint()).filter((point) => !UNASSIGNED.test(point));

function accepts(username: string): boolean {
  return refusal(() => parseUsername(username)) === undefined;
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
    it(`is one name, whatever its form: ${meaning}`, () => {
      expect(new Set(forms.map((form) => parseUsername(form)))).to.have.property("size", 1);
    });
  }

  it("is another name where a letter only looks alike", () => {
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
    "\u0301a\u0301",
    "𐐀𐐁",
    "a".repeat(32),
    "ａ".repeat(32),
    "𐐀".repeat(32),
    "e\u0301".repeat(32),
    "a.".repeat(15) + "aa",
  ]) {
    it(`may be ${username}`, () => {
      expect(parseUsername(username)).to.equal(usernameKey(username));
    });
  }

  for (const [fault, ...usernames] of [
    ["nothing", ""],
    ["too long", "a".repeat(33), "𐐀".repeat(33), "ﬃ".repeat(11), "a".repeat(100_000), "e\u0301".repeat(33)],
    ["a sign first", ".ana", "_ana", "-ana", ".", "-.-", "\u2024ana"],
    ["a sign last", "ana.", "ana_", "ana-", "ana\uff0e"],
    ["other signs", "a@b", "a/b", "a+b", "a'b", "a,b", "$a", "a%b", "a:b", "a#", "1½", "a´"],
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
    ["half a surrogate pair", "\ud800", "a\udc00b", "ana\ud83d"],
  ] as const) {
    it(`may not be or hold ${fault}`, () => {
      for (const username of usernames) {
        expect(
          refusal(() => parseUsername(username)),
          JSON.stringify(username),
        ).to.equal("invalid_username");
      }
    });
  }

  it("may hold no character that cannot be seen, out of all of Unicode", () => {
    const strays = [];
    for (const character of everyCodePoint()) {
      if (INVISIBLE.test(character) && accepts(`a${character}a`)) strays.push(character.codePointAt(0));
    }
    expect(strays).to.deep.equal([]);
  });

  it("has a key that is its own key, for every character of Unicode", () => {
    const strays = [];
    for (const character of everyCharacter) {
      const key = usernameKey(character);
      if (usernameKey(key) !== key) strays.push(character);
    }
    expect(strays).to.deep.equal([]);
  });

  it("has a key that is its own key, and is the key of every form of it", () => {
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

  it("has a key that could be a username, were it not for its length", () => {
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
    it(`may be ${JSON.stringify(password.slice(0, 16))}, ${password.length} halves`, () => {
      const parsed = parsePassword(password);
      expect(parsed).to.equal(password.normalize("NFC"));
      expect(Buffer.byteLength(parsed)).to.be.at.most(1_024);
    });
  }

  for (const [fault, password] of [
    ["empty", ""],
    ["7 characters", "1234567"],
    ["7 characters in 14 halves", "🙂".repeat(7)],
    ["7 characters in 14 parts", "e\u0301".repeat(7)],
    ["257 characters", "x".repeat(257)],
    ["257 characters in 514 halves", "𐐀".repeat(257)],
    ["a million characters", "x".repeat(1_000_000)],
    ["half a surrogate pair and more", "12345678\ud800"],
    ["the other half and more", "12345678\udc00"],
  ] as const) {
    it(`may not be ${fault}`, () => {
      expect(refusal(() => parsePassword(password))).to.equal("invalid_password");
    });
  }

  it("is one password, whether its accents are combined or not", () => {
    expect(parsePassword("cafe\u0301 noir")).to.equal(parsePassword("caf\u00e9 noir"));
  });

  it("keeps its case, its spaces and its compatibility form", () => {
    const passwords = ["Password", "password", " password", "password ", "ｐassword"];
    expect(new Set(passwords.map(parsePassword))).to.have.property("size", passwords.length);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { matchesQuery, parseSearchQuery, searchTerms } from "../../src/domain/search.js";
import { errorCode } from "../support/error-code.js";

const terms = (text: string) => [...searchTerms(text)];

const finds = (query: string, text: string) => matchesQuery(parseSearchQuery(query), text);

describe("searchTerms", () => {
  for (const [what, text, expected] of [
    ["words in lower case", "Hello, hello WORLD 42!", ["hello", "world", "42"]],
    [
      "the parts of a compound",
      "don't re-use a_b c3po U.S.",
      ["don", "t", "re", "use", "a", "b", "c3po", "u", "s"],
    ],
    ["letters without diacritics", "Crème brûlée, Ångström, phở", ["creme", "brulee", "angstrom", "pho"]],
    ["letters with strokes as those without", "Øre Łódź đồng", ["ore", "lodz", "dong"]],
    ["one form of ß", "Straße STRASSE ẞ", ["strasse", "ss"]],
    ["one form of the Turkish i", "Iı İi", ["ii"]],
    ["one form of the Greek sigma", "ΟΔΥΣΣΕΥΣ οδυσσεύς", ["οδυσσευσ"]],
    ["compatibility forms as the usual ones", "ﬁne Ｆｕｌｌ ² 𝔘", ["fine", "full", "2", "u"]],
    ["Hebrew without points", "שָׁלוֹם", ["שלום"]],
    ["Arabic without points, hamza and tatweel", "مُحَمَّد أحمد مـحـمـد", ["محمد", "احمد"]],
    ["Cyrillic without diacritics", "ЁЖ й", ["еж", "и"]],
    ["Korean words, whose spaces separate", "서울에서 만나요", ["서울에서", "만나요"]],
    ["Indic words with their vowels", "हिन्दी किताब", ["हिन्दी", "किताब"]],
    [
      "pairs of Chinese characters, and the last one",
      "明天去東京。好",
      ["明天", "天去", "去東", "東京", "京", "好"],
    ],
    ["pairs of Japanese characters with their voicing marks", "がぎ カ゛", ["がぎ", "ぎ", "カ"]],
    ["halfwidth Katakana as fullwidth", "ｶﾞﾑ", ["ガム", "ム"]],
    ["pairs of Thai characters with their marks", "ไปกินข้าว", ["ไป", "ปกิ", "กิน", "นข้", "ข้า", "าว", "ว"]],
    ["Lao, Khmer and Myanmar characters", "ລາວ ខ្ម မြန်", ["ລາ", "າວ", "ວ", "ខ្ម", "ម", "မြန်", "န်"]],
    ["words and rows of mixed scripts apart", "iPhone手机x2", ["iphone", "手机", "机", "x2"]],
    ["nothing in punctuation, symbols and emoji", "🙂 …!? ❤️ 1️⃣ → ", ["1"]],
    ["words without invisible characters", "soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]],
  ] as const) {
    it(`has ${what}`, () => {
      expect(terms(text)).to.deep.equal(expected);
    });
  }

  it("has the beginning of a long word, of 64 code points", () => {
    expect(terms("𝔘a".repeat(50))).to.deep.equal(["ua".repeat(32)]);
    expect(finds("ua".repeat(40), "UA".repeat(50))).to.equal(true);
  });

  it("is the same for each case and normalization form", () => {
    const anyText = fc.string({ unit: "binary", maxLength: 20 }).map((text) => text.toWellFormed());
    fc.assert(
      fc.property(anyText, (text) => {
        // U+0345 is a mark whose upper case is a letter.
        const given = text.normalize("NFD").replaceAll("\u0345", "");
        const expected = terms(given);
        for (const form of ["NFC", "NFD", "NFKC", "NFKD"]) {
          expect(terms(given.normalize(form))).to.deep.equal(expected);
        }
        expect(terms(given.toUpperCase())).to.deep.equal(expected);
        expect(terms(given.toLowerCase())).to.deep.equal(expected);
      }),
    );
  });

  it("has letters, marks and digits alone, at most 64 of them or 34 in a pair", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        for (const term of terms(text)) expect(term).to.match(/^[\p{L}\p{M}\p{N}]{1,64}$/u);
      }),
    );
    expect(terms(`か${"\u3099\u094d".repeat(5_000)}`).every((term) => term.length <= 34)).to.equal(true);
  });

  it("is bounded for texts that decompose into long ones", () => {
    expect(terms("\ufdfa".repeat(10_000))).to.deep.equal(["صلى", "الله", "عليه", "وسلمصلى", "وسلم"]);
    expect(terms(`${"\ufdfa".repeat(9_999)} end`)).not.to.include("end");
  });
});

describe("matchesQuery", () => {
  it("requires each word, the last one as a prefix", () => {
    expect(finds("meet lun", "Lunch? Let's meet.")).to.equal(true);
    expect(finds("mee lunch", "Lunch? Let's meet.")).to.equal(false);
    expect(finds("meet supper", "Lunch? Let's meet.")).to.equal(false);
    expect(finds("unch", "lunch")).to.equal(false);
    expect(finds("lunch!", "lunchtime")).to.equal(true);
    expect(finds("ΟΔΥΣ", "Οδυσσέας")).to.equal(true);
  });

  it("finds two adjacent characters of a script without spaces, and each single one", () => {
    const text = "今日は東京へ行きます";
    for (const query of ["東京", "京へ", "東京へ行き", "東", "す", "東 京", "行き 今日"]) {
      expect(finds(query, text), query).to.equal(true);
    }
    for (const query of ["京東", "東行", "大阪", "東京大"]) expect(finds(query, text), query).to.equal(false);
  });

  it("finds every text by each of its terms, also with others and as a prefix", () => {
    const words = fc.constantFrom("Été", "ab", "東京へ", "ไปกิน", "שָׁלוֹם", "ǰ", "ß", "a1", "🙂", "가나", "ﷺ");
    fc.assert(
      fc.property(
        fc.array(words, { minLength: 1, maxLength: 12 }),
        fc.constantFrom("", " ", "-"),
        (parts, between) => {
          const text = parts.join(between);
          for (const term of terms(text)) {
            expect(finds(term, text)).to.equal(true);
            expect(finds(`${term} ${terms(text)[0]!}`, text)).to.equal(true);
          }
        },
      ),
    );
  });

  it("finds nothing in the empty text of a tombstone", () => {
    expect(finds("a", "")).to.equal(false);
  });
});

describe("parseSearchQuery", () => {
  it("rejects a query without letters and digits, with too many characters or too many words", () => {
    const words = Array.from({ length: 33 }, (_, index) => `a${index}`).join(" ");
    for (const query of ["", " ", "🙂!", "a".repeat(257), "𝔘".repeat(257), words]) {
      expect(errorCode(() => parseSearchQuery(query))).to.equal("invalid_query");
    }
    for (const query of ["a".repeat(256), "𝔘".repeat(256), "東".repeat(256), "a ".repeat(128)]) {
      expect(parseSearchQuery(query)).to.have.length.within(1, 32);
    }
  });

  it("has each word once", () => {
    expect(parseSearchQuery("a B a ab A")).to.deep.equal([
      { term: "a", isPrefix: false },
      { term: "b", isPrefix: false },
      { term: "ab", isPrefix: false },
      { term: "a", isPrefix: true },
    ]);
  });
});

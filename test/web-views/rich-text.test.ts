import { expect } from "chai";
import fc from "fast-check";
import { isEmojiOnly, toParts } from "../../src/web/rich-text.js";

/** The links and mentions of a text. */
function markedIn(text: string, mentioned: readonly string[] = []) {
  return toParts(text, mentioned).flatMap((part) => (part.kind === "text" ? [] : [part.text]));
}

describe("toParts", () => {
  it("makes links of http and https alone", () => {
    expect(markedIn("http://a.example and HTTPS://b.example/?q=1#x")).to.deep.equal([
      "http://a.example",
      "HTTPS://b.example/?q=1#x",
    ]);
    for (const text of [
      "javascript:alert(1)",
      "data:text/html,x",
      "ftp://a.example",
      "https://",
      "www.example.org",
    ]) {
      expect(markedIn(text)).to.deep.equal([]);
    }
  });

  it("leaves punctuation around a link out of it", () => {
    expect(markedIn("(see https://a.example/x_(y)), or https://b.example.")).to.deep.equal([
      "https://a.example/x_(y)",
      "https://b.example",
    ]);
  });

  it("ends a link before characters that hide or turn a part of it", () => {
    expect(markedIn("https://a.example/\u202egnp.exe")).to.deep.equal(["https://a.example/"]);
    expect(markedIn("https://a.example\u200b.evil.example")).to.deep.equal(["https://a.example"]);
  });

  it("marks a name that is written in another case, and names its user", () => {
    expect(toParts("Hello @BO.", ["Bo"])).to.deep.include({ kind: "mention", text: "@BO", username: "Bo" });
  });

  it("marks whole names of mentioned users alone, also beside each other", () => {
    expect(markedIn("@ana, @anabel @bob. mail@ana", ["ana", "bob"])).to.deep.equal(["@ana", "@bob", "@ana"]);
    expect(markedIn("@ana.b @ana", ["ana", "ana.b"])).to.deep.equal(["@ana.b", "@ana"]);
    expect(markedIn("@ana")).to.deep.equal([]);
    expect(markedIn("https://a.example/@ana", ["ana"])).to.deep.equal(["https://a.example/@ana"]);
  });

  it("keeps every character of any text", () => {
    const piece = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("https://a.example", "@ana", ").", "\n"),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join("");
        expect(
          toParts(text, ["ana"])
            .map((part) => part.text)
            .join(""),
        ).to.equal(text);
      }),
    );
  });
});

describe("isEmojiOnly", () => {
  it("accepts one to three emoji", () => {
    for (const text of ["👍", "👩‍👩‍👧", "❤️ 👍🏽 😂"]) expect(isEmojiOnly(text)).to.equal(true);
    for (const text of ["", "a", "1", "👍👍👍👍", "👍 ok"]) expect(isEmojiOnly(text)).to.equal(false);
  });
});

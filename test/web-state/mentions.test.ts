import { expect } from "chai";
import { completeMention, mentionsIn, unfinishedMention } from "../../src/web/state/mentions.js";

const user = (username: string) => ({ user_id: `id of ${username}`, username });

describe("unfinishedMention", () => {
  for (const [text, prefix] of [
    ["@", ""],
    ["@an", "an"],
    ["Hello @an", "an"],
    ["Hello\n@Ána", "Ána"],
    ["(@an", "an"],
  ] as const) {
    it(`finds ${JSON.stringify(prefix)} in ${JSON.stringify(text)}`, () => {
      expect(unfinishedMention(text, text.length)).to.deep.equal({
        start: text.length - prefix.length - 1,
        end: text.length,
        prefix,
      });
    });
  }

  for (const text of ["", "an", "ana@example", "@ana ", "@ana@", "a @an\n"]) {
    it(`finds none in ${JSON.stringify(text)}`, () => {
      expect(unfinishedMention(text, text.length)).to.equal(undefined);
    });
  }

  it("looks only at the text before the caret", () => {
    expect(unfinishedMention("@ana and", 2)).to.deep.equal({ start: 0, end: 2, prefix: "a" });
    expect(unfinishedMention("Hello @ana", 3)).to.equal(undefined);
  });
});

describe("completeMention", () => {
  it("replaces what was typed, with a space behind it where none follows", () => {
    const text = "Hello @an";
    expect(completeMention(text, unfinishedMention(text, 9)!, "ana")).to.deep.equal({
      text: "Hello @ana ",
      caret: 11,
    });
    const middle = "Hello @an, and you";
    const { text: after, caret } = completeMention(middle, unfinishedMention(middle, 9)!, "ana");
    expect([after.slice(0, caret), after.slice(caret)]).to.deep.equal(["Hello @ana", ", and you"]);
    const spaced = completeMention("@a you", unfinishedMention("@a you", 2)!, "ana");
    expect(spaced).to.deep.equal({ text: "@ana you", caret: 4 });
  });
});

describe("mentionsIn", () => {
  it("keeps the chosen users whose name is still in the text, each once", () => {
    const chosen = [user("ana"), user("bo"), user("ana"), user("cy")];
    expect(mentionsIn("@ana, hello @bo! cy@", chosen)).to.deep.equal([user("ana"), user("bo")]);
  });

  it("does not take the beginning of a longer name for the name", () => {
    expect(mentionsIn("@ana.b and @anabel", [user("ana")])).to.deep.equal([]);
    expect(mentionsIn("Hello @ana.", [user("ana")])).to.deep.equal([user("ana")]);
    expect(mentionsIn("@anabel @ana", [user("ana")])).to.deep.equal([user("ana")]);
  });

  const people = [user("ana"), user("Bo"), user("cy.d")];

  for (const [text, names] of [
    ["@ana", ["ana"]],
    ["Hello @bo, and (@CY.D).", ["Bo", "cy.d"]],
    ["@ana @ana", ["ana"]],
    ["@anabel @cy ana@bo https://example.org/@bo", []],
    ["`@ana` and ```\n@bo\n``` @cy.d", ["cy.d"]],
    ["> @ana\n@bo", ["Bo"]],
    ["it's `open @ana", ["ana"]],
  ] as const) {
    it(`finds [${names.join()}] among the participants in ${JSON.stringify(text)}`, () => {
      expect(mentionsIn(text, [], people)).to.deep.equal(names.map(user));
    });
  }

  it("has a chosen user also in code, before those that were typed, and no more than the server accepts", () => {
    expect(mentionsIn("@ana `@Bo`", [user("Bo")], people)).to.deep.equal([user("Bo"), user("ana")]);
    const many = Array.from({ length: 60 }, (_, n) => user(`user${n}`));
    const text = many.map(({ username }) => `@${username}`).join(" ");
    expect(mentionsIn(text, [user("user59")], many)).to.deep.equal([user("user59"), ...many.slice(0, 49)]);
  });
});

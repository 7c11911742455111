import { readFileSync } from "node:fs";
import { expect } from "chai";
import { runTests } from "./support/node-test.js";

/** The snippets of a guide. */
function snippetsOf(guide: string): readonly string[] {
  const text = readFileSync(new URL(`../../docs/${guide}`, import.meta.url), "utf8");
  return Array.from(text.matchAll(/^```js\n(.*?)^```/gms), ([, code = ""]) => code);
}

/** The text with a part of it, which must be there, in another way. */
function replaced(text: string, part: string, other: string): string {
  expect(text).to.include(part);
  return text.replace(part, () => other);
}

describe("The guides", () => {
  it("show a test of a bot that passes, and fails a bot that is broken; and a client of a server", async () => {
    const [bot = "", test = "", http = ""] = snippetsOf("testing.md");
    const module = (code: string) => JSON.stringify(`data:text/javascript,${encodeURIComponent(code)}`);
    const end = "await messaging.close();";
    const whole = replaced(test, end, `${http}assert.equal(seq, 3);\n${end}`);
    const outcomeOf = async (code: string) => {
      const { passed, failed } = await runTests(replaced(whole, `"./repeat.js"`, module(code)));
      return { passed, failed };
    };
    expect(await outcomeOf(bot)).to.deep.equal({ passed: 1, failed: 0 });
    const deaf = replaced(bot, "text: message.text", `text: "what?"`);
    expect(await outcomeOf(deaf)).to.deep.equal({ passed: 0, failed: 1 });
  });

  it("show how to try a store, with an example that passes", async () => {
    const snippet = snippetsOf("writing-an-adapter.md").find((code) => code.includes("reopen:"))!;
    const example = new URL("../../examples/custom-store.js", import.meta.url).href;
    const { passed, failed, output } = await runTests(replaced(snippet, "./custom-store.js", example));
    expect(failed, output).to.equal(0);
    expect(passed).to.be.greaterThan(80);
  });
});

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { runTests } from "./support/node-test.js";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

/** Throws where the text does not contain the part. */
function replaced(text: string, part: string, replacement: string): string {
  expect(text).to.include(part);
  return text.replace(part, () => replacement);
}

describe("The guides", () => {
  it("have a test of a bot that passes, and that fails for a broken bot", async () => {
    const bot = read("examples/repeat.js");
    const outcomeOf = async (code: string) => {
      const module = JSON.stringify(`data:text/javascript,${encodeURIComponent(code)}`);
      const program = replaced(read("examples/repeat.test.js"), `"./repeat.js"`, module);
      const { passed, failed } = await runTests(program);
      return { passed, failed };
    };
    expect(await outcomeOf(bot)).to.deep.equal({ passed: 2, failed: 0 });
    const broken = replaced(bot, ", text });", `, text: "what?" });`);
    expect(await outcomeOf(broken)).to.deep.equal({ passed: 1, failed: 1 });
  });

  it("have a contract test of a store that passes", async () => {
    const snippets = Array.from(
      read("docs/writing-an-adapter.md").matchAll(/^```js\n(.*?)^```/gms),
      ([, code = ""]) => code,
    );
    const snippet = snippets.find((code) => code.includes("reopen:"))!;
    const example = new URL("examples/custom-store.js", root).href;
    const { passed, failed, output } = await runTests(replaced(snippet, "./custom-store.js", example));
    expect(failed, output).to.equal(0);
    expect(passed).to.be.greaterThan(80);
  });
});

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { runTests } from "../support/node-test.js";
import { createDatabase } from "../support/postgres.js";

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

/** Throws where the text does not contain the part. */
function replaced(text: string, part: string, replacement: string): string {
  expect(text).to.include(part);
  return text.replace(part, () => replacement);
}

function snippetsOf(document: string): readonly string[] {
  return Array.from(read(document).matchAll(/^```js\n(.*?)^```/gms), ([, code = ""]) => code);
}

describe("The guides", () => {
  it("have a test of a bot that passes, and that fails for a broken bot", async () => {
    const bot = read("dist/examples/repeat.js");
    const outcomeOf = async (code: string) => {
      const module = new URL("dist/examples/repeat-in-test.js", root);
      writeFileSync(module, code);
      const program = replaced(read("examples/repeat.test.js"), `"./repeat.js"`, JSON.stringify(module.href));
      const { passed, failed, output } = await runTests(program);
      rmSync(module);
      return { passed, failed, output };
    };
    const sound = await outcomeOf(bot);
    expect(sound, sound.output).to.include({ passed: 3, failed: 0 });
    for (const [part, broken] of [
      [", text, idempotencyKey", `, text: "what?", idempotencyKey`],
      ["chatId: event.chatId", "username: event.message.sender.username"],
      [" && event.message.text)", ")"],
    ] as const) {
      const { passed, failed } = await outcomeOf(replaced(bot, part, broken));
      expect(failed, broken).to.be.greaterThan(0);
      expect(passed, broken).to.be.greaterThan(0);
    }
  });

  it("have a test of a seeded world that passes", async () => {
    const { passed, failed, output } = await runTests(read("examples/world.test.js"));
    expect([passed, failed], output).to.deep.equal([1, 0]);
  });

  it("have programs that compile when they are pasted into strict TypeScript", () => {
    const folder = new URL("dist/pasted/", root);
    mkdirSync(folder, { recursive: true });
    for (const name of [
      "administration.js",
      "bot.js",
      "embedding.js",
      "events.js",
      "mounted.js",
      "repeat.ts",
    ]) {
      writeFileSync(new URL(name.replace(/js$/, "ts"), folder), read(`examples/${name}`));
    }
    const options = {
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      module: "nodenext",
      target: "es2023",
      lib: ["es2023", "dom"],
      types: ["node"],
      skipLibCheck: true,
    };
    writeFileSync(new URL("tsconfig.json", folder), JSON.stringify({ compilerOptions: options }));
    const compiler = fileURLToPath(new URL("node_modules/typescript/bin/tsc", root));
    const { stdout, status } = spawnSync(process.execPath, [compiler, "-p", fileURLToPath(folder)], {
      encoding: "utf8",
    });
    expect([status, stdout]).to.deep.equal([0, ""]);
    rmSync(folder, { recursive: true });
  });

  it("have a contract test of a store that passes", async () => {
    const snippet = snippetsOf("docs/writing-an-adapter.md").find((code) => code.includes("reopen:"))!;
    const example = new URL("examples/custom-store.js", root).href;
    const { passed, failed, output } = await runTests(replaced(snippet, "./custom-store.js", example));
    expect(failed, output).to.equal(0);
    expect(passed).to.be.greaterThan(80);
  });

  it("have a contract test of a store on a database server that passes", async () => {
    const database = await createDatabase();
    try {
      const snippet = snippetsOf("docs/writing-an-adapter.md").find((code) =>
        code.includes("palaver/postgres"),
      )!;
      // The whole contract takes a minute, and runs over this store elsewhere.
      const env = { TEST_DATABASE_URL: database.url };
      const { passed, failed, output } = await runTests(snippet, "contains everything that was stored", env);
      expect(failed, output).to.equal(0);
      expect(output).to.match(
        /^ *ok \d+ - contains everything that was stored, and continues every numbering$/m,
      );
      expect(passed).to.be.greaterThan(0);
    } finally {
      await database.drop();
    }
  });
});

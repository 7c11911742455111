import { readFileSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { expect } from "chai";
import { runTests } from "../../support/node-test.js";

const root = join(import.meta.dirname, "../../../..");

/** All that a compiled file imports, and what that imports. */
function importsOf(file: string, seen: Set<string> = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!isAbsolute(file)) return seen;
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
    importsOf(name.startsWith(".") ? join(file, "..", name) : name, seen);
  }
  return seen;
}

describe("The contract that others run", () => {
  it("imports nothing but Node, the application, the domain and its own files", () => {
    const all = importsOf(join(root, "dist/test/contract/index.js"));
    const strange = Array.from(all, (file) =>
      file.startsWith("node:") ? file : relative(root, file),
    ).filter(
      (file) => !/^(?:node:|dist\/src\/(?:application|domain)\/|dist\/test\/contract\/[^/]+\.js$)/.test(file),
    );
    expect(all.size).to.be.greaterThan(10);
    expect(strange).to.deep.equal([]);
  });

  it("passes the memory store under node:test", async () => {
    const { passed, failed, output } = await runTests(`
      import { afterEach, beforeEach, describe, it } from "node:test";
      import { storeContract } from "palaver/contract";
      import { openMemoryStore } from "palaver/memory";
      storeContract({ describe, it, beforeEach, afterEach }, { open: async () => openMemoryStore() });`);
    expect(failed, output).to.equal(0);
    expect(passed).to.be.greaterThan(80);
  });

  it("fails a store under node:test that takes nothing back", async () => {
    const { failed, output } = await runTests(`
      import { afterEach, beforeEach, describe, it } from "node:test";
      import { storeContract } from "palaver/contract";
      import { openMemoryStore } from "palaver/memory";
      function open() {
        const store = openMemoryStore();
        return { ...store, async transaction(work) {
          const outcome = await store.transaction((all) => work(all).catch((error) => ({ error })));
          if (outcome?.error) throw outcome.error;
          return outcome;
        } };
      }
      storeContract({ describe, it, beforeEach, afterEach }, { open: async () => open() });`);
    expect(failed).to.be.greaterThan(0);
    expect(output).to.match(/not ok \d+ - rolls back every write when the work throws/);
  });
});

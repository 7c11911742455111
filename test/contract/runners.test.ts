import { readFileSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { expect } from "chai";
import { runTests } from "../support/node-test.js";

const root = join(import.meta.dirname, "../../..");

/** Returns the modules that a compiled file imports, directly and indirectly. */
function importsOf(file: string, found: Set<string> = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  if (!isAbsolute(file)) return found;
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
    importsOf(name.startsWith(".") ? join(file, "..", name) : name, found);
  }
  return found;
}

describe("palaver/contract", () => {
  it("imports only Node, the application, the domain and its own files", () => {
    const imports = importsOf(join(root, "dist/test/contract/index.js"));
    const names = Array.from(imports, (file) => (isAbsolute(file) ? relative(root, file) : file));
    const allowed = /^(?:node:|dist\/src\/(?:application|domain)\/|dist\/test\/contract\/[^/]+\.js$)/;
    expect(imports.size).to.be.greaterThan(10);
    expect(names.filter((name) => !allowed.test(name))).to.deep.equal([]);
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

  it("fails a store without rollback under node:test", async () => {
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

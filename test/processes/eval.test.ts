import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";

const index = new URL("../../src/main/index.js", import.meta.url).href;

describe("openMessaging in a program that node gets by --eval", () => {
  it("stores, though its threads have no such program", async () => {
    const directory = await mkdtemp(join(tmpdir(), "palaver-"));
    try {
      const program = `
        const { openMessaging } = await import(${JSON.stringify(index)});
        const messaging = await openMessaging({ storage: { sqlite: ${JSON.stringify(directory)} } });
        console.log((await messaging.ensureUser({ username: "ana" })).username);
        await messaging.close();`;
      const args = ["--input-type=module", "--eval", program];
      expect(await promisify(execFile)(process.execPath, args)).to.include({ stdout: "ana\n" });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

/** Logs in turns of more and less than what may wait, and ends with a line in a turn that never ends. */
const program = `
import fs from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { openLog } from ${JSON.stringify(new URL("../../src/main/log.js", import.meta.url).href)};
fs.fsyncSync = fs.fdatasyncSync = fs.fsync = () => console.error("synced");
const log = openLog("info");
for (let line = 0; line < 1000; line += 1) {
  log.info({ line });
  if (line % 300 === 0 || line > 950) await turn();
}
log.debug({ line: "none" });
log.info({ line: 1000 });
process.exit();
`;

describe("the log", () => {
  it("writes each line once, in order, at the end of the process too, and waits for no disk", () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    const path = join(directory, "log");
    const file = openSync(path, "w");
    const { stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", file, "pipe"],
      encoding: "utf8",
    });
    closeSync(file);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    rmSync(directory, { recursive: true });
    expect(stderr).to.equal("");
    expect(lines.map((line) => (JSON.parse(line) as { line: number }).line)).to.deep.equal(
      Array.from({ length: 1001 }, (_, line) => line),
    );
  });
});

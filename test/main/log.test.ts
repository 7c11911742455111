import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

const begin = `
import fs from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { openLog } from ${JSON.stringify(new URL("../../src/main/log.js", import.meta.url).href)};
`;

/** Logs in turns of more and less than what may wait, and ends with a line in a turn that never ends. */
const manyLines = `${begin}
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

/** Logs twice as much as may wait while the disk is full, and goes on when it is not. */
const fullDisk = `${begin}
const { writeSync } = fs;
fs.writeSync = () => { throw Object.assign(new Error("There is no space."), { code: "ENOSPC" }); };
const log = openLog("info");
let line = 0;
for (; line < 1000; line += 1) {
  log.info({ line, text: "x".repeat(2000) });
  if (line % 10 === 0) await turn();
}
await turn();
fs.writeSync = writeSync;
for (; line < 1010; line += 1) {
  log.info({ line });
  await turn();
}
`;

describe("the log", () => {
  it("writes each line once, in order, at the end of the process too, and waits for no disk", () => {
    expect(linesOf(manyLines)).to.deep.equal(Array.from({ length: 1001 }, (_, line) => line));
  });

  it("has the process go on while the disk is full, keeps some of it, and goes on with it", () => {
    const lines = linesOf(fullDisk);
    expect(lines).to.deep.equal([...new Set(lines)].toSorted((one, other) => one - other));
    expect(lines.slice(0, 400)).to.deep.equal(Array.from({ length: 400 }, (_, line) => line));
    expect(lines.filter((line) => line < 1000).length).to.be.lessThan(600);
    expect(lines.filter((line) => line > 1000)).to.have.lengthOf(9);
  });

  /** What a program logs into a file, from which nothing is to be missing and on whose standard error nothing is to be. */
  function linesOf(program: string): readonly number[] {
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
    return lines.map((line) => (JSON.parse(line) as { line: number }).line);
  }
});

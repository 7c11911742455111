import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

const prelude = `
import fs from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { openLog } from ${JSON.stringify(new URL("../../src/main/log.js", import.meta.url).href)};
`;

/** Logs in turns above and below the buffer size, and exits in the middle of a turn. */
const manyLines = `${prelude}
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

/** Logs twice the pending limit while the disk is full, and continues when it is not. */
const fullDisk = `${prelude}
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

describe("openLog", () => {
  it("writes each line once and in order, also at the end of the process, and never waits for a sync of the disk", () => {
    expect(linesOf(manyLines)).to.deep.equal(Array.from({ length: 1001 }, (_, line) => line));
  });

  it("lets the process continue while the disk is full, keeps part of the lines, and resumes afterwards", () => {
    const lines = linesOf(fullDisk);
    expect(lines).to.deep.equal([...new Set(lines)].toSorted((one, other) => one - other));
    expect(lines.slice(0, 400)).to.deep.equal(Array.from({ length: 400 }, (_, line) => line));
    expect(lines.filter((line) => line < 1000).length).to.be.lessThan(600);
    expect(lines.filter((line) => line > 1000)).to.have.lengthOf(9);
  });

  /** Runs a program whose log is a file, and returns the lines of that file. Nothing may appear on standard error. */
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

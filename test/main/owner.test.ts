import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { assertOwnFiles } from "../../src/main/owner.js";

const NOBODY = 65_534;

describe("assertOwnFiles", () => {
  const ROOT = 0;
  let scratch: string;

  /** Files of another user than root, also where the tests run as root. */
  const give = (path: string) => {
    if (process.getuid?.() === ROOT) chownSync(path, NOBODY, NOBODY);
  };

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), "palaver-"));
  });

  afterEach(() => rmSync(scratch, { recursive: true }));

  it("rejects root on a store of another user, with the command to run", () => {
    const log = join(scratch, "log-0000000000000000.palaver");
    writeFileSync(log, "");
    give(log);
    expect(() => assertOwnFiles(scratch, ROOT)).to.throw(/sudo -u '#\d+' palaver/);
    expect(() => assertOwnFiles(scratch, 1_000)).not.to.throw();
  });

  it("rejects root on the empty directory of another user", () => {
    give(scratch);
    expect(() => assertOwnFiles(scratch, ROOT)).to.throw("belongs to the user");
  });

  it("accepts a directory that does not exist, and a path that is a file", () => {
    expect(() => assertOwnFiles(join(scratch, "new"), ROOT)).not.to.throw();
    const file = join(scratch, "file");
    writeFileSync(file, "");
    expect(() => assertOwnFiles(file, ROOT)).not.to.throw();
  });
});

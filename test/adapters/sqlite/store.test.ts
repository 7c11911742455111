import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../../src/adapters/sqlite/store.js";
import { storeContract } from "../../contract/index.js";

describe("the SQLite store", () => {
  const directories: string[] = [];

  const reopen = () => openSqliteStore(directories.at(-1)!, { segmentBytes: 2 ** 21 });

  storeContract(
    { describe, it, beforeEach, afterEach },
    {
      open() {
        directories.push(mkdtempSync(join(tmpdir(), "palaver-")));
        return reopen();
      },
      reopen,
    },
  );

  afterEach(() => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
});

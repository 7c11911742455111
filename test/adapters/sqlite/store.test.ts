import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../../src/adapters/sqlite/store.js";
import { storeContract } from "../../contract/store.js";

describe("the SQLite store", () => {
  let directory: string;

  const reopen = () => openSqliteStore(directory, { segmentBytes: 2 ** 21 });

  storeContract(
    { describe, it, beforeEach, afterEach },
    {
      open() {
        directory = mkdtempSync(join(tmpdir(), "palaver-"));
        return reopen();
      },
      reopen,
    },
  );

  afterEach(() => rmSync(directory, { recursive: true }));
});

import { mkdtempSync, rmSync } from "node:fs";
import { appendFile, open, readFile, writeFile, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import sinon from "sinon";
import type { Store } from "../src/application/ports.js";
import { ana, bo, contentsOf, createGroup, register, send } from "./contract/fixtures.js";
import { storeContract } from "./contract/index.js";
import { errorCodeOf } from "./support/error-code.js";

const example = new URL("../../examples/custom-store.js", import.meta.url);
const { openJournalStore } = (await import(example.href)) as {
  readonly openJournalStore: (path: string) => Promise<Store>;
};

describe("examples/custom-store.js", () => {
  const directories: string[] = [];
  const journal = () => join(directories.at(-1)!, "journal");
  const openStore = () => {
    directories.push(mkdtempSync(join(tmpdir(), "palaver-")));
    return openJournalStore(journal());
  };

  storeContract(
    { describe, it, beforeEach, afterEach },
    { open: openStore, reopen: () => openJournalStore(journal()) },
  );

  afterEach(() => {
    sinon.restore();
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });

  const query = { people: [ana, bo], chatIds: [], keys: [], digests: [] };

  it("discards an incomplete last line and continues after the line before", async () => {
    const store = await openStore();
    await register(store, ana);
    const before = await contentsOf(store, query);
    const { length } = await readFile(journal());
    await register(store, bo);
    await store.close();
    const whole = await readFile(journal());
    for (let cut = length; cut < whole.length; cut += 1) {
      await writeFile(journal(), whole.subarray(0, cut));
      const reopened = await openJournalStore(journal());
      expect(await contentsOf(reopened, query), `cut at ${cut}`).to.deep.equal(before);
      await register(reopened, bo);
      await reopened.close();
      expect((await readFile(journal())).equals(whole)).to.equal(true);
    }
  });

  it("rejects a journal with an invalid line", async () => {
    const store = await openStore();
    await store.close();
    await appendFile(journal(), "invalid\n");
    expect(await openJournalStore(journal()).catch((error: unknown) => error)).to.be.an("error");
  });

  it("rolls back a transaction whose sync fails and rejects all others until it is opened again", async () => {
    const store = await openStore();
    await register(store, ana);
    const before = await contentsOf(store, query);
    const handle = await open(journal());
    sinon.stub(Object.getPrototypeOf(handle) as FileHandle, "sync").rejects(new Error("EIO"));
    await handle.close();
    expect(await register(store, bo).catch(({ message }: Error) => message)).to.equal("EIO");
    sinon.restore();
    expect(await errorCodeOf(register(store, bo))).to.equal("store_unavailable");
    expect(await contentsOf(store, query)).to.deep.equal(before);
    expect(store.status().fault).to.include("EIO");
    await store.close();
    const reopened = await openJournalStore(journal());
    const [message] = await send(reopened, await createGroup(reopened, ana), ana, "hello");
    expect(message?.id).to.equal(1);
    await reopened.close();
  });
});

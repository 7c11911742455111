import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openStoreOn } from "../../../src/adapters/sqlite/store.js";
import { nodeDisk } from "../../../src/adapters/sqlite/wal/disk.js";
import { inline } from "../../../src/adapters/sqlite/wal/threads.js";
import type { MessageText } from "../../../src/domain/message.js";
import type { UserId, UsernameKey } from "../../../src/domain/user.js";
import { storeContract } from "../../contract/index.js";
import { ana, openP2p, send } from "./conversation.js";

// `test/processes/threads.test.ts` runs the contract over the threads of a server. Starting them takes longer than a test.
describe("openStoreOn", () => {
  const directories: string[] = [];

  const reopen = () => {
    const disk = nodeDisk(directories.at(-1)!);
    return openStoreOn(disk, inline(disk), { segmentBytes: 2 ** 21 });
  };

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

  it("drops all cached values of a failed transaction", async () => {
    directories.push(mkdtempSync(join(tmpdir(), "palaver-")));
    const store = await reopen();
    const chat = await openP2p(store);
    const [message] = await send(store, chat, "hello");
    const cy = { ...ana, id: "the-user-id-of-cy" as UserId };
    const newest = { after: 0, upTo: 10, limit: 10, from: "newest" } as const;
    const failed = store.transaction(async ({ users, messages }) => {
      await users.add(cy, "cy" as UsernameKey, "digest");
      await users.byId(cy.id);
      await messages.update({ ...message!, text: "goodbye" as MessageText });
      await messages.ofChat(chat.id, newest);
      throw new Error("no");
    });
    expect(await failed.catch((error: Error) => error.message)).to.equal("no");
    await store.read(async ({ users, messages }) => {
      expect(await users.byId(cy.id)).to.equal(undefined);
      expect(await messages.ofChat(chat.id, newest)).to.deep.equal([message]);
    });
    await store.close();
  });

  it("gives other events of the process a turn after every 400 rows", async () => {
    directories.push(mkdtempSync(join(tmpdir(), "palaver-")));
    const store = await reopen();
    const chat = await openP2p(store);
    await Promise.all(Array.from({ length: 200 }, () => send(store, chat, "hello")));
    const slice = { after: 0, upTo: 1_000, limit: 200, from: "oldest" } as const;
    let turns = 0;
    let ended = false;
    const countTurn = () => {
      turns += 1;
      if (!ended) setImmediate(countTurn);
    };
    setImmediate(countTurn);
    const read = () => store.read(({ messages }) => messages.ofChat(chat.id, slice));
    await Promise.all(Array.from({ length: 50 }, read));
    ended = true;
    expect(turns).to.be.at.least(20);
    await store.close();
  });

  afterEach(() => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
});

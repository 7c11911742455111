import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openSqliteStore } from "../../../src/adapters/sqlite/store.js";
import { createMessaging } from "../../../src/application/messaging.js";
import { testPorts } from "../../support/ports.js";
import { everyMessage } from "../../support/world.js";

describe("sendMessage with an idempotency key over SQLite", () => {
  it("stores one message for 100 concurrent sends, and for 100 more after the store is reopened", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    const ports = testPorts();
    const open = async () => {
      const store = await openSqliteStore(directory);
      return { store, messaging: createMessaging({ ...ports, store }) };
    };
    let { store, messaging } = await open();
    const { id: by } = await messaging.registerUser({ username: "ana", password: "a password" });
    const { id: chatId } = await messaging.createGroupChat({ by });
    const send100 = () => {
      const command = { by, to: { chatId }, text: "hello", idempotencyKey: "key" };
      return Promise.all(Array.from({ length: 100 }, () => messaging.sendMessage(command)));
    };
    const first = await send100();
    expect(first.filter(({ replayed }) => !replayed)).to.have.length(1);
    await store.close();
    ({ store, messaging } = await open());
    const again = await send100();
    const listed = await everyMessage(await messaging.listMessages({ by, of: "all" }));
    await store.close();
    rmSync(directory, { recursive: true });
    expect(listed).to.have.length(1);
    for (const { message } of [...first, ...again]) expect(message).to.deep.equal(listed[0]);
    expect(again.every(({ replayed }) => replayed)).to.equal(true);
  });
});

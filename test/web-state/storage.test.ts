import { expect } from "chai";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { useFakeTimers } from "sinon";
import type { Storage } from "../../src/web/state/ports.js";
import { indexedDbStorage } from "../../src/web/state/storage.js";
import { until } from "../support/fake-browser.js";
import { memoryStorage } from "../support/memory-storage.js";

describe("Storage", () => {
  const globals = globalThis as { IDBKeyRange?: unknown };

  before(() => {
    globals.IDBKeyRange = IDBKeyRange;
  });

  after(() => {
    delete globals.IDBKeyRange;
  });

  const openIndexedDb = () => {
    const factory = new IDBFactory();
    return indexedDbStorage(() => factory, "palaver");
  };

  for (const [name, open] of [
    ["indexedDbStorage", openIndexedDb],
    ["memoryStorage", memoryStorage],
  ] as const) {
    describe(name, () => {
      let storage: Storage;

      beforeEach(() => {
        storage = open();
      });

      afterEach(() => storage.close());

      it("lists the values of one owner and table, in the order of their keys", async () => {
        await storage.put("outbox", "ana", "2", { text: "two" });
        await storage.put("outbox", "ana", "1", { text: "one" });
        await storage.put("drafts", "ana", "1", "draft");
        await storage.put("outbox", "an", "1", "of another");
        await storage.put("outbox", "", "1", "of nobody");
        expect(await storage.list("outbox", "ana")).to.deep.equal([{ text: "one" }, { text: "two" }]);
        expect(await storage.list("drafts", "ana")).to.deep.equal(["draft"]);
        expect(await storage.list("outbox", "")).to.deep.equal(["of nobody"]);
        expect(await storage.list("account", "ana")).to.deep.equal([]);
      });

      it("replaces and deletes a value", async () => {
        await storage.put("outbox", "ana", "1", "one");
        await storage.put("outbox", "ana", "1", "other");
        expect(await storage.list("outbox", "ana")).to.deep.equal(["other"]);
        await storage.delete("outbox", "ana", "1");
        await storage.delete("outbox", "ana", "1");
        expect(await storage.list("outbox", "ana")).to.deep.equal([]);
      });

      it("clears the values of one owner", async () => {
        await storage.put("outbox", "ana", "1", "one");
        await storage.put("drafts", "ana", "1", "one");
        await storage.put("outbox", "bo", "1", "of another");
        await storage.put("account", "", "current", "ana");
        await storage.clear("ana");
        expect(await storage.list("outbox", "ana")).to.deep.equal([]);
        expect(await storage.list("drafts", "ana")).to.deep.equal([]);
        expect(await storage.list("outbox", "bo")).to.deep.equal(["of another"]);
        expect(await storage.list("account", "")).to.deep.equal(["ana"]);
      });
    });
  }

  it("keeps the values of IndexedDB for the next page", async () => {
    const factory = new IDBFactory();
    const first = indexedDbStorage(() => factory, "palaver");
    await first.put("outbox", "ana", "1", "one");
    first.close();
    const second = indexedDbStorage(() => factory, "palaver");
    expect(await second.list("outbox", "ana")).to.deep.equal(["one"]);
    second.close();
  });

  it("rejects while IndexedDB does not open, and tries again", async () => {
    const factory = new IDBFactory();
    const failures = [
      () => {
        throw new Error("The browser allows no storage.");
      },
      () => undefined,
      () => ({
        open: () => {
          throw new Error("The disk is full.");
        },
      }),
    ];
    const storage = indexedDbStorage(() => (failures[0] ?? (() => factory))(), "palaver");
    for (const message of [
      "The browser allows no storage.",
      "This browser has no IndexedDB.",
      "The disk is full.",
    ]) {
      const error = await storage.put("outbox", "ana", "1", "one").catch((reason: unknown) => reason);
      expect(error).to.have.property("message", message);
      failures.shift();
    }
    await storage.put("outbox", "ana", "1", "one");
    expect(await storage.list("outbox", "ana")).to.deep.equal(["one"]);
    storage.close();
  });

  it("opens IndexedDB again when its connection is closed", async () => {
    const factory = new IDBFactory();
    const databases: { close(): void }[] = [];
    const storage = indexedDbStorage(
      () => ({
        open: (...args: [string, number]) => {
          const request = factory.open(...args);
          request.addEventListener("success", () => databases.push(request.result));
          return request;
        },
      }),
      "palaver",
    );
    await storage.put("outbox", "ana", "1", "one");
    databases[0]!.close();
    const error = await storage.list("outbox", "ana").catch((reason: unknown) => reason);
    expect(error).to.have.property("name", "InvalidStateError");
    expect(await storage.list("outbox", "ana")).to.deep.equal(["one"]);
    storage.close();
  });

  it("rejects while IndexedDB does not answer, and goes on once it does", async () => {
    const factory = new IDBFactory();
    let answer = () => {};
    // The request never succeeds before `answer`, as in a browser whose disk does not respond.
    const stuck = new EventTarget();
    let isStuck = true;
    const storage = indexedDbStorage(
      () => ({
        open: (...args: [string, number]) => (isStuck ? (stuck as never) : factory.open(...args)),
      }),
      "palaver",
    );
    answer = () => {
      isStuck = false;
      stuck.dispatchEvent(new Event("error"));
    };
    const clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const first = storage.list("outbox", "ana").catch((reason: unknown) => reason);
      await clock.tickAsync(60_000);
      expect(await first).to.have.property("message", "The browser does not answer.");
      // Others do not wait again.
      const second = await storage.put("outbox", "ana", "1", "one").catch((reason: unknown) => reason);
      expect(second).to.have.property("message", "The browser does not answer.");
    } finally {
      clock.restore();
    }
    answer();
    await until(() =>
      storage.put("outbox", "ana", "1", "one").then(
        () => true,
        () => false,
      ),
    );
    expect(await storage.list("outbox", "ana")).to.deep.equal(["one"]);
    storage.close();
  });
});

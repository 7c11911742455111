import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { expect } from "chai";
import sinon from "sinon";
import { MessagingError } from "../../src/domain/errors.js";
import { openMessaging, type OpenMessaging } from "../../src/main/index.js";
import { startIndexing } from "../../src/main/indexing.js";
import { plaintextHasher } from "../../src/adapters/predictable.js";

describe("startIndexing", () => {
  const fail = (trouble: Error) => expect.fail(String(trouble));
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => clock.restore());

  it("works at once and again a second after the end of the last run, until it is stopped", async () => {
    let runs = 0;
    const stop = startIndexing(async () => void (runs += 1), fail);
    expect(runs).to.equal(1);
    await clock.tickAsync(999);
    expect(runs).to.equal(1);
    await clock.tickAsync(1);
    expect(runs).to.equal(2);
    await stop();
    await clock.tickAsync(10_000);
    expect(runs).to.equal(2);
  });

  it("tells a run in progress to stop, and waits for it", async () => {
    const done: string[] = [];
    let isStopped!: () => boolean;
    let end!: () => void;
    const stop = startIndexing(async (_, asked) => {
      isStopped = asked;
      await new Promise<void>((resolve) => (end = resolve));
      done.push("run");
    }, fail);
    expect(isStopped()).to.equal(false);
    const stopped = stop().then(() => done.push("stop"));
    expect(isStopped()).to.equal(true);
    end();
    await stopped;
    await clock.tickAsync(10_000);
    expect(done).to.deep.equal(["run", "stop"]);
  });

  it("ends a pause when it is stopped, also where nothing else keeps the process alive", async () => {
    const module = JSON.stringify(new URL("../../src/main/indexing.js", import.meta.url).href);
    const program = `import { startIndexing } from ${module};
      const work = async (pause, isStopped) => { while (!isStopped()) await pause(); };
      const stop = startIndexing(work, console.error);
      await stop();
      console.log("stopped");`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
    expect(stdout).to.equal("stopped\n");
  });

  it("reports the first of several failures, and none of a store that cannot be written", async () => {
    const failures = [
      new Error("a"),
      new Error("b"),
      undefined,
      new MessagingError("busy", "c"),
      undefined,
      new Error("d"),
    ];
    const reported: unknown[] = [];
    const stop = startIndexing(
      async () => {
        const failure = failures.shift();
        if (failure) throw failure;
      },
      ({ cause }) => reported.push((cause as Error).message),
    );
    await clock.tickAsync(10_000);
    await stop();
    expect(reported).to.deep.equal(["a", "d"]);
  });
});

describe("openMessaging on a directory", () => {
  it("indexes the messages that it has, and those that arrive", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    const open = () => openMessaging({ storage: { sqlite: directory }, passwords: plaintextHasher() });
    const indexed = async ({ ports }: OpenMessaging, upTo: number) => {
      while ((await ports.store.read(({ search }) => search.indexedUpTo())) < upTo) await sleep(20);
    };
    try {
      const first = await open();
      const { id: by } = await first.registerUser({ username: "ana", password: "correct horse" });
      const send = (messaging: OpenMessaging, text: string) =>
        messaging.sendMessage({ by, to: { username: "ana" }, text });
      await send(first, "one");
      await indexed(first, 1);
      await first.close();
      const second = await open();
      await indexed(second, 1);
      await send(second, "two");
      await indexed(second, 2);
      const { messages } = await second.searchMessages({ by, query: "o", limit: 9 });
      expect(messages.map(({ text }) => text)).to.deep.equal(["one"]);
      await second.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

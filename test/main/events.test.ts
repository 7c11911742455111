import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { EventSource } from "eventsource";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import type { SessionId } from "../../src/domain/session.js";
import { usernameKey } from "../../src/domain/user.js";
import { Client, signedIn } from "../support/client.js";
import { cursorOf, eventsAfter, openStream, until, type EventJson } from "../support/event-stream.js";
import { runServer } from "../support/process.js";

describe("Events of a served directory", () => {
  let dataDir: string;
  /** Any free one at first, and the same one after that. */
  let port = "0";
  let server: Awaited<ReturnType<typeof runServer>>;
  let ana: Client;
  let bob: Client;

  const start = async () => {
    server = await runServer(dataDir, { PORT: port });
  };
  const end = async (signal: NodeJS.Signals) => {
    server.child.kill(signal);
    await server.ended;
  };

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    await start();
    ({ port } = new URL(server.url));
    [ana, bob] = [await signedIn(server.url, "ana"), await signedIn(server.url, "bob")];
  });

  after(async () => {
    await end("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  const send = (message: string) => bob.post("/v1/messages", { dest_username: ana.username, message });
  const textsOf = (events: readonly EventJson[]) => events.flatMap(({ message }) => message?.message ?? []);

  it("are told once and in order, though the process is killed while they are streamed", async () => {
    const begin = await cursorOf(ana);
    const stored: string[] = [];
    let over = false;
    const writing = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; !over; n += 1) {
        const text = `${writer}/${n}`;
        const answer = await send(text).catch(() => undefined);
        if (answer?.status === 200) stored.push(text);
        else await delay(5);
      }
    });
    let allWritten = false;
    const finish = Promise.all(writing).then(() => (allWritten = true));
    const reading = Array.from({ length: 4 }, async () => {
      const events: EventJson[] = [];
      for (let lastEventId = begin; ; await delay(5)) {
        const stream = await openStream(ana, { lastEventId }).catch(() => undefined);
        if (stream === undefined) continue;
        await Promise.race([stream.ended, finish]);
        const left = allWritten ? (await eventsAfter(ana, lastEventId)).length : Number.POSITIVE_INFINITY;
        if (allWritten) await stream.received(left);
        stream.leave();
        events.push(...stream.events);
        lastEventId = stream.lastId();
        if (stream.events.length === left) return events;
      }
    });
    for (let kill = 0; kill < 2; kill += 1) {
      const { length } = stored;
      await until(() => stored.length > length + 20);
      await end("SIGKILL");
      await start();
    }
    over = true;
    const told = await Promise.all(reading);
    const log = await eventsAfter(ana, begin);
    for (const events of told) expect(events).to.deep.equal(log);
    // What was answered with 200 was told. What got no answer may have been stored, or not.
    expect(textsOf(log)).to.include.members(stored);
    expect(new Set(textsOf(log)).size).to.equal(textsOf(log).length);
  });

  it("miss nothing in an EventSource, across a restart", async () => {
    const url = `${server.url}/v1/events/stream?after=${await cursorOf(ana)}`;
    const source = new EventSource(url, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Cookie: ana.cookie } }),
    });
    const told: string[] = [];
    source.addEventListener("message.created", ({ data }) => {
      told.push(...textsOf([JSON.parse(String(data)) as EventJson]));
    });
    await once(source, "open");
    await send("before");
    await until(() => told.length === 1);
    await end("SIGTERM");
    await start();
    await send("before it is back");
    await until(() => told.length === 2);
    await send("after");
    await until(() => told.length === 3);
    source.close();
    expect(told).to.deep.equal(["before", "before it is back", "after"]);
  });

  it("are forgotten when they are older than is kept, when the server starts and every hour", async () => {
    const now = await cursorOf(ana);
    await end("SIGTERM");
    const store = await openSqliteStore(dataDir);
    const user = (await store.read(({ users }) => users.byKey(usernameKey(ana.username))))!;
    const old = { userId: user.id, at: Date.now() - 2 * 24 * 60 * 60 * 1_000 };
    await store.transaction(async ({ events }) => {
      const { first, last } = await events.bounds();
      for (const id of ["one", "two", "three"]) await events.append({ ...old, sessionId: id as SessionId });
      await events.forget(Date.now() + 1, last - first + 1);
    });
    await store.close();
    server = await runServer(dataDir, { PORT: port, EVENT_RETENTION_DAYS: "1" });
    const code = async () => (await ana.get(`/v1/events?after=${now}`)).json["code"];
    while ((await code()) !== "cursor_expired") await delay(5);
    expect((await ana.get(`/v1/events?after=${await cursorOf(ana)}`)).status).to.equal(200);
  });
});

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { EventSource } from "eventsource";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { MessageText } from "../../src/domain/message.js";
import type { SessionId } from "../../src/domain/session.js";
import { usernameKey, type UserId } from "../../src/domain/user.js";
import type { ClientEvent, PalaverError } from "../../src/client/index.js";
import { readConfig } from "../../src/main/config.js";
import { serve } from "../../src/main/server.js";
import { until } from "../support/event-stream.js";
import { arrive, type Person } from "../support/person.js";
import { runServer } from "../support/process.js";
import { PLAIN } from "../contract/fixtures.js";

function fail(error: Error): never {
  throw error;
}

describe("palaver serve, events", () => {
  let dataDir: string;
  /** Any free one at first, and the same one after that. */
  let port = "0";
  let server: Awaited<ReturnType<typeof runServer>>;
  let ana: Person;
  let bob: Person;

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
    [ana, bob] = [await arrive(server.url, "ana"), await arrive(server.url, "bob")];
  });

  after(async () => {
    await end("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  const send = (message: string) =>
    bob.client.sendMessage({ dest_username: ana.username, message }, { patience: Number.POSITIVE_INFINITY });
  const textsOf = (events: readonly ClientEvent[]) =>
    events.flatMap((event) => (event.type === "message.created" ? event.message.message : []));

  /** The events from a cursor up to the message with the given text. */
  async function received(after: string, last: string): Promise<ClientEvent[]> {
    const events: ClientEvent[] = [];
    for await (const event of ana.client.events({ after })) {
      events.push(event);
      if (textsOf([event])[0] === last) break;
    }
    return events;
  }

  it("are delivered once and in order, though the process is killed while it streams them", async () => {
    const { cursor } = await ana.client.sync();
    const sent: string[] = [];
    let over = false;
    const reading = Array.from({ length: 4 }, () => received(cursor, "the last"));
    const writing = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; !over; n += 1) {
        await send(`${writer}/${n}`);
        sent.push(`${writer}/${n}`);
      }
    });
    await until(() => sent.length > 20);
    await end("SIGKILL");
    await start();
    over = true;
    await Promise.all(writing);
    await send("the last");
    const { events: log, has_more: isMore } = await ana.client.listEvents({ after: cursor, limit: 1_000 });
    expect(isMore).to.equal(false);
    for (const events of await Promise.all(reading)) expect(events).to.deep.equal(log);
    // Each message was repeated until it was answered, so each is stored once although the process was killed.
    expect(textsOf(log)).to.have.members([...sent, "the last"]);
  });

  it("reach an EventSource without a gap across a restart", async () => {
    const { token } = await ana.client.createToken({ name: "EventSource" });
    const { cursor } = await ana.client.sync();
    const source = new EventSource(`${server.url}/v1/events/stream?after=${cursor}`, {
      fetch: (input, init) =>
        fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
    });
    const texts: string[] = [];
    source.addEventListener("message.created", ({ data }) => {
      texts.push(...textsOf([JSON.parse(String(data)) as ClientEvent]));
    });
    await once(source, "open");
    await send("before");
    await until(() => texts.length === 1);
    await end("SIGTERM");
    await start();
    await send("before it is back");
    await until(() => texts.length === 2);
    await send("after");
    await until(() => texts.length === 3);
    source.close();
    expect(texts).to.deep.equal(["before", "before it is back", "after"]);
  });

  it("are deleted after the retention, at the start of the server and every hour", async () => {
    const { cursor: now } = await ana.client.sync();
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
    const config = readConfig({
      DATA_DIR: dataDir,
      PORT: port,
      EVENT_RETENTION_DAYS: "1",
      LOG_LEVEL: "silent",
    });
    const again = await serve(config, fail);
    const code = () =>
      ana.client.listEvents({ after: now }).then(
        () => undefined,
        (error: PalaverError) => error.code,
      );
    while ((await code()) !== "cursor_expired") await delay(5);
    const { cursor } = await ana.client.sync();
    expect(await ana.client.listEvents({ after: cursor })).to.deep.include({ events: [] });
    await again.close();
  });

  it("report the messages that are deleted after their retention, at the start of the server", async () => {
    const directory = await mkdtemp(join(tmpdir(), "palaver-"));
    const store = await openSqliteStore(directory);
    const sentAt = Date.now() - 2 * 24 * 60 * 60 * 1_000;
    await store.transaction(async ({ users, chats, messages }) => {
      const old = {
        id: "an old user, with an id of enough characters" as UserId,
        username: "old",
        createdAt: 1,
      };
      await users.add(old, usernameKey("old"), "digest");
      const chat = await chats.addP2p([old.id, old.id], sentAt);
      for (const [text, at] of [
        ["old", sentAt],
        ["young", Date.now()],
      ] as const) {
        await messages.append({
          chatId: chat.id,
          sender: old,
          text: text as MessageText,
          ...PLAIN,
          sentAt: at,
        });
      }
    });
    await store.close();
    const settings = { DATA_DIR: directory, PORT: "0", MESSAGE_RETENTION_DAYS: "1", LOG_LEVEL: "silent" };
    const again = await serve(readConfig(settings), fail);
    await again.close();
    const left = await openSqliteStore(directory);
    await left.read(async ({ messages, events }) => {
      const all = { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 9 };
      const texts = (await messages.ofChat(1 as ChatId, { ...all, from: "oldest" })).map(({ text }) => text);
      expect(texts).to.deep.equal(["young"]);
      const types = (await events.all(all)).map((entry) => "change" in entry && entry.change.type);
      expect(types).to.deep.equal(["chat.history_deleted"]);
    });
    await left.close();
    await rm(directory, { recursive: true });
  });
});

import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import type { PasswordHasher, Store } from "../../src/application/ports.js";
import type { ChatEvent } from "../../src/domain/event.js";
import {
  keyedSecrets,
  openMessaging,
  usernameKey,
  type MessagingOptions,
  type OpenMessaging,
} from "../../src/main/index.js";
import { PASSWORD } from "../support/client.js";
import { createDatabase } from "../support/postgres.js";
import { testPorts } from "../support/ports.js";
import { errorCodeOf } from "../support/error-code.js";

const DAY = 24 * 60 * 60 * 1_000;

describe("openMessaging", () => {
  const opened: OpenMessaging[] = [];
  let directory: string;
  let passwords: PasswordHasher;

  const open = async (options: Partial<MessagingOptions> = {}) => {
    const messaging = await openMessaging({ storage: "memory", passwords, ...options });
    opened.push(messaging);
    return messaging;
  };
  const account = async (messaging: OpenMessaging, username: string) =>
    (await messaging.registerUser({ username, password: PASSWORD })).id;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "palaver-"));
    ({ passwords } = testPorts());
  });

  afterEach(async () => {
    for (const messaging of opened.splice(0)) await messaging.close();
    await rm(directory, { recursive: true, force: true });
  });

  it("keeps accounts, sessions, messages and event cursors in its directory", async () => {
    const storage = { sqlite: join(directory, "new") };
    const first = await open({ storage });
    const by = await account(first, "ana");
    const { secret } = await first.logIn({ username: "ana", password: PASSWORD });
    const { cursor: after } = await first.sync({ by });
    const { message } = await first.sendMessage({ by, to: { username: "ana" }, text: "kept" });
    expect(first.status()).to.include({ fault: undefined, transactions: 3 });
    await first.close();
    const again = await open({ storage });
    expect((await again.authenticate({ secret })).user.username).to.equal("ana");
    const types: string[] = [];
    for await (const event of again.events({ by, after })) {
      types.push(event.type);
      if (event.type === "message.created") break;
    }
    expect(types).to.deep.equal(["chat.created", "message.created"]);
    expect((await again.pageMessages({ by, of: "all", limit: 9 })).messages).to.deep.equal([message]);
  });

  it("hashes passwords with argon2id by default", async () => {
    const store = openMemoryStore();
    const messaging = await openMessaging({ storage: store });
    opened.push(messaging);
    await account(messaging, "ana");
    const found = await store.read(({ users }) => users.credentials(usernameKey("ana")));
    expect(found?.passwordDigest).to.match(/^\$argon2id\$/);
    await messaging.logIn({ username: "ana", password: PASSWORD });
    expect(await errorCodeOf(messaging.logIn({ username: "ana", password: "battery staple" }))).to.equal(
      "wrong_credentials",
    );
  });

  it("rejects an invalid storage and an invalid event retention", async () => {
    const errorOf = async (options: object) => String(await open(options).catch((error: unknown) => error));
    const withoutOptions = openMessaging as unknown as () => Promise<OpenMessaging>;
    expect(String(await withoutOptions().catch((error: unknown) => error))).to.match(
      /^TypeError: Invalid `storage` undefined\. Use "memory"/,
    );
    for (const storage of ["sqlite", null, 5, { sqlite: "" }, { sqlite: 5 }]) {
      expect(await errorOf({ storage })).to.match(
        /^TypeError: Invalid `storage` .* Use "memory", \{ sqlite: directory \}, \{ postgres: url \} or/,
      );
    }
    const postgres = "postgres://me:canary@db.example.org/palaver";
    for (const [storage, name] of [
      [postgres, ""],
      [{ postgres: undefined }, "postgres"],
      [{ postgres: "" }, "postgres"],
      [{ postgres: "postgres://me:canary@db.example.org" }, "postgres"],
      [{ postgres: ["canary"] }, "postgres"],
      [{ postgres, directUrl: "http://me:canary@db.example.org/palaver" }, "directUrl"],
      [{ postgres, poolSize: 0 }, "poolSize"],
      [{ postgres, poolSize: 201 }, "poolSize"],
      [{ postgres, poolSize: "ten" }, "poolSize"],
      [{ postgres: "postgres://me:canary@db.example.org:65536/palaver" }, "postgres"],
    ] as const) {
      expect(await errorOf({ storage }))
        .to.match(new RegExp(`^TypeError: Invalid .*\`storage\\.?${name}\``))
        .and.not.include("canary");
    }
    for (const [storage, key] of [
      [{ postgres, poolsize: 3 }, "poolsize"],
      [{ postgres, sqlite: "data" }, "sqlite"],
      [{ sqlite: "data", poolSize: 3 }, "poolSize"],
    ] as const) {
      expect(await errorOf({ storage }))
        .to.match(new RegExp(`^TypeError: Unknown key "${key}" in \`storage\`\\. Use `))
        .and.not.include("canary");
    }
    for (const eventRetention of [NaN, -1, "30 days"]) {
      expect(await errorOf({ eventRetention })).to.match(/^RangeError: Invalid event retention/);
      const messageRetention = eventRetention;
      expect(await errorOf({ messageRetention })).to.match(/^RangeError: Invalid message retention/);
    }
    const messaging = await open();
    const forgotten = messaging.forgetEvents({ before: NaN });
    expect(await errorCodeOf(forgotten)).to.equal("invalid_request");
  });

  it("rejects a command of another type before SQLite receives it", async () => {
    const messaging = await open({ storage: { sqlite: directory } });
    expect(await errorCodeOf(messaging.sync({ by: {} as never }))).to.equal("invalid_request");
  });

  it("uses a store of the caller, and leaves it open", async () => {
    const inner = openMemoryStore();
    let closed = 0;
    const storage: Store = { ...inner, close: async () => void (closed += 1) };
    const first = await open({ storage });
    const id = await account(first, "ana");
    await first.close();
    expect(closed).to.equal(0);
    const again = await open({ storage });
    expect((await again.sendMessage({ by: id, to: { username: "ana" }, text: "kept" })).message.seq).to.equal(
      1,
    );
  });

  it("shares a PostgreSQL database, its session key and its events with another process", async () => {
    const database = await createDatabase();
    const storage = { postgres: database.url, poolSize: 2 };
    const first = await open({ storage });
    const second = await open({ storage });
    const by = await account(first, "ana");
    const { secret } = await first.logIn({ username: "ana", password: PASSWORD });
    expect((await second.authenticate({ secret })).user.id).to.equal(by);
    const events = second.events({ by });
    const { message } = await first.sendMessage({ by, to: { username: "ana" }, text: "shared" });
    for await (const event of events) {
      if (event.type !== "message.created") continue;
      expect(event.message).to.deep.equal(message);
      break;
    }
    for (const messaging of opened.splice(0)) await messaging.close();
    await database.drop();
    expect(await open({ storage }).then(undefined, String)).to.match(
      /^Error: The database palaver_\w+ on \S+ cannot be opened: database "palaver_\w+" does not exist\.$/,
    );
  });

  it("digests secrets with the session key that a store keeps for all of its processes", async () => {
    const inner = openMemoryStore();
    const storage = { ...inner, sessionKey: async () => "the key of all processes" };
    const first = await open({ storage });
    await account(first, "ana");
    const { secret } = await first.logIn({ username: "ana", password: PASSWORD });
    const second = await open({ storage });
    expect((await second.authenticate({ secret })).user.username).to.equal("ana");
    const [digest] = keyedSecrets([await storage.sessionKey()]).digests(secret);
    expect(await inner.read(({ sessions }) => sessions.byDigest(digest))).to.include({ kind: "cookie" });
  });

  it("uses the given ports, and exposes its clock", async () => {
    const { clock, ids, secrets } = testPorts();
    const messaging = await open({ clock, ids, secrets });
    const user = await messaging.registerUser({ username: "ana", password: PASSWORD });
    const { secret } = await messaging.logIn({ username: "ana", password: PASSWORD });
    expect(user).to.deep.equal({
      id: `id-${"1".padStart(33, "0")}`,
      username: "ana",
      createdAt: clock.now(),
    });
    expect(secret).to.equal(secrets.generated[0]);
    expect(messaging.clock).to.equal(clock);
  });

  it("rejects refused passwords in any case", async () => {
    const messaging = await open({ refusedPasswords: ["Correct HORSE"] });
    expect(await errorCodeOf(account(messaging, "ana"))).to.equal("refused_password");
  });

  it("ends subscriptions when it is closed, and can be closed twice", async () => {
    const messaging = await open();
    const by = await account(messaging, "ana");
    const events: ChatEvent[] = [];
    const reading = (async () => {
      for await (const event of messaging.events({ by })) events.push(event);
    })();
    const batches = messaging.subscribe({ by });
    await batches.next();
    const never = messaging.events({ by });
    await messaging.sendMessage({ by, to: { username: "ana" }, text: "hello" });
    expect((await batches.next())?.events).to.have.length(2);
    const next = batches.next();
    const closing = messaging.close();
    expect(messaging.close()).to.equal(closing);
    await Promise.all([closing, reading]);
    expect(events.map(({ type }) => type)).to.deep.equal(["chat.created", "message.created"]);
    expect(await next).to.equal(undefined);
    expect(await never.next()).to.deep.equal({ done: true, value: undefined });
  });

  it("deletes events older than the retention, and no messages", async () => {
    const { clock } = testPorts();
    const storage = openMemoryStore();
    const first = await open({ storage, clock });
    const by = await account(first, "ana");
    const { cursor: after } = await first.sync({ by });
    for (const text of ["a", "b"]) await first.sendMessage({ by, to: { username: "ana" }, text });
    await first.close();
    clock.advance(29 * DAY);
    const second = await open({ storage, clock });
    await second.close();
    expect((await second.listEvents({ by, after, limit: 9 })).events).to.have.length(3);
    const third = await open({ storage, clock, eventRetention: 28 * DAY });
    await third.close();
    expect(await errorCodeOf(third.listEvents({ by, after, limit: 9 }))).to.equal("cursor_expired");
    expect((await third.pageMessages({ by, of: "all", limit: 9 })).messages).to.have.length(2);
  });

  it("deletes messages older than the retention, if one is set, with an event", async () => {
    const { clock } = testPorts();
    const storage = openMemoryStore();
    const first = await open({ storage, clock });
    const by = await account(first, "ana");
    for (const text of ["a", "b"]) await first.sendMessage({ by, to: { username: "ana" }, text });
    const { cursor: after } = await first.sync({ by });
    await first.close();
    clock.advance(28 * DAY);
    const second = await open({ storage, clock, messageRetention: 28 * DAY });
    await second.close();
    expect((await second.pageMessages({ by, of: "all", limit: 9 })).messages).to.have.length(2);
    clock.advance(1);
    const third = await open({ storage, clock, messageRetention: 28 * DAY });
    await third.close();
    expect((await third.pageMessages({ by, of: "all", limit: 9 })).messages).to.have.length(0);
    const { events } = await third.listEvents({ by, after, limit: 9 });
    expect(events.map(({ type }) => type)).to.deep.equal(["chat.history_deleted"]);
  });

  it("reports a failure to delete old messages, and continues", async () => {
    const troubles: Error[] = [];
    const sound = openMemoryStore();
    const timesOf = () => Promise.reject(new Error("not now"));
    const storage: Store = {
      ...sound,
      read: (work) => sound.read((all) => work({ ...all, messages: { ...all.messages, timesOf } })),
    };
    const onTrouble = (trouble: Error) => troubles.push(trouble);
    const messaging = await open({ storage, messageRetention: DAY, onTrouble });
    await messaging.close();
    expect(troubles.map(String)).to.deep.equal([
      "Error: Old messages could not be deleted. The next attempt is in an hour.",
    ]);
  });

  it("reports failures to delete old events and to index texts, and continues", async () => {
    const troubles: Error[] = [];
    const storage: Store = { ...openMemoryStore(), transaction: () => Promise.reject(new Error("not now")) };
    const messaging = await open({ storage, onTrouble: (trouble) => troubles.push(trouble) });
    await messaging.close();
    expect(troubles.map(String)).to.have.members([
      "Error: Texts could not be indexed for the search. The next attempt is in a second.",
      "Error: Old events could not be deleted. The next attempt is in an hour.",
      "Error: A chat without participants could not be deleted. The next attempt is in an hour.",
    ]);
    expect(troubles[0]?.cause).to.be.an("error").with.property("message", "not now");
  });

  it("reports a failure to erase a deleted user, and deletes old events", async () => {
    const { clock } = testPorts();
    const sound = openMemoryStore();
    const first = await open({ storage: sound, clock });
    const by = await account(first, "ana");
    const { cursor: after } = await first.sync({ by });
    for (const text of ["a", "b"]) await first.sendMessage({ by, to: { username: "ana" }, text });
    await first.close();
    clock.advance(2 * DAY);
    const troubles: Error[] = [];
    const toErase = () => Promise.reject(new Error("not now"));
    const storage: Store = {
      ...sound,
      read: (work) => sound.read((all) => work({ ...all, users: { ...all.users, toErase } })),
    };
    const onTrouble = (trouble: Error) => troubles.push(trouble);
    const second = await open({ storage, clock, eventRetention: DAY, onTrouble });
    await second.close();
    expect(troubles.map(String)).to.deep.equal([
      "Error: A deleted user could not be erased. The next attempt is in an hour.",
    ]);
    expect(await errorCodeOf(second.listEvents({ by, after, limit: 9 }))).to.equal("cursor_expired");
  });

  it("rejects a directory in use, and one with a damaged key, which it releases", async () => {
    const storage = { sqlite: directory };
    await open({ storage });
    const second = await open({ storage }).then(undefined, String);
    expect(second)
      .to.include(directory)
      .and.match(/another process|has it open|in use/i);
    await opened.pop()?.close();
    const secret = join(directory, "session-secret");
    const key = await readFile(secret);
    await writeFile(secret, "short");
    expect(await open({ storage }).then(undefined, String)).to.include(`${secret} is damaged`);
    await writeFile(secret, key);
    await open({ storage });
    expect(await readdir(directory)).to.include("session-secret");
  });
});

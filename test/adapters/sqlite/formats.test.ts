import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { openSqliteSource } from "../../../src/adapters/sqlite/copy.js";
import { openDatabase } from "../../../src/adapters/sqlite/database.js";
import { nodeDisk } from "../../../src/adapters/sqlite/wal/disk.js";
import { filesOn } from "../../../src/adapters/sqlite/wal/files.js";
import { recover } from "../../../src/adapters/sqlite/wal/recovery.js";
import { writeSnapshot } from "../../../src/adapters/sqlite/wal/snapshot.js";
import { migrate } from "../../../src/adapters/sqlite/schema.js";
import { openSqliteStore, type SqliteStore } from "../../../src/adapters/sqlite/store.js";
import { sequentialSecrets } from "../../../src/adapters/predictable.js";
import type { EventPage, Snapshot } from "../../../src/application/events.js";
import { createMessaging, type Messaging } from "../../../src/application/messaging.js";
import { unreadCount, type Chat, type ChatId } from "../../../src/domain/chat.js";
import type { ChatEvent } from "../../../src/domain/event.js";
import { DEFAULT_CHAT_SETTINGS } from "../../../src/domain/chat-settings.js";
import { DEFAULT_POLICY } from "../../../src/domain/policy.js";
import type { UserId, UsernameKey } from "../../../src/domain/user.js";
import { append, PLAIN, renamed } from "../../contract/fixtures.js";
import { testPorts } from "../../support/ports.js";
import { openWorld } from "../../support/world.js";

const FIXTURES = fileURLToPath(new URL("../../../../test/fixtures/", import.meta.url));
const ANA = "0199aaaa-0000-7000-8000-00000000000a" as UserId;
const BO = "0199aaaa-0000-7000-8000-00000000000b" as UserId;

/** Removes what version 16 of the schema added. */
const BEFORE_REACTIONS = `
  DROP TABLE reactions; DROP TABLE deleted_reactions;
  ALTER TABLE messages DROP COLUMN reactions;`;

/** Removes what version 15 added, too: replies, mentions and metadata of messages. */
const BEFORE_MENTIONS = `
  ${BEFORE_REACTIONS}
  DROP TRIGGER mentions_of_changed; DROP TRIGGER mentions_of_deleted; DROP TABLE mentions;
  ${["reply_to", "mentions", "metadata"]
    .map((column) => `ALTER TABLE messages DROP COLUMN ${column};`)
    .join(" ")}`;

/** Removes what versions 13 and 14 of the schema added, too. */
const BEFORE_INVITATIONS = `
  ${BEFORE_MENTIONS}
  DROP TABLE invitations;
  ${["muted_until", "archived_seq", "pinned"]
    .map((column) => `ALTER TABLE participants DROP COLUMN ${column};`)
    .join(" ")}`;

/** Removes what version 12 of the schema added, too. */
const BEFORE_NAMES = `
  ${BEFORE_INVITATIONS}
  DROP INDEX events_about_user; ALTER TABLE users DROP COLUMN display_name; DROP TABLE user_words; DROP TABLE blocks;`;

/** Removes what version 11 of the schema added, too. */
const BEFORE_ERASURE = `
  ${BEFORE_NAMES}
  DROP INDEX users_to_erase; DROP TABLE digest_keys;
  ALTER TABLE users DROP COLUMN erased_at;
  ALTER TABLE users DROP COLUMN deleted_at;`;

/** Removes what version 10 of the schema added, too. */
const BEFORE_HISTORY = `
  ${BEFORE_ERASURE}
  ALTER TABLE participants DROP COLUMN history_start;
  ALTER TABLE chats DROP COLUMN forgotten_at;
  ALTER TABLE chats DROP COLUMN forgotten_seq;`;

/** Removes what version 9 of the schema added, too. */
const BEFORE_ROLES = `
  ${BEFORE_HISTORY}
  DROP INDEX owners; DROP INDEX admins;
  ALTER TABLE participants DROP COLUMN role;
  ${["may_add", "may_remove", "may_rename", "may_post", "history", "metadata"]
    .map((column) => `ALTER TABLE chats DROP COLUMN ${column};`)
    .join(" ")}`;

describe("openSqliteStore on an older schema", () => {
  it("migrates once, into a new snapshot", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    // Version 0 is an empty database.
    const database = await openDatabase();
    writeSnapshot(nodeDisk(directory), 7, database.toFile());
    database.close();
    const migrated = await openSqliteStore(directory);
    expect(migrated.opening).to.include({ last: 7, migratedFrom: 0 });
    await migrated.transaction(({ chats }) => chats.addGroup("kept", 1));
    await migrated.close();
    const again = await openSqliteStore(directory);
    expect(again.opening).to.include({ last: 8, migratedFrom: undefined });
    await again.close();
    rmSync(directory, { recursive: true });
  });
});

describe("openSqliteStore on the first format", () => {
  let directory: string;
  let store: SqliteStore;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
    cpSync(join(FIXTURES, "format-1"), directory, { recursive: true });
  });

  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  it("starts an empty event log with a new epoch, whose events reach all participants", async () => {
    store = await openSqliteStore(directory);
    const all = { after: 0, upTo: 10, limit: 10 };
    const bounds = await store.read(({ events }) => events.bounds());
    expect(bounds).to.deep.equal({ epoch: bounds.epoch, earlier: new Map(), first: 1, last: 0 });
    expect(bounds.epoch).to.match(/^[0-9a-f]{16}$/);
    const chat = await store.read(({ chats }) => chats.p2p([ANA, BO]));
    await append(store, renamed(chat!, "first"));
    for (const id of [ANA, BO]) {
      const received = await store.read(({ events }) => events.ofUser(id, all));
      expect(received.map(({ change }) => change)).to.deep.equal([{ type: "chat.renamed", title: "first" }]);
    }
    await store.close();
    store = await openSqliteStore(directory);
    const later = await store.read(({ events }) => events.bounds());
    expect(later).to.deep.include({ earlier: new Map([[bounds.epoch, 0]]), first: 1, last: 1 });
  });

  it("reads everything in the snapshot and the log", async () => {
    expect(readdirSync(directory).filter((name) => /^(snapshot|log)/.test(name))).to.have.lengthOf(2);
    store = await openSqliteStore(directory);
    expect(store.opening).to.include({ last: 6, replayed: 3, torn: undefined, migratedFrom: 1 });
    const ana = { id: ANA, username: "Ana", createdAt: 1001 };
    const bo = { id: BO, username: "bo", createdAt: 1002 };
    const sender = ({ id, username }: typeof ana) => ({ id, username });
    const plain = { ...PLAIN, sentAt: 1005, editedAt: null, deletedAt: null, reactions: [] };
    await store.read(async ({ users, chats, messages, sessions }) => {
      expect(await users.credentials("ana" as UsernameKey)).to.deep.equal({
        user: ana,
        displayName: null,
        passwordDigest: "digest of ana",
        disabledAt: null,
        deletedAt: null,
      });
      expect(await users.byId(BO)).to.deep.equal(bo);
      const fresh = { policy: DEFAULT_POLICY, metadata: null };
      expect(await chats.ofParticipant(1 as ChatId, ANA)).to.deep.equal({
        chat: { id: 1, kind: "group", title: "Gruppe 🙂", createdAt: 1003, ...fresh },
        role: "owner",
        historyStart: 0,
        user: await users.byId(ANA),
      });
      expect(await chats.ofParticipant(1 as ChatId, BO)).to.equal(undefined);
      expect(await chats.p2p([ANA, BO])).to.deep.equal({
        id: 2,
        kind: "p2p",
        title: null,
        createdAt: 1005,
        policy: null,
        metadata: null,
      });
      expect(await messages.ofUser(ANA, { after: 0, upTo: 10, limit: 10, from: "oldest" })).to.deep.equal([
        { ...plain, id: 1, chatId: 2, seq: 1, sender: sender(ana), text: 'hello, "bo"\n\t\'\u0001' },
        { ...plain, id: 2, chatId: 2, seq: 2, sender: sender(bo), text: "hello, ana 🙂" },
        { ...plain, id: 3, chatId: 3, seq: 1, sender: sender(ana), text: "to myself" },
      ]);
      expect(await sessions.byDigest("digest of a secret")).to.deep.equal({
        id: "session-1",
        user: ana,
        kind: "cookie",
        name: null,
        userAgent: null,
        createdAt: 1006,
        lastSeenAt: 1006,
        expiresAt: 9_999_999_999_999,
      });
      expect(await sessions.byDigest("digest of another")).to.equal(undefined);
    });
  });

  it("deletes group chats without participants with everything in them, and keeps the numbering", async () => {
    store = await openSqliteStore(directory);
    await store.close();
    const snapshot = readdirSync(directory).find((name) => name.startsWith("snapshot-"))!;
    const database = await openDatabase(new Uint8Array(readFileSync(join(directory, snapshot))));
    // As the version before left a chat.
    database.execute(`
      ${BEFORE_ROLES}
      DROP INDEX abandoned_chats; DROP INDEX read_markers_of_chat; DROP INDEX events_of_participants;
      DROP INDEX participants_of_user;
      DROP TABLE deleted_ids; DROP TABLE epochs;
      CREATE TABLE identity (epoch TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
      INSERT INTO identity VALUES ('0123456789abcdef'); PRAGMA user_version = 5;
      INSERT INTO chats (id, kind, created_at, participant_count) VALUES (9, 'group', 1, 0);
      INSERT INTO messages (id, chat_id, seq, sender_id, text, sent_at) VALUES (50, 9, 1, '${ANA}', 'left behind', 1);
      INSERT INTO read_markers VALUES ('${ANA}', 9, 1);
      INSERT INTO events VALUES (3, 9, NULL, 0, 1, '{"type":"message.created"}', 50);
      INSERT INTO events VALUES (4, 9, '${ANA}', 1, 1, '{"type":"chat.renamed","title":null}', NULL);
    `);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    writeSnapshot(nodeDisk(directory), 6, database.toFile());
    database.close();
    store = await openSqliteStore(directory);
    await store.read(async ({ chats, messages, events }) => {
      expect((await chats.list({ after: undefined, limit: 10 })).map(({ chat }) => chat.id)).to.deep.equal([
        1, 2, 3,
      ]);
      expect(await messages.lastId()).to.equal(50);
      expect(await events.bounds()).to.include({ first: 3, last: 4 });
      const slice = { after: 0, upTo: 10, limit: 10 };
      expect((await events.ofUser(ANA, slice)).map(({ id }) => id)).to.deep.equal([4]);
    });
    const next = await store.transaction(({ chats }) => chats.addGroup(null, 1));
    expect(next.id).to.equal(10);
    const files = readdirSync(directory).filter((name) => name.startsWith("snapshot-"));
    expect(readFileSync(join(directory, files[0]!)).includes("left behind")).to.equal(false);
  });

  it("makes the participant who joined a group first its owner, by id among equals", async () => {
    store = await openSqliteStore(directory);
    await store.close();
    const snapshot = readdirSync(directory).find((name) => name.startsWith("snapshot-"))!;
    const database = await openDatabase(new Uint8Array(readFileSync(join(directory, snapshot))));
    const people = ["0", "1", "2"].map((n) => ANA.replace("0199", `019${n}`));
    const joined = people.map((id, index) => [id, [7, 5, 5][index]] as const);
    database.execute(`
      ${BEFORE_ROLES}
      PRAGMA user_version = 8;
      INSERT INTO chats (id, kind, created_at, participant_count) VALUES (4, 'group', 1, 3), (5, 'group', 1, 0);
      ${joined
        .map(
          ([id, at]) => `INSERT INTO users (id, username, username_key, password_digest, created_at)
            VALUES ('${id}', '${id}', '${id}', 'digest', 1);
            INSERT INTO participants VALUES ('${id}', 4, ${at}, 0);`,
        )
        .join("")}`);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    writeSnapshot(nodeDisk(directory), 6, database.toFile());
    database.close();
    store = await openSqliteStore(directory);
    expect(store.opening.migratedFrom).to.equal(8);
    const roles = await store.read(({ chats }) =>
      chats.participants(4 as ChatId, { after: undefined, limit: 9 }),
    );
    expect(roles.map(({ id, role }) => [id, role])).to.deep.equal([
      [people[1], "owner"],
      [people[2], "member"],
      [people[0], "member"],
    ]);
  });

  it("lets a user be deleted under a key of the store, which no other store has", async () => {
    store = await openSqliteStore(directory);
    await store.read(async ({ users }) => expect(await users.toErase()).to.equal(undefined));
    const deleted = await store.transaction(({ users }) => users.delete(ANA, 7));
    expect(deleted).to.equal(true);
    await store.read(async ({ users }) => {
      expect(await users.isTaken("ana" as UsernameKey)).to.equal(true);
      expect(await users.toErase()).to.equal(ANA);
    });
    await store.close();
    const source = await openSqliteSource(directory);
    const rowsOf = async (table: "users" | "digest_keys", key: string) => {
      const found = [];
      for await (const slice of source.rows(table, [key])) found.push(...slice);
      return found;
    };
    const [, key] = (await rowsOf("digest_keys", "name"))[0]!;
    const [, , reserved] = (await rowsOf("users", "id")).find(([id]) => id === ANA)!;
    await source.close();
    expect(key).to.match(/^[0-9a-f]{64}$/);
    const other = await openDatabase();
    migrate(other);
    expect(other.row("SELECT key FROM digest_keys")).to.not.deep.equal([key]);
    other.close();
    expect(reserved).to.match(/^HMAC-SHA-256 [0-9a-f]{64}$/);
    store = await openSqliteStore(directory);
  });

  it("migrates participant counts and read markers", async () => {
    store = await openSqliteStore(directory);
    expect(store.opening.migratedFrom).to.equal(1);
    const slice = { after: 0, upTo: 10, limit: 10, from: "oldest" } as const;
    await store.read(async ({ chats, messages }) => {
      const [toBo, toAna, toSelf] = await messages.ofUser(ANA, slice);
      const seen = (userId: UserId, id: number) => chats.overview(id as ChatId, userId);
      expect(await seen(ANA, 1)).to.deep.include({ participantCount: 1, lastMessage: null, readSeq: 0 });
      expect(await seen(BO, 1)).to.equal(undefined);
      const p2p = { participantCount: 2, lastMessage: toAna, deletedSinceRead: 0 };
      expect(await seen(ANA, 2)).to.deep.include({ ...p2p, withUsername: "bo", readSeq: toBo!.seq });
      expect(await seen(BO, 2)).to.deep.include({ ...p2p, withUsername: "Ana", readSeq: toAna!.seq });
      expect(await seen(ANA, 3)).to.deep.include({ participantCount: 1, lastMessage: toSelf, readSeq: 1 });
      // That version had no markers. Everything up to a message of one's own counts as read.
      const unread = async (userId: UserId, id: number) => unreadCount((await seen(userId, id))!);
      expect([await unread(ANA, 1), await unread(ANA, 2), await unread(BO, 2)]).to.deep.equal([0, 1, 0]);
      expect(await unread(ANA, 3)).to.equal(0);
      const participants = await chats.participants(2 as ChatId, { after: undefined, limit: 9 });
      expect(participants).to.deep.equal([
        { id: ANA, username: "Ana", joinedAt: 1005, role: null },
        { id: BO, username: "bo", joinedAt: 1005, role: null },
      ]);
      const list = await chats.ofUser(ANA, { asOf: 3, after: undefined, limit: 10 });
      expect(list).to.deep.equal([
        { chatId: 1, joinedAfter: 0, activity: 0 },
        { chatId: 2, joinedAfter: 0, activity: 2 },
        { chatId: 3, joinedAfter: 0, activity: 3 },
      ]);
    });
    await store.transaction(({ chats }) => chats.addParticipant(1 as ChatId, BO, 2000));
    const chat = await store.read(({ chats }) => chats.overview(1 as ChatId, BO));
    expect(chat?.participantCount).to.equal(2);
  });
});

describe("openSqliteStore on the version before histories", () => {
  it("keeps what each user sees, and has the last seq in the events of joins", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    const store = await openSqliteStore(directory);
    const { bo, cy, ...core } = await openWorld(store);
    const by = core.ana.id;
    const { id: chatId } = await core.createGroupChat({ by, participants: ["bo"] });
    const send = (text: string) => core.sendMessage({ by, to: { chatId }, text });
    const { cursor: after } = await core.sync({ by: cy.id });
    const { message } = await send("a");
    await core.deleteMessage({ by, id: message.id });
    await send("b");
    await core.addParticipant({ by, chatId, username: "cy" });
    await core.markRead({ by: bo.id, chatId, seq: 1 });
    await send("c");
    const read = async (messaging: Messaging) => {
      const views = [];
      for (const user of [core.ana, bo, cy]) views.push((await messaging.sync({ by: user.id })).chats);
      return { views, events: (await messaging.listEvents({ by: cy.id, after, limit: 9 })).events };
    };
    const before = await read(core);
    expect(before.views.map(([seen]) => unreadCount(seen!))).to.deep.equal([0, 2, 1]);
    expect(before.events[0]).to.have.nested.property("overview.lastSeq", 2);
    await store.close();
    const disk = nodeDisk(directory);
    const { database } = await recover(disk, filesOn(disk));
    database.execute(`
      ${BEFORE_HISTORY}
      UPDATE events SET what = json_remove(what, '$.overview.historyStart', '$.overview.lastSeq', '$.overview.lastSentAt');
      PRAGMA user_version = 9;`);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    writeSnapshot(nodeDisk(directory), 6, database.toFile());
    database.close();
    const migrated = await openSqliteStore(directory);
    expect(migrated.opening.migratedFrom).to.equal(9);
    expect(await read(createMessaging({ ...testPorts(), store: migrated }))).to.deep.equal(before);
    await migrated.close();
    rmSync(directory, { recursive: true });
  });
});

describe("openSqliteStore on the version before mentions", () => {
  it("keeps what each user sees, with counts of mentions in events, and indexes later mentions", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    const store = await openSqliteStore(directory);
    const { ana, bo, ...core } = await openWorld(store);
    const by = ana.id;
    const { cursor: after } = await core.sync({ by: bo.id });
    const { id: chatId } = await core.createGroupChat({ by });
    for (const text of ["a", "b"]) await core.sendMessage({ by, to: { chatId }, text });
    await core.addParticipant({ by, chatId, username: "bo" });
    await core.sendMessage({ by, to: { chatId }, text: "c" });
    await core.markRead({ by: bo.id, chatId, seq: 3 });
    await core.sendMessage({ by, to: { chatId }, text: "d" });
    const read = async (messaging: Messaging) => ({
      chats: (await messaging.sync({ by: bo.id })).chats,
      page: await messaging.pageMessages({ by, of: "all", limit: 9 }),
      events: (await messaging.listEvents({ by: bo.id, after, limit: 9 })).events,
    });
    const before = await read(core);
    expect(before.events.map((event) => event.type)).to.include.members(["participant.added", "chat.read"]);
    await store.close();
    const disk = nodeDisk(directory);
    const { database } = await recover(disk, filesOn(disk));
    database.execute(`
      ${BEFORE_MENTIONS}
      UPDATE events SET what = json_remove(what, '$.mentionCount', '$.overview.mentionCount', '$.overview.peerReadSeq');
      PRAGMA user_version = 14;`);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    writeSnapshot(nodeDisk(directory), 6, database.toFile());
    database.close();
    const migrated = await openSqliteStore(directory);
    expect(migrated.opening.migratedFrom).to.equal(14);
    const messaging = createMessaging({ ...testPorts(), store: migrated });
    expect(await read(messaging)).to.deep.equal(before);
    const [last] = before.page.messages.slice(-1);
    await messaging.editMessage({ by, id: last!.id, mentions: ["bo"], metadata: { a: 1 } });
    await messaging.sendMessage({ by, to: { chatId }, text: "e", replyTo: last!.id, mentions: ["bo"] });
    expect((await messaging.sync({ by: bo.id })).chats[0]).to.include({ mentionCount: 2 });
    await migrated.close();
    rmSync(directory, { recursive: true });
  });
});

describe("openSqliteStore on the version before reactions", () => {
  it("keeps the messages, which have no reactions, and users can react to them", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    const store = await openSqliteStore(directory);
    const { ana, bo, ...core } = await openWorld(store);
    const { id: chatId } = await core.createGroupChat({ by: ana.id, participants: ["bo"] });
    const sent = [];
    for (const text of ["a", "b"])
      sent.push((await core.sendMessage({ by: ana.id, to: { chatId }, text })).message);
    sent[1] = await core.deleteMessage({ by: ana.id, id: sent[1]!.id });
    await store.close();
    const disk = nodeDisk(directory);
    const { database } = await recover(disk, filesOn(disk));
    database.execute(`${BEFORE_REACTIONS} PRAGMA user_version = 15;`);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    writeSnapshot(nodeDisk(directory), 6, database.toFile());
    database.close();
    const migrated = await openSqliteStore(directory);
    expect(migrated.opening.migratedFrom).to.equal(15);
    const messaging = createMessaging({ ...testPorts(), store: migrated });
    const page = { by: bo.id, of: { chatId }, limit: 9 };
    expect((await messaging.pageMessages(page)).messages).to.deep.equal(sent);
    const reactions = await messaging.addReaction({ by: bo.id, id: sent[0]!.id, emoji: "👍" });
    expect((await messaging.pageMessages(page)).messages).to.deep.equal([{ ...sent[0], reactions }, sent[1]]);
    await migrated.close();
    rmSync(directory, { recursive: true });
  });
});

/** The contents of `format-5`, as the version that wrote it read them. */
interface Contents {
  readonly secret: string;
  readonly sessions: readonly unknown[];
  readonly state: Readonly<Record<string, UserContents>>;
}

interface UserContents {
  readonly id: UserId;
  /** Its chats have an `activity` that is no part of a snapshot any more. */
  readonly sync: { readonly chats: readonly Snapshot["chats"][number][] };
  readonly messages: readonly object[];
  readonly events: EventPage;
}

describe("openSqliteStore on the format with events, written by an earlier version that was killed", () => {
  it("reads everything in the snapshot and the log", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    cpSync(join(FIXTURES, "format-5"), directory, { recursive: true });
    const contents = JSON.parse(readFileSync(join(FIXTURES, "format-5.json"), "utf8")) as Contents;
    const store = await openSqliteStore(directory);
    expect(store.opening).to.include({ torn: undefined, migratedFrom: 5 });
    expect(store.opening.replayed).to.be.greaterThan(5);
    const core = createMessaging({ ...testPorts(), secrets: sequentialSecrets(), store });
    const users = Object.values(contents.state);
    // That version delivered events without the kind of their chat.
    const kinds = new Map(users.flatMap(({ sync }) => sync.chats.map(({ chat }) => [chat.id, chat.kind])));
    // It had no roles and policies. Ana joined the group first.
    const owner = contents.state["Ana"]!.id;
    const roleIn = ({ kind }: Chat, id: UserId) =>
      kind === "p2p" ? null : id === owner ? "owner" : "member";
    const withPolicy = (chat: Chat): Chat => ({
      ...chat,
      policy: chat.kind === "group" ? DEFAULT_POLICY : null,
      metadata: null,
    });
    const peerReadSeqIn = ({ id: chatId, kind }: Chat, me: UserId) => {
      if (kind === "group") return null;
      const readers = users.filter(({ sync }) => sync.chats.some(({ chat }) => chat.id === chatId));
      const peer = readers.find(({ id }) => id !== me) ?? readers[0]!;
      return peer.sync.chats.find(({ chat }) => chat.id === chatId)!.readSeq;
    };
    // Its messages were texts.
    const withFields = <M extends object | null>(message: M) =>
      message && { ...message, ...PLAIN, reactions: [] };
    const today = (event: ChatEvent) => {
      if (!("chatId" in event)) return event;
      const chatKind = kinds.get(event.chatId);
      if (event.type === "chat.created") {
        const { chat } = event;
        const participants = event.participants.map((each) => ({ ...each, role: roleIn(chat, each.id) }));
        return { ...event, chatKind, chat: withPolicy(chat), participants };
      }
      if ("message" in event) return { ...event, chatKind, message: withFields(event.message) };
      if (event.type === "chat.read") return { ...event, chatKind, mentionCount: 0 };
      if (event.type === "participant.added" && event.overview) {
        const { chat, lastMessage } = event.overview;
        const added = { role: "member", historyStart: 0, settings: DEFAULT_CHAT_SETTINGS } as const;
        const lastSeq = lastMessage?.seq ?? 0;
        const lastSentAt = lastMessage?.sentAt ?? null;
        const overview = {
          ...event.overview,
          ...added,
          lastMessage: withFields(lastMessage),
          lastSeq,
          lastSentAt,
          mentionCount: 0,
          peerReadSeq: null,
          chat: withPolicy(chat),
        };
        return { ...event, chatKind, overview };
      }
      return { ...event, chatKind };
    };
    const seen = new Set<string>();
    for (const { id: by, sync, messages, events } of users) {
      for (const event of events.events) seen.add("overview" in event ? "overview" : event.type);
      const chats = sync.chats.map(({ chat, ...rest }) => ({
        ...Object.fromEntries(Object.entries(rest).filter(([name]) => name !== "activity")),
        chat: withPolicy(chat),
        role: roleIn(chat, by),
        historyStart: 0,
        lastMessage: withFields(rest.lastMessage),
        mentionCount: 0,
        peerReadSeq: peerReadSeqIn(chat, by),
        lastSeq: rest.lastMessage?.seq ?? 0,
        lastSentAt: rest.lastMessage?.sentAt ?? null,
        settings: DEFAULT_CHAT_SETTINGS,
      }));
      const now = await core.sync({ by });
      expect(now).to.deep.equal({ ...sync, chats, more: false });
      const unreadBefore = sync.chats.map(({ lastMessage, readSeq, deletedSinceRead }) => {
        return (lastMessage?.seq ?? 0) - readSeq - deletedSinceRead;
      });
      expect(now.chats.map(unreadCount)).to.deep.equal(unreadBefore);
      const read: unknown[] = [];
      for await (const slice of await core.listMessages({ by, of: "all" })) read.push(...slice);
      expect(read).to.deep.equal(messages.map(withFields));
      const after = events.cursor.replace(/\d+$/, "0");
      expect(await core.listEvents({ by, after, limit: 100 })).to.deep.equal({
        ...events,
        events: events.events.map(today),
      });
    }
    expect([...seen]).to.include.members(["chat.created", "overview"]);
    const all = { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: Number.MAX_SAFE_INTEGER };
    const log = await store.read((repositories) => repositories.events.all(all));
    expect(JSON.stringify(log.map((entry) => "change" in entry && entry.change))).not.to.include(
      '"username"',
    );
    const [session] = contents.sessions;
    expect(await core.authenticate({ secret: contents.secret })).to.deep.equal(session);
    await store.close();
    rmSync(directory, { recursive: true });
  });
});

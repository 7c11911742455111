import { expect } from "chai";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { createAdministration } from "../../src/application/administration.js";
import { deleteAbandonedChats } from "../../src/application/chats.js";
import { eraseDeletedUsers, eraseUser } from "../../src/application/erasure.js";
import type { Ports, Store } from "../../src/application/ports.js";
import { pairOf, type ChatId } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { IdempotencyKey } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import { PLAIN, MAX_ID, chatIdsOf } from "../contract/fixtures.js";
import { errorCodeOf } from "../support/error-code.js";
import { collected } from "../support/operator.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { seeded, simulatedDisk, type SimulatedDisk } from "../support/simulated-disk.js";
import { openWorld, type World } from "../support/world.js";

const ALL = { after: 0, upTo: MAX_ID, limit: MAX_ID } as const;
const PASSWORD = "password of ana";

const onDisk = (disk: SimulatedDisk): Promise<Store> => {
  const mounted = disk.mount();
  return openStoreOn(mounted, inline(mounted), { segmentBytes: 16_384 });
};

const postgres = new PostgresStores();
after(() => postgres.drop());

/** Ana owns a group with Bo and Cy, is alone in another one, has left a third one, and has written to Bo, to Cy and to herself. */
async function openScene(world: World) {
  const { ana, bo, cy } = world;
  const to = (chatId: ChatId) => ({ chatId });
  const say = async (by: User, destination: { chatId: ChatId } | { username: string }, text: string) =>
    (await world.sendMessage({ by: by.id, to: destination, text })).message;
  const owned = await world.group(ana, bo, cy);
  await world.setRole({ by: ana.id, chatId: owned.id, user: "cy", role: "admin" });
  const alone = await world.group(ana);
  const left = await world.group(bo, ana);
  await say(ana, to(owned.id), "ana says a");
  await say(bo, to(owned.id), "bo says b");
  await say(ana, to(alone.id), "ana says c");
  await say(ana, to(left.id), "ana says d");
  await world.removeParticipant({ by: ana.id, chatId: left.id, user: "ana" });
  const p2p = await say(ana, { username: "bo" }, "ana says e");
  await say(bo, { username: "ana" }, "bo says f");
  await say(cy, { username: "ana" }, "cy says g");
  const self = await say(ana, { username: "ana" }, "ana says h");
  const deleted = await say(ana, to(owned.id), "ana says i");
  await world.deleteMessage({ by: ana.id, id: deleted.id });
  await world.sendMessage({ by: ana.id, to: to(owned.id), text: "ana says j", idempotencyKey: "key" });
  await world.markRead({ by: ana.id, chatId: owned.id, seq: 1 });
  const { session, secret } = await world.logIn({ username: "ana", password: PASSWORD });
  const { secret: token } = await world.createToken({ by: session, name: "bot" });
  return { owned, alone, left, p2pId: p2p.chatId, selfId: self.chatId, session, secrets: [secret, token] };
}

/** Asserts that nothing of Ana remains but tombstones. */
async function expectErased(store: Store, ana: User, bo: User): Promise<void> {
  await store.read(async ({ users, chats, messages, sessions, events }) => {
    const user = { ...ana, username: "deleted" };
    const { deletedAt } = (await users.accountById(ana.id))!;
    expect(await users.accountById(ana.id)).to.deep.equal({
      user,
      displayName: null,
      disabledAt: null,
      deletedAt,
    });
    expect(deletedAt).to.be.a("number");
    expect(await users.toErase()).to.equal(undefined);
    expect(await sessions.ofUser(ana.id)).to.deep.equal([]);
    const sent = await messages.sentBy(ana.id, ALL);
    expect(sent.map(({ text }) => text).join("")).to.equal("");
    for (const message of sent) {
      expect(message.sender).to.deep.equal({ id: ana.id, username: "deleted" });
      expect(message.deletedAt).to.be.a("number");
      expect([message.mentions, message.metadata]).to.deep.equal([[], null]);
    }
    expect(await messages.sentAs(ana.id, "key" as IdempotencyKey)).to.equal(undefined);
    expect(await chats.abandoned()).to.equal(undefined);
    const own = await chats.overviews(ana.id, await chatIdsOf(chats, ana.id));
    expect(new Set(own.map(({ chat }) => chat.kind))).to.deep.equal(new Set(["p2p"]));
    expect(own.map(({ readSeq }) => readSeq)).to.deep.equal(own.map(() => 0));
    expect(await chats.p2p(pairOf(ana.id, ana.id))).to.equal(undefined);
    const deletions = new Map<number, number>();
    for (const entry of await events.all(ALL)) {
      if (!("message" in entry) || entry.change.type !== "message.deleted") continue;
      deletions.set(entry.message!.id, (deletions.get(entry.message!.id) ?? 0) + 1);
    }
    for (const { id } of sent) expect(deletions.get(id), `deletions of ${id}`).to.equal(1);
    const others = await messages.sentBy(bo.id, ALL);
    expect(others.map(({ text }) => text)).to.deep.equal(["bo says b", "bo says f"]);
    expect(JSON.stringify(await events.all(ALL))).to.not.match(/"ana"|ana says/);
  });
}

for (const [name, open] of [
  ["the memory store", async () => undefined],
  ["the SQLite store", () => onDisk(simulatedDisk(seeded(1)))],
  ["the PostgreSQL store", () => postgres.openEmpty()],
] as const) {
  describe(`the erasure of a user on ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await openWorld(await open());
    });
    afterEach(() => world.ports.store.close());

    it("ends sessions and memberships, deletes texts, and keeps what others wrote", async () => {
      const { ana, bo, cy } = world;
      const { owned, alone, left, p2pId, selfId, session, secrets } = await openScene(world);
      await world.eraseAccount({ by: session, password: PASSWORD });
      await expectErased(world.ports.store, ana, bo);
      for (const secret of secrets) {
        expect(await errorCodeOf(world.authenticate({ secret }))).to.equal("not_signed_in");
      }
      const { participants, overview } = await world.getChat({ by: cy.id, chatId: owned.id });
      expect(participants.map(({ id, role }) => [id, role])).to.deep.equal([
        [bo.id, "member"],
        [cy.id, "owner"],
      ]);
      expect(overview.participantCount).to.equal(2);
      const texts = async (chatId: ChatId) =>
        (await world.pageMessages({ by: bo.id, of: { chatId }, limit: 10 })).messages.map((message) => [
          message.sender.username,
          message.text,
        ]);
      expect(await texts(owned.id)).to.deep.equal([
        ["deleted", ""],
        ["bo", "bo says b"],
        ["deleted", ""],
        ["deleted", ""],
      ]);
      expect(await texts(left.id)).to.deep.equal([["deleted", ""]]);
      expect(await texts(p2pId)).to.deep.equal([
        ["deleted", ""],
        ["bo", "bo says f"],
      ]);
      const p2p = await world.getChat({ by: bo.id, chatId: p2pId });
      expect(p2p.overview.withUsername).to.equal("deleted");
      expect(p2p.participants.map(({ username }) => username).toSorted()).to.deep.equal(["bo", "deleted"]);
      const administration = createAdministration(world.ports);
      const ids = (await collected(administration.listAllChats())).flat().map(({ chat }) => chat.id);
      expect(ids).to.not.include.members([alone.id]);
      expect(ids).to.not.include.members([selfId]);
    });

    it("lets nobody get the username again, in any spelling", async () => {
      const { session } = await openScene(world);
      await world.eraseAccount({ by: session, password: PASSWORD });
      const administration = createAdministration(world.ports);
      for (const username of ["ana", "ANA", "ａｎａ"]) {
        const account = { username, password: "another password" };
        expect(await errorCodeOf(world.registerUser(account))).to.equal("username_taken");
        expect(await errorCodeOf(administration.addUser(account))).to.equal("username_taken");
        expect(await errorCodeOf(administration.checkUsername({ username }))).to.equal("username_taken");
        expect(await errorCodeOf(world.ensureUser({ username }))).to.equal("username_taken");
      }
      const hashed = world.ports.passwords.hashed;
      await errorCodeOf(world.registerUser({ username: "ana", password: "another password" }));
      expect(world.ports.passwords.hashed).to.equal(hashed);
    });

    it("rejects logins as for an unknown user, and messages and additions", async () => {
      const { ana, bo } = world;
      const { owned, p2pId, session } = await openScene(world);
      await world.eraseAccount({ by: session, password: PASSWORD });
      const codes = async (...attempts: readonly (() => Promise<unknown>)[]) => {
        const found = [];
        for (const attempt of attempts) found.push(await errorCodeOf(attempt()));
        return found;
      };
      expect(
        await codes(
          () => world.logIn({ username: "ana", password: PASSWORD }),
          () => world.logIn({ username: "nobody", password: PASSWORD }),
        ),
      ).to.deep.equal(["wrong_credentials", "wrong_credentials"]);
      const send = (to: { chatId: ChatId } | { username: string }) => () =>
        world.sendMessage({ by: bo.id, to, text: "hello" });
      const add = (username: string) => () => world.addParticipant({ by: bo.id, chatId: owned.id, username });
      expect(
        await codes(send({ chatId: p2pId }), send({ username: "ana" }), add("ana"), add("deleted")),
      ).to.deep.equal(["user_unavailable", "unknown_user", "unknown_user", "unknown_user"]);
      const by = ana.id;
      expect(
        await codes(
          () => world.sendMessage({ by, to: { chatId: p2pId }, text: "hello" }),
          () => world.sendMessage({ by, to: { username: "bo" }, text: "hello" }),
          () => world.sendMessage({ by, to: { username: "cy" }, text: "hello" }),
          () => world.markRead({ by, chatId: p2pId, seq: 1 }),
          () => world.createGroupChat({ by }),
          () => world.createToken({ by: session, name: "bot" }),
          () => world.eraseAccount({ by: session, password: PASSWORD }),
        ),
      ).to.deep.equal([
        "not_a_participant",
        "not_signed_in",
        "not_signed_in",
        "not_signed_in",
        "not_signed_in",
        "not_signed_in",
        "wrong_password",
      ]);
      const administration = createAdministration(world.ports);
      expect(
        await codes(
          () => administration.disableUser({ user: by }),
          () => administration.enableUser({ user: by }),
          () => administration.resetPassword({ user: by, newPassword: "another password" }),
          () => administration.createUserToken({ user: by, name: "bot" }),
          () => administration.disableUser({ user: "ana" }),
        ),
      ).to.deep.equal([
        "user_unavailable",
        "user_unavailable",
        "user_unavailable",
        "user_unavailable",
        "unknown_user",
      ]);
      expect((await administration.countStatistics()).deletedUsers).to.equal(1);
    });

    it("deletes the p2p chats of two users who are both erased", async () => {
      const { ana, bo, cy } = world;
      const write = (user: User) =>
        world.sendMessage({ by: ana.id, to: { username: user.username }, text: "a" });
      const [both, kept] = [(await write(bo)).message.chatId, (await write(cy)).message.chatId];
      await eraseUser(world.ports, { user: ana.id });
      await eraseUser(world.ports, { user: bo.id });
      const { summaries, overview } = await world.ports.store.read(async ({ chats }) => ({
        summaries: await chats.list({ after: undefined, limit: 9 }),
        overview: await chats.overview(kept, cy.id),
      }));
      expect(summaries.map(({ chat }) => chat.id)).not.to.include(both);
      expect(overview?.withUsername).to.equal("deleted");
    });

    it("waits for no row that a send locks behind its chat", async () => {
      const { ana } = world;
      const peers = Object.values(
        await world.users(...Array.from({ length: 10 }, (_, index) => `peer-${index}`)),
      );
      const chatIds: ChatId[] = [];
      for (const { id: by } of peers) {
        chatIds.push((await world.sendMessage({ by, to: { username: "ana" }, text: "a" })).message.chatId);
      }
      let isErased = false;
      const write = async ({ id: by }: User, chatId: ChatId) => {
        while (!isErased) await errorCodeOf(world.sendMessage({ by, to: { chatId }, text: "b" }));
      };
      const writing = peers.map((peer, index) => write(peer, chatIds[index]!));
      await eraseUser(world.ports, { user: ana.id });
      isErased = true;
      await Promise.all(writing);
      expect(world.ports.store.status().database?.retries ?? 0).to.equal(0);
    });

    it("rejects a wrong password and changes nothing", async () => {
      const { session, secrets } = await openScene(world);
      for (const password of ["another password", "", "\ud800"]) {
        expect(await errorCodeOf(world.eraseAccount({ by: session, password }))).to.equal("wrong_password");
      }
      expect((await world.authenticate({ secret: secrets[0]! })).user.username).to.equal("ana");
    });

    it("delivers no buffered event with the username", async () => {
      const { ana, bo } = world;
      const { p2pId, session } = await openScene(world);
      const subscription = world.subscribe({ by: bo.id });
      const live = await subscription.next();
      expect(live?.events).to.deep.equal([]);
      await world.sendMessage({ by: ana.id, to: { chatId: p2pId }, text: "ana says k" });
      await world.eraseAccount({ by: session, password: PASSWORD });
      const found: unknown[] = [];
      for (let batch = await subscription.next(); batch; batch = await subscription.next()) {
        found.push(...batch.events);
        if (batch.events.some(({ type }) => type === "message.deleted")) break;
      }
      subscription.close();
      expect(JSON.stringify(found))
        .to.match(/"deleted"/)
        .and.to.not.match(/"ana"|ana says/);
    });

    it("is the same for the operator, and says so again for a user who is erased", async () => {
      const { ana, bo } = world;
      await openScene(world);
      const administration = createAdministration(world.ports);
      const erased = await administration.eraseUser({ user: "ANA" });
      expect(erased.isErased).to.equal(true);
      expect(erased.account.user).to.deep.equal({ ...ana, username: "deleted" });
      await expectErased(world.ports.store, ana, bo);
      expect(await administration.eraseUser({ user: ana.id })).to.deep.equal(erased);
      expect(await administration.getAccount({ user: ana.id })).to.deep.equal(erased.account);
      expect(await errorCodeOf(administration.eraseUser({ user: "ana" }))).to.equal("unknown_user");
      const [record, ...rest] = await collected(administration.exportUser({ user: ana.id }));
      expect(record).to.deep.equal({ account: erased.account });
      expect(JSON.stringify(rest)).to.not.match(/"ana"|ana says/);
    });
  });
}

/** The ports over a store whose transactions fail from the one behind the first `count` on. */
function stopping(ports: Ports, count: number): Ports & { readonly transactions: number } {
  let transactions = 0;
  const store: Store = {
    ...ports.store,
    transaction(work, appendsTo) {
      if (transactions === count) return Promise.reject(new Error("The process has ended."));
      transactions += 1;
      return ports.store.transaction(work, appendsTo);
    },
  };
  return {
    ...ports,
    store,
    get transactions() {
      return transactions;
    },
  };
}

describe("an erasure that stops after a transaction", () => {
  it("has ended all access, and is complete after the next start", async () => {
    let isComplete = false;
    for (let count = 0; !isComplete; count += 1) {
      const disk = simulatedDisk(seeded(count));
      const world = await openWorld(await onDisk(disk));
      const { ana, bo } = world;
      await openScene(world);
      const ports = stopping(world.ports, count);
      const stopped = await createAdministration(ports)
        .eraseUser({ user: "ana" })
        .catch((error: unknown) => error);
      isComplete = !(stopped instanceof Error);
      disk.powerCut();
      const store = await onDisk(disk);
      const next = { ...world.ports, store };
      if (count > 0) {
        const account = await store.read(({ users }) => users.accountById(ana.id));
        expect(account?.user.username).to.equal("deleted");
        expect(await store.read(({ sessions }) => sessions.ofUser(ana.id))).to.deep.equal([]);
      } else {
        await createAdministration(next).eraseUser({ user: "ana" });
      }
      await deleteAbandonedChats(next);
      await eraseDeletedUsers(next);
      await expectErased(store, ana, bo);
      await store.close();
      if (isComplete) expect(count).to.be.greaterThan(4);
    }
  });
});

describe("the erasure of a user with many messages and chats", () => {
  it("goes on in the background behind its first transactions", async () => {
    const world = await openWorld();
    const { ana, bo } = world;
    await openScene(world);
    const chat = await world.group(bo, ana);
    await world.ports.store.transaction(async ({ chats, messages }) => {
      const draft = { chatId: chat.id, sender: ana, text: "ana says z" as never, ...PLAIN, sentAt: 1 };
      for (let n = 0; n < 5_000; n += 1) await messages.append(draft);
      for (let n = 0; n < 50; n += 1) {
        const group = await chats.addGroup(null, 1);
        await chats.addParticipant(group.id, bo.id, 1, "owner");
        await chats.addParticipant(group.id, ana.id, 1);
      }
    });
    const before = world.ports.store.status().transactions;
    const { isErased } = await createAdministration(world.ports).eraseUser({ user: "ana" });
    expect(isErased).to.equal(false);
    expect(world.ports.store.status().transactions - before).to.be.within(20, 40);
    await eraseDeletedUsers(world.ports);
    await expectErased(world.ports.store, ana, bo);
  });

  it("resolves also if the store becomes unavailable behind the first transaction", async () => {
    const world = await openWorld();
    await openScene(world);
    let transactions = 0;
    const store: Store = {
      ...world.ports.store,
      transaction(work) {
        transactions += 1;
        if (transactions > 1) return Promise.reject(new MessagingError("store_unavailable", "Full."));
        return world.ports.store.transaction(work);
      },
    };
    const { isErased } = await createAdministration({ ...world.ports, store }).eraseUser({ user: "ana" });
    expect(isErased).to.equal(false);
    await eraseDeletedUsers(world.ports);
    await expectErased(world.ports.store, world.ana, world.bo);
  });
});

describe("the successor of an owner", () => {
  it("is never a deleted user while another participant can follow", async () => {
    const world = await openWorld();
    const { ana, bo, cy, ports } = world;
    const chat = await world.group(ana, bo, cy);
    await world.setRole({ by: ana.id, chatId: chat.id, user: "bo", role: "admin" });
    await ports.store.transaction(({ users }) => users.delete(bo.id, 1));
    await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "ana" });
    const roles = async () =>
      (await world.getChat({ by: cy.id, chatId: chat.id })).participants.map(({ id, role }) => [id, role]);
    expect(await roles()).to.deep.equal([
      [bo.id, "admin"],
      [cy.id, "owner"],
    ]);
    await eraseDeletedUsers(ports);
    expect(await roles()).to.deep.equal([[cy.id, "owner"]]);
  });
});

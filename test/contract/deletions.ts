import assert from "node:assert/strict";
import type { Repositories, Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import { messageChanged } from "../../src/domain/event.js";
import type { IdempotencyKey, Message, MessageText } from "../../src/domain/message.js";
import { usernameKey, type User, type UsernameKey } from "../../src/domain/user.js";
import {
  MAX_ID,
  ana,
  append,
  bo,
  createGroup,
  cy,
  draft,
  person,
  chatIdsOf,
  register,
  send,
  type Runner,
} from "./fixtures.js";

const ALL = { after: 0, upTo: MAX_ID, limit: MAX_ID } as const;
const ONCE = { key: "key" as IdempotencyKey, textDigest: "digest" };

/** Tests the promises of the repositories about users who are deleted. */
export function deletionContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const deleteUser = (user: User, deletedAt = 7) =>
    store().transaction(({ users }) => users.delete(user.id, deletedAt));
  const add = (user: User, key: UsernameKey) =>
    store().transaction(({ users }) => users.add(user, key, "digest"));
  const write = <T>(work: (repositories: Repositories) => Promise<T>) => store().transaction(work);

  const describeMethod = (name: string, body: () => void) =>
    describe(name, () => {
      beforeEach(() => register(store(), ana, bo, cy));
      body();
    });

  describeMethod("UserRepository.delete", () => {
    it("replaces the username wherever it is read, and removes the key and the password", async () => {
      const group = await createGroup(store(), bo, ana);
      const p2p = await write(({ chats }) => chats.addP2p(pairOf(ana.id, bo.id), 1));
      const [sent] = await send(store(), group, ana, "a");
      await send(store(), p2p, ana, "b");
      await append(store(), messageChanged("message.created", sent!, 1));
      const names = () =>
        store().read(async ({ users, chats, messages, events }) => {
          const overview = await chats.overview(p2p.id, bo.id);
          const [listed] = await chats.overviews(bo.id, [p2p.id]);
          const summaries = await chats.list({ after: undefined, limit: MAX_ID });
          const people = await chats.participants(group.id, { after: undefined, limit: MAX_ID });
          const slice = { ...ALL, from: "newest" } as const;
          const read: readonly Message[] = [
            ...(await messages.ofChat(group.id, slice)),
            ...(await messages.ofUser(bo.id, slice)),
            ...(await messages.byIds([sent!.id], {})),
            ...(await messages.sentBy(ana.id, ALL)),
            ...(await events.all(ALL)).flatMap((entry) =>
              "message" in entry && entry.message ? [entry.message] : [],
            ),
            overview!.lastMessage!,
          ];
          return [
            (await users.byId(ana.id))?.username,
            (await users.accountById(ana.id))?.user.username,
            (await users.list({ after: undefined, limit: MAX_ID })).find(({ user }) => user.id === ana.id)
              ?.user.username,
            overview!.withUsername,
            listed!.withUsername,
            summaries.find(({ chat }) => chat.id === p2p.id)!.between.find((name) => name !== bo.username),
            people.find(({ id }) => id === ana.id)?.username,
            ...read.map(({ sender }) => sender.username),
          ];
        });
      const before = await names();
      assert.deepEqual(new Set(before), new Set([ana.username]));
      assert.equal(await deleteUser(ana), true);
      assert.deepEqual(
        await names(),
        before.map(() => "deleted"),
      );
      await store().read(async ({ users }) => {
        const key = usernameKey(ana.username);
        assert.equal(await users.byKey(key), undefined);
        assert.equal(await users.account(key), undefined);
        assert.equal(await users.credentials(key), undefined);
        assert.equal(await users.byKey("deleted" as UsernameKey), undefined);
        const user = { ...ana, username: "deleted" };
        assert.deepEqual(await users.accountById(ana.id), {
          user,
          displayName: null,
          disabledAt: null,
          deletedAt: 7,
        });
        assert.deepEqual(await users.accountById(bo.id), {
          user: bo,
          displayName: null,
          disabledAt: null,
          deletedAt: null,
        });
        assert.equal((await users.byKey(usernameKey(bo.username)))?.id, bo.id);
      });
    });

    it("keeps the key taken, and no other one", async () => {
      const isTaken = (key: string) => store().read(({ users }) => users.isTaken(key as UsernameKey));
      assert.equal(await isTaken("ana"), true);
      assert.equal(await isTaken("dora"), false);
      await deleteUser(ana);
      await deleteUser(bo);
      for (const key of ["ana", "bo"]) {
        assert.equal(await isTaken(key), true);
        assert.equal(await add(person("dora"), key as UsernameKey), false);
        assert.equal(await store().read(({ users }) => users.byId(person("dora").id)), undefined);
      }
      for (const key of ["deleted", "ann", ""]) assert.equal(await isTaken(key), false);
      assert.equal(await add(person("dora"), usernameKey("deleted")), true);
    });

    it("returns false for an unknown and for a deleted user, who cannot be changed", async () => {
      assert.equal(await deleteUser(person("dora")), false);
      assert.equal(await deleteUser(ana), true);
      assert.equal(await deleteUser(ana, 8), false);
      await write(async ({ users }) => {
        assert.equal(await users.replacePassword(ana.id, "digest"), false);
        assert.equal(await users.setDisabledAt(ana.id, 9), false);
        const { disabledAt, deletedAt } = (await users.accountById(ana.id))!;
        assert.deepEqual([disabledAt, deletedAt], [null, 7]);
      });
    });

    it("lets the user act in no chat, and own none while another participant can", async () => {
      const group = await createGroup(store(), bo, ana, cy);
      const p2p = await write(({ chats }) => chats.addP2p(pairOf(ana.id, bo.id), 1));
      await write(async ({ chats }) => {
        await chats.setRole(group.id, ana.id, "admin");
        await chats.setRole(group.id, cy.id, "admin");
      });
      const roles = () =>
        store().read(async ({ chats }) => [
          (await chats.ofParticipant(group.id, ana.id))?.user.id,
          (await chats.ofParticipant(p2p.id, ana.id))?.user.id,
          (await chats.oldest(group.id, "admin"))?.id,
          (await chats.oldest(group.id))?.id,
        ]);
      assert.deepEqual(await roles(), [ana.id, ana.id, ana.id, ana.id]);
      await deleteUser(ana);
      assert.deepEqual(await roles(), [undefined, undefined, cy.id, bo.id]);
      await deleteUser(bo);
      await deleteUser(cy);
      assert.deepEqual((await roles()).slice(2), [undefined, undefined]);
    });

    it("changes nothing if it is rolled back", async () => {
      const failed = write(async ({ users }) => {
        await users.delete(ana.id, 7);
        assert.equal((await users.byId(ana.id))?.username, "deleted");
        throw new Error("roll back");
      });
      await assert.rejects(failed, /roll back/);
      await store().read(async ({ users }) => {
        assert.deepEqual(await users.byId(ana.id), ana);
        assert.deepEqual((await users.credentials(usernameKey("ana")))?.passwordDigest, "digest of ana");
        assert.equal(await users.toErase(), undefined);
      });
    });
  });

  describeMethod("UserRepository.toErase, isToErase and endErasure", () => {
    it("find the deleted users until their erasure has ended", async () => {
      const isToErase = (...people: readonly User[]) =>
        store().read(async ({ users }) => {
          const found = [];
          for (const { id } of people) found.push(await users.isToErase(id));
          return found;
        });
      const toErase = () => store().read(({ users }) => users.toErase());
      const end = (user: User) => write(({ users }) => users.endErasure(user.id, 9));
      assert.equal(await toErase(), undefined);
      await end(ana);
      await deleteUser(ana);
      await deleteUser(bo);
      assert.deepEqual(await isToErase(ana, bo, cy), [true, true, false]);
      const [first, second] = (await toErase()) === ana.id ? [ana, bo] : [bo, ana];
      assert.equal(await toErase(), first.id);
      await end(first);
      assert.deepEqual(await isToErase(first, second), [false, true]);
      assert.equal(await toErase(), second.id);
      await end(second);
      assert.equal(await toErase(), undefined);
    });
  });

  describeMethod("ChatRepository.deleteRead", () => {
    it("deletes the read markers of that user, also of chats that they have left, at most `limit`", async () => {
      const chats: Chat[] = [];
      for (let n = 0; n < 3; n += 1) chats.push(await createGroup(store(), ana, bo));
      await write(async (all) => {
        for (const { id } of chats) {
          await all.chats.setRead(id, ana.id, 1);
          await all.chats.setRead(id, bo.id, 1);
        }
        await all.chats.removeParticipant(chats[0]!.id, ana.id);
      });
      const counts = await write(async (all) => [
        await all.chats.deleteRead(ana.id, 2),
        await all.chats.deleteRead(ana.id, 2),
        await all.chats.deleteRead(ana.id, 2),
      ]);
      assert.deepEqual(counts, [2, 1, 0]);
      await write((all) => all.chats.addParticipant(chats[0]!.id, ana.id, 1));
      const read = (user: User) =>
        store().read(async (all) => {
          const found = [];
          for (const { id } of chats) found.push((await all.chats.overview(id, user.id))?.readSeq);
          return found;
        });
      assert.deepEqual(await read(ana), [0, 0, 0]);
      assert.deepEqual(await read(bo), [1, 1, 1]);
    });
  });

  describeMethod("MessageRepository.erase", () => {
    it("replaces the message, and lets no key find it", async () => {
      const chat = await createGroup(store(), ana);
      const messages = await write(async (all) => [
        await all.messages.append(draft(chat, ana, "a"), ONCE),
        await all.messages.append(draft(chat, ana, "b"), { ...ONCE, key: "other" as IdempotencyKey }),
      ]);
      await write((all) => all.messages.update({ ...messages[1]!, text: "" as MessageText, deletedAt: 3 }));
      const erased = messages.map((message) => ({ ...message, text: "" as MessageText, deletedAt: 3 }));
      await write(async (all) => {
        for (const message of erased) await all.messages.erase(message);
      });
      const found = await store().read(async (all) => [
        await all.messages.sentAs(ana.id, ONCE.key),
        await all.messages.sentAs(ana.id, "other" as IdempotencyKey),
        await all.messages.ofChat(chat.id, { ...ALL, from: "oldest" }),
        (await all.chats.overview(chat.id, ana.id))?.deletedSinceRead,
      ]);
      assert.deepEqual(found, [undefined, undefined, erased, 2]);
      const [again] = await write(async (all) => [await all.messages.append(draft(chat, ana, "c"), ONCE)]);
      assert.equal(again.seq, 3);
    });
  });

  describeMethod("ChatRepository.abandoned", () => {
    it("returns a p2p chat that has lost both users, whom another one can then follow", async () => {
      const pair = pairOf(ana.id, ana.id);
      const chat = await write(({ chats }) => chats.addP2p(pair, 1));
      const other = await write(({ chats }) => chats.addP2p(pairOf(ana.id, bo.id), 1));
      await send(store(), chat, ana, "a");
      const abandoned = () => store().read(({ chats }) => chats.abandoned());
      assert.equal(await abandoned(), undefined);
      await write(({ chats }) => chats.removeParticipant(chat.id, ana.id));
      assert.equal(await abandoned(), chat.id);
      await write(async (all) => {
        await all.messages.deleteOfChat(chat.id, MAX_ID);
        await all.chats.delete(chat.id, MAX_ID);
      });
      assert.equal(await abandoned(), undefined);
      const ids = await store().read(({ chats }) => chatIdsOf(chats, ana.id));
      assert.deepEqual(ids, [other.id]);
      assert.equal(await store().read(({ chats }) => chats.p2p(pair)), undefined);
      const next: ChatId = (await write(({ chats }) => chats.addP2p(pair, 1))).id;
      assert.ok(next > other.id);
    });
  });
}

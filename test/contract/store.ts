import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import { pairOf } from "../../src/domain/chat.js";
import { userChanged } from "../../src/domain/event.js";
import type { IdempotencyKey, MessageText } from "../../src/domain/message.js";
import { DEFAULT_POLICY } from "../../src/domain/policy.js";
import type { Emoji } from "../../src/domain/reaction.js";
import { usernameKey } from "../../src/domain/user.js";
import { blockContract } from "./blocks.js";
import { chatContract } from "./chats.js";
import { deletionContract } from "./deletions.js";
import { directoryContract } from "./directory.js";
import { eventContract } from "./events.js";
import { historyContract } from "./history.js";
import { invitationContract } from "./invitations.js";
import { subscriberContract } from "./subscribers.js";
import { messageContract } from "./messages.js";
import { messageFieldContract } from "./message-fields.js";
import { overviewContract } from "./overviews.js";
import {
  MAX_ID,
  ana,
  append,
  bo,
  contentsOf,
  cy,
  draft,
  createGroup,
  invitationOf,
  person,
  register,
  renamed,
  send,
  sessionOf,
  tokenOf,
  type Runner,
  type ContentsQuery,
} from "./fixtures.js";
import { reactionContract } from "./reactions.js";
import { searchContract } from "./search.js";
import { sessionContract } from "./sessions.js";
import { transactionContract } from "./transactions.js";
import { userEventContract } from "./user-events.js";
import { userContract } from "./users.js";

/** How the store suite opens the store under test. */
export interface StoreOpening {
  /** Opens an empty store. Called before each test. */
  readonly open: () => Promise<Store>;
  /** Opens the contents of the last opened store again, after it was closed. Omit it if the store persists nothing. */
  readonly reopen?: () => Promise<Store>;
}

/**
 * Defines the tests of the `Store` port, which every adapter of it must pass. Call it at the top level of a test file or
 * in a `describe`, with the functions of the test runner. Each test closes its store.
 */
export function storeContract(runner: Runner, { open, reopen }: StoreOpening): void {
  const { describe, it, beforeEach, afterEach } = runner;
  let opened: Store | undefined;
  const store = () => opened ?? assert.fail("The store is not open.");

  async function close(): Promise<void> {
    const closing = opened;
    opened = undefined;
    await closing?.close();
  }

  describe("store contract", () => {
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(close);

    userContract(runner, store);
    directoryContract(runner, store);
    blockContract(runner, store);
    chatContract(runner, store);
    overviewContract(runner, store);
    messageContract(runner, store);
    messageFieldContract(runner, store);
    reactionContract(runner, store);
    historyContract(runner, store);
    searchContract(runner, store);
    sessionContract(runner, store);
    invitationContract(runner, store);
    eventContract(runner, store);
    userEventContract(runner, store);
    subscriberContract(runner, store);
    deletionContract(runner, store);
    transactionContract(runner, store);

    describe("EventLog.bounds", () => {
      it("returns an epoch that no other store has", async () => {
        const epoch = () => store().read(async ({ events }) => (await events.bounds()).epoch);
        const first = await epoch();
        assert.match(first, /^[0-9a-f]{16}$/);
        await close();
        opened = await open();
        assert.notEqual(await epoch(), first);
      });
    });

    describe("Store.status", () => {
      it("reports no fault, and counts stored transactions but not rolled-back ones", async () => {
        assert.equal(store().status().transactions, 0);
        await register(store(), ana);
        await createGroup(store(), ana);
        await store()
          .transaction(async ({ chats }) => {
            await chats.addGroup(null, 1);
            throw new Error("no");
          })
          .catch(() => {});
        const { fault, transactions, commits } = store().status();
        assert.deepEqual({ fault, transactions }, { fault: undefined, transactions: 2 });
        assert.ok(commits <= transactions);
      });
    });

    describe("Store.close", () => {
      it("waits for the transactions and reads that have begun", async () => {
        await register(store(), ana);
        const chat = await createGroup(store(), ana);
        let ended = 0;
        const sending = Promise.all(
          ["a", "b", "c"].map((text) =>
            store().transaction(async ({ messages }) => {
              const message = await messages.append(draft(chat, ana, text));
              ended += 1;
              return message;
            }),
          ),
        );
        const reading = store().read(({ messages }) => messages.lastId());
        await close();
        assert.equal(ended, 3);
        const sent = await sending;
        assert.deepEqual(new Set(sent.map(({ seq }) => seq)), new Set([1, 2, 3]));
        assert.ok((await reading) <= Math.max(...sent.map(({ id }) => id)));
      });
    });

    if (reopen === undefined) return;

    describe("A reopened store", () => {
      it("contains everything that was stored, and continues every numbering", async () => {
        const where = await fill(store());
        const before = await contentsOf(store(), where);
        await close();
        opened = await reopen();
        assert.deepEqual(await contentsOf(store(), where), before);
        await store().transaction(async ({ users, chats }) => {
          assert.equal(await users.add({ ...cy, username: "ANA" }, usernameKey("ana"), "digest"), false);
          assert.equal(await users.add(cy, usernameKey("dora"), "digest"), false);
          assert.equal((await chats.p2p(pairOf(bo.id, ana.id)))?.id, where.chatIds[1]);
        });
        const { chat } = before.users[0]!.chats[0]!;
        await assert.rejects(
          store().transaction(({ messages }) =>
            messages.append(draft(chat, ana, "d"), { key: "key" as IdempotencyKey, textDigest: "digest" }),
          ),
        );
        const [message] = await send(store(), chat, ana, "c");
        assert.equal(message!.seq, 3);
        assert.ok(message!.id > before.lastId);
        assert.ok(!where.chatIds.includes((await createGroup(store(), ana)).id));
        await append(store(), renamed(chat, "later"));
        const { last } = await store().read(({ events }) => events.bounds());
        assert.equal(last, before.bounds.last + 1);
      });

      it("counts transactions from 0", async () => {
        await register(store(), ana);
        await close();
        opened = await reopen();
        assert.equal(store().status().transactions, 0);
        await register(store(), bo);
        assert.equal(store().status().transactions, 1);
      });

      it("is empty if nothing was stored", async () => {
        const where: ContentsQuery = { people: [ana, bo], chatIds: [], keys: ["key"], digests: ["digest"] };
        const before = await contentsOf(store(), where);
        await close();
        opened = await reopen();
        assert.deepEqual(await contentsOf(store(), where), before);
      });
    });
  });
}

const dora = person("dora");

/** Stores values of every kind and removes some of them. Returns the query that reads them all. */
export async function fill(store: Store): Promise<ContentsQuery> {
  await register(store, ana, bo, dora);
  const group = await createGroup(store, ana, bo);
  const p2p = await store.transaction(({ chats }) => chats.addP2p(pairOf(ana.id, bo.id), 5));
  const left = await createGroup(store, ana);
  const chatIds = [group.id, p2p.id, left.id];
  const [first, last] = await send(store, group, ana, "a", "b");
  await send(store, p2p, bo, "🙂");
  await store.transaction(
    async ({ users, blocks, chats, messages, reactions, sessions, invitations, events }) => {
      const reaction = { messageId: first!.id, emoji: "👍" as Emoji, at: 5 };
      for (const { id: userId } of [bo, ana, dora]) await reactions.add({ ...reaction, userId });
      await reactions.remove({ ...reaction, userId: bo.id });
      await messages.setReactions({
        ...first!,
        reactions: [{ emoji: reaction.emoji, count: 2, userIds: [ana.id, dora.id] }],
      });
      await reactions.add({ ...reaction, messageId: last!.id, userId: bo.id });
      await messages.setReactions({
        ...last!,
        reactions: [{ emoji: reaction.emoji, count: 1, userIds: [bo.id] }],
      });
      await blocks.add(ana.id, bo.id, 5);
      await blocks.add(bo.id, ana.id, 6);
      await blocks.remove(bo.id, ana.id);
      await messages.append(draft(p2p, ana, "once"), { key: "key" as IdempotencyKey, textDigest: "digest" });
      await messages.update({ ...first!, text: "edited" as MessageText, editedAt: 2 });
      await messages.update({ ...last!, text: "" as MessageText, deletedAt: 3 });
      const policy = { ...DEFAULT_POLICY, add: "admins", history: "since_join" } as const;
      await chats.update({ ...group, title: "🙂", policy, metadata: { topic: ["🙂"] } });
      await chats.setRole(group.id, bo.id, "admin");
      await chats.setRead(group.id, bo.id, 1);
      await chats.setSettings(group.id, bo.id, { mutedUntil: 5, archivedSeq: 2, pinned: true });
      await chats.setSettings(p2p.id, ana.id, { mutedUntil: null, archivedSeq: null, pinned: true });
      await chats.setRead(left.id, ana.id, 1);
      await chats.removeParticipant(left.id, ana.id);
      await events.append(renamed(group, "a"));
      await events.append(renamed(left, "b", { user: bo.id, includesRemoved: true }));
      await events.append({ sessionId: sessionOf(ana, "removed", 100).id, userId: ana.id, at: 5 });
      await users.setDisplayName(ana.id, "Ana 🙂");
      await events.append(userChanged(ana.id, "user.updated", 6));
      await events.forget(MAX_ID, 1);
      const forgotten = await chats.addGroup("old", 1);
      await chats.addParticipant(forgotten.id, bo.id, 1, "owner");
      for (const text of ["x", "y", "z"]) await messages.append(draft(forgotten, bo, text));
      const lastId = await messages.lastId();
      await messages.forget(forgotten.id, lastId, 2);
      await chats.addParticipant(forgotten.id, ana.id, 1, "member", lastId);
      chatIds.push(forgotten.id);
      await sessions.add(sessionOf(ana, "kept", 100), "kept");
      await sessions.touch({ ...sessionOf(ana, "kept", 200), lastSeenAt: 150 });
      await sessions.add(tokenOf(bo, "token", "of bo"), "token");
      await users.replacePassword(bo.id, "new digest of bo");
      await users.setDisabledAt(bo.id, 7);
      await sessions.add(sessionOf(ana, "removed", 100), "removed");
      await sessions.add(sessionOf(ana, "expired", 1), "expired");
      await users.delete(dora.id, 8);
      await users.endErasure(dora.id, 9);
      await sessions.remove(sessionOf(ana, "removed", 100).id);
      await sessions.removeExpired(ana.id, 1);
      for (const name of ["invited", "removed"]) await invitations.add(invitationOf(group, bo, name), name);
      await invitations.add({ ...invitationOf(group, ana, "limited"), maxUses: 2 }, "limited");
      await invitations.countUse(invitationOf(group, ana, "limited").id);
      await invitations.remove([invitationOf(group, bo, "removed").id]);
    },
  );
  return {
    people: [ana, bo, cy, dora],
    chatIds,
    keys: ["key", "other"],
    digests: ["kept", "token", "removed", "expired", "invited", "limited"],
  };
}

import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { IdempotencyKey, MessageText } from "../../src/domain/message.js";
import { MessagingError } from "../../src/domain/errors.js";
import { chatCreated, messageChanged } from "../../src/domain/event.js";
import { DEFAULT_POLICY } from "../../src/domain/policy.js";
import type { Emoji } from "../../src/domain/reaction.js";
import { usernameKey } from "../../src/domain/user.js";
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
  type Runner,
} from "./fixtures.js";

const ALL = { after: 0, upTo: MAX_ID, limit: MAX_ID, from: "oldest" } as const;
const KEY = "key" as IdempotencyKey;

/** Tests the promises of `Store` about transactions and reads. */
export function transactionContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  let chat: Chat;
  const textsOf = (id: ChatId) =>
    store().read(async ({ messages }) => (await messages.ofChat(id, ALL)).map(({ text }) => text as string));

  const describeMethod = (name: string, body: () => void) =>
    describe(`Store.${name}`, () => {
      beforeEach(async () => {
        await register(store(), ana, bo);
        chat = await createGroup(store(), ana, bo);
      });
      body();
    });

  describeMethod("transaction and read", () => {
    it("resolve with the result of the work", async () => {
      const answer = { nothing: undefined };
      assert.equal(await store().transaction(async () => answer), answer);
      assert.equal(await store().read(async () => answer), answer);
    });

    it("reject with the error that the work threw", async () => {
      const error = new Error("the work failed");
      const fail = () => Promise.reject(error);
      const failAtOnce = () => {
        throw error;
      };
      for (const work of [fail, failAtOnce]) {
        await assert.rejects(store().transaction(work), (thrown) => thrown === error);
        await assert.rejects(store().read(work), (thrown) => thrown === error);
      }
    });

    it("see all earlier writes, and a transaction sees its own", async () => {
      const p2p = await store().transaction(async ({ users, chats, messages, sessions, invitations }) => {
        assert.equal(await users.add(cy, usernameKey("cy"), "digest of cy"), true);
        assert.deepEqual(await users.byId(cy.id), cy);
        assert.deepEqual(await users.credentials(usernameKey("cy")), {
          user: cy,
          displayName: null,
          passwordDigest: "digest of cy",
          disabledAt: null,
          deletedAt: null,
        });
        assert.equal(await users.add(cy, usernameKey("cy"), "digest"), false);
        const opened = await chats.addP2p(pairOf(ana.id, cy.id), 1);
        assert.deepEqual(await chats.p2p(pairOf(ana.id, cy.id)), opened);
        const message = await messages.append(draft(opened, cy, "a"));
        assert.equal(await messages.lastId(), message.id);
        assert.deepEqual(await messages.ofChat(opened.id, ALL), [message]);
        assert.deepEqual(await messages.ofUser(ana.id, ALL), [message]);
        const edited = { ...message, text: "b" as MessageText, editedAt: 5 };
        await messages.update(edited);
        assert.deepEqual(await messages.byId(message.id), edited);
        assert.equal(await messages.sentAs(cy.id, KEY), undefined);
        const once = await messages.append(draft(opened, cy, "c"), { key: KEY, textDigest: "digest" });
        assert.deepEqual((await messages.sentAs(cy.id, KEY))?.message, once);
        await chats.setRead(opened.id, ana.id, 1);
        const overview = await chats.overview(opened.id, ana.id);
        assert.deepEqual([overview?.readSeq, overview?.lastMessage], [1, once]);
        const settings = { mutedUntil: 5, archivedSeq: 1, pinned: true };
        await chats.setSettings(opened.id, ana.id, settings);
        assert.deepEqual((await chats.overview(opened.id, ana.id))?.settings, settings);
        await chats.update({ ...chat, title: "b" });
        await chats.setRole(chat.id, bo.id, "admin");
        assert.equal((await chats.ofParticipant(chat.id, ana.id))?.chat.title, "b");
        assert.equal((await chats.ofParticipant(chat.id, bo.id))?.role, "admin");
        assert.equal((await chats.oldest(chat.id, "admin"))?.id, bo.id);
        await chats.removeParticipant(chat.id, bo.id);
        assert.equal(await chats.ofParticipant(chat.id, bo.id), undefined);
        await sessions.add(sessionOf(cy, "digest", 1), "digest");
        assert.deepEqual(await sessions.byDigest("digest"), sessionOf(cy, "digest", 1));
        const touched = { ...sessionOf(cy, "digest", 2), lastSeenAt: 2 };
        await sessions.touch(touched);
        assert.deepEqual(await sessions.byDigest("digest"), touched);
        assert.deepEqual(await sessions.ofUser(cy.id), [touched]);
        await sessions.removeExpired(cy.id, 2);
        assert.equal(await sessions.byDigest("digest"), undefined);
        const invitation = { ...invitationOf(chat, ana, "invited"), maxUses: 2 };
        await invitations.add(invitation, "invited");
        await invitations.countUse(invitation.id);
        assert.deepEqual(await invitations.byDigest("invited"), { ...invitation, uses: 1 });
        await invitations.remove([invitation.id]);
        assert.deepEqual(await invitations.ofChat(chat.id), []);
        await users.replacePassword(cy.id, "new digest");
        assert.equal((await users.credentials(usernameKey("cy")))?.passwordDigest, "new digest");
        await users.setDisplayName(cy.id, "Cy");
        assert.equal((await users.accountById(cy.id))?.displayName, "Cy");
        return opened;
      });
      assert.deepEqual(await textsOf(p2p.id), ["b", "c"]);
    });

    it("share no mutable value with their callers", async () => {
      const given = { ...cy };
      const [message] = await send(store(), chat, ana, "a");
      const session = { ...sessionOf(cy, "digest", 100), user: given };
      const sent = { ...draft(chat, ana, "b"), sender: { id: ana.id, username: ana.username } };
      const once = { key: KEY, textDigest: "digest" };
      const updated = { ...message!, sender: { ...message!.sender }, text: "c" as MessageText, editedAt: 5 };
      const created = chatCreated(chat, [ana, bo]);
      const settings = { mutedUntil: 5, archivedSeq: 1, pinned: true };
      const changed = { ...chat, policy: { ...DEFAULT_POLICY }, metadata: { topics: ["lunch"] } };
      const invitation = { ...invitationOf(chat, ana, "i"), inviter: { id: ana.id, username: "ana" } };
      const reaction = { messageId: message!.id, emoji: "👍" as Emoji, userId: ana.id, at: 1 };
      const reacted = { ...message!, reactions: [{ emoji: reaction.emoji, count: 1, userIds: [ana.id] }] };
      await store().transaction(
        async ({ users, chats, messages, reactions, sessions, invitations, events }) => {
          await reactions.add(reaction);
          await messages.setReactions(reacted);
          await invitations.add(invitation, "digest");
          await users.add(given, usernameKey("cy"), "digest of cy");
          await sessions.add(session, "digest");
          await messages.append(sent, once);
          await messages.update(updated);
          await chats.update(changed);
          await chats.setSettings(chat.id, ana.id, settings);
          await events.append(created);
        },
      );
      const where = { people: [ana, bo, cy], chatIds: [chat.id], keys: [KEY], digests: ["digest"] };
      const before = structuredClone(await contentsOf(store(), where));
      overwrite([
        reaction,
        reacted.reactions,
        given,
        session,
        invitation,
        settings,
        sent,
        once,
        message,
        updated,
        changed,
        created,
      ]);
      assert.deepEqual(await contentsOf(store(), where), before);
      overwrite(await contentsOf(store(), where));
      assert.deepEqual(await contentsOf(store(), where), before);
    });
  });

  describeMethod("transaction", () => {
    it("rolls back every write when the work throws", async () => {
      const [said] = await send(store(), chat, ana, "a");
      await append(store(), renamed(chat, "a"), renamed(chat, "b", { user: bo.id, includesRemoved: false }));
      const invitation = { ...invitationOf(chat, ana, "kept"), maxUses: 2 };
      const open = await store().transaction(({ chats }) => chats.addP2p(pairOf(ana.id, ana.id), 1));
      const reaction = { messageId: said!.id, emoji: "👍" as Emoji, userId: ana.id, at: 1 };
      const [gone, late] = await send(store(), chat, bo, "c", "d");
      await store().transaction(async ({ messages, reactions }) => {
        for (const each of [said!, gone!]) {
          await reactions.add({ ...reaction, messageId: each.id });
          await reactions.add({ ...reaction, messageId: each.id, userId: bo.id });
          const userIds = [ana.id, bo.id];
          await messages.setReactions({ ...each, reactions: [{ emoji: reaction.emoji, count: 2, userIds }] });
        }
        await messages.update({ ...gone!, text: "" as MessageText, deletedAt: 6 });
      });
      await store().transaction(async ({ blocks, chats, sessions, invitations }) => {
        await blocks.add(ana.id, bo.id, 1);
        await blocks.add(bo.id, ana.id, 1);
        await invitations.add(invitation, "kept");
        await chats.setRead(chat.id, ana.id, 1);
        await sessions.add(sessionOf(ana, "kept", 100), "kept");
        await sessions.add(sessionOf(ana, "old", 1), "old");
      });
      const people = [ana, bo, cy];
      const where = { people, chatIds: [chat.id, open.id], keys: [KEY], digests: ["kept", "old", "new"] };
      const before = await contentsOf(store(), where);
      const made: ChatId[] = [];
      const error = new Error("no");
      const attempt = store().transaction(
        async ({ users, blocks, chats, messages, reactions, sessions, invitations, events }) => {
          await reactions.add({ ...reaction, messageId: late!.id });
          await reactions.remove(reaction);
          await messages.setReactions({
            ...late!,
            reactions: [{ emoji: reaction.emoji, count: 1, userIds: [ana.id] }],
          });
          await reactions.deleteOfDeleted(1);
          await messages.update({ ...said!, text: "edited" as MessageText, editedAt: 5 });
          await messages.update({ ...said!, text: "" as MessageText, deletedAt: 6 });
          await messages.append(draft(chat, ana, "b"), { key: KEY, textDigest: "digest" });
          await chats.update({ ...chat, title: "b", metadata: { topic: "b" } });
          await chats.setRole(chat.id, bo.id, "admin");
          await chats.releasePair(open.id);
          await chats.setSettings(chat.id, bo.id, { mutedUntil: 5, archivedSeq: 1, pinned: true });
          await chats.setRead(chat.id, ana.id, 2);
          await chats.setRead(chat.id, bo.id, 1);
          await events.forget(MAX_ID, 1);
          await users.add(cy, usernameKey("cy"), "digest of cy");
          const group = await chats.addGroup(null, 1);
          await chats.addParticipant(group.id, cy.id, 1);
          const p2p = await chats.addP2p(pairOf(ana.id, bo.id), 1);
          made.push(group.id, p2p.id);
          await chats.addParticipant(chat.id, cy.id, 1);
          await chats.removeParticipant(chat.id, bo.id);
          await chats.removeParticipant(chat.id, ana.id);
          await chats.addParticipant(chat.id, ana.id, 1);
          for (const each of [chat, group, p2p, chat]) await messages.append(draft(each, cy, "b"));
          await users.replacePassword(ana.id, "new digest");
          await users.setDisabledAt(bo.id, 7);
          await users.setDisplayName(bo.id, "Bo");
          await blocks.add(cy.id, ana.id, 1);
          await blocks.remove(ana.id, bo.id);
          await blocks.deleteOfUser(bo.id, 9);
          await sessions.add(sessionOf(cy, "new", 100), "new");
          await sessions.touch({ ...sessionOf(ana, "kept", 200), lastSeenAt: 2 });
          await sessions.remove(sessionOf(ana, "kept", 100).id);
          await sessions.removeExpired(ana.id, 1);
          await invitations.add(invitationOf(chat, bo, "new"), "new");
          await invitations.countUse(invitation.id);
          await invitations.remove([invitation.id]);
          for (const each of [chat, group, p2p]) await events.append(renamed(each, "b"));
          await events.append(renamed(chat, "c", { user: ana.id, includesRemoved: true }));
          await events.append({ sessionId: sessionOf(ana, "kept", 100).id, userId: ana.id, at: 5 });
          await events.forget(MAX_ID, MAX_ID);
          await chats.deleteRead(ana.id, 1);
          await messages.erase({ ...said!, text: "" as MessageText, deletedAt: 6 });
          await users.delete(bo.id, 8);
          await users.endErasure(bo.id, 9);
          throw error;
        },
      );
      await assert.rejects(attempt, (thrown) => thrown === error);
      assert.deepEqual(await contentsOf(store(), where), before);
      const left = await contentsOf(store(), { people, chatIds: made, keys: [], digests: [] });
      assert.deepEqual(left.chats, [[], []]);
      for (const { chats } of left.users) assert.deepEqual(chats, [undefined, undefined]);
      assert.equal(await store().transaction(({ reactions }) => reactions.deleteOfDeleted(9)), 2);
      await store().transaction(async ({ sessions }) => {
        assert.equal(await sessions.remove(sessionOf(cy, "new", 100).id), false);
        assert.equal(await sessions.remove(sessionOf(ana, "kept", 100).id), true);
        await sessions.removeExpired(ana.id, 1);
        assert.equal(await sessions.byDigest("old"), undefined);
      });
      const next = await store().transaction(({ messages }) =>
        messages.append(draft(chat, ana, "c"), { key: KEY, textDigest: "digest" }),
      );
      assert.equal(next.seq, 4);
      assert.ok(next.id > before.lastId);
    });

    it("runs 50 concurrent transactions as if one after the other, without gaps in seq", async () => {
      const work = Array.from({ length: 50 }, () =>
        store().transaction(async ({ messages }) => {
          const seen = await messages.ofChat(chat.id, ALL);
          for (let turn = 0; turn < 5; turn += 1) await messages.lastId();
          return messages.append(draft(chat, ana, `${seen.length}`));
        }),
      );
      const sent = (await Promise.all(work)).toSorted((one, other) => one.id - other.id);
      const counted = Array.from({ length: 50 }, (_, index) => index);
      assert.deepEqual(
        sent.map(({ seq }) => seq),
        counted.map((index) => index + 1),
      );
      assert.deepEqual(await textsOf(chat.id), counted.map(String));
      assert.equal(new Set(sent.map(({ id }) => id)).size, 50);
    });

    it("rolls back only the failed ones of 50 concurrent transactions", async () => {
      const attempts = Array.from({ length: 50 }, (_, index) =>
        store().transaction(async ({ messages }) => {
          const message = await messages.append(draft(chat, ana, `${index}`));
          if (index % 2 === 0) throw new Error("no");
          return message;
        }),
      );
      const outcomes = await Promise.allSettled(attempts);
      const kept = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      assert.equal(kept.length, 25);
      assert.deepEqual(
        await store().read(({ messages }) => messages.ofChat(chat.id, ALL)),
        kept.toSorted((one, other) => one.seq - other.seq),
      );
      assert.deepEqual(
        kept.map(({ seq }) => seq).toSorted((one, other) => one - other),
        Array.from({ length: 25 }, (_, index) => index + 1),
      );
    });

    it("rolls back only the failed ones of 60 concurrent appends to two chats", async () => {
      const other = await createGroup(store(), ana);
      const error = new MessagingError("not_a_participant", "no");
      const outcomes = await Promise.allSettled(
        Array.from({ length: 60 }, (_, index) => {
          const to = index % 2 === 0 ? chat : other;
          return store().transaction(async ({ chats, messages, events }) => {
            const found = await chats.ofParticipant(to.id, bo.id);
            if (found === undefined) throw error;
            const message = await messages.append(draft(to, bo, `${index}`));
            if (index % 4 === 0) throw error;
            await chats.setRead(to.id, bo.id, message.seq);
            await events.append(messageChanged("message.created", message, 1));
            return message;
          }, to.id);
        }),
      );
      const kept = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status === "rejected" && (outcome.reason as unknown)),
        outcomes.map((_, index) => index % 4 !== 2 && error),
      );
      const bySeq = kept.toSorted((one, another) => one.seq - another.seq);
      assert.deepEqual(
        bySeq.map(({ seq }) => seq),
        bySeq.map((_, index) => index + 1),
      );
      assert.deepEqual(await store().read(({ messages }) => messages.ofChat(chat.id, ALL)), bySeq);
      assert.deepEqual(await textsOf(other.id), []);
      const overview = await store().read(({ chats }) => chats.overview(chat.id, bo.id));
      assert.equal(overview?.readSeq, kept.length);
      const log = await store().read(({ events }) => events.ofUser(bo.id, ALL));
      assert.deepEqual(
        log.flatMap((event) =>
          "message" in event && event.change.type === "message.created" ? [event.message] : [],
        ),
        bySeq,
      );
    });

    it("gives a username to one of 50 concurrent users, and lets one of them add a p2p chat that did not exist", async () => {
      const racers = Array.from({ length: 50 }, (_, index) => person(`racer-${index}`));
      const added = await Promise.all(
        racers.map((user) =>
          store().transaction(({ users }) => users.add(user, usernameKey("one"), "digest")),
        ),
      );
      assert.equal(added.filter(Boolean).length, 1);
      const winner = await store().read(({ users }) => users.byKey(usernameKey("one")));
      assert.deepEqual(winner, racers[added.indexOf(true)]);
      const opened = await Promise.all(
        racers.map((_, index) =>
          store().transaction(async ({ chats }) => {
            const pair = index % 2 ? pairOf(ana.id, bo.id) : pairOf(bo.id, ana.id);
            const known = await chats.p2p(pair);
            return { ...(known ?? (await chats.addP2p(pair, index))), isAdded: known === undefined };
          }),
        ),
      );
      assert.equal(opened.filter(({ isAdded }) => isAdded).length, 1);
      assert.equal(new Set(opened.map(({ id, createdAt }) => `${id} ${createdAt}`)).size, 1);
    });
  });

  describeMethod("read", () => {
    it("sees one state from beginning to end while transactions wait", async () => {
      await send(store(), chat, ana, "a");
      const waiting: Promise<unknown>[] = [];
      const seen = await store().read(async ({ chats, messages }) => {
        const counts = [(await messages.ofChat(chat.id, ALL)).length];
        waiting.push(send(store(), chat, ana, "b"));
        waiting.push(store().transaction((writing) => writing.chats.removeParticipant(chat.id, bo.id)));
        for (let turn = 0; turn < 50; turn += 1) {
          assert.deepEqual(await chats.ofParticipant(chat.id, bo.id), {
            chat,
            role: "member",
            historyStart: 0,
            user: bo,
          });
          counts.push((await messages.ofUser(bo.id, ALL)).length);
        }
        return counts;
      });
      assert.deepEqual(new Set(seen), new Set([1]));
      await Promise.all(waiting);
      assert.deepEqual(await textsOf(chat.id), ["a", "b"]);
    });

    it("sees one state also if it first reads a session", async () => {
      await store().transaction(({ sessions }) => sessions.add(sessionOf(ana, "digest", 100), "digest"));
      const writing: Promise<unknown>[] = [];
      const seen = await store().read(async ({ sessions, messages }) => {
        const session = await sessions.byDigest("digest");
        // Runs once, although a store can run the work again.
        if (writing.length === 0) {
          const { id } = sessionOf(ana, "digest", 100);
          writing.push(
            store().transaction(async (all) => {
              await all.sessions.remove(id);
              await all.messages.append(draft(chat, ana, "removed"));
            }),
          );
          for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
        }
        return [session !== undefined, (await messages.ofChat(chat.id, ALL)).length] as const;
      });
      await Promise.all(writing);
      assert.ok(seen[0] ? seen[1] === 0 : seen[1] === 1, `Half of a transaction was seen: ${seen.join()}.`);
    });

    it("never sees half of a transaction", async () => {
      const other = await createGroup(store(), ana);
      const writing = [];
      const reading = [];
      for (let count = 0; count < 20; count += 1) {
        writing.push(
          store().transaction(async ({ messages }) => {
            await messages.append(draft(chat, ana, "a"));
            for (let turn = 0; turn < 10; turn += 1) await messages.lastId();
            await messages.append(draft(other, ana, "a"));
            if (count % 4 === 3) throw new Error("no");
          }),
        );
        reading.push(
          store().read(async ({ messages }) => [
            (await messages.ofChat(chat.id, ALL)).length,
            (await messages.ofChat(other.id, ALL)).length,
          ]),
        );
      }
      const settled = Promise.allSettled(writing);
      for (const [one, two] of await Promise.all(reading)) {
        assert.equal(one, two);
      }
      await settled;
      assert.equal((await textsOf(chat.id)).length, 15);
    });

    it("begun during a transaction, sees all or nothing of it, and nothing after a rollback", async () => {
      const other = await createGroup(store(), ana);
      const counts = () =>
        store().read(async ({ messages }) => [
          (await messages.ofChat(chat.id, ALL)).length,
          (await messages.ofChat(other.id, ALL)).length,
        ]);
      const error = new Error("no");
      let kept = 0;
      for (const fails of [false, true, true, false]) {
        const reading: Promise<number[]>[] = [];
        const beginRead = () => {
          const read = counts();
          read.catch(() => {}); // Awaited below: it may wait for the end of the transaction.
          reading.push(read);
        };
        const attempt = store().transaction(async ({ messages }) => {
          for (const each of [chat, other]) {
            await messages.append(draft(each, ana, "a"));
            beginRead();
            for (let turn = 0; turn < 10; turn += 1) await messages.lastId();
          }
          if (fails) throw error;
        });
        if (fails) await assert.rejects(attempt, (thrown) => thrown === error);
        else await attempt;
        const before = kept;
        if (!fails) kept += 1;
        for (const [one, two] of await Promise.all(reading)) {
          assert.equal(one, two, "A read saw half a transaction.");
          assert.ok(
            one === before || one === kept,
            `A read saw ${one} messages, expected ${before} (before the transaction) or ${kept} (after it).`,
          );
        }
        assert.deepEqual(await counts(), [kept, kept]);
      }
    });
  });
}

/** Overwrites every property of the value that is writable, deeply. */
function overwrite(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const key of Reflect.ownKeys(value)) {
    const inner: unknown = Reflect.get(value, key);
    overwrite(inner);
    Reflect.set(value, key, typeof inner === "number" ? inner + 1 : "overwritten");
  }
  if (Array.isArray(value)) Reflect.set(value, "length", 0);
}

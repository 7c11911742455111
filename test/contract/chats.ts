import assert from "node:assert/strict";
import type {
  MembershipSlice,
  ParticipantPosition,
  Store,
  UserMembership,
} from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatId } from "../../src/domain/chat.js";
import { messageChanged } from "../../src/domain/event.js";
import type { IdempotencyKey, MessageText } from "../../src/domain/message.js";
import type { Metadata } from "../../src/domain/metadata.js";
import { DEFAULT_POLICY, POLICY_VALUES, type Policy, type Role } from "../../src/domain/policy.js";
import type { User, UserId } from "../../src/domain/user.js";
import {
  MAX_ID,
  TRICKY_TEXTS,
  MAX_TIME_MS,
  ana,
  bo,
  cy,
  append,
  chatOf,
  createGroup,
  draft,
  mapInOrder,
  register,
  renamed,
  send,
  type Runner,
} from "./fixtures.js";

const ALL = { after: undefined, limit: MAX_ID };

/** Tests the promises of `ChatRepository` about chats and participants. */
export function chatContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const describeMethod = (name: string, body: () => void) =>
    describe(`ChatRepository.${name}`, () => {
      beforeEach(() => register(store(), ana, bo, cy));
      body();
    });

  describeMethod("addGroup", () => {
    it("creates a chat with a new id, which participants find unchanged", async () => {
      const made = [
        { title: null, createdAt: 0 },
        ...TRICKY_TEXTS.map((title) => ({ title, createdAt: MAX_TIME_MS })),
      ];
      const chats = await store().transaction(async (repositories) => {
        const added = [];
        for (const { title, createdAt } of made) {
          const chat = await repositories.chats.addGroup(title, createdAt);
          await repositories.chats.addParticipant(chat.id, ana.id, MAX_TIME_MS);
          assert.ok(Number.isSafeInteger(chat.id) && chat.id > 0);
          const fresh = { kind: "group", title, createdAt, policy: DEFAULT_POLICY, metadata: null };
          assert.deepEqual(chat, { id: chat.id, ...fresh });
          added.push(chat);
        }
        return added;
      });
      assert.equal(new Set(chats.map(({ id }) => id)).size, made.length);
      await store().read(async (repositories) => {
        for (const chat of chats) {
          assert.deepEqual(await chatOf(repositories.chats, chat.id, ana.id), chat);
        }
      });
    });

    it("adds no participant", async () => {
      const chat = await createGroup(store());
      await store().read(async ({ chats }) => {
        for (const user of [ana, bo, cy]) {
          assert.equal(await chatOf(chats, chat.id, user.id), undefined);
        }
      });
    });
  });

  describeMethod("ofParticipant", () => {
    it("returns undefined for other users and for unknown chats", async () => {
      const chat = await createGroup(store(), ana);
      await createGroup(store(), bo);
      await store().read(async ({ chats }) => {
        assert.equal(await chatOf(chats, chat.id, bo.id), undefined);
        assert.equal(await chatOf(chats, chat.id, "nobody" as UserId), undefined);
        for (const unknown of [0, -1, MAX_ID]) {
          assert.equal(await chatOf(chats, unknown as ChatId, ana.id), undefined);
        }
      });
    });
  });

  describeMethod("addParticipant", () => {
    it("returns false for a participant and changes nothing", async () => {
      const chat = await createGroup(store(), ana);
      await store().transaction(async ({ chats }) => {
        assert.equal(await chats.addParticipant(chat.id, bo.id, 1), true);
        assert.equal(await chats.addParticipant(chat.id, bo.id, 2), false);
        assert.equal(await chats.addParticipant(chat.id, ana.id, 2), false);
        assert.deepEqual(await chatOf(chats, chat.id, bo.id), chat);
      });
    });

    it("adds a removed user again", async () => {
      const chat = await createGroup(store(), ana, bo);
      await store().transaction(({ chats }) => chats.removeParticipant(chat.id, bo.id));
      await store().transaction(async ({ chats }) => {
        assert.equal(await chats.addParticipant(chat.id, bo.id, 3), true);
      });
      await store().read(async ({ chats }) => {
        assert.deepEqual(await chatOf(chats, chat.id, bo.id), chat);
      });
    });
  });

  describeMethod("removeParticipant", () => {
    it("removes the user from that chat only, and returns false for other users", async () => {
      const chat = await createGroup(store(), ana, bo);
      const other = await createGroup(store(), ana, bo);
      await store().transaction(async ({ chats }) => {
        assert.equal(await chats.removeParticipant(chat.id, bo.id), true);
        assert.equal(await chats.removeParticipant(chat.id, bo.id), false);
        assert.equal(await chats.removeParticipant(chat.id, cy.id), false);
        assert.equal(await chats.removeParticipant(MAX_ID as ChatId, ana.id), false);
      });
      await store().read(async ({ chats }) => {
        assert.equal(await chatOf(chats, chat.id, bo.id), undefined);
        assert.deepEqual(await chatOf(chats, chat.id, ana.id), chat);
        assert.deepEqual(await chatOf(chats, other.id, bo.id), other);
      });
    });
  });

  describeMethod("addParticipant", () => {
    it("gives each user a role, member by default, also one who returns, and none in p2p chats", async () => {
      const chat = await createGroup(store(), ana);
      const p2p = await store().transaction(async ({ chats }) => {
        await chats.addParticipant(chat.id, bo.id, 1, "admin");
        await chats.addParticipant(chat.id, cy.id, 1);
        return chats.addP2p(pairOf(ana.id, bo.id), 5);
      });
      const roleIn = ({ id }: Chat, user: User) =>
        store().read(async ({ chats }) => (await chats.ofParticipant(id, user.id))?.role);
      const roles = async () => [
        await roleIn(chat, ana),
        await roleIn(chat, bo),
        await roleIn(chat, cy),
        await roleIn(p2p, ana),
      ];
      assert.deepEqual(await roles(), ["owner", "admin", "member", null]);
      await store().transaction(async ({ chats }) => {
        await chats.removeParticipant(chat.id, bo.id);
        await chats.addParticipant(chat.id, bo.id, 2);
      });
      assert.deepEqual(await roles(), ["owner", "member", "member", null]);
    });
  });

  describeMethod("setRole", () => {
    it("sets the role of that participant in that chat only, in every place that shows it", async () => {
      const chat = await createGroup(store(), ana, bo, cy);
      const other = await createGroup(store(), ana, bo);
      const shown = ({ id }: Chat, user: User) =>
        store().read(async ({ chats }) => [
          (await chats.ofParticipant(id, user.id))?.role,
          (await chats.overview(id, user.id))?.role,
          (await chats.overviews(user.id, [id]))[0]?.role,
          (await chats.participants(id, ALL)).find((each) => each.id === user.id)?.role,
        ]);
      const same = (role: Role) => [role, role, role, role];
      for (const role of ["admin", "member", "admin"] as const) {
        await store().transaction(({ chats }) => chats.setRole(chat.id, bo.id, role));
        assert.deepEqual(await shown(chat, bo), same(role));
        assert.deepEqual(await shown(chat, ana), same("owner"));
        assert.deepEqual(await shown(chat, cy), same("member"));
        assert.deepEqual(await shown(other, bo), same("member"));
      }
      await store().transaction(async ({ chats }) => {
        await chats.setRole(chat.id, ana.id, "admin");
        await chats.setRole(chat.id, cy.id, "owner");
      });
      assert.deepEqual(await shown(chat, cy), same("owner"));
      assert.deepEqual(await shown(chat, ana), same("admin"));
    });
  });

  describeMethod("oldest", () => {
    it("returns the admin who joined first, by id among equals, and undefined without one", async () => {
      const chat = await createGroup(store());
      const other = await createGroup(store());
      await store().transaction(async ({ chats }) => {
        await chats.addParticipant(chat.id, bo.id, 1, "owner");
        await chats.addParticipant(chat.id, cy.id, 5);
        await chats.addParticipant(chat.id, ana.id, 5);
        await chats.addParticipant(other.id, bo.id, 1, "admin");
      });
      const oldest = (setting?: readonly [User, Role]) =>
        store().transaction(async ({ chats }) => {
          if (setting) await chats.setRole(chat.id, setting[0].id, setting[1]);
          return chats.oldest(chat.id, "admin");
        });
      const admin = ({ id, username }: User) => ({ id, username, joinedAt: 5, role: "admin" });
      assert.equal(await oldest(), undefined);
      assert.deepEqual(await oldest([cy, "admin"]), admin(cy));
      assert.deepEqual(await oldest([ana, "admin"]), admin(ana));
      assert.deepEqual(await oldest([ana, "member"]), admin(cy));
      const first = await store().read(({ chats }) => chats.oldest(chat.id));
      assert.deepEqual(first, { id: bo.id, username: bo.username, joinedAt: 1, role: "owner" });
      assert.equal(await store().read(({ chats }) => chats.oldest(MAX_ID as ChatId, "admin")), undefined);
    });
  });

  describeMethod("update", () => {
    it("sets and clears the title of that chat only", async () => {
      const chat = await createGroup(store(), ana);
      const other = await createGroup(store(), ana);
      for (const title of [...TRICKY_TEXTS, null, "again"]) {
        await store().transaction(({ chats }) => chats.update({ ...chat, title }));
        await store().read(async ({ chats }) => {
          assert.deepEqual(await chatOf(chats, chat.id, ana.id), { ...chat, title });
          assert.deepEqual(await chatOf(chats, other.id, ana.id), other);
        });
      }
    });

    it("replaces each setting of the policy, and the metadata with its fields in order", async () => {
      const chat = await createGroup(store(), ana);
      const policies = Object.entries(POLICY_VALUES).map(([setting, values]): Policy => ({
        ...DEFAULT_POLICY,
        [setting]: values[1],
      }));
      const all = JSON.parse(
        '{"z":1,"a":[null,true,{"b":-1.5e-7,"":"\\u0000\\ud800"}],"__proto__":0}',
      ) as object;
      const metadata = [
        {},
        ...TRICKY_TEXTS.map((text) => ({ [text.slice(0, 99)]: text })),
        all as Metadata,
        null,
      ];
      for (const [index, each] of metadata.entries()) {
        const policy = policies[index % policies.length]!;
        const updated = { ...chat, policy, metadata: each };
        await store().transaction(({ chats }) => chats.update(updated));
        await store().read(async ({ chats }) => {
          assert.deepEqual(await chatOf(chats, chat.id, ana.id), updated);
          const overview = (await chats.overview(chat.id, ana.id))?.chat;
          assert.equal(JSON.stringify(overview?.metadata), JSON.stringify(each));
          const [summary] = await chats.list({ after: undefined, limit: 1 });
          assert.deepEqual(summary?.chat, updated);
        });
      }
    });
  });

  describeMethod("summary", () => {
    it("returns any chat as `list` does, and undefined for an unknown one", async () => {
      const p2p = await store().transaction(({ chats }) => chats.addP2p(pairOf(bo.id, ana.id), 5));
      const group = await createGroup(store(), ana, bo, cy);
      await createGroup(store());
      await send(store(), group, ana, "a", "b");
      await store().read(async ({ chats }) => {
        const all = await chats.list({ after: undefined, limit: MAX_ID });
        assert.equal(all.length, 3);
        for (const each of all) assert.deepEqual(await chats.summary(each.chat.id), each);
        for (const unknown of [0, -1, MAX_ID])
          assert.equal(await chats.summary(unknown as ChatId), undefined);
        assert.deepEqual((await chats.summary(p2p.id))?.between, ["ana", "bo"]);
      });
    });
  });

  describeMethod("participants", () => {
    it("returns the current participants by joining time, then by id", async () => {
      const chat = await createGroup(store());
      const other = await createGroup(store(), cy);
      const participants = () => store().read(({ chats }) => chats.participants(chat.id, ALL));
      assert.deepEqual(await participants(), []);
      const joined = ({ id, username }: User, joinedAt: number) => ({
        id,
        username,
        joinedAt,
        role: "member",
      });
      await store().transaction(async ({ chats }) => {
        await chats.addParticipant(chat.id, cy.id, 5);
        await chats.addParticipant(chat.id, bo.id, 5);
        await chats.addParticipant(chat.id, ana.id, MAX_TIME_MS);
        await chats.addParticipant(chat.id, bo.id, 9);
      });
      assert.deepEqual(await participants(), [joined(bo, 5), joined(cy, 5), joined(ana, MAX_TIME_MS)]);
      await store().transaction(async ({ chats }) => {
        await chats.removeParticipant(chat.id, ana.id);
        await chats.removeParticipant(chat.id, bo.id);
        await chats.removeParticipant(other.id, cy.id);
        await chats.addParticipant(chat.id, ana.id, 0);
      });
      assert.deepEqual(await participants(), [joined(ana, 0), joined(cy, 5)]);
      await store().read(async ({ chats }) => {
        for (const id of [other.id, 0, MAX_ID]) {
          assert.deepEqual(await chats.participants(id as ChatId, ALL), []);
        }
      });
    });
  });

  describeMethod("participants", () => {
    it("returns at most `limit` participants, starting after the given one", async () => {
      const chat = await createGroup(store());
      await store().transaction(async ({ chats }) => {
        await chats.addParticipant(chat.id, cy.id, 5);
        await chats.addParticipant(chat.id, bo.id, 5);
        await chats.addParticipant(chat.id, ana.id, 7);
      });
      const slice = (limit: number, after?: ParticipantPosition) =>
        store().read(async ({ chats }) =>
          (await chats.participants(chat.id, { after, limit })).map(({ id }) => id),
        );
      const order = [bo.id, cy.id, ana.id];
      for (const limit of [0, 1, 2, 3, MAX_ID]) {
        assert.deepEqual(await slice(limit), order.slice(0, limit));
        assert.deepEqual(await slice(limit, { joinedAt: 5, id: bo.id }), order.slice(1).slice(0, limit));
        assert.deepEqual(await slice(limit, { joinedAt: 5, id: cy.id }), order.slice(2).slice(0, limit));
        assert.deepEqual(await slice(limit, { joinedAt: 6, id: cy.id }), order.slice(2).slice(0, limit));
        assert.deepEqual(await slice(limit, { joinedAt: 7, id: ana.id }), []);
      }
    });
  });

  describeMethod("addP2p", () => {
    it("creates one chat for both users, and rejects another", async () => {
      const chat = await store().transaction(({ chats }) => chats.addP2p(pairOf(ana.id, bo.id), 5));
      const fresh = { kind: "p2p", title: null, createdAt: 5, policy: null, metadata: null };
      assert.deepEqual(chat, { id: chat.id, ...fresh });
      await assert.rejects(store().transaction(({ chats }) => chats.addP2p(pairOf(bo.id, ana.id), 6)));
      await store().read(async ({ chats }) => {
        assert.deepEqual(await chats.p2p(pairOf(bo.id, ana.id)), chat);
        assert.deepEqual(await chatOf(chats, chat.id, ana.id), chat);
        assert.deepEqual(await chatOf(chats, chat.id, bo.id), chat);
        assert.equal(await chatOf(chats, chat.id, cy.id), undefined);
      });
    });

    it("creates one chat per pair, including the pair of a user with themself", async () => {
      const pairs = [
        pairOf(ana.id, ana.id),
        pairOf(ana.id, bo.id),
        pairOf(ana.id, cy.id),
        pairOf(bo.id, bo.id),
        pairOf(bo.id, cy.id),
      ];
      const opened = await store().transaction(async ({ chats }) => {
        const made = [];
        for (const pair of pairs) made.push(await chats.addP2p(pair, 5));
        return made;
      });
      assert.equal(new Set(opened.map(({ id }) => id)).size, pairs.length);
      await store().read(async ({ chats }) => {
        for (const [index, pair] of pairs.entries()) {
          assert.deepEqual(await chats.p2p(pair), opened[index]);
          for (const user of [ana, bo, cy]) {
            const seen = await chatOf(chats, opened[index]!.id, user.id);
            assert.deepEqual(seen, pair.includes(user.id) ? opened[index] : undefined);
          }
        }
      });
    });
  });

  describeMethod("releasePair", () => {
    it("lets the users of a p2p chat without participants open another, and `abandoned` find the old one", async () => {
      const pair = pairOf(ana.id, bo.id);
      const open = () => store().transaction(({ chats }) => chats.addP2p(pair, 5));
      const kept = await store().transaction(({ chats }) => chats.addP2p(pairOf(ana.id, cy.id), 5));
      const group = await createGroup(store(), ana);
      const chat = await open();
      const release = (fail: boolean) =>
        store().transaction(async ({ chats }) => {
          for (const user of [ana, bo]) await chats.removeParticipant(chat.id, user.id);
          await chats.releasePair(chat.id);
          await chats.releasePair(group.id);
          if (fail) throw new Error("roll back");
        });
      await assert.rejects(release(true), /roll back/);
      assert.deepEqual(await store().read(({ chats }) => chats.p2p(pair)), chat);
      await release(false);
      await store().read(async ({ chats }) => {
        assert.equal(await chats.p2p(pair), undefined);
        assert.deepEqual(await chats.p2p(pairOf(ana.id, cy.id)), kept);
        assert.equal(await chats.abandoned(), chat.id);
        const released = { ...chat, kind: "group", policy: DEFAULT_POLICY };
        const summary = await chats.summary(chat.id);
        assert.deepEqual([summary?.chat, summary?.between, summary?.participantCount], [released, [], 0]);
        assert.deepEqual(await chatOf(chats, group.id, ana.id), group);
      });
      const next = await open();
      assert.ok(next.id > chat.id);
      await store().transaction(({ chats }) => chats.delete(chat.id, MAX_ID));
      assert.deepEqual(await store().read(({ chats }) => chats.p2p(pair)), next);
    });
  });

  describeMethod("p2p", () => {
    it("returns undefined and creates nothing while the chat is not open", async () => {
      for (let time = 0; time < 2; time += 1) {
        await store().read(async ({ chats }) => {
          for (const peer of [bo.id, ana.id, "nobody" as UserId]) {
            assert.equal(await chats.p2p(pairOf(ana.id, peer)), undefined);
          }
        });
      }
    });
  });

  describeMethod("hasMoreThan", () => {
    it("returns whether the user is in more chats than that", async () => {
      const asked = ({ id }: User) =>
        store().read(({ chats }) => mapInOrder([0, 1, 2, 3], (count) => chats.hasMoreThan(id, count)));
      await createGroup(store(), ana);
      const { id } = await createGroup(store(), ana, bo);
      await store().transaction(({ chats }) => chats.addP2p(pairOf(ana.id, cy.id), 1));
      assert.deepEqual(await asked(ana), [true, true, true, false]);
      assert.deepEqual(await asked(bo), [true, false, false, false]);
      await store().transaction(({ chats }) => chats.removeParticipant(id, bo.id));
      assert.deepEqual(await asked(bo), [false, false, false, false]);
    });
  });

  describeMethod("memberships", () => {
    const memberships = ({ id }: User, slice: Partial<MembershipSlice> = {}) =>
      store().read(({ chats }) => chats.memberships(id, { ...ALL, ...slice }));
    const peers = async (user: User) =>
      (await memberships(user)).map(({ chatId, peer }) => [chatId, peer] as const);

    it("returns the chats that the user is in, in slices, in the order of `ofUser`", async () => {
      const created: Chat[] = [];
      for (let count = 0; count < 5; count += 1) created.push(await createGroup(store(), bo));
      const [first] = created;
      for (const index of [3, 1]) {
        await store().transaction(({ chats }) => chats.addParticipant(created[index]!.id, ana.id, 1));
      }
      await append(store(), renamed(first!, "a"));
      for (const index of [4, 0]) {
        await store().transaction(({ chats }) => chats.addParticipant(created[index]!.id, ana.id, 1));
      }
      const ordered = async (user: User) =>
        (await store().read(({ chats }) => chats.ofUser(user.id, { ...ALL, asOf: MAX_ID }))).map(
          ({ chatId, joinedAfter }) => ({ chatId, joinedAfter, historyStart: 0, peer: undefined }),
        );
      const expected = await ordered(ana);
      assert.equal(expected.length, 4);
      for (const limit of [1, 2, 3, 4, MAX_ID]) {
        const found: UserMembership[] = [];
        for (let after: UserMembership | undefined; ; after = found.at(-1)) {
          const slice = await memberships(ana, { after, limit });
          assert.ok(slice.length <= limit);
          if (slice.length === 0) break;
          found.push(...slice);
          assert.ok(found.length <= expected.length, "The slices repeat chats.");
        }
        assert.deepEqual(found, expected);
      }
      assert.deepEqual(await memberships(cy), []);
      await store().transaction(({ chats }) => chats.removeParticipant(first!.id, ana.id));
      assert.deepEqual(
        await memberships(ana),
        expected.filter(({ chatId }) => chatId !== first!.id),
      );
      await store().transaction(({ chats }) => chats.addParticipant(first!.id, ana.id, 1));
      assert.deepEqual(await memberships(ana), await ordered(ana));
    });

    it("returns the other user of a p2p chat, and no peer of a group and of a chat with oneself", async () => {
      const group = await createGroup(store(), ana, bo, cy);
      const chats = await store().transaction(async (all) => [
        await all.chats.addP2p(pairOf(ana.id, ana.id), 1),
        await all.chats.addP2p(pairOf(ana.id, cy.id), 1),
        await all.chats.addP2p(pairOf(bo.id, ana.id), 1),
      ]);
      const [own, withCy, withBo] = chats.map(({ id }) => id);
      assert.deepEqual(
        new Map(await peers(ana)),
        new Map([
          [group.id, undefined],
          [own, undefined],
          [withCy, cy.id],
          [withBo, bo.id],
        ]),
      );
      assert.deepEqual(new Map(await peers(bo)).get(withBo!), ana.id);
      assert.deepEqual(new Map(await peers(cy)).get(withCy!), ana.id);
    });
  });

  describeMethod("list", () => {
    it("returns all chats by id, page by page, including those without participants", async () => {
      await register(store(), ana, bo, cy);
      const empty = await store().transaction(({ chats }) => chats.addGroup("nobody's", MAX_TIME_MS));
      const p2p = await store().transaction(({ chats }) => chats.addP2p(pairOf(bo.id, ana.id), 5));
      const group = await createGroup(store(), ana, bo, cy);
      const own = await store().transaction(({ chats }) => chats.addP2p(pairOf(cy.id, cy.id), 6));
      const [first, second] = await send(store(), group, ana, "a", "b");
      await send(store(), own, cy, "c");
      await store().transaction(async ({ chats, messages }) => {
        await messages.update({ ...second!, text: "" as MessageText, deletedAt: 9 });
        await chats.removeParticipant(group.id, ana.id);
      });
      const silent = { between: [], lastSeq: 0, forgottenSeq: 0, lastSentAt: null };
      const { sentAt } = first!;
      const summaries = [
        { ...silent, chat: empty, participantCount: 0 },
        { ...silent, chat: p2p, between: ["ana", "bo"], participantCount: 2 },
        { ...silent, chat: group, participantCount: 2, lastSeq: 2, lastSentAt: sentAt },
        { ...silent, chat: own, between: ["cy"], participantCount: 1, lastSeq: 1, lastSentAt: sentAt },
      ];
      await store().read(async ({ chats }) => {
        const page = (after: ChatId | undefined, limit: number) => chats.list({ after, limit });
        assert.deepEqual(await page(undefined, MAX_ID), summaries);
        assert.deepEqual(await page(undefined, 1), summaries.slice(0, 1));
        assert.deepEqual(await page(empty.id, 2), summaries.slice(1, 3));
        assert.deepEqual(await page(group.id, 2), summaries.slice(3));
        assert.deepEqual(await page(own.id, 2), []);
        assert.deepEqual(await page(undefined, 0), []);
      });
    });
  });

  describeMethod("delete", () => {
    it("deletes a chat without participants in slices, after its events, messages and invitations, frees its idempotency keys, and keeps numbers and the events of removed users", async () => {
      const kept = await createGroup(store(), ana, bo);
      const chat = await createGroup(store(), ana);
      const notice = renamed(chat, "notice", { user: ana.id, includesRemoved: true });
      await append(store(), renamed(kept, "kept"));
      const once = { key: "key" as IdempotencyKey, textDigest: "digest" };
      const sendOnce = (to: Chat) =>
        store().transaction((repositories) => repositories.messages.append(draft(to, ana, "once"), once));
      const messages = [...(await send(store(), chat, ana, "a", "b")), await sendOnce(chat)];
      await append(store(), ...messages.map((message) => messageChanged("message.created", message, 1)));
      await append(store(), renamed(chat, "alone", { user: ana.id, includesRemoved: false }), notice);
      const before = await store().read(({ events }) => events.bounds());
      await store().transaction(async ({ chats }) => {
        await chats.setRead(chat.id, bo.id, 1);
        await chats.removeParticipant(chat.id, ana.id);
        assert.equal(await chats.abandoned(), chat.id);
      });
      const failed = store().transaction(async (repositories) => {
        await repositories.events.deleteOfChat(chat.id, MAX_ID);
        await repositories.messages.deleteOfChat(chat.id, MAX_ID);
        await repositories.chats.delete(chat.id, MAX_ID);
        throw new Error("roll back");
      });
      await assert.rejects(failed, /roll back/);
      const counts = await store().transaction(async (repositories) => [
        await repositories.events.deleteOfChat(chat.id, 1),
        await repositories.events.deleteOfChat(chat.id, MAX_ID),
        await repositories.events.deleteOfChat(chat.id, MAX_ID),
        await repositories.messages.deleteOfChat(chat.id, 2),
        await repositories.messages.deleteOfChat(chat.id, 2),
        await repositories.chats.delete(chat.id, 1),
        await repositories.chats.delete(chat.id, 1),
      ]);
      assert.deepEqual(counts, [1, 3, 0, 2, 1, 1, 0]);
      const ids = messages.map(({ id }) => id);
      await store().read(async (repositories) => {
        assert.equal(await repositories.chats.abandoned(), undefined);
        const listed = await repositories.chats.list({ after: undefined, limit: MAX_ID });
        assert.deepEqual(
          listed.map((summary) => summary.chat),
          [kept],
        );
        for (const id of ids) assert.equal(await repositories.messages.byId(id), undefined);
        const range = { after: 0, upTo: MAX_ID };
        assert.deepEqual(await repositories.messages.sentBy(ana.id, range), []);
        assert.equal(await repositories.messages.lastId(), Math.max(...ids));
        assert.deepEqual(await repositories.events.bounds(), before);
        const slice = { ...range, limit: MAX_ID };
        const titles = (events: readonly object[]) =>
          events.map((event) => (event as { change: { title?: string } }).change.title);
        assert.deepEqual(titles(await repositories.events.all(slice)), ["kept", "notice"]);
        assert.deepEqual(titles(await repositories.events.ofUser(ana.id, slice)), ["kept", "notice"]);
      });
      const next = await createGroup(store(), ana);
      assert.ok(next.id > chat.id);
      const [message] = await send(store(), next, ana, "d");
      assert.ok(message!.id > Math.max(...ids));
      assert.equal(message!.seq, 1);
      const again = await sendOnce(next);
      const found = await store().read((repositories) => repositories.messages.sentAs(ana.id, once.key));
      assert.deepEqual(found, { message: again, textDigest: "digest" });
    });
  });
}

import assert from "node:assert/strict";
import type { EventSlice, Store } from "../../src/application/ports.js";
import { pairOf, type Chat, type ChatOverview } from "../../src/domain/chat.js";
import {
  chatCreated,
  messageChanged,
  userChanged,
  type ChatEventDraft,
  type StoredEvent,
} from "../../src/domain/event.js";
import type { MessageText } from "../../src/domain/message.js";
import type { SessionId } from "../../src/domain/session.js";
import type { User, UserId } from "../../src/domain/user.js";
import {
  MAX_ID,
  TRICKY_TEXTS,
  MAX_TIME_MS,
  ana,
  append,
  bo,
  cy,
  createGroup,
  receivedBy,
  register,
  renamed,
  send,
  type Runner,
} from "./fixtures.js";

const ALL: EventSlice = { after: 0, upTo: MAX_ID, limit: MAX_ID };

/** Tests the promises of `EventLog`. */
export function eventContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  let chat: Chat;
  let other: Chat;
  const all = (slice: Partial<EventSlice> = {}) =>
    store().read(({ events }) => events.all({ ...ALL, ...slice }));
  const ofUser = (user: User, slice: Partial<EventSlice> = {}) =>
    receivedBy(store(), user, { ...ALL, ...slice });
  const bounds = () => store().read(({ events }) => events.bounds());
  const titlesOf = async (user: User, slice?: Partial<EventSlice>) => titles(await ofUser(user, slice));
  const leave = ({ id }: Chat, user: User) =>
    store().transaction(({ chats }) => chats.removeParticipant(id, user.id));
  const join = ({ id }: Chat, user: User) =>
    store().transaction(({ chats }) => chats.addParticipant(id, user.id, 1));
  const forget = (before: number, limit: number, now?: number) =>
    store().transaction(({ events }) => events.forget(before, limit, now));

  const describeMethod = (name: string, body: () => void) =>
    describe(`EventLog.${name}`, () => {
      beforeEach(async () => {
        await register(store(), ana, bo, cy);
        chat = await createGroup(store(), ana, bo);
        other = await createGroup(store(), ana);
      });
      body();
    });

  /** The promise about slices that both lists share. */
  function itReturnsSlices(read: (slice: Partial<EventSlice>) => Promise<readonly unknown[]>): void {
    it("ends a slice behind the entry with which the texts of its messages have `maxCharacters`", async () => {
      const sent = await send(store(), chat, ana, "abc", "d", "ef");
      const { last } = await store().read(({ events }) => events.bounds());
      await append(
        store(),
        renamed(chat, "a"),
        ...sent.map((message) => messageChanged("message.created", message, 1)),
        renamed(chat, "b"),
      );
      for (const [maxCharacters, count] of [
        [1, 2],
        [3, 2],
        [4, 3],
        [5, 4],
        [6, 4],
        [7, 5],
      ] as const) {
        assert.equal((await read({ after: last, maxCharacters })).length, count);
      }
      assert.equal((await read({ after: last, maxCharacters: 7, limit: 1 })).length, 1);
    });

    it("returns the oldest entries with `after` < id <= `upTo`, at most `limit`", async () => {
      const alone = { user: ana.id, includesRemoved: false };
      await append(
        store(),
        ...["a", "b", "c"].flatMap((title) => [
          renamed(chat, `${title}1`),
          renamed(other, `${title}2`),
          renamed(chat, `${title}3`, alone),
        ]),
      );
      const ids = (await all()).map(({ id }) => id);
      const expected = ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"];
      for (let from = 0; from <= 9; from += 1) {
        const after = ids[from - 1] ?? 0;
        assert.deepEqual(await read({ after }), expected.slice(from));
        assert.deepEqual(await read({ upTo: after }), expected.slice(0, from));
        for (const limit of [0, 1, 2, 9, 10]) {
          assert.deepEqual(await read({ after, limit }), expected.slice(from, from + limit));
          assert.deepEqual(
            await read({ after, upTo: ids[6]!, limit }),
            expected.slice(from, Math.min(from + limit, Math.max(from, 7))),
          );
        }
      }
    });
  }

  describeMethod("bounds", () => {
    it("returns 1 and 0 for an empty log", async () => {
      const { first, last } = await bounds();
      assert.deepEqual({ first, last }, { first: 1, last: 0 });
      assert.deepEqual(await all(), []);
      assert.deepEqual(await ofUser(ana), []);
      assert.deepEqual(await store().read(({ events }) => events.ofUser("nobody" as UserId, ALL)), []);
    });
  });

  describeMethod("append", () => {
    it("stores events of every type and ends of sessions unchanged", async () => {
      const [message] = await send(store(), chat, ana, "🙂");
      const { overview, drafts } = eventsOfEveryType(chat, message!);
      const about = [userChanged(ana.id, "user.updated", MAX_TIME_MS), userChanged(bo.id, "user.deleted", 0)];
      const end = { sessionId: TRICKY_TEXTS[0] as string as SessionId, userId: ana.id, at: MAX_TIME_MS };
      await append(store(), ...drafts, end, ...about);
      const stored = await all();
      assert.deepEqual(
        stored,
        [...drafts, end, ...about].map((draft, index) => {
          const { id } = stored[index]!;
          if (!("chatId" in draft)) return { ...draft, id };
          const { messageId, ...event } = draft;
          return { ...event, id, chatKind: "group", message: messageId === null ? null : message };
        }),
      );
      assert.equal(overview.lastMessage, null);
    });

    it("assigns increasing ids in the order of appending, across chats and regardless of times", async () => {
      await append(store(), renamed(chat, "a", "participants", 9), renamed(other, "b", "participants", 3));
      await append(store(), { sessionId: "s" as SessionId, userId: bo.id, at: 2 });
      await append(store(), renamed(chat, "c", "participants", 5));
      const ids = (await all()).map(({ id }) => id);
      assert.equal(ids.length, 4);
      assert.ok(ids.every((id, index) => Number.isSafeInteger(id) && id > (ids[index - 1] ?? 0)));
      const { first, last } = await bounds();
      assert.deepEqual({ first, last }, { first: ids[0], last: ids[3] });
      assert.deepEqual(await titlesOf(ana), ["a", "b", "c"]);
    });
  });

  describeMethod("all and ofUser", () => {
    it("return each event with the kind of its chat, also after the chat was deleted", async () => {
      const p2p = await store().transaction(({ chats }) => chats.addP2p(pairOf(ana.id, bo.id), 1));
      const outside = { user: ana.id, includesRemoved: true };
      await append(store(), renamed(other, "a", outside), renamed(p2p, "b"), {
        sessionId: "s" as SessionId,
        userId: bo.id,
        at: 2,
      });
      const kinds = [
        ["a", "group"],
        ["b", "p2p"],
      ];
      const kindsOf = (found: readonly StoredEvent[]) =>
        found.map((event) => [titles([event])[0], "chatKind" in event && event.chatKind]);
      assert.deepEqual(kindsOf(await ofUser(ana)), kinds);
      await leave(other, ana);
      await store().transaction(({ chats }) => chats.delete(other.id, MAX_ID));
      assert.deepEqual(kindsOf(await ofUser(ana)), kinds);
      assert.deepEqual(kindsOf((await all()).filter((entry) => "chatKind" in entry)), kinds);
    });

    it("return each message in its current state", async () => {
      const [one, two] = await send(store(), chat, ana, "one", "two");
      await append(
        store(),
        messageChanged("message.created", one!, 1),
        messageChanged("message.created", two!, 1),
      );
      const edited = { ...one!, text: "one!" as MessageText, editedAt: 3 };
      const deleted = { ...two!, text: "" as MessageText, deletedAt: 4 };
      await store().transaction(async ({ messages }) => {
        await messages.update(edited);
        await messages.update(deleted);
      });
      for (const found of [await all(), await ofUser(bo)]) {
        assert.deepEqual(
          found.map((event) => "message" in event && event.message),
          [edited, deleted],
        );
      }
    });
  });

  describeMethod("all", () => {
    itReturnsSlices(async (slice) => titles((await all(slice)) as StoredEvent[]));
  });

  describeMethod("ofUser", () => {
    itReturnsSlices((slice) => titlesOf(ana, slice));

    it("returns the events of the user's chats since the user joined", async () => {
      await append(store(), renamed(chat, "before"), renamed(other, "hidden"));
      await join(chat, cy);
      await append(store(), renamed(chat, "a"));
      await join(other, cy);
      await append(store(), renamed(other, "b"), renamed(chat, "c"));
      assert.deepEqual(await titlesOf(cy), ["a", "b", "c"]);
      assert.deepEqual(await titlesOf(bo), ["before", "a", "c"]);
      assert.deepEqual(await titlesOf(cy, { limit: 1 }), ["a"]);
    });

    it("omits the events of a chat that the user left, also after the user joins again", async () => {
      await append(store(), renamed(chat, "a"), renamed(other, "b"));
      await leave(chat, ana);
      await append(store(), renamed(chat, "c"));
      assert.deepEqual(await titlesOf(ana), ["b"]);
      await join(chat, ana);
      assert.deepEqual(await titlesOf(ana), ["b"]);
      await append(store(), renamed(chat, "d"));
      assert.deepEqual(await titlesOf(ana), ["b", "d"]);
      assert.deepEqual(await titlesOf(ana, { limit: 1 }), ["b"]);
      assert.deepEqual(await titlesOf(bo), ["a", "c", "d"]);
    });

    it("includes events appended after the user joined in the same transaction", async () => {
      await store().transaction(async ({ chats, events }) => {
        await events.append(renamed(chat, "before"));
        await chats.addParticipant(chat.id, cy.id, 1);
        await events.append(renamed(chat, "after"));
        await events.append(renamed(chat, "alone", { user: cy.id, includesRemoved: false }));
      });
      assert.deepEqual(await titlesOf(cy), ["after", "alone"]);
    });

    it("returns an event for one user to that user only, while they are in the chat", async () => {
      const alone = { user: ana.id, includesRemoved: false };
      await append(store(), renamed(chat, "a", alone), renamed(chat, "b"), renamed(other, "c", alone));
      assert.deepEqual(await titlesOf(ana), ["a", "b", "c"]);
      assert.deepEqual(await titlesOf(bo), ["b"]);
      await leave(chat, ana);
      assert.deepEqual(await titlesOf(ana), ["c"]);
      await join(chat, ana);
      await append(store(), renamed(chat, "d", alone));
      assert.deepEqual(await titlesOf(ana), ["c", "d"]);
      assert.deepEqual(await titlesOf(ana, { limit: 1 }), ["c"]);
    });

    it("returns an event with `includesRemoved` to its user, in the chat or not", async () => {
      const outside = { user: ana.id, includesRemoved: true };
      await append(store(), renamed(chat, "a", outside), renamed(chat, "b"));
      assert.deepEqual(await titlesOf(ana), ["a", "b"]);
      await leave(chat, ana);
      await append(store(), renamed(chat, "c", outside));
      assert.deepEqual(await titlesOf(ana), ["a", "c"]);
      await join(chat, ana);
      assert.deepEqual(await titlesOf(ana), ["a", "c"]);
      for (const user of [bo, cy]) assert.deepEqual((await titlesOf(user)).includes("a"), false);
    });
  });

  describeMethod("forget", () => {
    it("deletes the oldest entries before a time, at most `limit`, and returns their number", async () => {
      await append(
        store(),
        renamed(chat, "a", "participants", 1),
        { sessionId: "s" as SessionId, userId: ana.id, at: 2 },
        renamed(chat, "b", { user: ana.id, includesRemoved: false }, 3),
        renamed(other, "c", "participants", 5),
        renamed(chat, "d", "participants", 4),
        renamed(chat, "e", "participants", 9),
      );
      const stored = await all();
      assert.equal(await forget(1, MAX_ID), 0);
      assert.equal(await forget(3, 0), 0);
      assert.equal(await forget(5, 1), 1);
      assert.deepEqual(await all(), stored.slice(1));
      assert.equal(await forget(5, MAX_ID), 2);
      assert.deepEqual(await all(), stored.slice(3));
      assert.deepEqual(await titlesOf(ana), ["c", "d", "e"]);
      assert.deepEqual(await titlesOf(bo), ["d", "e"]);
      const { first, last } = await bounds();
      assert.deepEqual({ first, last }, { first: stored[3]!.id, last: stored[5]!.id });
    });

    it("deletes entries after `now` only before an entry that is deleted", async () => {
      const times = [1, 90, 80, 2, 3, 70, 11, 95, 4, 5];
      await append(store(), ...times.map((at) => renamed(chat, `${at}`, "participants", at)));
      const stored = await all();
      const left = async () => (await all()).map(({ at }) => at);
      assert.equal(await forget(10, MAX_ID), 1);
      assert.deepEqual(await left(), times.slice(1));
      assert.equal(await forget(10, MAX_ID, 90), 0);
      assert.equal(await forget(80, MAX_ID, 79), 8);
      assert.deepEqual(await left(), [5]);
      assert.equal((await bounds()).first, stored[9]!.id);
    });

    it("counts entries after `now` towards `limit`, and stops at an entry between `before` and `now`", async () => {
      const times = [90, 80, 2, 70, 3, 85, 11, 4, 5];
      await append(store(), ...times.map((at) => renamed(chat, `${at}`, "participants", at)));
      const left = async () => (await all()).map(({ at }) => at);
      assert.equal(await forget(10, 2, 60), 2);
      assert.equal((await bounds()).first, (await all())[0]!.id);
      assert.equal(await forget(10, 2, 60), 2);
      assert.equal(await forget(10, 2, 60), 1);
      assert.equal(await forget(10, 2, 60), 0);
      assert.deepEqual(await left(), [85, 11, 4, 5]);
      assert.equal(await forget(10, 2, 11), 0);
      assert.equal(await forget(10, MAX_ID, 10), 3);
      assert.deepEqual(await left(), [5]);
    });

    it("keeps the last entry, so that ids continue to increase", async () => {
      await append(store(), renamed(chat, "a"), renamed(chat, "b"));
      const before = await all();
      assert.equal(await forget(MAX_ID, MAX_ID), 1);
      assert.equal(await forget(MAX_ID, MAX_ID), 0);
      assert.deepEqual(await all(), before.slice(1));
      await append(store(), renamed(chat, "c"));
      assert.deepEqual(await titlesOf(ana), ["b", "c"]);
      const { first, last } = await bounds();
      assert.equal(first, before[1]!.id);
      assert.ok(last > first);
    });
  });
}

function titles(events: readonly StoredEvent[]): (string | null)[] {
  return events.map(({ change }) => (change.type === "chat.renamed" ? change.title : change.type));
}

/** Returns at least one event of each type, with values that stores may change. */
function eventsOfEveryType(chat: Chat, message: Parameters<typeof messageChanged>[1]) {
  const text = TRICKY_TEXTS.slice(0, -1).join("");
  const user = { id: bo.id };
  const overview: ChatOverview = {
    chat: { ...chat, title: text, createdAt: MAX_TIME_MS },
    role: "admin",
    withUsername: text,
    participantCount: MAX_ID,
    historyStart: 6,
    lastMessage: null,
    lastSeq: 5,
    lastSentAt: MAX_TIME_MS,
    readSeq: 3,
    peerReadSeq: null,
    deletedSinceRead: 2,
    mentionCount: 1,
    settings: { mutedUntil: MAX_TIME_MS, archivedSeq: MAX_ID, pinned: true },
  };
  const at = MAX_TIME_MS;
  const alone = { user: ana.id, includesRemoved: false };
  const plain = { chatId: chat.id, at, messageId: null };
  const drafts: readonly ChatEventDraft[] = [
    chatCreated({ ...chat, title: text }, [ana, bo]),
    chatCreated({ ...chat, kind: "p2p" }, [ana]),
    messageChanged("message.created", message, 0),
    messageChanged("message.edited", message, at),
    messageChanged("message.deleted", message, at),
    ...TRICKY_TEXTS.map((title) => renamed(chat, title)),
    renamed(chat, null),
    { ...plain, to: "participants", change: { type: "participant.added", user, participantCount: MAX_ID } },
    {
      ...plain,
      to: alone,
      change: { type: "participant.added", user, participantCount: 3, overview },
      messageId: message.id,
    },
    { ...plain, to: "participants", change: { type: "participant.removed", user, participantCount: 1 } },
    {
      ...plain,
      to: { user: ana.id, includesRemoved: true },
      change: { type: "participant.removed", user, participantCount: 1 },
    },
    {
      ...plain,
      to: "participants",
      change: { type: "chat.history_deleted", upToSeq: 7, upToSentAt: at, unreadCount: 2 },
    },
    {
      ...plain,
      to: "participants",
      change: { type: "chat.read", user, readSeq: 7, unreadCount: 0, mentionCount: 0 },
    },
    {
      ...plain,
      to: alone,
      change: { type: "chat.read", user, readSeq: MAX_ID, unreadCount: MAX_ID, mentionCount: 9 },
    },
    {
      ...plain,
      to: alone,
      change: {
        type: "chat.settings_changed",
        settings: { mutedUntil: MAX_TIME_MS, archived: true, pinned: false },
        lastSeq: MAX_ID,
      },
    },
  ];
  return { overview, drafts };
}

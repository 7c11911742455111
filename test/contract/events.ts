import assert from "node:assert/strict";
import type { EventSlice, Store } from "../../src/application/ports.js";
import type { Chat, ChatOverview } from "../../src/domain/chat.js";
import { chatCreated, messageChanged, type EventDraft, type StoredEvent } from "../../src/domain/event.js";
import type { MessageText } from "../../src/domain/message.js";
import type { SessionId } from "../../src/domain/session.js";
import type { User, UserId } from "../../src/domain/user.js";
import {
  GREATEST,
  HARD_TEXTS,
  LAST_TIME,
  ana,
  append,
  bo,
  cy,
  openGroup,
  register,
  renamed,
  say,
  type Runner,
} from "./scene.js";

const ALL: EventSlice = { after: 0, upTo: GREATEST, limit: GREATEST };

export function eventContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const all = (slice: Partial<EventSlice> = {}) =>
    store().read(({ events }) => events.all({ ...ALL, ...slice }));
  const ofUser = ({ id }: User, slice: Partial<EventSlice> = {}) =>
    store().read(({ events }) => events.ofUser(id, { ...ALL, ...slice }));
  const bounds = () => store().read(({ events }) => events.bounds());
  const titlesOf = async (user: User, slice?: Partial<EventSlice>) => titles(await ofUser(user, slice));
  const leave = (chat: Chat, user: User) =>
    store().transaction(({ chats }) => chats.removeParticipant(chat.id, user.id));
  const enter = (chat: Chat, user: User) =>
    store().transaction(({ chats }) => chats.addParticipant(chat.id, user.id, 1));
  const forget = (before: number, limit: number) =>
    store().transaction(({ events }) => events.forget(before, limit));

  describe("events", () => {
    let chat: Chat;
    let other: Chat;
    beforeEach(async () => {
      await register(store(), ana, bo, cy);
      chat = await openGroup(store(), ana, bo);
      other = await openGroup(store(), ana);
    });

    it("are none in the beginning", async () => {
      const { first, last } = await bounds();
      assert.deepEqual({ first, last }, { first: 1, last: 0 });
      assert.deepEqual(await all(), []);
      assert.deepEqual(await ofUser(ana), []);
      assert.deepEqual(await store().read(({ events }) => events.ofUser("nobody" as UserId, ALL)), []);
    });

    it("are kept as they were appended, of every type, and the ends of sessions among them", async () => {
      const [message] = await say(store(), chat, ana, "🙂");
      const { overview, drafts } = everything(chat, message!);
      const end = { sessionId: HARD_TEXTS[0] as string as SessionId, userId: ana.id, at: LAST_TIME };
      await append(store(), ...drafts, end);
      const stored = await all();
      assert.deepEqual(
        stored,
        [...drafts, end].map((draft, index) => {
          const { id } = stored[index]!;
          if ("sessionId" in draft) return { ...draft, id };
          const { messageId, ...event } = draft;
          return { ...event, id, message: messageId === null ? null : message };
        }),
      );
      assert.equal(overview.lastMessage, null);
    });

    it("are numbered in the order in which they were appended, over all chats, whatever their times", async () => {
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

    it("carry their message as it stands now", async () => {
      const [one, two] = await say(store(), chat, ana, "one", "two");
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

    for (const [list, read] of [
      ["all together", async (slice: Partial<EventSlice>) => titles((await all(slice)) as StoredEvent[])],
      ["of a user", (slice: Partial<EventSlice>) => titlesOf(ana, slice)],
    ] as const) {
      it(`${list} begin after \`after\`, end with \`upTo\`, and are as many as the limit at the most, the oldest first`, async () => {
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

    it("of a user are those of the chats that they are in, since they joined", async () => {
      await append(store(), renamed(chat, "before"), renamed(other, "hidden"));
      await enter(chat, cy);
      await append(store(), renamed(chat, "a"));
      await enter(other, cy);
      await append(store(), renamed(other, "b"), renamed(chat, "c"));
      assert.deepEqual(await titlesOf(cy), ["a", "b", "c"]);
      assert.deepEqual(await titlesOf(bo), ["before", "a", "c"]);
      assert.deepEqual(await titlesOf(cy, { limit: 1 }), ["a"]);
    });

    it("of a user go with the chat that they leave, and those of the time before stay gone when they are back", async () => {
      await append(store(), renamed(chat, "a"), renamed(other, "b"));
      await leave(chat, ana);
      await append(store(), renamed(chat, "c"));
      assert.deepEqual(await titlesOf(ana), ["b"]);
      await enter(chat, ana);
      assert.deepEqual(await titlesOf(ana), ["b"]);
      await append(store(), renamed(chat, "d"));
      assert.deepEqual(await titlesOf(ana), ["b", "d"]);
      assert.deepEqual(await titlesOf(ana, { limit: 1 }), ["b"]);
      assert.deepEqual(await titlesOf(bo), ["a", "c", "d"]);
    });

    it("of a user begin with what is appended in the very transaction in which they join", async () => {
      await store().transaction(async ({ chats, events }) => {
        await events.append(renamed(chat, "before"));
        await chats.addParticipant(chat.id, cy.id, 1);
        await events.append(renamed(chat, "after"));
        await events.append(renamed(chat, "alone", { user: cy.id, includesRemoved: false }));
      });
      assert.deepEqual(await titlesOf(cy), ["after", "alone"]);
    });

    it("for one of a chat alone are that one's, like any other of the chat", async () => {
      const alone = { user: ana.id, includesRemoved: false };
      await append(store(), renamed(chat, "a", alone), renamed(chat, "b"), renamed(other, "c", alone));
      assert.deepEqual(await titlesOf(ana), ["a", "b", "c"]);
      assert.deepEqual(await titlesOf(bo), ["b"]);
      await leave(chat, ana);
      assert.deepEqual(await titlesOf(ana), ["c"]);
      await enter(chat, ana);
      await append(store(), renamed(chat, "d", alone));
      assert.deepEqual(await titlesOf(ana), ["c", "d"]);
      assert.deepEqual(await titlesOf(ana, { limit: 1 }), ["c"]);
    });

    it("for one user outside of the chat are theirs, whether they are in it, have left it or are back", async () => {
      const outside = { user: ana.id, includesRemoved: true };
      await append(store(), renamed(chat, "a", outside), renamed(chat, "b"));
      assert.deepEqual(await titlesOf(ana), ["a", "b"]);
      await leave(chat, ana);
      await append(store(), renamed(chat, "c", outside));
      assert.deepEqual(await titlesOf(ana), ["a", "c"]);
      await enter(chat, ana);
      assert.deepEqual(await titlesOf(ana), ["a", "c"]);
      for (const user of [bo, cy]) assert.deepEqual((await titlesOf(user)).includes("a"), false);
    });

    it("are forgotten from the oldest on, up to a time and a limit", async () => {
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
      assert.equal(await forget(1, GREATEST), 0);
      assert.equal(await forget(3, 0), 0);
      assert.equal(await forget(5, 1), 1);
      assert.deepEqual(await all(), stored.slice(1));
      assert.equal(await forget(5, GREATEST), 2);
      assert.deepEqual(await all(), stored.slice(3));
      assert.deepEqual(await titlesOf(ana), ["c", "d", "e"]);
      assert.deepEqual(await titlesOf(bo), ["d", "e"]);
      const { first, last } = await bounds();
      assert.deepEqual({ first, last }, { first: stored[3]!.id, last: stored[5]!.id });
    });

    it("are never forgotten to the last one, and go on growing behind it", async () => {
      await append(store(), renamed(chat, "a"), renamed(chat, "b"));
      const before = await all();
      assert.equal(await forget(GREATEST, GREATEST), 1);
      assert.equal(await forget(GREATEST, GREATEST), 0);
      assert.deepEqual(await all(), before.slice(1));
      await append(store(), renamed(chat, "c"));
      assert.deepEqual(await titlesOf(ana), ["b", "c"]);
      const { first, last } = await bounds();
      assert.equal(first, before[1]!.id);
      assert.ok(last > first);
    });

    it("come with the ids of the chats that a user is in", async () => {
      const ids = ({ id }: User) => store().read(({ chats }) => chats.idsOfUser(id));
      assert.deepEqual(new Set(await ids(ana)), new Set([chat.id, other.id]));
      assert.deepEqual(await ids(bo), [chat.id]);
      assert.deepEqual(await ids(cy), []);
      await leave(chat, ana);
      assert.deepEqual(await ids(ana), [other.id]);
      await enter(chat, ana);
      assert.equal((await ids(ana)).length, 2);
    });
  });
}

function titles(events: readonly StoredEvent[]): (string | null)[] {
  return events.map(({ change }) => (change.type === "chat.renamed" ? change.title : change.type));
}

/** Of each type of event one at least, with words that are hard to keep. */
function everything(chat: Chat, message: Parameters<typeof messageChanged>[1]) {
  const hard = HARD_TEXTS.slice(0, -1).join("");
  const user = { id: bo.id, username: hard };
  const overview: ChatOverview = {
    chat: { ...chat, title: hard, createdAt: LAST_TIME },
    withUsername: hard,
    participantCount: GREATEST,
    lastMessage: null,
    readSeq: 3,
    deletedSinceRead: 2,
  };
  const at = LAST_TIME;
  const alone = { user: ana.id, includesRemoved: false };
  const plain = { chatId: chat.id, at, messageId: null };
  const drafts: readonly EventDraft[] = [
    chatCreated({ ...chat, title: hard }, [ana, { ...bo, username: hard }]),
    chatCreated({ ...chat, kind: "p2p" }, [ana]),
    messageChanged("message.created", message, 0),
    messageChanged("message.edited", message, at),
    messageChanged("message.deleted", message, at),
    ...HARD_TEXTS.map((title) => renamed(chat, title)),
    renamed(chat, null),
    { ...plain, to: "participants", change: { type: "participant.added", user, participantCount: GREATEST } },
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
    { ...plain, to: "participants", change: { type: "chat.read", user, readSeq: 7, unreadCount: 0 } },
    { ...plain, to: alone, change: { type: "chat.read", user, readSeq: GREATEST, unreadCount: GREATEST } },
  ];
  return { overview, drafts };
}

import { expect } from "chai";
import { disableUser } from "../../src/application/administration.js";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import type { MessagingError } from "../../src/domain/errors.js";
import type { UserId } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { DEFAULT_CHAT_SETTINGS } from "../../src/domain/chat-settings.js";
import { contents, everyMessage, expectRejection, openWorld, textsOf, type World } from "../support/world.js";

const UNKNOWN = 999_999 as ChatId;

describe("group chats", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });

  const send = (by: UserId, chatId: ChatId, text: string) => world.sendMessage({ by, to: { chatId }, text });
  const read = async (by: UserId, chatId: ChatId) =>
    textsOf(await everyMessage(await world.listMessages({ by, of: { chatId } })));

  async function openP2p(): Promise<ChatId> {
    const { ana, bo } = world;
    const { message } = await world.sendMessage({ by: ana.id, to: { username: bo.username }, text: "hello" });
    const { chatId } = message;
    return chatId;
  }

  describe("createGroupChat", () => {
    it("makes the creator the only participant", async () => {
      const { ana, bo } = world;
      const chat = await world.createGroupChat({ by: ana.id });
      await send(ana.id, chat.id, "a");
      expect(await read(ana.id, chat.id)).to.deep.equal(["a"]);
      expect(await errorCodeOf(read(bo.id, chat.id))).to.equal("not_a_participant");
    });

    it("stores the given title, or none", async () => {
      const made = [];
      for (const title of ['Ünï 🙂 "quoted"', null, undefined]) {
        made.push(await world.createGroupChat({ by: world.ana.id, title }));
      }
      const createdAt = world.ports.clock.now();
      expect(made.map(({ title }) => title)).to.deep.equal(['Ünï 🙂 "quoted"', null, null]);
      expect(made[0]).to.deep.include({ kind: "group", createdAt });
      expect(new Set(made.map(({ id }) => id))).to.have.property("size", 3);
    });

    it("rejects an invalid title", async () => {
      for (const title of ["", " \n", "x".repeat(101), "a\0b", "a\nb", "a\u202eb", "\ud800"]) {
        await expectRejection(
          world,
          () => world.createGroupChat({ by: world.ana.id, title }),
          "invalid_title",
        );
      }
    });

    it("adds the named users in the same transaction, each once, and returns what getChat returns", async () => {
      const { ana, bo, cy } = world;
      const { transactions } = world.ports.store.status();
      const participants = ["bo", "Ｃy", "ANA", "cy"];
      const { added, overview, next, ...made } = await world.createGroupChat({ by: ana.id, participants });
      expect(world.ports.store.status().transactions).to.equal(transactions + 1);
      expect(added).to.deep.equal([bo, cy]);
      const { participants: listed, ...chat } = made;
      expect(chat).to.deep.equal(overview.chat);
      const found = await world.getChat({ by: bo.id, chatId: made.id });
      expect(found).to.deep.equal({ overview: { ...overview, role: "member" }, participants: listed, next });
      expect(listed.map(({ id }) => id)).to.have.members([ana.id, bo.id, cy.id]);
      expect(overview).to.include({ role: "owner", participantCount: 3, readSeq: 0 });
    });

    it("delivers one event with all participants to each of them", async () => {
      const { ana, bo, cy } = world;
      const { cursor } = await world.sync({ by: bo.id });
      await world.createGroupChat({ by: ana.id, participants: ["bo", "cy"] });
      for (const { id: by } of [ana, bo, cy]) {
        const { events } = await world.listEvents({ by, after: cursor, limit: 9 });
        const people = events.map((event) => event.type === "chat.created" && event.participants);
        const roles = ["owner", "member", "member"];
        const all = [ana, bo, cy].map(({ id, username }, n) => ({ id, username, role: roles[n] }));
        expect(people).to.deep.equal([all]);
      }
    });

    it("changes nothing if a named user is unknown or unavailable, and lists each such name", async () => {
      await disableUser(world.ports, { user: "cy" });
      const attempt = (...participants: string[]) =>
        world.createGroupChat({ by: world.ana.id, participants }).catch((error: MessagingError) => error);
      await expectRejection(
        world,
        () => world.createGroupChat({ by: world.ana.id, participants: ["bo", "cy"] }),
        "user_unavailable",
      );
      expect(await attempt("bo", "cy", "dora", "x".repeat(1_000))).to.deep.include({
        code: "unknown_user",
        errors: [
          { field: "participants.1", detail: '"cy" is not available.' },
          { field: "participants.2", detail: 'No user has the name "dora".' },
          { field: "participants.3", detail: `No user has the name "${"x".repeat(64)}".` },
        ],
      });
    });

    it("accepts 100 named users, and rejects more", async () => {
      const names = Array.from({ length: 101 }, (_, n) => `user${n}`);
      await world.users(...names);
      const create = (count: number) =>
        world.createGroupChat({ by: world.ana.id, participants: names.slice(0, count) });
      await expectRejection(world, () => create(101), "invalid_request");
      const { overview, participants, next, added } = await create(100);
      expect([overview.participantCount, participants.length, added.length]).to.deep.equal([101, 100, 100]);
      const { id: chatId } = overview.chat;
      const rest = await world.listParticipants({ by: world.ana.id, chatId, limit: 9, cursor: next });
      expect(rest.participants).to.have.length(1);
    });

    it("rejects an unknown creator", async () => {
      await expectRejection(world, () => world.createGroupChat({ by: "unknown" as UserId }), "unknown_user");
    });
  });

  describe("addParticipant", () => {
    let chat: Chat;
    beforeEach(async () => {
      chat = await world.group(world.ana);
    });

    const add = (by: UserId, username: string, chatId = chat.id) =>
      world.addParticipant({ by, chatId, username });

    it("lets the added user read the whole history and send", async () => {
      const { ana, bo } = world;
      await send(ana.id, chat.id, "a");
      await send(ana.id, chat.id, "b");
      await add(ana.id, "bo");
      expect(await read(bo.id, chat.id)).to.deep.equal(["a", "b"]);
      await send(bo.id, chat.id, "c");
      expect(await read(ana.id, chat.id)).to.deep.equal(["a", "b", "c"]);
    });

    it("accepts any equivalent form of the username", async () => {
      await add(world.ana.id, "ＢO");
      expect(await read(world.bo.id, chat.id)).to.deep.equal([]);
    });

    it("lets the added user add others", async () => {
      await add(world.ana.id, "bo");
      await add(world.bo.id, "cy");
      expect(await read(world.cy.id, chat.id)).to.deep.equal([]);
    });

    it("rejects a caller who is not a participant, and an unknown chat, with the same error", async () => {
      await expectRejection(world, () => add(world.bo.id, "bo"), "not_a_participant");
      await expectRejection(world, () => add(world.ana.id, "bo", UNKNOWN), "not_a_participant");
    });

    it("rejects a p2p chat, for others as if it did not exist", async () => {
      const p2p = await openP2p();
      await expectRejection(world, () => add(world.ana.id, "cy", p2p), "p2p_chat");
      await expectRejection(world, () => add(world.cy.id, "cy", p2p), "not_a_participant");
    });

    it("rejects an unknown user", async () => {
      for (const username of ["dora", "", "no name!", world.bo.id]) {
        await expectRejection(world, () => add(world.ana.id, username), "unknown_user");
      }
    });

    it("rejects a user who is already a participant", async () => {
      await add(world.ana.id, "bo");
      await expectRejection(world, () => add(world.ana.id, "BO"), "already_participant");
      await expectRejection(world, () => add(world.bo.id, "ana"), "already_participant");
    });

    it("adds the user once when 20 calls race", async () => {
      const attempts = Array.from({ length: 20 }, () => errorCodeOf(add(world.ana.id, "bo")));
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter((code) => code === undefined)).to.have.length(1);
      expect(outcomes.filter((code) => code === "already_participant")).to.have.length(19);
    });
  });

  describe("removeParticipant", () => {
    let chat: Chat;
    beforeEach(async () => {
      chat = await world.group(world.ana, world.bo);
      await send(world.ana.id, chat.id, "a");
    });

    const remove = (by: UserId, user: string, chatId = chat.id) =>
      world.removeParticipant({ by, chatId, user });

    it("denies the removed user reading and sending", async () => {
      const { ana, bo } = world;
      await remove(ana.id, "bo");
      expect(await errorCodeOf(read(bo.id, chat.id))).to.equal("not_a_participant");
      expect(await errorCodeOf(send(bo.id, chat.id, "b"))).to.equal("not_a_participant");
      expect(await everyMessage(await world.listMessages({ by: bo.id, of: "all" }))).to.deep.equal([]);
      expect(await read(ana.id, chat.id)).to.deep.equal(["a"]);
    });

    it("accepts any equivalent form of the username, and the id", async () => {
      for (const name of ["bo", "ＢO", world.bo.id]) {
        await remove(world.ana.id, name);
        expect(await errorCodeOf(read(world.bo.id, chat.id))).to.equal("not_a_participant");
        await world.addParticipant({ by: world.ana.id, chatId: chat.id, username: "bo" });
      }
    });

    it("lets a participant leave, also the creator, and keeps the chat for the others", async () => {
      await remove(world.ana.id, "ana");
      expect(await errorCodeOf(read(world.ana.id, chat.id))).to.equal("not_a_participant");
      expect(await read(world.bo.id, chat.id)).to.deep.equal(["a"]);
    });

    it("denies the chat to everyone after the last participant has left", async () => {
      await remove(world.ana.id, "ana");
      await remove(world.bo.id, "bo");
      for (const { id } of [world.ana, world.bo, world.cy]) {
        expect(await errorCodeOf(read(id, chat.id))).to.equal("not_a_participant");
      }
    });

    it("deletes the chat with its messages after the last participant has left, who receives that event", async () => {
      for (let n = 0; n < 350; n++) await send(world.ana.id, chat.id, `${n}`);
      await remove(world.ana.id, "bo");
      const { cursor } = await world.listEvents({ by: world.ana.id, limit: 1 });
      await remove(world.ana.id, "ana");
      const { events } = await world.listEvents({ by: world.ana.id, after: cursor, limit: 100 });
      expect(events).to.have.length(1);
      expect(events[0]).to.include({ type: "participant.removed", chatId: chat.id });
      const { store } = world.ports;
      const isLeft = () => store.read(async ({ chats }) => (await chats.abandoned()) !== undefined);
      while (await isLeft());
      await store.read(async ({ messages, chats }) => {
        expect(await messages.sentBy(world.ana.id, { after: 0, upTo: 1_000 })).to.deep.equal([]);
        expect(await chats.list({ after: undefined, limit: 10 })).to.deep.equal([]);
      });
    });

    it("shows a user who is added again the whole history, also messages sent meanwhile", async () => {
      await remove(world.ana.id, "bo");
      await send(world.ana.id, chat.id, "b");
      await world.addParticipant({ by: world.ana.id, chatId: chat.id, username: "bo" });
      expect(await read(world.bo.id, chat.id)).to.deep.equal(["a", "b"]);
    });

    it("rejects a caller who is not a participant, and an unknown chat, with the same error", async () => {
      await expectRejection(world, () => remove(world.cy.id, "bo"), "not_a_participant");
      await expectRejection(world, () => remove(world.cy.id, "cy"), "not_a_participant");
      await expectRejection(world, () => remove(world.ana.id, "bo", UNKNOWN), "not_a_participant");
    });

    it("rejects a p2p chat, for others as if it did not exist", async () => {
      const p2p = await openP2p();
      await expectRejection(world, () => remove(world.ana.id, "bo", p2p), "p2p_chat");
      await expectRejection(world, () => remove(world.ana.id, "ana", p2p), "p2p_chat");
      await expectRejection(world, () => remove(world.cy.id, "bo", p2p), "not_a_participant");
    });

    it("rejects an unknown user", async () => {
      for (const user of ["dora", "", "no name!", "x".repeat(36)]) {
        await expectRejection(world, () => remove(world.ana.id, user), "unknown_user");
      }
    });

    it("rejects a user who is not a participant, or no longer one", async () => {
      await expectRejection(world, () => remove(world.ana.id, "cy"), "user_not_in_chat");
      await remove(world.ana.id, "bo");
      await expectRejection(world, () => remove(world.ana.id, world.bo.id), "user_not_in_chat");
    });

    it("removes at most one of two participants who remove each other concurrently", async () => {
      const outcomes = await Promise.all([
        errorCodeOf(remove(world.ana.id, "bo")),
        errorCodeOf(remove(world.bo.id, "ana")),
      ]);
      expect(outcomes).to.have.members([undefined, "not_a_participant"]);
    });
  });

  describe("renameChat", () => {
    let chat: Chat;
    beforeEach(async () => {
      chat = await world.group(world.ana, world.bo);
    });

    const rename = (by: UserId, title: string | null, chatId = chat.id) =>
      world.renameChat({ by, chatId, title });
    const titleFor = async (by: UserId) => (await world.getChat({ by, chatId: chat.id })).overview.chat.title;

    it("lets any participant set or remove the title for all", async () => {
      const { ana, bo } = world;
      for (const [by, title] of [
        [bo, 'Ünï 🙂 "quoted"'],
        [ana, null],
        [ana, "again"],
      ] as const) {
        await rename(by.id, title);
        for (const { id } of [ana, bo]) expect(await titleFor(id)).to.equal(title);
      }
    });

    it("stores nothing if the title is equal", async () => {
      await rename(world.ana.id, "title");
      const before = await contents(world);
      await rename(world.bo.id, "title");
      expect(await contents(world)).to.deep.equal(before);
    });

    it("rejects an invalid title", async () => {
      for (const title of ["", " \n", "x".repeat(101), "a\0b", "a\nb", "a\u202eb", "\ud800"]) {
        await expectRejection(world, () => rename(world.ana.id, title), "invalid_title");
      }
    });

    it("rejects a caller who is not a participant, and an unknown chat, with the same error", async () => {
      await expectRejection(world, () => rename(world.cy.id, "title"), "not_a_participant");
      await expectRejection(world, () => rename(world.ana.id, "title", UNKNOWN), "not_a_participant");
    });

    it("rejects a p2p chat, for others as if it did not exist", async () => {
      const p2p = await openP2p();
      await expectRejection(world, () => rename(world.ana.id, "title", p2p), "p2p_chat");
      await expectRejection(world, () => rename(world.cy.id, "title", p2p), "not_a_participant");
    });
  });

  describe("getChat", () => {
    it("returns the participants in the order in which they joined", async () => {
      const { ana, bo, cy, ports } = world;
      const chat = await world.group(cy);
      const start = ports.clock.now();
      const joined = [];
      for (const [index, { id, username }] of [cy, bo, ana].entries()) {
        if (index > 0) {
          ports.clock.advance(1);
          await world.addParticipant({ by: cy.id, chatId: chat.id, username });
        }
        joined.push({ id, username, joinedAt: start + index, role: index === 0 ? "owner" : "member" });
      }
      const { overview, participants } = await world.getChat({ by: ana.id, chatId: chat.id });
      expect(participants).to.deep.equal(joined);
      expect(overview).to.deep.equal({
        chat,
        role: "member",
        withUsername: null,
        participantCount: 3,
        historyStart: 0,
        lastMessage: null,
        lastSeq: 0,
        lastSentAt: null,
        readSeq: 0,
        peerReadSeq: null,
        deletedSinceRead: 0,
        mentionCount: 0,
        settings: DEFAULT_CHAT_SETTINGS,
      });
    });

    it("returns a p2p chat with the username of the other participant", async () => {
      const { ana, bo } = world;
      const chatId = await openP2p();
      for (const [user, peer] of [
        [ana, bo],
        [bo, ana],
      ] as const) {
        const { overview, participants } = await world.getChat({ by: user.id, chatId });
        expect(overview).to.deep.include({ withUsername: peer.username, participantCount: 2 });
        expect(participants.map(({ username }) => username)).to.have.members(["ana", "bo"]);
      }
    });

    it("rejects a caller who is not a participant, and an unknown chat, with the same error", async () => {
      const chat = await world.group(world.ana);
      const p2p = await openP2p();
      for (const [by, chatId] of [
        [world.bo, chat.id],
        [world.cy, p2p],
        [world.ana, UNKNOWN],
      ] as const) {
        await expectRejection(world, () => world.getChat({ by: by.id, chatId }), "not_a_participant");
      }
    });
  });
});

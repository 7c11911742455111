import { expect } from "chai";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import type { UserId } from "../../src/domain/user.js";
import { refusalOf } from "../support/refusal.js";
import { contents, everyMessage, expectRefusal, openWorld, textsOf, type World } from "../support/world.js";

const UNKNOWN = 999_999 as ChatId;

describe("a group chat", () => {
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

  describe("when it is made", () => {
    it("has its creator as its only participant", async () => {
      const { ana, bo } = world;
      const chat = await world.createGroupChat({ by: ana.id });
      await send(ana.id, chat.id, "a");
      expect(await read(ana.id, chat.id)).to.deep.equal(["a"]);
      expect(await refusalOf(read(bo.id, chat.id))).to.equal("not_a_participant");
    });

    it("has the title that it was given, or none", async () => {
      const made = [];
      for (const title of ['Ünï 🙂 "quoted"', null, undefined]) {
        made.push(await world.createGroupChat({ by: world.ana.id, title }));
      }
      const createdAt = world.ports.clock.now();
      expect(made.map(({ title }) => title)).to.deep.equal(['Ünï 🙂 "quoted"', null, null]);
      expect(made[0]).to.deep.include({ kind: "group", createdAt });
      expect(new Set(made.map(({ id }) => id))).to.have.property("size", 3);
    });

    it("is refused a title that breaks the rules", async () => {
      for (const title of ["", " \n", "x".repeat(101), "a\0b", "\ud800"]) {
        await expectRefusal(world, () => world.createGroupChat({ by: world.ana.id, title }), "invalid_title");
      }
    });

    it("is refused to somebody who does not exist", async () => {
      await expectRefusal(world, () => world.createGroupChat({ by: "nobody" as UserId }), "unknown_user");
    });
  });

  describe("when somebody is added", () => {
    let chat: Chat;
    beforeEach(async () => {
      chat = await world.group(world.ana);
    });

    const add = (by: UserId, username: string, chatId = chat.id) =>
      world.addParticipant({ by, chatId, username });

    it("shows them all that was said, and takes what they say", async () => {
      const { ana, bo } = world;
      await send(ana.id, chat.id, "a");
      await send(ana.id, chat.id, "b");
      await add(ana.id, "bo");
      expect(await read(bo.id, chat.id)).to.deep.equal(["a", "b"]);
      await send(bo.id, chat.id, "c");
      expect(await read(ana.id, chat.id)).to.deep.equal(["a", "b", "c"]);
    });

    it("finds them under any form of their name", async () => {
      await add(world.ana.id, "ＢO");
      expect(await read(world.bo.id, chat.id)).to.deep.equal([]);
    });

    it("lets them add others", async () => {
      await add(world.ana.id, "bo");
      await add(world.bo.id, "cy");
      expect(await read(world.cy.id, chat.id)).to.deep.equal([]);
    });

    it("refuses who is no participant, also where there is no such chat", async () => {
      await expectRefusal(world, () => add(world.bo.id, "bo"), "not_a_participant");
      await expectRefusal(world, () => add(world.ana.id, "bo", UNKNOWN), "not_a_participant");
    });

    it("refuses a p2p chat to its participants, and to others as if it did not exist", async () => {
      const p2p = await openP2p();
      await expectRefusal(world, () => add(world.ana.id, "cy", p2p), "p2p_chat");
      await expectRefusal(world, () => add(world.cy.id, "cy", p2p), "not_a_participant");
    });

    it("refuses somebody who does not exist", async () => {
      for (const username of ["dora", "", "no name!", world.bo.id]) {
        await expectRefusal(world, () => add(world.ana.id, username), "unknown_user");
      }
    });

    it("refuses somebody who is in already", async () => {
      await add(world.ana.id, "bo");
      await expectRefusal(world, () => add(world.ana.id, "BO"), "already_participant");
      await expectRefusal(world, () => add(world.bo.id, "ana"), "already_participant");
    });

    it("takes them once when 20 race to add them", async () => {
      const attempts = Array.from({ length: 20 }, () => refusalOf(add(world.ana.id, "bo")));
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter((code) => code === undefined)).to.have.length(1);
      expect(outcomes.filter((code) => code === "already_participant")).to.have.length(19);
    });
  });

  describe("when somebody is removed", () => {
    let chat: Chat;
    beforeEach(async () => {
      chat = await world.group(world.ana, world.bo);
      await send(world.ana.id, chat.id, "a");
    });

    const remove = (by: UserId, user: string, chatId = chat.id) =>
      world.removeParticipant({ by, chatId, user });

    it("shows them nothing any more, and takes nothing from them", async () => {
      const { ana, bo } = world;
      await remove(ana.id, "bo");
      expect(await refusalOf(read(bo.id, chat.id))).to.equal("not_a_participant");
      expect(await refusalOf(send(bo.id, chat.id, "b"))).to.equal("not_a_participant");
      expect(await everyMessage(await world.listMessages({ by: bo.id, of: "all" }))).to.deep.equal([]);
      expect(await read(ana.id, chat.id)).to.deep.equal(["a"]);
    });

    it("finds them by any form of their name, and by their id", async () => {
      for (const name of ["bo", "ＢO", world.bo.id]) {
        await remove(world.ana.id, name);
        expect(await refusalOf(read(world.bo.id, chat.id))).to.equal("not_a_participant");
        await world.addParticipant({ by: world.ana.id, chatId: chat.id, username: "bo" });
      }
    });

    it("lets whoever leaves remove themselves, its creator too, and stays for the others", async () => {
      await remove(world.ana.id, "ana");
      expect(await refusalOf(read(world.ana.id, chat.id))).to.equal("not_a_participant");
      expect(await read(world.bo.id, chat.id)).to.deep.equal(["a"]);
    });

    it("is nobody's when the last of them has left", async () => {
      await remove(world.ana.id, "ana");
      await remove(world.bo.id, "bo");
      for (const { id } of [world.ana, world.bo, world.cy]) {
        expect(await refusalOf(read(id, chat.id))).to.equal("not_a_participant");
      }
    });

    it("shows them everything when they are back, also what was said meanwhile", async () => {
      await remove(world.ana.id, "bo");
      await send(world.ana.id, chat.id, "b");
      await world.addParticipant({ by: world.ana.id, chatId: chat.id, username: "bo" });
      expect(await read(world.bo.id, chat.id)).to.deep.equal(["a", "b"]);
    });

    it("refuses who is no participant, also where there is no such chat", async () => {
      await expectRefusal(world, () => remove(world.cy.id, "bo"), "not_a_participant");
      await expectRefusal(world, () => remove(world.cy.id, "cy"), "not_a_participant");
      await expectRefusal(world, () => remove(world.ana.id, "bo", UNKNOWN), "not_a_participant");
    });

    it("refuses a p2p chat to its participants, and to others as if it did not exist", async () => {
      const p2p = await openP2p();
      await expectRefusal(world, () => remove(world.ana.id, "bo", p2p), "p2p_chat");
      await expectRefusal(world, () => remove(world.ana.id, "ana", p2p), "p2p_chat");
      await expectRefusal(world, () => remove(world.cy.id, "bo", p2p), "not_a_participant");
    });

    it("refuses somebody who does not exist", async () => {
      for (const user of ["dora", "", "no name!", "x".repeat(36)]) {
        await expectRefusal(world, () => remove(world.ana.id, user), "unknown_user");
      }
    });

    it("refuses somebody who is not in it, or not any more", async () => {
      await expectRefusal(world, () => remove(world.ana.id, "cy"), "user_not_in_chat");
      await remove(world.ana.id, "bo");
      await expectRefusal(world, () => remove(world.ana.id, world.bo.id), "user_not_in_chat");
    });

    it("loses at the most one of two who remove each other at once", async () => {
      const outcomes = await Promise.all([
        refusalOf(remove(world.ana.id, "bo")),
        refusalOf(remove(world.bo.id, "ana")),
      ]);
      expect(outcomes).to.have.members([undefined, "not_a_participant"]);
    });
  });

  describe("when it is renamed", () => {
    let chat: Chat;
    beforeEach(async () => {
      chat = await world.group(world.ana, world.bo);
    });

    const rename = (by: UserId, title: string | null, chatId = chat.id) =>
      world.renameChat({ by, chatId, title });
    const titleFor = async (by: UserId) => (await world.getChat({ by, chatId: chat.id })).overview.chat.title;

    it("shows everybody the title that any of them gave it, or none", async () => {
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

    it("stores nothing where it has that title", async () => {
      await rename(world.ana.id, "title");
      const before = await contents(world);
      await rename(world.bo.id, "title");
      expect(await contents(world)).to.deep.equal(before);
    });

    it("refuses a title that breaks the rules", async () => {
      for (const title of ["", " \n", "x".repeat(101), "a\0b", "\ud800"]) {
        await expectRefusal(world, () => rename(world.ana.id, title), "invalid_title");
      }
    });

    it("refuses who is no participant, also where there is no such chat", async () => {
      await expectRefusal(world, () => rename(world.cy.id, "title"), "not_a_participant");
      await expectRefusal(world, () => rename(world.ana.id, "title", UNKNOWN), "not_a_participant");
    });

    it("refuses a p2p chat to its participants, and to others as if it did not exist", async () => {
      const p2p = await openP2p();
      await expectRefusal(world, () => rename(world.ana.id, "title", p2p), "p2p_chat");
      await expectRefusal(world, () => rename(world.cy.id, "title", p2p), "not_a_participant");
    });
  });

  describe("when it is looked at", () => {
    it("shows who is in it and since when, in the order in which they joined", async () => {
      const { ana, bo, cy, ports } = world;
      const chat = await world.group(cy);
      const start = ports.clock.now();
      const joined = [];
      for (const [index, { id, username }] of [cy, bo, ana].entries()) {
        if (index > 0) {
          ports.clock.advance(1);
          await world.addParticipant({ by: cy.id, chatId: chat.id, username });
        }
        joined.push({ id, username, joinedAt: start + index });
      }
      const { overview, participants } = await world.getChat({ by: ana.id, chatId: chat.id });
      expect(participants).to.deep.equal(joined);
      expect(overview).to.deep.equal({
        chat,
        withUsername: null,
        participantCount: 3,
        lastMessage: null,
        readSeq: 0,
        deletedSinceRead: 0,
      });
    });

    it("shows a p2p chat with the name of the other one", async () => {
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

    it("is refused to who is no participant, also where there is no such chat", async () => {
      const chat = await world.group(world.ana);
      const p2p = await openP2p();
      for (const [by, chatId] of [
        [world.bo, chat.id],
        [world.cy, p2p],
        [world.ana, UNKNOWN],
      ] as const) {
        await expectRefusal(world, () => world.getChat({ by: by.id, chatId }), "not_a_participant");
      }
    });
  });
});

import { expect } from "chai";
import type { Chat } from "../../src/domain/chat.js";
import type { Message, MessageId } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import { contents, everyMessage, expectRejection, openWorld, type World } from "../support/world.js";

describe("a sent message", () => {
  let world: World;
  let chat: Chat;
  let sent: readonly Message[];
  let message: Message;
  beforeEach(async () => {
    world = await openWorld();
    chat = await world.group(world.ana, world.bo);
    sent = [await say(world.bo, "before"), await say(world.ana, "hello"), await say(world.bo, "after")];
    message = sent[1]!;
    world.ports.clock.advance(1000);
  });

  const say = async (by: User, text: string) =>
    (await world.sendMessage({ by: by.id, to: { chatId: chat.id }, text })).message;
  const edit = (text: string, by = world.ana, id = message.id) => world.editMessage({ by: by.id, id, text });
  const erase = (by = world.ana, id = message.id) => world.deleteMessage({ by: by.id, id });
  const listedFor = async (user: User) =>
    everyMessage(await world.listMessages({ by: user.id, of: { chatId: chat.id } }));

  describe("editMessage", () => {
    it("changes the text in place for all participants, repeatedly", async () => {
      for (const text of ["edited", ' "again" 🙂 ']) {
        const edited = await edit(text);
        expect(edited).to.deep.equal({ ...message, text, editedAt: world.ports.clock.now() });
        for (const user of [world.ana, world.bo]) {
          expect(await listedFor(user)).to.deep.equal([sent[0], edited, sent[2]]);
        }
        world.ports.clock.advance(1000);
      }
    });

    it("stores nothing if the text is equal", async () => {
      const before = await contents(world);
      expect(await edit("hello")).to.deep.equal(message);
      expect(await contents(world)).to.deep.equal(before);
      const edited = await edit("edited");
      world.ports.clock.advance(1000);
      expect(await edit("edited")).to.deep.equal(edited);
    });

    it("rejects an edit of a deleted message", async () => {
      await erase();
      await expectRejection(world, () => edit("edited"), "message_deleted");
      await expectRejection(world, () => edit("hello"), "message_deleted");
    });

    it("rejects an invalid text", async () => {
      for (const text of ["", " \n", "a\0b", "a\u0007b", "\u2800", "\ud800", "x".repeat(10_001)]) {
        await expectRejection(world, () => edit(text), "invalid_message");
      }
    });
  });

  describe("deleteMessage", () => {
    it("leaves a tombstone without text in place of a deleted message", async () => {
      const edited = await edit("edited");
      const deleted = await erase();
      expect(deleted).to.deep.equal({ ...edited, text: "", deletedAt: world.ports.clock.now() });
      for (const user of [world.ana, world.bo]) {
        expect(await listedFor(user)).to.deep.equal([sent[0], deleted, sent[2]]);
      }
      expect(JSON.stringify(await contents(world))).not.to.match(/"(hello|edited)"/);
    });

    it("stores nothing if the message is already deleted", async () => {
      const deleted = await erase();
      world.ports.clock.advance(1000);
      const before = await contents(world);
      expect(await erase()).to.deep.equal(deleted);
      expect(await contents(world)).to.deep.equal(before);
    });

    it("keeps the seq of a deleted message in use", async () => {
      const last = await say(world.ana, "last");
      await erase(world.ana, last.id);
      expect((await say(world.ana, "more")).seq).to.equal(last.seq + 1);
    });
  });

  describe("editMessage and deleteMessage", () => {
    it("reject a caller other than the sender, and an unknown message, with the same error", async () => {
      for (const [by, id] of [
        [world.bo, message.id],
        [world.cy, message.id],
        [world.ana, sent[0]!.id],
        ...[0, -1, 0.5, 999_999].map((unknown) => [world.ana, unknown as MessageId] as const),
      ] as const) {
        await expectRejection(world, () => edit("edited", by, id), "not_your_message");
        await expectRejection(world, () => erase(by, id), "not_your_message");
      }
    });

    it("reject the sender while they are not a participant of the chat", async () => {
      await world.removeParticipant({ by: world.bo.id, chatId: chat.id, user: "ana" });
      await expectRejection(world, () => edit("edited"), "not_your_message");
      await expectRejection(world, () => erase(), "not_your_message");
      await world.addParticipant({ by: world.bo.id, chatId: chat.id, username: "ana" });
      expect((await edit("edited")).text).to.equal("edited");
    });

    it("work in a p2p chat", async () => {
      const { message: said } = await world.sendMessage({
        by: world.ana.id,
        to: { username: "bo" },
        text: "hello",
      });
      expect((await edit("edited", world.ana, said.id)).text).to.equal("edited");
      await expectRejection(world, () => erase(world.bo, said.id), "not_your_message");
      expect((await erase(world.ana, said.id)).text).to.equal("");
    });

    it("apply one of 20 racing edits, and a deletion that races with edits", async () => {
      const edits = await Promise.all(Array.from({ length: 20 }, (_, index) => edit(`edit ${index}`)));
      expect(edits).to.deep.include((await listedFor(world.bo))[1]!);
      await Promise.allSettled([edit("x"), erase(), edit("y")]);
      expect((await listedFor(world.bo))[1]).to.deep.include({
        text: "",
        deletedAt: world.ports.clock.now(),
      });
    });
  });
});

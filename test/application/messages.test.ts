import { expect } from "chai";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import type { Message } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { contents, everyMessage, expectRejection, openWorld, textsOf, type World } from "../support/world.js";

const UNKNOWN = 999_999 as ChatId;

describe("messages", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
  });

  const sendTo = async (by: User, chatId: ChatId, text: string) =>
    (await world.sendMessage({ by: by.id, to: { chatId }, text })).message;
  const write = async (by: User, username: string, text: string) =>
    (await world.sendMessage({ by: by.id, to: { username }, text })).message;
  const all = async (by: User) => everyMessage(await world.listMessages({ by: by.id, of: "all" }));
  const ofChat = async (by: User, chatId: ChatId) =>
    everyMessage(await world.listMessages({ by: by.id, of: { chatId } }));
  const ofPeer = async (by: User, username: string) =>
    everyMessage(await world.listMessages({ by: by.id, of: { username } }));

  async function fill(chats: readonly Chat[], count: number): Promise<Message[]> {
    const sent: Message[] = [];
    for (let index = 0; index < count; index += 1) {
      sent.push(await sendTo(ana, chats[index % chats.length]!.id, `${index}`));
    }
    return sent;
  }

  describe("sendMessage to a group chat", () => {
    it("returns the message as all participants read it", async () => {
      const chat = await world.group(ana, bo);
      const text = ` "Ünï" 🙂 e\u0301 \r\n\t'; -- `;
      const message = await sendTo(ana, chat.id, text);
      expect(message).to.deep.equal({
        id: message.id,
        chatId: chat.id,
        seq: 1,
        sender: { id: ana.id, username: "ana" },
        text,
        replyTo: null,
        mentions: [],
        metadata: null,
        sentAt: world.ports.clock.now(),
        editedAt: null,
        deletedAt: null,
        reactions: [],
      });
      for (const user of [ana, bo]) {
        expect(await ofChat(user, chat.id)).to.deep.equal([message]);
        expect(await all(user)).to.deep.equal([message]);
      }
      expect(await all(cy)).to.deep.equal([]);
    });

    it("numbers the messages of each chat in the order of the calls, independently of the clock", async () => {
      const one = await world.group(ana);
      const other = await world.group(ana);
      const sent = [await sendTo(ana, one.id, "a"), await sendTo(ana, other.id, "b")];
      world.ports.clock.advance(-10_000);
      sent.push(await sendTo(ana, one.id, "c"), await sendTo(ana, other.id, "d"));
      expect(sent.map(({ seq }) => seq)).to.deep.equal([1, 1, 2, 2]);
      expect(await all(ana)).to.deep.equal(sent);
    });

    it("rejects an invalid text", async () => {
      const chat = await world.group(ana);
      for (const text of ["", " \n", "a\0b", "a\u0007b", "\u2800", "\ud800", "x".repeat(10_001)]) {
        await expectRejection(world, () => sendTo(ana, chat.id, text), "invalid_message");
      }
    });

    it("rejects a caller who is not a participant, and an unknown chat, with the same error", async () => {
      const chat = await world.group(ana);
      for (const chatId of [chat.id, UNKNOWN, 0, -1, 0.5].map((id) => id as ChatId)) {
        await expectRejection(world, () => sendTo(bo, chatId, "a"), "not_a_participant");
      }
    });

    it("sends to a p2p chat by its id, but rejects others as if it did not exist", async () => {
      const { chatId } = await write(ana, "bo", "a");
      const answer = await sendTo(bo, chatId, "b");
      expect(answer).to.include({ chatId, seq: 2 });
      expect(textsOf(await ofPeer(ana, "bo"))).to.deep.equal(["a", "b"]);
      await expectRejection(world, () => sendTo(cy, chatId, "b"), "not_a_participant");
    });

    it("rejects an unknown sender", async () => {
      const chat = await world.group(ana);
      const unknown = { ...ana, id: "unknown" as UserId };
      await expectRejection(world, () => sendTo(unknown, chat.id, "a"), "not_a_participant");
      await expectRejection(world, () => write(unknown, "ana", "a"), "unknown_user");
    });
  });

  describe("sendMessage to a user", () => {
    it("creates the p2p chat with the first message, for both users", async () => {
      const first = await write(ana, "bo", "a");
      const second = await write(bo, "ＡNA", "b");
      expect(second).to.deep.include({ chatId: first.chatId, seq: 2 });
      for (const [user, peer] of [
        [ana, "BO"],
        [bo, "ana"],
      ] as const) {
        expect(await ofPeer(user, peer)).to.deep.equal([first, second]);
        expect(await all(user)).to.deep.equal([first, second]);
      }
      expect(await all(cy)).to.deep.equal([]);
      expect(await ofPeer(cy, "ana")).to.deep.equal([]);
    });

    it("creates one chat when 50 first messages of both users race", async () => {
      const racing = Array.from({ length: 50 }, (_, index) =>
        index % 2 ? write(ana, "bo", `${index}`) : write(bo, "ana", `${index}`),
      );
      const sent = (await Promise.all(racing)).toSorted((one, other) => one.id - other.id);
      expect(new Set(sent.map(({ chatId }) => chatId))).to.have.property("size", 1);
      expect(sent.map(({ seq }) => seq)).to.deep.equal(Array.from({ length: 50 }, (_, index) => index + 1));
      expect(await ofPeer(ana, "bo")).to.deep.equal(sent);
    });

    it("uses a separate chat for messages to oneself", async () => {
      const note = await write(ana, "ana", "note");
      const other = await write(ana, "bo", "hello");
      expect(note.chatId).not.to.equal(other.chatId);
      expect(await ofPeer(ana, "ana")).to.deep.equal([note]);
      expect(await all(bo)).to.deep.equal([other]);
      expect(await ofChat(ana, note.chatId)).to.deep.equal([note]);
      expect(await errorCodeOf(ofChat(bo, note.chatId))).to.equal("not_a_participant");
      const add = () => world.addParticipant({ by: ana.id, chatId: note.chatId, username: "bo" });
      await expectRejection(world, add, "p2p_chat");
    });

    it("rejects an unknown user and creates no chat", async () => {
      for (const username of ["dora", "", "no name!", bo.id]) {
        await expectRejection(world, () => write(ana, username, "a"), "unknown_user");
      }
    });

    it("creates no chat if the text is invalid", async () => {
      await expectRejection(world, () => write(ana, "bo", " "), "invalid_message");
    });
  });

  describe("listMessages", () => {
    it("returns empty lists and creates nothing if there are no messages", async () => {
      const chat = await world.group(ana);
      const before = await contents(world);
      expect(await all(ana)).to.deep.equal([]);
      expect(await ofChat(ana, chat.id)).to.deep.equal([]);
      expect(await ofPeer(ana, "bo")).to.deep.equal([]);
      expect(await ofPeer(ana, "ana")).to.deep.equal([]);
      expect(await contents(world)).to.deep.equal(before);
    });

    it("returns the messages of all the caller's chats, oldest first", async () => {
      const one = await world.group(ana, bo);
      const other = await world.group(bo, cy);
      const sent = [
        await sendTo(ana, one.id, "a"),
        await sendTo(cy, other.id, "b"),
        await write(bo, "ana", "c"),
        await write(cy, "cy", "d"),
        await sendTo(bo, one.id, "e"),
        await sendTo(bo, other.id, "f"),
      ];
      const texts = textsOf(sent).join("");
      expect(texts).to.equal("abcdef");
      expect(textsOf(await all(ana)).join("")).to.equal("ace");
      expect(textsOf(await all(bo)).join("")).to.equal("abcef");
      expect(textsOf(await all(cy)).join("")).to.equal("bdf");
    });

    it("rejects before the first slice is read", async () => {
      const chat = await world.group(ana);
      const { chatId: p2p } = await write(ana, "bo", "a");
      for (const [of, by, code] of [
        [{ chatId: chat.id }, bo, "not_a_participant"],
        [{ chatId: UNKNOWN }, ana, "not_a_participant"],
        [{ chatId: p2p }, cy, "not_a_participant"],
        [{ username: "dora" }, ana, "unknown_user"],
        [{ username: ana.id }, ana, "unknown_user"],
      ] as const) {
        await expectRejection(world, () => world.listMessages({ by: by.id, of }), code);
      }
    });

    for (const count of [1, 199, 200, 201, 400, 450]) {
      it(`returns ${count} messages completely and in order, in slices of at most 200`, async () => {
        const chats = [await world.group(ana), await world.group(ana), await world.group(ana)];
        const sent = await fill(chats, count);
        const lengths = [];
        const read: Message[] = [];
        for await (const slice of await world.listMessages({ by: ana.id, of: "all" })) {
          lengths.push(slice.length);
          read.push(...slice);
        }
        expect(read).to.deep.equal(sent);
        expect(Math.min(...lengths)).to.be.above(0);
        expect(Math.max(...lengths)).to.be.at.most(200);
        expect(await ofChat(ana, chats[0]!.id)).to.deep.equal(
          sent.filter(({ chatId }) => chatId === chats[0]!.id),
        );
      });
    }

    it("omits messages sent after the call", async () => {
      const chat = await world.group(ana, bo);
      const sent = await fill([chat], 450);
      const peer = await write(ana, "bo", "peer");
      const lists = [
        [await world.listMessages({ by: bo.id, of: "all" }), [...sent, peer]],
        [await world.listMessages({ by: bo.id, of: { chatId: chat.id } }), sent],
        [await world.listMessages({ by: bo.id, of: { username: "ana" } }), [peer]],
      ] as const;
      const sending = fill([chat], 50);
      await write(ana, "bo", "too late");
      for (const [slices, expected] of lists) {
        const read: Message[] = [];
        for await (const slice of slices) {
          read.push(...slice);
          await sendTo(ana, chat.id, "too late");
        }
        expect(read).to.deep.equal(expected);
      }
      await sending;
    });

    it("rejects the next slice of a chat after the caller was removed", async () => {
      const chat = await world.group(ana, bo);
      await fill([chat], 250);
      const read: Message[] = [];
      const reading = async () => {
        for await (const slice of await world.listMessages({ by: bo.id, of: { chatId: chat.id } })) {
          read.push(...slice);
          await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
        }
      };
      expect(await errorCodeOf(reading())).to.equal("not_a_participant");
      expect(read.length).to.be.at.most(200);
    });

    it("continues without a chat from which the caller was removed between two slices", async () => {
      const left = await world.group(ana, bo);
      const kept = await world.group(ana, bo);
      const sent = await fill([left, kept], 500);
      const slices: (readonly Message[])[] = [];
      for await (const slice of await world.listMessages({ by: bo.id, of: "all" })) {
        if (slices.length === 0) await world.removeParticipant({ by: ana.id, chatId: left.id, user: "bo" });
        slices.push(slice);
      }
      const first = slices[0]!.length;
      const after = sent.slice(first).filter(({ chatId }) => chatId === kept.id);
      expect(first).to.be.within(1, 200);
      expect(slices.flat()).to.deep.equal([...sent.slice(0, first), ...after]);
    });
  });
});

import { expect } from "chai";
import { createMessaging } from "../../src/application/messaging.js";
import type { Store } from "../../src/application/ports.js";
import type { EditMessage, SendMessage } from "../../src/application/messages.js";
import type { Chat } from "../../src/domain/chat.js";
import type { MessagingError } from "../../src/domain/errors.js";
import { MAX_MENTIONS } from "../../src/domain/mention.js";
import type { Message, MessageId } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { after, viewsOf } from "../support/reader.js";
import { contents, everyMessage, expectRejection, openWorld, type World } from "../support/world.js";

describe("a message with a reply, mentions or metadata", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  let chat: Chat;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
    chat = await world.group(ana, bo);
  });

  const send = async (part: Partial<SendMessage> = {}) =>
    (await world.sendMessage({ by: ana.id, to: { chatId: chat.id }, text: "hello", ...part })).message;
  const edit = (message: Message, part: Omit<EditMessage, "by" | "id">) =>
    world.editMessage({ by: message.sender.id, id: message.id, ...part });
  const mentionCount = async (user: User, { id: chatId } = chat) =>
    (await world.getChat({ by: user.id, chatId })).overview.mentionCount;

  describe("replyTo", () => {
    it("names a message of the same chat, of any sender, edited or deleted", async () => {
      const quoted = await send({ by: bo.id });
      for (const change of [
        () => send(),
        () => edit(quoted, { text: "edited" }),
        () => world.deleteMessage({ by: bo.id, id: quoted.id }),
      ]) {
        await change();
        expect((await send({ replyTo: quoted.id })).replyTo).to.equal(quoted.id);
      }
      const own = await send();
      expect((await send({ replyTo: own.id })).replyTo).to.equal(own.id);
      expect((await send({ replyTo: null })).replyTo).to.equal(null);
    });

    it("works in a p2p chat by username and by id", async () => {
      const to = { username: "bo" };
      await expectRejection(world, () => send({ to, replyTo: 1 as MessageId }), "invalid_reply");
      const quoted = await send({ to });
      expect((await send({ by: bo.id, to: { username: "ana" }, replyTo: quoted.id })).replyTo).to.equal(
        quoted.id,
      );
      expect((await send({ to: { chatId: quoted.chatId }, replyTo: quoted.id })).replyTo).to.equal(quoted.id);
    });

    it("is checked before a first message opens a p2p chat, as mentions are, so that no id stays unused", async () => {
      const { store } = world.ports;
      let opened = 0;
      const watching: Store = {
        ...store,
        transaction: (work) =>
          store.transaction((all) => {
            const addP2p: typeof all.chats.addP2p = (...given) => {
              opened += 1;
              return all.chats.addP2p(...given);
            };
            return work({ ...all, chats: { ...all.chats, addP2p } });
          }),
      };
      const core = createMessaging({ ...world.ports, store: watching });
      const command = { by: ana.id, to: { username: "bo" }, text: "hello" };
      expect(await errorCodeOf(core.sendMessage({ ...command, replyTo: 1 as MessageId }))).to.equal(
        "invalid_reply",
      );
      expect(await errorCodeOf(core.sendMessage({ ...command, mentions: ["cy"] }))).to.equal(
        "invalid_mention",
      );
      expect(opened).to.equal(0);
      const { message } = await core.sendMessage({ ...command, mentions: ["bo", "ana"] });
      expect([opened, message.mentions]).to.deep.equal([1, [bo.id, ana.id]]);
    });

    it("rejects an unknown message, and one of another chat, with the same error", async () => {
      const other = await world.group(ana, bo);
      const elsewhere = await send({ to: { chatId: other.id } });
      await send();
      for (const replyTo of [elsewhere.id, 999, 0, -1, 0.5, 2 ** 53, Infinity]) {
        await expectRejection(world, () => send({ replyTo: replyTo as MessageId }), "invalid_reply");
      }
    });

    it("rejects a message from before the sender joined, if these are hidden", async () => {
      await world.changeChat({ by: ana.id, chatId: chat.id, policy: { history: "since_join" } });
      const hidden = await send();
      await world.addParticipant({ by: ana.id, chatId: chat.id, username: "cy" });
      const shown = await send();
      await expectRejection(world, () => send({ by: cy.id, replyTo: hidden.id }), "invalid_reply");
      expect((await send({ by: cy.id, replyTo: shown.id })).replyTo).to.equal(shown.id);
      expect((await send({ by: bo.id, replyTo: hidden.id })).replyTo).to.equal(hidden.id);
    });

    it("stays when the other message, or this one, is deleted, and when the other one is deleted by age", async () => {
      const quoted = await send();
      world.ports.clock.advance(1000);
      const reply = await send({ replyTo: quoted.id });
      await world.deleteMessage({ by: ana.id, id: quoted.id });
      const listed = await everyMessage(await world.listMessages({ by: ana.id, of: "all" }));
      expect(listed.at(-1)).to.deep.equal(reply);
      await world.forgetMessages({ before: world.ports.clock.now() });
      await expectRejection(world, () => send({ replyTo: quoted.id }), "invalid_reply");
      expect((await world.deleteMessage({ by: ana.id, id: reply.id })).replyTo).to.equal(quoted.id);
    });
  });

  describe("mentions", () => {
    it("are given as usernames or ids, and returned as ids, each once, in that order", async () => {
      await world.addParticipant({ by: ana.id, chatId: chat.id, username: "cy" });
      const mentions = ["CY", bo.id, "cy", "ana", "ｂo"];
      expect((await send({ mentions })).mentions).to.deep.equal([cy.id, bo.id, ana.id]);
    });

    it("are not searched for in the text", async () => {
      expect((await send({ text: "@bo" })).mentions).to.deep.equal([]);
      expect(await mentionCount(bo)).to.equal(0);
    });

    it("reject users who are not participants, unknown users, and more than 50, and name them", async () => {
      const names = ["bo", "cy", cy.id, "nobody", "a\0b", "\ud800", "deleted", "x".repeat(1000), ""];
      await expectRejection(world, () => send({ mentions: names }), "invalid_mention");
      const error: unknown = await send({ mentions: names }).catch((thrown: unknown) => thrown);
      expect((error as MessagingError).errors.map(({ field }) => field)).to.deep.equal(
        names.slice(1).map((_, index) => `mentions.${index + 1}`),
      );
      const many = Array.from({ length: MAX_MENTIONS }, () => "bo");
      await expectRejection(world, () => send({ mentions: [...many, "bo"] }), "invalid_mention");
      expect((await send({ mentions: many })).mentions).to.deep.equal([bo.id]);
    });

    it("reject a user who has left, but an edit keeps the one whom the message mentions", async () => {
      const message = await send({ mentions: ["bo"] });
      await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
      await expectRejection(world, () => send({ mentions: ["bo"] }), "invalid_mention");
      const edited = await edit(message, { mentions: ["ana", bo.id] });
      expect(edited.mentions).to.deep.equal([ana.id, bo.id]);
      const without = await edit(message, { mentions: [] });
      await expectRejection(world, () => edit(without, { mentions: [bo.id] }), "invalid_mention");
    });

    it("are counted while they are unread, and not in messages of oneself", async () => {
      await send({ mentions: ["bo", "ana"] });
      const second = await send({ mentions: ["bo"] });
      await send();
      expect([await mentionCount(ana), await mentionCount(bo)]).to.deep.equal([0, 2]);
      const { chats } = await world.listChats({ by: bo.id, limit: 1 });
      expect(chats[0]?.mentionCount).to.equal(2);
      await world.deleteMessage({ by: ana.id, id: second.id });
      expect(await mentionCount(bo)).to.equal(1);
      const seen = await world.markRead({ by: bo.id, chatId: chat.id, seq: 1 });
      expect(seen.mentionCount).to.equal(0);
      await edit(await send(), { mentions: [bo.id] });
      expect(await mentionCount(bo)).to.equal(1);
      await send({ by: bo.id, mentions: ["bo"] });
      expect(await mentionCount(bo)).to.equal(0);
    });

    it("are counted by a client from events, except where these do not tell", async () => {
      const plain = await send({ by: ana.id });
      const mention = await send({ mentions: ["bo"] });
      const read = () => world.markRead({ by: bo.id, chatId: chat.id, seq: mention.seq });
      for (const [change, expected] of [
        [() => send({ mentions: ["bo"] }), 2],
        [() => send({ mentions: ["ana"] }), 2],
        [() => edit(plain, { mentions: ["bo"] }), undefined],
        [() => edit(mention, { mentions: [] }), undefined],
        [read, 1],
        [() => edit(plain, { mentions: [] }), 1],
        [() => world.deleteMessage({ by: ana.id, id: plain.id }), 1],
        [() => world.forgetMessages({ before: 1 }), 1],
        [() => world.forgetMessages({ before: world.clock.now() }), undefined],
        [() => send({ mentions: ["bo"] }), 1],
        [() => send({ by: bo.id }), 0],
      ] as const) {
        const { chats, cursor } = await world.sync({ by: bo.id });
        await change();
        world.clock.advance(1);
        const { events } = await world.listEvents({ by: bo.id, after: cursor, limit: 9 });
        const views = events.reduce((seen, event) => after(seen, event, bo), viewsOf(chats));
        expect(views[chat.id]?.mentionCount).to.equal(expected);
        expect(views).to.deep.equal(viewsOf((await world.sync({ by: bo.id })).chats, views));
      }
    });

    it("are not counted for a user who joins later, or joins again", async () => {
      await send({ mentions: ["bo"] });
      await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
      await world.addParticipant({ by: ana.id, chatId: chat.id, username: "bo" });
      expect(await mentionCount(bo)).to.equal(0);
      await send({ mentions: ["bo"] });
      expect(await mentionCount(bo)).to.equal(1);
    });

    it("keep the id of a mentioned user who is erased", async () => {
      const message = await send({ mentions: ["bo"] });
      await world.ports.store.transaction(({ users }) => users.delete(bo.id, 5));
      await expectRejection(world, () => send({ mentions: [bo.id] }), "invalid_mention");
      expect((await edit(message, { text: "edited" })).mentions).to.deep.equal([bo.id]);
    });
  });

  describe("metadata", () => {
    it("is returned as a frozen copy", async () => {
      const given = { a: [{ b: 1 }] };
      const message = await send({ metadata: given });
      given.a[0]!.b = 2;
      expect(message.metadata).to.deep.equal({ a: [{ b: 1 }] });
      expect(() => ((message.metadata as typeof given).a[0]!.b = 3)).to.throw(TypeError);
      const edited = await edit(message, { metadata: { a: [{ b: 4 }] } });
      expect(Object.isFrozen(edited.metadata)).to.equal(true);
    });

    it("rejects what is no JSON object of at most 4 KiB", async () => {
      for (const metadata of [{ a: "x".repeat(4096) }, { a: undefined }, { a: NaN }] as Record<
        string,
        unknown
      >[]) {
        await expectRejection(world, () => send({ metadata }), "invalid_metadata");
        const message = await send();
        await expectRejection(world, () => edit(message, { metadata }), "invalid_metadata");
      }
    });
  });

  describe("editMessage", () => {
    it("changes what is given and keeps the rest", async () => {
      const message = await send({ mentions: ["bo"], metadata: { a: 1 }, replyTo: (await send()).id });
      world.ports.clock.advance(1000);
      const editedAt = world.ports.clock.now();
      let expected: Message = { ...message, editedAt };
      for (const [part, changed] of [
        [{ text: "edited" }, { text: "edited" }],
        [{ mentions: ["ana"] }, { mentions: [ana.id] }],
        [{ metadata: { b: 2 } }, { metadata: { b: 2 } }],
        [
          { metadata: null, mentions: [] },
          { metadata: null, mentions: [] },
        ],
      ] as const) {
        expected = { ...expected, ...changed } as Message;
        expect(await edit(message, part)).to.deep.equal(expected);
      }
    });

    it("stores nothing if nothing changes", async () => {
      const message = await send({ mentions: ["bo"], metadata: { a: 1 } });
      world.ports.clock.advance(1000);
      const before = await contents(world);
      for (const part of [
        { mentions: ["BO"] },
        { metadata: { a: 1 } },
        { text: "hello", mentions: [bo.id] },
      ]) {
        expect(await edit(message, part)).to.deep.equal(message);
      }
      expect(await contents(world)).to.deep.equal(before);
    });

    it("rejects a command that changes nothing by its form", async () => {
      const message = await send();
      await expectRejection(world, () => edit(message, {}), "invalid_request");
      await expectRejection(world, () => edit(message, { mentions: undefined }), "invalid_request");
    });

    it("rejects a deleted message, which has neither mentions nor metadata", async () => {
      const message = await send({ mentions: ["bo"], metadata: { a: 1 } });
      const deleted = await world.deleteMessage({ by: ana.id, id: message.id });
      expect(deleted).to.deep.include({ mentions: [], metadata: null });
      await expectRejection(world, () => edit(message, { metadata: { a: 2 } }), "message_deleted");
      await expectRejection(world, () => edit(message, { mentions: ["ana"] }), "message_deleted");
    });
  });

  describe("with an idempotency key", () => {
    const idempotencyKey = "key";
    let fields: Pick<SendMessage, "replyTo" | "mentions" | "metadata">;
    beforeEach(async () => {
      fields = { replyTo: (await send()).id, mentions: ["bo"], metadata: { a: 1, b: 2 } };
    });
    const repeat = (part: Partial<SendMessage>) =>
      world.sendMessage({ by: ana.id, to: { chatId: chat.id }, text: "hello", idempotencyKey, ...part });
    const others = (): readonly Partial<SendMessage>[] => [
      {},
      { ...fields, text: "other" },
      { ...fields, replyTo: null },
      { ...fields, mentions: [] },
      { ...fields, mentions: ["ana"] },
      { ...fields, metadata: null },
      { ...fields, metadata: { a: 1 } },
      { ...fields, metadata: { b: 2, a: 1 } },
    ];

    it("is stored once, also after its mentions have left and the other message is gone", async () => {
      const message = await send({ ...fields, idempotencyKey });
      expect(await repeat(fields)).to.deep.equal({ message, replayed: true });
      await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "bo" });
      expect(await repeat(fields)).to.deep.equal({ message, replayed: true });
      world.ports.secrets.rotate();
      const edited = await edit(message, { mentions: [], metadata: null });
      expect(await repeat(fields)).to.deep.equal({ message: edited, replayed: true });
    });

    it("is not confused with another message, nor a text with one that has more", async () => {
      await send({ ...fields, idempotencyKey });
      for (const other of others()) {
        await expectRejection(world, () => repeat(other), "idempotency_key_reused");
      }
      await send({ idempotencyKey: "text" });
      await expectRejection(
        world,
        () => repeat({ ...fields, idempotencyKey: "text" }),
        "idempotency_key_reused",
      );
    });

    it("is recognised by its content after the key of its digest was retired", async () => {
      const message = await send({ ...fields, idempotencyKey });
      world.ports.secrets.rotate();
      world.ports.secrets.retire();
      expect(await repeat(fields)).to.deep.equal({ message, replayed: true });
      expect(await repeat({ ...fields, mentions: [bo.id, "BO"] })).to.deep.equal({ message, replayed: true });
      for (const other of [...others(), { ...fields, mentions: ["nobody" as UserId] }]) {
        await expectRejection(world, () => repeat(other), "idempotency_key_reused");
      }
    });
  });
});

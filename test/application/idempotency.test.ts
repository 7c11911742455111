import { expect } from "chai";
import type { SendMessage } from "../../src/application/messages.js";
import type { Chat } from "../../src/domain/chat.js";
import { contents, everyMessage, expectRejection, openWorld, type World } from "../support/world.js";

describe("sendMessage with an idempotency key", () => {
  let world: World;
  let chat: Chat;
  beforeEach(async () => {
    world = await openWorld();
    chat = await world.group(world.ana, world.bo);
  });

  const send = (command: Partial<SendMessage> = {}) =>
    world.sendMessage({
      by: world.ana.id,
      to: { chatId: chat.id },
      text: "hello",
      idempotencyKey: "key",
      ...command,
    });

  /** Asserts that a repeat returns the message and stores nothing. */
  async function expectReplay(command: Partial<SendMessage>, message: unknown): Promise<void> {
    const before = await contents(world);
    expect(await send(command)).to.deep.equal({ message, replayed: true });
    expect(await contents(world)).to.deep.equal(before);
  }

  it("stores the message once and returns it for each repeat", async () => {
    const { message, replayed } = await send();
    expect(replayed).to.equal(false);
    world.ports.clock.advance(1000);
    for (let time = 0; time < 3; time += 1) await expectReplay({}, message);
    await world.sendMessage({ by: world.bo.id, to: { chatId: chat.id }, text: "hello" });
    await expectReplay({}, message);
  });

  it("stores the message once when 100 calls race", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => send()));
    expect(answers.filter(({ replayed }) => !replayed)).to.have.length(1);
    const listed = await everyMessage(await world.listMessages({ by: world.bo.id, of: "all" }));
    expect(listed).to.have.length(1);
    for (const { message } of answers) expect(message).to.deep.equal(listed[0]);
  });

  it("creates one p2p chat and one message for any equivalent forms of the username", async () => {
    const answers = await Promise.all(
      ["bo", "BO", "ｂo"].map((username) => send({ to: { username }, idempotencyKey: "other" })),
    );
    expect(new Set(answers.map(({ message }) => message.id))).to.have.property("size", 1);
    await expectReplay({ to: { username: "Bo" }, idempotencyKey: "other" }, answers[0]!.message);
  });

  it("stores another message under another key, for another sender, and without a key", async () => {
    const sent = [
      await send(),
      await send({ idempotencyKey: "KEY" }),
      await send({ by: world.bo.id }),
      await send({ idempotencyKey: undefined }),
      await send({ idempotencyKey: undefined }),
    ];
    expect(sent.map(({ message, replayed }) => [message.seq, replayed])).to.deep.equal(
      sent.map((_, index) => [index + 1, false]),
    );
  });

  it("rejects a second message with the same key and another text or destination", async () => {
    const other = await world.group(world.ana);
    await send();
    for (const command of [
      { text: "hello " },
      { to: { chatId: other.id } },
      { to: { username: "bo" } },
      { to: { username: "ana" } },
    ]) {
      await expectRejection(world, () => send(command), "idempotency_key_reused");
    }
  });

  it("rejects an invalid key", async () => {
    for (const idempotencyKey of ["", "a b", "k".repeat(65), "é", "a\n", "\u007f"]) {
      await expectRejection(world, () => send({ idempotencyKey }), "invalid_idempotency_key");
    }
    const { replayed } = await send({ idempotencyKey: `!~${"k".repeat(62)}` });
    expect(replayed).to.equal(false);
  });

  it("leaves the key unused if the message is rejected", async () => {
    await expectRejection(world, () => send({ by: world.cy.id }), "not_a_participant");
    await world.addParticipant({ by: world.ana.id, chatId: chat.id, username: "cy" });
    const { replayed } = await send({ by: world.cy.id });
    expect(replayed).to.equal(false);
  });

  it("returns the edited message, and rejects any text other than the one that was sent", async () => {
    const { message } = await send();
    const edited = await world.editMessage({ by: world.ana.id, id: message.id, text: "edited" });
    await expectReplay({}, edited);
    for (const text of ["edited", "other"]) {
      await expectRejection(world, () => send({ text }), "idempotency_key_reused");
    }
  });

  it("returns the tombstone of a deleted message and does not send it again", async () => {
    const { message } = await send();
    const deleted = await world.deleteMessage({ by: world.ana.id, id: message.id });
    await expectReplay({}, deleted);
    await expectRejection(world, () => send({ text: "other" }), "idempotency_key_reused");
  });

  it("returns the message also to a sender who is no longer a participant", async () => {
    const { message } = await send();
    await world.removeParticipant({ by: world.bo.id, chatId: chat.id, user: "ana" });
    await expectReplay({}, message);
  });

  it("recognises a repeat after a key rotation, also of an edited message", async () => {
    const { message } = await send();
    world.ports.secrets.rotate();
    const edited = await world.editMessage({ by: world.ana.id, id: message.id, text: "edited" });
    await expectReplay({}, edited);
    await expectRejection(world, () => send({ text: "edited" }), "idempotency_key_reused");
  });

  it("recognises a repeat by the text after the key of its digest was retired", async () => {
    const { message } = await send();
    world.ports.secrets.rotate();
    world.ports.secrets.retire();
    await expectReplay({}, message);
    await expectRejection(world, () => send({ text: "other" }), "idempotency_key_reused");
  });

  it("stores only a digest of the text beside the message", async () => {
    await send();
    const { users } = await contents(world);
    expect(users[0]?.sentAs[0]?.textDigest).to.equal(world.ports.secrets.digests("hello")[0]);
  });
});

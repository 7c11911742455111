import { expect } from "chai";
import { disableUser, enableUser } from "../../src/application/administration.js";
import { createMessaging } from "../../src/application/messaging.js";
import type { Messaging } from "../../src/application/messaging.js";
import type { ChatId } from "../../src/domain/chat.js";
import { expectRejection, openWorld, type World } from "../support/world.js";

describe("a disabled user", () => {
  let world: World;
  let p2p: ChatId;
  let group: ChatId;
  beforeEach(async () => {
    world = await openWorld();
    const { ana, bo } = world;
    group = (await world.group(ana, bo)).id;
    p2p = (await write(world, "bo")).message.chatId;
  });

  const write = (messaging: Messaging, username: string) =>
    messaging.sendMessage({ by: world.ana.id, to: { username }, text: "hello" });
  const send = (messaging: Messaging, chatId: ChatId) =>
    messaging.sendMessage({ by: world.ana.id, to: { chatId }, text: "hello" });
  const add = async (messaging: Messaging, username: string) =>
    messaging.addParticipant({ by: world.ana.id, chatId: group, username });
  const disable = (user: string) => disableUser(world.ports, { user });

  it("cannot be written to, by name or by the id of the chat, whether there is a chat or not", async () => {
    await disable("bo");
    await disable("cy");
    await expectRejection(world, () => write(world, "bo"), "user_unavailable");
    await expectRejection(world, () => write(world, "Ｂo"), "user_unavailable");
    await expectRejection(world, () => send(world, p2p), "user_unavailable");
    await expectRejection(world, () => write(world, "cy"), "user_unavailable");
  });

  it("cannot be added to a group", async () => {
    await disable("cy");
    await expectRejection(world, () => add(world, "cy"), "user_unavailable");
  });

  it("stays in groups, in which others can write, and in chats, which they can read", async () => {
    await disable("bo");
    expect((await send(world, group)).message.seq).to.equal(1);
    const { messages } = await world.pageMessages({ by: world.ana.id, of: { chatId: p2p }, limit: 9 });
    expect(messages).to.have.length(1);
  });

  it("is rejected in the transaction that would write, so that a disabling that comes first wins", async () => {
    const { store } = world.ports;
    for (const [user, attempt] of [
      ["bo", (racing: Messaging) => write(racing, "bo")],
      ["bo", (racing: Messaging) => send(racing, p2p)],
      ["cy", (racing: Messaging) => add(racing, "cy")],
    ] as const) {
      const racing = createMessaging({
        ...world.ports,
        store: {
          ...store,
          async transaction(work) {
            await disable(user);
            return store.transaction(work);
          },
        },
      });
      const outcome = await attempt(racing).catch(({ code }: { readonly code: string }) => code);
      expect(outcome).to.equal("user_unavailable");
      await enableUser(world.ports, { user });
    }
  });

  it("does not keep a repeat under an idempotency key from returning the message", async () => {
    const command = { by: world.ana.id, to: { chatId: p2p }, text: "hello", idempotencyKey: "key" };
    const sent = await world.sendMessage(command);
    await disable("bo");
    expect(await world.sendMessage(command)).to.deep.equal({ ...sent, replayed: true });
  });

  it("can be written to and added again once enabled", async () => {
    await disable("bo");
    await disable("cy");
    await enableUser(world.ports, { user: "bo" });
    await enableUser(world.ports, { user: "cy" });
    expect((await send(world, p2p)).message.seq).to.equal(2);
    expect(await add(world, "cy")).to.include({ username: "cy" });
  });
});

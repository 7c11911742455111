import { expect } from "chai";
import { forgetMessages } from "../../src/application/message-retention.js";
import type { Store } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import { unreadCount } from "../../src/domain/chat.js";
import { openWorld, textsOf, type World } from "../support/world.js";

describe("forgetMessages", () => {
  let world: World;
  let chatId: ChatId;
  let start: number;

  beforeEach(async () => {
    world = await openWorld();
    ({ id: chatId } = await world.group(world.ana, world.bo));
    start = world.clock.now();
  });
  afterEach(() => world.close());

  const send = (text: string, to: ChatId = chatId) =>
    world.sendMessage({ by: world.ana.id, to: { chatId: to }, text });
  /** Sends a message at each of these times after the start. */
  async function sendAt(...times: readonly number[]): Promise<void> {
    for (const time of times) {
      world.clock.advance(start + time - world.clock.now());
      await send(`${time}`);
    }
  }
  const texts = async (id = chatId) =>
    textsOf((await world.pageMessages({ by: world.ana.id, of: { chatId: id }, limit: 1000 })).messages);
  const forget = (time: number) => world.forgetMessages({ before: start + time });
  const deletions = async (after: string) =>
    (await world.listEvents({ by: world.bo.id, after, limit: 1000 })).events.flatMap((event) =>
      event.type === "chat.history_deleted" ? [[event.chatId, event.upToSeq, event.unreadCount]] : [],
    );

  it("deletes the messages that were sent before a time, of all chats, and returns their number", async () => {
    const { id: other } = await world.group(world.ana, world.bo);
    await sendAt(1, 2, 3);
    await send("x", other);
    await sendAt(4);
    await send("y", other);
    await sendAt(5);
    expect(await forget(1)).to.equal(0);
    expect(await forget(4)).to.equal(4);
    expect([await texts(), await texts(other)]).to.deep.equal([["4", "5"], ["y"]]);
    expect(await forget(6)).to.equal(3);
    expect([await texts(), await texts(other)]).to.deep.equal([[], []]);
    expect(await forget(6)).to.equal(0);
    const { message } = await send("z");
    expect(message.seq).to.equal(6);
  });

  it("stores one event for each chat, with the unread count of those who have read less", async () => {
    for (let n = 1; n <= 250; n += 1) await send(`${n}`);
    world.clock.advance(1);
    const { message: deleted } = await send("251");
    await send("252");
    await world.deleteMessage({ by: world.ana.id, id: deleted.id });
    const { cursor, chats } = await world.sync({ by: world.bo.id });
    expect(chats.map(unreadCount)).to.deep.equal([251]);
    expect(await forget(1)).to.equal(250);
    expect(await deletions(cursor)).to.deep.equal([[chatId, 250, 1]]);
    const { overview } = await world.getChat({ by: world.bo.id, chatId });
    expect(overview).to.deep.include({ readSeq: 250, lastSeq: 252 });
    expect(unreadCount(overview)).to.equal(1);
  });

  it("counts the tombstones that are left once for each chat, also if its last slice is full", async () => {
    for (let n = 1; n <= 300; n += 1) await send(`${n}`);
    world.clock.advance(1);
    await send("301");
    const { cursor } = await world.sync({ by: world.bo.id });
    const slices: number[] = [];
    let counts = 0;
    const { store, clock } = world.ports;
    const counting: Store = {
      ...store,
      transaction: (work) =>
        store.transaction((all) => {
          const { messages } = all;
          const forgetSlice: typeof messages.forget = async (...args) => {
            const forgotten = await messages.forget(...args);
            slices.push(forgotten?.count ?? 0);
            return forgotten;
          };
          const tombstonesAfter: typeof messages.tombstonesAfter = (...args) => {
            counts += 1;
            return messages.tombstonesAfter(...args);
          };
          return work({ ...all, messages: { ...messages, forget: forgetSlice, tombstonesAfter } });
        }),
    };
    expect(await forgetMessages({ store: counting, clock }, { before: start + 1 })).to.equal(300);
    expect([slices.slice(0, 3), counts]).to.deep.equal([[100, 100, 100], 1]);
    expect(await deletions(cursor)).to.deep.equal([[chatId, 300, 1]]);
  });

  it("leaves the event of a chat whose deletion fails between two slices to the next run", async () => {
    for (let n = 1; n <= 150; n += 1) await send(`${n}`);
    world.clock.advance(1);
    const { cursor } = await world.sync({ by: world.bo.id });
    const { store, clock } = world.ports;
    let transactions = 0;
    const failing: Store = {
      ...store,
      transaction(work) {
        transactions += 1;
        return transactions === 2 ? Promise.reject(new Error("no")) : store.transaction(work);
      },
    };
    const failed = await forgetMessages({ store: failing, clock }, { before: start + 1 }).catch(String);
    expect(failed).to.equal("Error: no");
    expect([(await texts()).length, await deletions(cursor)]).to.deep.equal([50, []]);
    expect(await forget(1)).to.equal(50);
    expect(await deletions(cursor)).to.deep.equal([[chatId, 150, 0]]);
  });

  it("delivers no event of a deleted message, in any page", async () => {
    const { cursor } = await world.sync({ by: world.bo.id });
    await sendAt(1, 2, 3, 4);
    await forget(4);
    const { events, hasMore } = await world.listEvents({ by: world.bo.id, after: cursor, limit: 2 });
    expect(events.map(({ type }) => type)).to.deep.equal(["message.created", "chat.history_deleted"]);
    expect(hasMore).to.equal(false);
    const subscription = world.subscribe({ by: world.bo.id, after: cursor });
    const batch = await subscription.next();
    expect(batch!.events).to.deep.equal(events);
    subscription.close();
  });

  it("ends at the first message that is not old, so that its cost is that of what it deletes", async () => {
    await sendAt(1, 5, 2, 6);
    // The clock went back after the second message.
    world.clock.advance(4);
    expect(await forget(3)).to.equal(1);
    expect(await texts()).to.deep.equal(["5", "2", "6"]);
  });

  it("searches behind messages of a clock that was ahead, and deletes them with later ones of their chat", async () => {
    const { id: other } = await world.group(world.ana, world.bo);
    world.clock.advance(1_000_000);
    for (let n = 0; n < 600; n += 1) await send(`${n}`);
    await send("ahead", other);
    await sendAt(1, 2);
    expect(await forget(2)).to.equal(601);
    expect([await texts(), await texts(other)]).to.deep.equal([["2"], ["ahead"]]);
  });

  it("frees idempotency keys, so that a retry sends again", async () => {
    const once = { by: world.ana.id, to: { chatId }, text: "a", idempotencyKey: "key" };
    await world.sendMessage(once);
    expect(await world.sendMessage(once)).to.include({ replayed: true });
    world.clock.advance(1);
    await forget(1);
    const { message, replayed } = await world.sendMessage(once);
    expect([message.seq, replayed]).to.deep.equal([2, false]);
  });
});

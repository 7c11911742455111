import { expect } from "chai";
import { deleteChat } from "../../src/application/administration.js";
import { deleteAbandonedChats } from "../../src/application/chats.js";
import type { ChatId } from "../../src/domain/chat.js";
import { errorCodeOf } from "../support/error-code.js";
import { collected } from "../support/operator.js";
import { contents, openWorld, type World } from "../support/world.js";

const ALL = { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: Number.MAX_SAFE_INTEGER };

describe("deleteChat", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });

  const remove = (chatId: ChatId) => collected(deleteChat(world.ports, { chatId }));
  const deleted = (chatId: ChatId) => ({ chatId, participantsLeft: 0, isDeleted: true });
  const isGone = async (chatId: ChatId) => {
    const { summaries, chats, invitations } = await contents(world);
    expect(summaries.filter(({ chat }) => chat.id === chatId)).to.deep.equal([]);
    expect(chats[chatId - 1]).to.deep.equal([]);
    expect(invitations[chatId - 1]).to.deep.equal([]);
  };

  it("removes all participants of a group, each with one event, and deletes everything in it", async () => {
    const { ana, bo, cy } = world;
    const { id: chatId } = await world.group(ana, bo, cy);
    const other = await world.group(bo);
    await world.sendMessage({ by: ana.id, to: { chatId }, text: "a" });
    await world.createInvitation({ by: ana.id, chatId });
    const before = await Promise.all([ana, bo, cy].map(({ id: by }) => world.sync({ by })));
    expect(await remove(chatId)).to.deep.equal([deleted(chatId)]);
    await isGone(chatId);
    for (const [index, user] of [ana, bo, cy].entries()) {
      const after = before[index]!.cursor;
      const { events } = await world.listEvents({ by: user.id, after, limit: 9 });
      expect(events).to.have.length(1);
      const { id, username } = user;
      expect(events[0]).to.deep.include({
        type: "participant.removed",
        chatKind: "group",
        chatId,
        user: { id, username },
      });
    }
    const { chats } = await world.sync({ by: bo.id });
    expect(chats.map(({ chat }) => chat.id)).to.deep.equal([other.id]);
  });

  it("notifies the participants who are left of each part of a large group once", async () => {
    const { ana } = world;
    const others = Object.values(
      await world.users(...Array.from({ length: 120 }, (_, index) => `member-${index}`)),
    );
    const { id: chatId } = await world.group(ana, ...others);
    const subscription = world.subscribe({ by: ana.id });
    await subscription.next();
    await remove(chatId);
    const counts: number[] = [];
    for (let isRemoved = false; !isRemoved;) {
      for (const event of (await subscription.next())!.events) {
        if (event.type !== "participant.removed") continue;
        if (event.user.id === ana.id) isRemoved = true;
        else counts.push(event.participantCount);
      }
    }
    subscription.close();
    expect(counts).to.deep.equal([71, 21]);
  });

  it("deletes a p2p chat, after which its users can open another", async () => {
    const { ana, bo } = world;
    const send = () => world.sendMessage({ by: ana.id, to: { username: "bo" }, text: "a" });
    const { chatId } = (await send()).message;
    const before = await world.sync({ by: bo.id });
    expect(await remove(chatId)).to.deep.equal([deleted(chatId)]);
    await isGone(chatId);
    const [event] = (await world.listEvents({ by: bo.id, after: before.cursor, limit: 9 })).events;
    expect(event).to.include({ type: "participant.removed", chatKind: "p2p", chatId });
    const { message } = await send();
    expect(message.seq).to.equal(1);
    expect(message.chatId).to.be.greaterThan(chatId);
    expect((await world.sync({ by: bo.id })).chats).to.have.length(1);
  });

  it("deletes a chat of a user with themselves", async () => {
    const { ana } = world;
    const { message } = await world.sendMessage({ by: ana.id, to: { username: "ana" }, text: "a" });
    expect(await remove(message.chatId)).to.deep.equal([deleted(message.chatId)]);
    await isGone(message.chatId);
  });

  it("goes on after an interruption when it is repeated, and keeps one owner until the end", async () => {
    const { ana } = world;
    const { id: chatId } = await world.group(ana);
    await world.ports.store.transaction(async ({ users, chats }) => {
      for (let n = 0; n < 120; n += 1) {
        const id = `user ${n}`.padEnd(36) as typeof ana.id;
        await users.add({ id, username: `user${n}`, createdAt: 1 }, `user${n}` as never, "digest");
        await chats.addParticipant(chatId, id, n);
      }
    });
    const { store } = world.ports;
    let transactions = 0;
    const failing = {
      ...store,
      transaction: ((work) => {
        transactions += 1;
        return transactions === 3 ? Promise.reject(new Error("killed")) : store.transaction(work);
      }) as typeof store.transaction,
    };
    const error = await collected(deleteChat({ ...world.ports, store: failing }, { chatId })).catch(String);
    expect(error).to.equal("Error: killed");
    const { overview, participants } = await world.getChat({ by: ana.id, chatId });
    expect(overview.participantCount).to.equal(21);
    expect(participants).to.have.length(21);
    expect(participants.filter(({ role }) => role === "owner").map(({ id }) => id)).to.deep.equal([ana.id]);
    const events = await store.read((all) => all.events.all(ALL));
    expect(
      events.some((event) => "change" in event && event.change.type === "participant.role_changed"),
    ).to.equal(false);
    expect(await remove(chatId)).to.deep.equal([deleted(chatId)]);
    await isGone(chatId);
  });

  it("is completed at the next start once no participant is left", async () => {
    const { ana, bo } = world;
    const { chatId } = (await world.sendMessage({ by: ana.id, to: { username: "bo" }, text: "a" })).message;
    for (let n = 0; n < 700; n += 1) await world.sendMessage({ by: bo.id, to: { chatId }, text: "a" });
    const { store } = world.ports;
    const records = deleteChat(world.ports, { chatId });
    let transactions = 0;
    const counted = {
      ...store,
      transaction: ((work) => {
        transactions += 1;
        return transactions === 2 ? Promise.reject(new Error("killed")) : store.transaction(work);
      }) as typeof store.transaction,
    };
    await collected(deleteChat({ ...world.ports, store: counted }, { chatId })).catch(() => {});
    expect(await errorCodeOf(world.getChat({ by: ana.id, chatId }))).to.equal("not_a_participant");
    await deleteAbandonedChats({ store });
    await isGone(chatId);
    expect(await errorCodeOf(records.next())).to.equal("unknown_chat");
  });

  it("rejects an unknown chat", async () => {
    expect(await errorCodeOf(remove(99 as ChatId))).to.equal("unknown_chat");
  });
});

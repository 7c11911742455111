import { expect } from "chai";
import type { ChatId } from "../../src/domain/chat.js";
import { settingsOf, type ChatSettings } from "../../src/domain/chat-settings.js";
import type { User } from "../../src/domain/user.js";
import { expectRejection, openWorld, type World } from "../support/world.js";

describe("changeChatSettings", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let chatId: ChatId;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo } = world);
    ({ id: chatId } = await world.group(ana, bo));
  });

  const set = (by: User, change: Partial<ChatSettings>) =>
    world.changeChatSettings({ by: by.id, chatId, ...change });
  const send = (by: User) => world.sendMessage({ by: by.id, to: { chatId }, text: "a" });
  const settings = async (by: User) => settingsOf((await world.getChat({ by: by.id, chatId })).overview);
  const initial = { mutedUntil: null, archived: false, pinned: false };

  it("changes the caller's settings alone, in every list", async () => {
    const after = { mutedUntil: world.clock.now() + 9, archived: true, pinned: true };
    expect(settingsOf(await set(ana, after))).to.deep.equal(after);
    expect(await settings(ana)).to.deep.equal(after);
    const { chats } = await world.sync({ by: ana.id });
    expect(chats.map(settingsOf)).to.deep.equal([after]);
    const listed = await world.listChats({ by: ana.id, limit: 9 });
    expect(listed.chats.map(settingsOf)).to.deep.equal([after]);
    expect(await settings(bo)).to.deep.equal(initial);
    await set(ana, { archived: false });
    expect(await settings(ana)).to.deep.equal({ ...after, archived: false });
  });

  it("delivers one event to the caller alone, and none if nothing changes", async () => {
    const before = await world.sync({ by: ana.id });
    await set(ana, { pinned: true });
    await set(ana, { pinned: true, archived: false, mutedUntil: null });
    await set(ana, {});
    const own = await world.listEvents({ by: ana.id, after: before.cursor, limit: 9 });
    expect(own.events).to.have.length(1);
    expect(own.events[0]).to.deep.include({
      type: "chat.settings_changed",
      chatId,
      settings: { ...initial, pinned: true },
    });
    expect((await world.listEvents({ by: bo.id, after: before.cursor, limit: 9 })).events).to.deep.equal([]);
  });

  it("brings an archived chat back with the next message of anyone, unless the chat is muted", async () => {
    for (const sender of [ana, bo]) {
      await set(ana, { archived: true });
      await send(sender);
      expect(await settings(ana)).to.deep.equal(initial);
    }
    const mutedUntil = world.clock.now() + 10;
    await set(ana, { archived: true, mutedUntil });
    await send(bo);
    world.clock.advance(10);
    expect(await settings(ana)).to.deep.equal({ mutedUntil, archived: true, pinned: false });
    const { message } = await send(bo);
    expect(await settings(ana)).to.deep.equal({ mutedUntil, archived: false, pinned: false });
    await world.deleteMessage({ by: bo.id, id: message.id });
    expect(await settings(ana)).to.have.property("archived", false);
  });

  it("works in p2p chats", async () => {
    const { message } = await world.sendMessage({ by: ana.id, to: { username: "bo" }, text: "a" });
    const after = await world.changeChatSettings({ by: bo.id, chatId: message.chatId, archived: true });
    expect(settingsOf(after)).to.deep.equal({ ...initial, archived: true });
  });

  it("forgets the settings of a user who leaves", async () => {
    await set(bo, { archived: true, mutedUntil: 5, pinned: true });
    await world.removeParticipant({ by: ana.id, chatId, user: bo.id });
    const before = await world.sync({ by: bo.id });
    await world.addParticipant({ by: ana.id, chatId, username: "bo" });
    expect(await settings(bo)).to.deep.equal(initial);
    const [added] = (await world.listEvents({ by: bo.id, after: before.cursor, limit: 9 })).events;
    expect(added).to.have.nested.property("overview.settings.pinned", false);
  });

  it("rejects other users and invalid times", async () => {
    const { cy } = world;
    await expectRejection(world, () => set(cy, { pinned: true }), "not_a_participant");
    await expectRejection(world, () => set(ana, { mutedUntil: 1e15 }), "invalid_request");
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { chatJson } from "../../src/adapters/http/json/chat.js";
import { eventJson } from "../../src/adapters/http/json/event.js";
import type { ChatEvent } from "../../src/client/index.js";
import type { UserId } from "../../src/domain/user.js";
import { applyToChats, byActivity, toChatMap, type ChatMap } from "../../src/web/state/chat-fold.js";
import { bursts, perform } from "../support/event-properties.js";
import { openWorld, type World } from "../support/world.js";

/** The chats of a list of the server, by the rules of the list. */
function shown(chats: ChatMap) {
  return [...chats.values()].toSorted(byActivity).map((chat) => {
    const { activity: _, peer_user_id: __, ...others } = chat;
    return others;
  });
}

async function snapshotOf(core: World, by: UserId) {
  const { chats, cursor } = await core.sync({ by });
  return { chats: chats.map(chatJson), cursor };
}

/** Applies all events behind a cursor to chats, each `times` times. */
async function foldOn(core: World, me: UserId, from: ChatMap, after: string, times = 1) {
  let chats = from;
  const { events } = await core.listEvents({ by: me, after, limit: 1_000 });
  for (const event of events.map((each) => JSON.parse(JSON.stringify(eventJson(each))) as ChatEvent)) {
    for (let time = 0; time < times; time += 1) chats = applyToChats(chats, event, me);
  }
  return chats;
}

describe("applyToChats", () => {
  let core: World;

  beforeEach(async () => {
    core = await openWorld();
  });

  afterEach(() => core.close());

  it("makes the same chats of a snapshot and the events behind it as of a later snapshot", async () => {
    const property = fc.asyncProperty(bursts, bursts, async (before, then) => {
      const world = await openWorld();
      const users = [world.ana, world.bo, world.cy];
      for (const each of before) await perform(world, users, each);
      const snapshots = await Promise.all(users.map(({ id }) => snapshotOf(world, id)));
      for (const each of then) await perform(world, users, each);
      for (const [index, { id: me }] of users.entries()) {
        const { chats, cursor } = snapshots[index]!;
        const folded = await foldOn(world, me, toChatMap(chats, me), cursor);
        const now = toChatMap((await snapshotOf(world, me)).chats, me);
        // The events do not tell some counts, and the client reads them.
        const known = new Map(
          [...now].map(([chatId, chat]) => {
            const isKnown = folded.get(chatId)?.mention_count !== undefined;
            return [chatId, isKnown ? chat : { ...chat, mention_count: undefined }];
          }),
        );
        const byId = (map: ChatMap) => shown(map).toSorted((one, other) => one.chat_id - other.chat_id);
        expect(byId(folded)).to.deep.equal(byId(known));
      }
      await world.close();
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it("keeps the chats in the order of the server", async () => {
    const { ana, bo, cy } = core;
    const { chats, cursor } = await snapshotOf(core, ana.id);
    const first = await core.group(ana, bo);
    const second = await core.group(ana, bo);
    await core.sendMessage({ by: bo.id, to: { chatId: first.id }, text: "one" });
    await core.sendMessage({ by: cy.id, to: { username: "ana" }, text: "two" });
    const third = await core.group(ana);
    await core.sendMessage({ by: bo.id, to: { chatId: second.id }, text: "three" });
    const folded = await foldOn(core, ana.id, toChatMap(chats, ana.id), cursor);
    const order = shown(folded).map(({ chat_id }) => chat_id);
    expect(order).to.deep.equal((await snapshotOf(core, ana.id)).chats.map(({ chat_id }) => chat_id));
    expect(order.slice(0, 2)).to.deep.equal([second.id, third.id]);
  });

  it("counts a message once, however often its event is applied", async () => {
    const { ana, bo } = core;
    const { id: chatId } = await core.group(ana, bo);
    const { chats, cursor } = await snapshotOf(core, ana.id);
    await core.sendMessage({ by: bo.id, to: { chatId }, text: "one", mentions: ["ana"] });
    await core.sendMessage({ by: bo.id, to: { chatId }, text: "two" });
    const folded = await foldOn(core, ana.id, toChatMap(chats, ana.id), cursor, 2);
    expect(folded.get(chatId)).to.include({ unread_count: 2, mention_count: 1, last_seq: 2 });
  });

  it("knows how far the other user of a p2p chat has read", async () => {
    const { ana, bo } = core;
    const { chats, cursor } = await snapshotOf(core, ana.id);
    const send = (by: UserId, username: string) => core.sendMessage({ by, to: { username }, text: "hi" });
    const { chatId } = (await send(ana.id, "bo")).message;
    await send(bo.id, "ana");
    await send(ana.id, "bo");
    await send(ana.id, "bo");
    let folded = await foldOn(core, ana.id, toChatMap(chats, ana.id), cursor);
    expect(folded.get(chatId)).to.include({ peer_user_id: bo.id, peer_read_seq: 2 });
    await core.markRead({ by: bo.id, chatId, seq: 3 });
    folded = await foldOn(core, ana.id, toChatMap(chats, ana.id), cursor);
    expect(folded.get(chatId)).to.include({ peer_user_id: bo.id, peer_read_seq: 3 });
    const again = toChatMap((await snapshotOf(core, ana.id)).chats, ana.id, folded);
    expect(again.get(chatId)).to.include({ peer_user_id: bo.id, peer_read_seq: 3 });
  });

  it("gives a p2p chat no username once the other user is deleted, and forgets how far they have read", async () => {
    const { ana, bo } = core;
    const { message } = await core.sendMessage({ by: bo.id, to: { username: "ana" }, text: "hi" });
    const { chats, cursor } = await snapshotOf(core, ana.id);
    const { session } = await core.logIn({ username: "bo", password: "password of bo" });
    await core.eraseAccount({ by: session, password: "password of bo" });
    const folded = await foldOn(core, ana.id, toChatMap(chats, ana.id), cursor);
    expect(folded.get(message.chatId)).to.include({ with_username: null, peer_read_seq: null });
    expect(shown(folded)).to.deep.equal(shown(toChatMap((await snapshotOf(core, ana.id)).chats, ana.id)));
  });
});

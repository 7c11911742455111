import { expect } from "chai";
import {
  disableUser,
  exportUser,
  listAllChats,
  listUsers,
  countStatistics,
} from "../../src/application/administration.js";
import { collected } from "../support/operator.js";
import { testPorts } from "../support/ports.js";
import { openWorld, type World } from "../support/world.js";

const DAY = 24 * 60 * 60 * 1_000;
const ana = { username: "ana", password: "password of ana" };

describe("listUsers and listAllChats", () => {
  it("yield every user and every chat once, including those created meanwhile", async () => {
    const world = await openWorld();
    const { store, clock } = world.ports;
    const now = clock.now();
    await store.transaction(async ({ chats }) => {
      for (let n = 1; n <= 1_001; n += 1) await chats.addGroup(`${n}`, now);
    });
    const slices = listAllChats(world.ports);
    const first = await slices.next();
    await world.group(world.ana, world.bo);
    const rest = (await collected(slices)).flat();
    const met = [...(first.value as typeof rest), ...rest];
    expect(met.map(({ chat }) => chat.id)).to.deep.equal(Array.from({ length: 1_002 }, (_, n) => n + 1));
    expect(met.at(-1)).to.include({ participantCount: 2, lastSeq: 0, lastSentAt: null });
    await disableUser(world.ports, { user: "bo" });
    expect((await collected(listUsers(world.ports))).flat()).to.deep.equal([
      { user: world.ana, displayName: null, disabledAt: null, deletedAt: null },
      { user: world.bo, displayName: null, disabledAt: now, deletedAt: null },
      { user: world.cy, displayName: null, disabledAt: null, deletedAt: null },
    ]);
  });
});

describe("exportUser", () => {
  const exported = (world: World) => collected(exportUser(world.ports, { user: "ana" }));

  it("yields the account, the live sessions and tokens, the chats, and the user's messages, also to chats they have left", async () => {
    const world = await openWorld();
    const {
      ana: { id },
      bo,
    } = world;
    const { session } = await world.logIn(ana);
    const { session: token } = await world.createToken({ by: session, name: "bot" });
    await world.updateProfile({ by: id, displayName: "Ana María" });
    await world.blockUser({ by: id, user: "cy" });
    const left = await world.group(bo, world.ana);
    const { message: first } = await world.sendMessage({ by: id, to: { chatId: left.id }, text: "I go" });
    await world.removeParticipant({ by: id, chatId: left.id, user: id });
    await world.sendMessage({ by: bo.id, to: { username: "ana" }, text: "a secret of bo" });
    const { message: second } = await world.sendMessage({ by: id, to: { username: "bo" }, text: "oh" });
    await world.sendMessage({ by: bo.id, to: { username: "ana" }, text: "another secret of bo" });
    const edited = await world.editMessage({ by: id, id: second.id, text: "ah" });
    await world.changeChatSettings({ by: id, chatId: second.chatId, pinned: true });
    const { overview } = await world.getChat({ by: id, chatId: second.chatId });
    const records = await exported(world);
    expect(records).to.deep.equal([
      { account: { user: world.ana, displayName: "Ana María", disabledAt: null, deletedAt: null } },
      { session },
      { session: token },
      {
        block: {
          account: { user: world.cy, displayName: null, disabledAt: null, deletedAt: null },
          blockedAt: world.ports.clock.now(),
        },
      },
      {
        chat: {
          chat: overview.chat,
          role: null,
          withUsername: "bo",
          participantCount: 2,
          readSeq: 2,
          lastSeq: 3,
          settings: { mutedUntil: null, archived: false, pinned: true },
        },
      },
      { message: first },
      { message: edited },
    ]);
    expect(JSON.stringify(records)).not.to.include("secret of bo").and.not.to.include("digest");
  });

  it("yields each of many messages once, and none sent after it started", async () => {
    const world = await openWorld();
    const {
      ana: { id },
      bo,
    } = world;
    const chat = await world.group(world.ana, bo);
    const to = { chatId: chat.id };
    for (let n = 0; n < 1_200; n += 1) {
      await world.sendMessage({ by: n % 3 === 0 ? bo.id : id, to, text: `${n}` });
    }
    const records = exportUser(world.ports, { user: "ana" });
    await records.next();
    await world.sendMessage({ by: id, to, text: "late" });
    const texts: string[] = [];
    for await (const record of records) if ("message" in record) texts.push(record.message.text);
    const expected = Array.from({ length: 1_200 }, (_, n) => n).filter((n) => n % 3 !== 0);
    expect(texts).to.deep.equal(expected.map(String));
  });

  it("yields each of many chats once", async () => {
    const world = await openWorld();
    const ids = [];
    for (let n = 0; n < 501; n += 1) ids.push((await world.group(world.ana)).id);
    const chats = (await exported(world)).flatMap((record) =>
      "chat" in record ? [record.chat.chat.id] : [],
    );
    expect(chats.toSorted((one, other) => one - other)).to.deep.equal(ids);
  });
});

describe("countStatistics", () => {
  it("counts everything, without ended and expired sessions", async () => {
    const world = await openWorld();
    const { session: by } = await world.logIn(ana);
    await world.createToken({ by, name: "bot" });
    world.ports.clock.advance(14 * DAY);
    await world.logIn({ username: "bo", password: "password of bo" });
    await world.logIn({ username: "cy", password: "password of cy" });
    await disableUser(world.ports, { user: "bo" });
    await world.group(world.ana);
    await world.group(world.ana);
    const send = () => world.sendMessage({ by: world.ana.id, to: { username: "cy" }, text: "hello" });
    const { message } = await send();
    await send();
    await world.deleteMessage({ by: world.ana.id, id: message.id });
    const bounds = await world.ports.store.read(({ events }) => events.bounds());
    expect(await countStatistics(world.ports)).to.deep.equal({
      users: 3,
      disabledUsers: 1,
      deletedUsers: 0,
      groupChats: 2,
      p2pChats: 1,
      messages: 2,
      events: bounds.last,
      sessions: 1,
      tokens: 1,
    });
    await world.forgetEvents({ before: world.ports.clock.now() + 1 });
    expect((await countStatistics(world.ports)).events).to.equal(1);
  });

  it("returns zeros for an empty store", async () => {
    const stock = await countStatistics(testPorts());
    expect(Object.keys(stock)).to.have.length(9);
    expect(new Set(Object.values(stock))).to.deep.equal(new Set([0]));
  });
});

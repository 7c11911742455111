import { expect } from "chai";
import fc from "fast-check";
import { disableUser } from "../../src/application/administration.js";
import { eraseUser } from "../../src/application/erasure.js";
import type { Chat } from "../../src/domain/chat.js";
import { unreadCount } from "../../src/domain/chat.js";
import type { Message, MessageId } from "../../src/domain/message.js";
import type { Reactions } from "../../src/domain/reaction.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { contents, expectRejection, openWorld, type World } from "../support/world.js";

describe("reactions", () => {
  let world: World;
  let chat: Chat;
  let message: Message;
  beforeEach(async () => {
    world = await openWorld();
    chat = await world.group(world.ana, world.bo);
    message = await say("hello");
  });

  const say = async (text: string) =>
    (await world.sendMessage({ by: world.ana.id, to: { chatId: chat.id }, text })).message;
  const add = ({ id: by }: User, emoji = "👍", id = message.id) => world.addReaction({ by, id, emoji });
  const remove = ({ id: by }: User, emoji = "👍", id = message.id) => world.removeReaction({ by, id, emoji });
  const stored = async () =>
    (await world.pageMessages({ by: world.ana.id, of: { chatId: chat.id }, limit: 1 })).messages[0]!
      .reactions;
  const listed = async (limit: number, cursor?: string) =>
    world.listReactions({ by: world.bo.id, id: message.id, limit, cursor });
  /** Adds users to the chat. */
  async function join(count: number): Promise<readonly User[]> {
    const names = Array.from({ length: count }, (_, index) => `reader-${String(index).padStart(3, "0")}`);
    const users = Object.values(await world.users(...names));
    for (const { username } of users) {
      await world.addParticipant({ by: world.ana.id, chatId: chat.id, username });
    }
    return users;
  }

  it("are those that a list of emoji with their users has, after any calls", async () => {
    const users = await join(25);
    const call = fc.record({ adds: fc.boolean(), by: fc.nat(24), emoji: fc.constantFrom("👍", "👎", "❤️") });
    // Mostly additions, so that an emoji has more users than a message names.
    const calls = fc.array(
      fc.oneof(
        call,
        call.map((each) => ({ ...each, adds: true, emoji: "👍" })),
      ),
      { minLength: 60, maxLength: 120 },
    );
    await fc.assert(
      fc.asyncProperty(calls, async (all) => {
        message = await say("another");
        const model: { readonly emoji: string; users: User[] }[] = [];
        for (const { adds, by, emoji } of all) {
          const user = users[by]!;
          let entry = model.find((each) => each.emoji === emoji);
          if (adds && entry === undefined) model.push((entry = { emoji, users: [] }));
          if (entry !== undefined) entry.users = entry.users.filter((each) => adds || each !== user);
          if (adds && !entry!.users.includes(user)) entry!.users.push(user);
          if (entry?.users.length === 0) model.splice(model.indexOf(entry), 1);
          const expected = model.map((each) => {
            const userIds = each.users.slice(0, 20).map(({ id }) => id);
            return { emoji: each.emoji, count: each.users.length, userIds };
          });
          expect(await (adds ? add : remove)(user, emoji)).to.deep.equal(expected);
          expect(await stored()).to.deep.equal(expected);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("change nothing when they are repeated", async () => {
    const before = await contents(world);
    expect(await remove(world.bo)).to.deep.equal([]);
    expect(await contents(world)).to.deep.equal(before);
    const reactions = await add(world.bo);
    const after = await contents(world);
    expect(await add(world.bo)).to.deep.equal(reactions);
    expect(await contents(world)).to.deep.equal(after);
  });

  it("are of at most 20 emoji a message, and anybody may use those", async () => {
    for (let index = 0; index < 20; index += 1) await add(world.ana, String.fromCodePoint(0x1f600 + index));
    await expectRejection(world, () => add(world.bo), "too_many_reactions");
    expect((await add(world.bo, "😀"))[0]).to.include({ count: 2 });
    await remove(world.ana, "😁");
    expect(await add(world.bo)).to.have.length(20);
  });

  it("are one visible character", async () => {
    for (const emoji of ["👍🏽", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "+", "字"]) {
      expect((await add(world.ana, emoji))[0]?.emoji).to.equal(emoji);
      expect(await remove(world.ana, emoji)).to.deep.equal([]);
    }
    for (const emoji of [
      "",
      " ",
      "ab",
      "👍👍",
      "\u200d",
      "\ufe0f",
      "\0",
      "\n",
      "\r\n",
      "\u202e",
      "\ud83d",
      "\u0301",
      " \u0301",
      `e${"\u0301".repeat(32)}`,
    ]) {
      await expectRejection(world, () => add(world.ana, emoji), "invalid_reaction");
      await expectRejection(world, () => remove(world.ana, emoji), "invalid_reaction");
    }
  });

  it("change neither what is unread, nor the order of chats, nor what a message says of its edits", async () => {
    await world.sendMessage({ by: world.bo.id, to: { username: "ana" }, text: "later" });
    const seen = async ({ id: by }: User) => (await world.listChats({ by, limit: 9 })).chats;
    const before = await seen(world.bo);
    await add(world.ana);
    await add(world.bo);
    await remove(world.bo);
    const after = await seen(world.bo);
    expect(after.map(({ chat: each }) => each.id)).to.deep.equal(before.map(({ chat: each }) => each.id));
    expect(after.map(unreadCount)).to.deep.equal(before.map(unreadCount));
    const reactions: Reactions = await stored();
    expect(after[1]!.lastMessage).to.deep.equal({ ...message, reactions });
  });

  it("are allowed where only admins can send, and denied to users who cannot read the message", async () => {
    const { ana, bo, cy } = world;
    await world.changeChat({
      by: ana.id,
      chatId: chat.id,
      policy: { post: "admins", history: "since_join" },
    });
    await add(bo);
    await world.addParticipant({ by: ana.id, chatId: chat.id, username: "cy" });
    const list = ({ id: by }: User, id = message.id) => world.listReactions({ by, id, limit: 9 });
    for (const attempt of [add, remove, list]) {
      await expectRejection(world, () => attempt(cy), "unknown_message");
    }
    message = await say("readable");
    await add(cy);
    await world.removeParticipant({ by: cy.id, chatId: chat.id, user: "cy" });
    for (const attempt of [add, remove, list]) {
      await expectRejection(world, () => attempt(cy), "unknown_message");
    }
    expect(await stored()).to.deep.equal([{ emoji: "👍", count: 1, userIds: [cy.id] }]);
    expect(await errorCodeOf(list(ana, 99 as MessageId))).to.equal("unknown_message");
  });

  it("are contact: in a p2p chat they need an available user and no block, and can be taken back", async () => {
    const { ana, bo } = world;
    message = (await world.sendMessage({ by: ana.id, to: { username: "bo" }, text: "hello" })).message;
    await add(bo);
    await world.blockUser({ by: ana.id, user: "bo" });
    for (const user of [ana, bo]) await expectRejection(world, () => add(user, "👎"), "blocked");
    expect(await remove(bo)).to.deep.equal([]);
    await world.unblockUser({ by: ana.id, user: "bo" });
    await disableUser(world.ports, { user: "bo" });
    await expectRejection(world, () => add(ana), "user_unavailable");
  });

  it("go with a deleted message, which accepts none", async () => {
    const users = await join(3);
    for (const user of users) await add(user);
    const deleted = await world.deleteMessage({ by: world.ana.id, id: message.id });
    expect(deleted.reactions).to.deep.equal([]);
    expect((await listed(9)).reactions).to.deep.equal([]);
    await expectRejection(world, () => add(world.bo), "message_deleted");
    const before = await contents(world);
    expect(await remove(users[0]!)).to.deep.equal([]);
    expect(await contents(world)).to.deep.equal(before);
    const left = await world.ports.store.transaction(({ reactions }) => reactions.deleteOfDeleted(9));
    expect(left).to.equal(0);
  });

  it("are listed page by page, each once", async () => {
    const users = await join(7);
    for (const user of users) await add(user);
    const names = [];
    let cursor: string | undefined;
    do {
      const page = await listed(3, cursor);
      names.push(...page.reactions.map(({ user }) => user.username));
      cursor = page.next;
      // One that is behind the next page, and one before it.
      if (names.length === 3) await remove(users[0]!);
    } while (cursor !== undefined);
    expect(names).to.deep.equal(users.map(({ username }) => username));
    for (const wrong of ["", "0", "x", "-1", "1.5", "9".repeat(16)]) {
      expect(await errorCodeOf(listed(3, wrong)), wrong).to.equal("invalid_cursor");
    }
  });

  it("of a user who leaves stay, and those of an erased user go, with right counts and events", async () => {
    const users = await join(30);
    const [first, second] = users as [User, User];
    for (const user of users) await add(user);
    for (const emoji of ["👎", "❤️"]) await add(first, emoji);
    await world.removeParticipant({ by: world.ana.id, chatId: chat.id, user: second.username });
    expect((await stored())[0]).to.include({ count: 30 });
    const { cursor } = await world.sync({ by: world.ana.id });
    await eraseUser(world.ports, { user: first.username });
    const [rest, ...others] = await stored();
    expect(others).to.deep.equal([]);
    expect(rest).to.deep.equal({ emoji: "👍", count: 29, userIds: users.slice(1, 21).map(({ id }) => id) });
    const { events } = await world.listEvents({ by: world.ana.id, after: cursor, limit: 99 });
    const removed = events.flatMap((event) =>
      event.type === "reaction.removed" ? [[event.emoji, event.user]] : [],
    );
    expect(removed).to.have.deep.members(
      ["👍", "👎", "❤️"].map((emoji) => [emoji, { id: first.id, username: "deleted" }]),
    );
    expect((await listed(99)).reactions).to.have.length(29);
  });

  it("are delivered without the text, as they are when the event is read", async () => {
    const { cursor } = await world.sync({ by: world.bo.id });
    await add(world.ana);
    await add(world.bo);
    await remove(world.bo);
    const reactions = await stored();
    const { events } = await world.listEvents({ by: world.bo.id, after: cursor, limit: 9 });
    const common = {
      chatId: chat.id,
      chatKind: "group",
      at: world.ports.clock.now(),
      messageId: message.id,
      emoji: "👍",
      reactions,
    };
    const user = ({ id, username }: User) => ({ id, username });
    const changes = [
      { type: "reaction.added", user: user(world.ana) },
      { type: "reaction.added", user: user(world.bo) },
      { type: "reaction.removed", user: user(world.bo) },
    ];
    expect(events).to.deep.equal(
      changes.map((change, index) => ({ ...common, ...change, cursor: events[index]!.cursor })),
    );
  });
});

import { expect } from "chai";
import { disableUser } from "../../src/application/administration.js";
import type { ChatId } from "../../src/domain/chat.js";
import { directoryWords } from "../../src/domain/directory.js";
import { MAX_DISPLAY_NAME_LENGTH, usernameKey, type User } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { openWorld, type World } from "../support/world.js";

describe("people", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
  });

  const rename = ({ id: by }: User, displayName: string | null) => world.updateProfile({ by, displayName });
  const write = ({ id: by }: User, { username }: User, text = "hello") =>
    world.sendMessage({ by, to: { username }, text });

  describe("updateProfile", () => {
    it("sets and removes the display name, which getProfile returns by username and id", async () => {
      const profile = { id: ana.id, username: "ana", displayName: "Ana María 🙂", state: "active" };
      expect(await rename(ana, "Ana María 🙂")).to.deep.equal(profile);
      for (const user of ["ANA", ana.id]) expect(await world.getProfile({ user })).to.deep.equal(profile);
      expect(await rename(ana, null)).to.deep.equal({ ...profile, displayName: null });
      expect((await world.getProfile({ user: "ana" })).displayName).to.equal(null);
      expect(await errorCodeOf(world.getProfile({ user: "nobody" }))).to.equal("unknown_user");
    });

    it("rejects a name that is not one visible line of 1 to 64 characters", async () => {
      for (const name of ["", " ", "\u200b", "a\nb", "a\u202eb", "\ud800", "x".repeat(65)]) {
        expect(await errorCodeOf(rename(ana, name)), JSON.stringify(name)).to.equal("invalid_display_name");
      }
      await rename(ana, "𝔘".repeat(MAX_DISPLAY_NAME_LENGTH));
    });

    it("delivers one event to the user and to each peer, with the name at the time of reading; none for an equal name", async () => {
      await write(ana, bo);
      await world.group(ana, cy);
      const { cursor } = await world.sync({ by: ana.id });
      const { last } = await world.ports.store.read(({ events }) => events.bounds());
      await rename(ana, "One");
      await rename(ana, "One");
      await rename(ana, "Two");
      const bounds = await world.ports.store.read(({ events }) => events.bounds());
      expect(bounds.last - last).to.equal(2);
      const received = async ({ id: by }: User) =>
        (await world.listEvents({ by, after: cursor, limit: 9 })).events.map((each) => {
          const { cursor: _, ...rest } = each;
          return rest;
        });
      const event = {
        type: "user.updated",
        at: world.ports.clock.now(),
        user: { id: ana.id, username: "ana", displayName: "Two" },
      };
      expect(await received(ana)).to.deep.equal([event, event]);
      expect(await received(bo)).to.deep.equal([event, event]);
      expect(await received(cy)).to.deep.equal([]);
    });

    it("reaches open subscriptions of the user and of peers, also of a chat that they have seen begin", async () => {
      const subscriptions = [ana, bo, cy].map(({ id: by }) => world.subscribe({ by }));
      for (const each of subscriptions) await each.next();
      await rename(bo, "not yet a peer");
      await write(ana, bo);
      await rename(bo, "B");
      await write(cy, cy, "the end");
      await write(ana, ana, "the end");
      await write(bo, bo, "the end");
      const typesOf: string[][] = [];
      for (const each of subscriptions) {
        const types: string[] = [];
        for (let ended = false; !ended;) {
          for (const event of (await each.next())!.events) {
            types.push(event.type);
            ended ||= "message" in event && event.message.text === "the end";
          }
        }
        each.close();
        typesOf.push(types.filter((type) => type === "user.updated" || type === "chat.created"));
      }
      expect(typesOf).to.deep.equal([
        ["chat.created", "user.updated", "chat.created"],
        ["user.updated", "chat.created", "user.updated", "chat.created"],
        ["chat.created"],
      ]);
    });
  });

  describe("findUsers", () => {
    it("rejects the cursor of another prefix", async () => {
      const { next } = await world.findUsers({ prefix: "", limit: 1 });
      const attempt = world.findUsers({ prefix: "c", limit: 1, cursor: next });
      expect(await errorCodeOf(attempt)).to.equal("invalid_cursor");
    });

    it("finds active users by any form of the prefix, page by page", async () => {
      const find = async (prefix: string, limit = 9, cursor?: string) => {
        const { users, next } = await world.findUsers({ prefix, limit, cursor });
        return { names: users.map(({ username }) => username), next };
      };
      await rename(cy, "Dr. Ａnastasia O'Neill-Boyle");
      expect((await find("AN")).names).to.deep.equal(["ana", "cy"]);
      for (const prefix of ["ｏ'N", "neill", "boyle", "dr", "cy"]) {
        expect((await find(prefix)).names, prefix).to.deep.equal(["cy"]);
      }
      expect((await find("bo")).names).to.deep.equal(["bo", "cy"]);
      for (const prefix of ["a n", "\0", "\ud800", "x".repeat(300)]) {
        expect(await find(prefix)).to.deep.equal({ names: [], next: undefined });
      }
      const first = await find("an", 1);
      expect(first.names).to.deep.equal(["ana"]);
      expect(await find("an", 1, first.next)).to.deep.equal({ names: ["cy"], next: undefined });
      await disableUser(world.ports, { user: "ana" });
      expect((await find("an")).names).to.deep.equal(["cy"]);
      expect((await world.getProfile({ user: "ana" })).state).to.equal("disabled");
      for (const cursor of ["", "x", "a.\0", `a.${"x".repeat(300)}`]) {
        expect(await errorCodeOf(find("an", 1, cursor))).to.equal("invalid_cursor");
      }
    });

    it("stores a bounded number of words of bounded length", () => {
      const words = directoryWords(usernameKey("ana"), "\u{fdfa}".repeat(64));
      for (const word of words) expect(Array.from(word).length).to.be.at.most(64);
      expect(directoryWords(usernameKey("ana"), "a-".repeat(32))).to.have.length.at.most(33);
      expect(directoryWords(usernameKey("Ana"), "ana Ana")).to.deep.equal(["ana"]);
    });
  });

  describe("blockUser", () => {
    const block = (by: User, user: User) => world.blockUser({ by: by.id, user: user.username });
    const unblock = (by: User, user: User) => world.unblockUser({ by: by.id, user: user.id });

    it("rejects p2p messages in both directions, by username and by chat id, until the block ends", async () => {
      const { chatId } = (await write(ana, bo)).message;
      const send = ({ id: by }: User) => world.sendMessage({ by, to: { chatId }, text: "hello" });
      await block(ana, bo);
      await block(ana, bo);
      for (const call of [() => write(bo, ana), () => send(bo), () => write(ana, bo), () => send(ana)]) {
        expect(await errorCodeOf(call())).to.equal("blocked");
      }
      await write(bo, cy);
      await unblock(ana, bo);
      await unblock(ana, bo);
      for (const call of [() => write(bo, ana), () => send(bo), () => write(ana, bo), () => send(ana)]) {
        await call();
      }
    });

    it("rejects a first message without creating a chat, and answers a repeated send of before", async () => {
      const once = { by: bo.id, to: { username: "ana" }, text: "hello", idempotencyKey: "once" };
      await world.sendMessage(once);
      await block(ana, bo);
      await block(ana, cy);
      expect((await world.sendMessage(once)).replayed).to.equal(true);
      expect(await errorCodeOf(write(cy, ana))).to.equal("blocked");
      expect((await world.sync({ by: cy.id })).chats).to.deep.equal([]);
    });

    it("rejects additions of the blocker to a group, and names each of them at its creation", async () => {
      const chat = await world.group(bo);
      const add = (by: User, { username }: User, chatId: ChatId) =>
        world.addParticipant({ by: by.id, chatId, username });
      await block(ana, bo);
      expect(await errorCodeOf(add(bo, ana, chat.id))).to.equal("blocked");
      const creation = world.createGroupChat({ by: bo.id, participants: ["cy", "ana"] });
      const error = await creation.catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: "blocked" });
      expect(error).to.have.deep.property("errors", [
        { field: "participants.1", detail: `"ana" does not accept additions to groups from you.` },
      ]);
      expect((await world.sync({ by: cy.id })).chats).to.deep.equal([]);
      // The block has one direction, and others can add both.
      await add(bo, cy, chat.id);
      await add(cy, ana, chat.id);
      const shared = { chatId: chat.id };
      await world.sendMessage({ by: bo.id, to: shared, text: "in the group" });
      await world.sendMessage({ by: ana.id, to: shared, text: "in the group" });
      await world.createGroupChat({ by: ana.id, participants: ["bo"] });
    });

    it("rejects oneself, unknown users and more than 1,000 blocks", async () => {
      expect(await errorCodeOf(block(ana, ana))).to.equal("self_block");
      expect(await errorCodeOf(world.blockUser({ by: ana.id, user: "nobody" }))).to.equal("unknown_user");
      expect(await errorCodeOf(world.unblockUser({ by: ana.id, user: "nobody" }))).to.equal("unknown_user");
      for (let n = 0; n < 1_000; n += 1) {
        const { id } = await world.ensureUser({ username: `user${n}` });
        await world.blockUser({ by: ana.id, user: id });
      }
      expect(await errorCodeOf(block(ana, bo))).to.equal("too_many_blocks");
      await world.blockUser({ by: ana.id, user: "user7" });
      await world.unblockUser({ by: ana.id, user: "user7" });
      await block(ana, bo);
    });
  });

  describe("listBlocks", () => {
    it("lists the blocked users by their ids, page by page", async () => {
      for (const user of [cy, bo]) await world.blockUser({ by: ana.id, user: user.id });
      const at = world.ports.clock.now();
      const account = (user: User) => ({ user, displayName: null, disabledAt: null, deletedAt: null });
      const first = await world.listBlocks({ by: ana.id, limit: 1 });
      expect(first.blocked).to.deep.equal([{ account: account(bo), blockedAt: at }]);
      const second = await world.listBlocks({ by: ana.id, limit: 1, cursor: first.next });
      expect(second).to.deep.equal({
        blocked: [{ account: account(cy), blockedAt: at }],
        next: undefined,
      });
      expect((await world.listBlocks({ by: bo.id, limit: 9 })).blocked).to.deep.equal([]);
      expect(await errorCodeOf(world.listBlocks({ by: ana.id, limit: 1, cursor: "a b" }))).to.equal(
        "invalid_cursor",
      );
    });
  });
});

import { expect } from "chai";
import { changePolicy, showChat } from "../../src/application/administration.js";
import type { ChangeChat } from "../../src/application/chats.js";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import { DEFAULT_POLICY, type PolicyChange, type Role } from "../../src/domain/policy.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { contents, expectRejection, openWorld, type World } from "../support/world.js";

const UNKNOWN = 999_999 as ChatId;

describe("roles in a group chat", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  let chat: Chat;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
    chat = await world.group(ana, bo, cy);
  });

  const setRole = (by: User, user: User, role: Role, chatId = chat.id) =>
    world.setRole({ by: by.id, chatId, user: user.username, role });
  const leave = (user: User) => world.removeParticipant({ by: user.id, chatId: chat.id, user: user.id });
  const change = (by: User, parts: Omit<ChangeChat, "by" | "chatId">, chatId = chat.id) =>
    world.changeChat({ by: by.id, chatId, ...parts });
  const configure = (policy: PolicyChange) => change(ana, { policy });
  const rolesFor = async (user: User) => {
    const { participants } = await world.getChat({ by: user.id, chatId: chat.id });
    return Object.fromEntries(participants.map(({ username, role }) => [username, role]));
  };
  const openP2p = async () =>
    (await world.sendMessage({ by: ana.id, to: { username: "bo" }, text: "hello" })).message.chatId;

  describe("setRole", () => {
    it("can be repeated by a caller who has passed ownership on", async () => {
      await setRole(ana, bo, "owner");
      await setRole(ana, bo, "owner");
      expect(await rolesFor(cy)).to.deep.equal({ ana: "admin", bo: "owner", cy: "member" });
    });

    it("names admins and members, and passes ownership on", async () => {
      await setRole(ana, bo, "admin");
      expect(await rolesFor(cy)).to.deep.equal({ ana: "owner", bo: "admin", cy: "member" });
      await setRole(ana, bo, "member");
      await setRole(ana, cy, "owner");
      expect(await rolesFor(bo)).to.deep.equal({ ana: "admin", bo: "member", cy: "owner" });
      for (const [user, role] of [
        [ana, "admin"],
        [cy, "owner"],
      ] as const) {
        expect((await world.getChat({ by: user.id, chatId: chat.id })).overview.role).to.equal(role);
      }
    });

    it("stores nothing if the role is equal", async () => {
      await setRole(ana, bo, "admin");
      const before = await contents(world);
      await setRole(ana, bo, "admin");
      await setRole(ana, ana, "owner");
      expect(await contents(world)).to.deep.equal(before);
    });

    it("rejects an owner who gives up ownership without a successor, and everyone else", async () => {
      await setRole(ana, bo, "admin");
      for (const role of ["admin", "member"] as const) {
        await expectRejection(world, () => setRole(ana, ana, role), "not_allowed");
      }
      for (const by of [bo, cy]) {
        for (const role of ["owner", "admin", "member"] as const) {
          await expectRejection(world, () => setRole(by, by, role), "not_allowed");
          // The admin can be the owner before.
          if (by === bo && role === "owner") await setRole(by, ana, role);
          else await expectRejection(world, () => setRole(by, ana, role), "not_allowed");
        }
      }
    });

    it("rejects an unknown user, a user who is not in the chat, a p2p chat and an unknown chat", async () => {
      const [dora] = Object.values(await world.users("dora"));
      const p2p = await openP2p();
      const nobody = { ...bo, username: "nobody" };
      await expectRejection(world, () => setRole(ana, nobody, "admin"), "unknown_user");
      await expectRejection(world, () => setRole(ana, dora!, "admin"), "user_not_in_chat");
      await expectRejection(world, () => setRole(ana, bo, "admin", p2p), "p2p_chat");
      await expectRejection(world, () => setRole(cy, bo, "admin", p2p), "not_a_participant");
      await expectRejection(world, () => setRole(dora!, bo, "admin"), "not_a_participant");
      await expectRejection(world, () => setRole(ana, bo, "admin", UNKNOWN), "not_a_participant");
    });
  });

  describe("an owner who leaves", () => {
    it("is followed by the oldest admin, else by the oldest participant", async () => {
      await setRole(ana, cy, "admin");
      await leave(ana);
      expect(await rolesFor(bo)).to.deep.equal({ bo: "member", cy: "owner" });
      await leave(cy);
      expect(await rolesFor(bo)).to.deep.equal({ bo: "owner" });
      await leave(bo);
      expect(await errorCodeOf(rolesFor(bo))).to.equal("not_a_participant");
    });

    it("is a member after returning, as an admin is", async () => {
      await setRole(ana, bo, "admin");
      await leave(ana);
      await world.removeParticipant({ by: bo.id, chatId: chat.id, user: cy.id });
      for (const username of ["ana", "cy"]) {
        await world.addParticipant({ by: bo.id, chatId: chat.id, username });
      }
      expect(await rolesFor(ana)).to.deep.equal({ ana: "member", bo: "owner", cy: "member" });
    });

    it("is followed in the same transaction, also if somebody removes the owner", async () => {
      const { transactions } = world.ports.store.status();
      await world.removeParticipant({ by: cy.id, chatId: chat.id, user: ana.id });
      expect(world.ports.store.status().transactions).to.equal(transactions + 1);
      expect(await rolesFor(cy)).to.deep.equal({ bo: "owner", cy: "member" });
    });
  });

  describe("changeChat", () => {
    const settings = async () => {
      const { title, policy, metadata } = (await world.getChat({ by: cy.id, chatId: chat.id })).overview.chat;
      return { title, policy, metadata };
    };

    it("changes what is given, and merges the policy", async () => {
      await change(ana, { title: "Plans", metadata: { topic: "lunch" } });
      await change(ana, { policy: { add: "admins" } });
      await change(ana, { policy: { post: "admins", add: undefined } });
      const policy = { ...DEFAULT_POLICY, add: "admins", post: "admins" };
      expect(await settings()).to.deep.equal({ title: "Plans", policy, metadata: { topic: "lunch" } });
      await change(ana, { title: null, metadata: null });
      expect(await settings()).to.deep.equal({ title: null, policy, metadata: null });
    });

    it("stores nothing if everything is equal", async () => {
      await change(ana, { title: "Plans", policy: { add: "admins" }, metadata: { a: 1 } });
      const before = await contents(world);
      await change(ana, { title: "Plans", policy: { add: "admins" }, metadata: { a: 1 } });
      await change(ana, { policy: {} });
      expect(await contents(world)).to.deep.equal(before);
    });

    it("changes nothing if the caller may not change one part", async () => {
      for (const part of [{ policy: {} }, { metadata: null }]) {
        await expectRejection(world, () => change(bo, { title: "Mine", ...part }), "not_allowed");
      }
      await configure({ rename: "admins" });
      await expectRejection(world, () => change(bo, { title: "Mine" }), "not_allowed");
      await setRole(ana, bo, "admin");
      await change(bo, { title: "Ours", policy: { rename: "everyone" } });
      expect(await settings()).to.include({ title: "Ours" });
    });

    it("rejects invalid values, a p2p chat, an unknown chat and the chat of others", async () => {
      const p2p = await openP2p();
      await expectRejection(
        world,
        () => change(ana, { metadata: { a: "x".repeat(4_096) } }),
        "invalid_metadata",
      );
      await expectRejection(world, () => change(ana, { title: "", policy: {} }), "invalid_title");
      const wrong = { add: "nobody" } as unknown as PolicyChange;
      await expectRejection(world, () => change(ana, { policy: wrong }), "invalid_request");
      await expectRejection(world, () => change(ana, { policy: { add: "admins" } }, p2p), "p2p_chat");
      await expectRejection(world, () => change(cy, { metadata: {} }, p2p), "not_a_participant");
      await expectRejection(world, () => change(ana, { metadata: {} }, UNKNOWN), "not_a_participant");
    });
  });

  describe("the policy", () => {
    it("decides who sends, and repeats the response to an earlier send under its key", async () => {
      const send = (by: User) =>
        world.sendMessage({ by: by.id, to: { chatId: chat.id }, text: "a", idempotencyKey: "key" });
      const { message } = await send(bo);
      await configure({ post: "admins" });
      expect(await send(bo)).to.deep.equal({ message, replayed: true });
      await expectRejection(world, () => send(cy), "not_allowed");
      expect((await send(ana)).replayed).to.equal(false);
    });

    it("rejects before the user to add or remove is looked up", async () => {
      await configure({ add: "admins", remove: "admins" });
      const target = { by: bo.id, chatId: chat.id };
      await expectRejection(
        world,
        () => world.addParticipant({ ...target, username: "nobody" }),
        "not_allowed",
      );
      await expectRejection(
        world,
        () => world.removeParticipant({ ...target, user: "nobody" }),
        "not_allowed",
      );
    });

    it("lets everyone leave, and nobody remove the owner, under remove: admins", async () => {
      await configure({ remove: "admins" });
      await setRole(ana, bo, "admin");
      const remove = (by: User, user: User) =>
        world.removeParticipant({ by: by.id, chatId: chat.id, user: user.username });
      await expectRejection(world, () => remove(cy, bo), "not_allowed");
      await expectRejection(world, () => remove(bo, ana), "not_allowed");
      await leave(cy);
      await leave(ana);
      expect(await rolesFor(bo)).to.deep.equal({ bo: "owner" });
    });

    it("is changed by the operator, who is no participant", async () => {
      const { ports } = world;
      const policy = await changePolicy(ports, { chatId: chat.id, policy: { add: "admins" } });
      expect(policy).to.deep.equal({ ...DEFAULT_POLICY, add: "admins" });
      const shown = await showChat(ports, { chatId: chat.id });
      expect(shown.chat.policy).to.deep.equal(policy);
      expect(shown.participants.map(({ role }) => role)).to.deep.equal(["owner", "member", "member"]);
      const before = await contents(world);
      await changePolicy(ports, { chatId: chat.id, policy: { add: "admins" } });
      expect(await contents(world)).to.deep.equal(before);
      const p2p = await openP2p();
      await expectRejection(world, () => changePolicy(ports, { chatId: p2p, policy: {} }), "p2p_chat");
      await expectRejection(
        world,
        () => changePolicy(ports, { chatId: UNKNOWN, policy: {} }),
        "unknown_chat",
      );
      await expectRejection(world, () => showChat(ports, { chatId: UNKNOWN }), "unknown_chat");
    });
  });
});

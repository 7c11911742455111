import { expect } from "chai";
import {
  disableUser,
  enableUser,
  exportUser,
  invitationsOf,
  revokeInvitation,
} from "../../src/application/administration.js";
import type { NewInvitation } from "../../src/application/invitations.js";
import { unreadCount, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { InvitationId } from "../../src/domain/invitation.js";
import { MAX_INVITATIONS_PER_CHAT } from "../../src/domain/invitation.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { collected } from "../support/operator.js";
import { contents, expectRejection, openWorld, type World } from "../support/world.js";

const DAY_MS = 24 * 60 * 60 * 1_000;

describe("invitations to a group chat", () => {
  let world: World;
  let chat: Chat;
  let ana: User;
  let bo: User;
  let cy: User;

  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
    chat = await world.group(ana, bo);
  });

  const invite = (by: User, terms: object = {}): Promise<NewInvitation> =>
    world.createInvitation({ by: by.id, chatId: chat.id, ...terms });
  const accept = (by: User, code: string) => world.acceptInvitation({ by: by.id, code });
  const see = (by: User, code: string) => world.getInvitation({ by: by.id, code });
  const list = async (by = ana) =>
    (await world.listInvitations({ by: by.id, chatId: chat.id, limit: 1_000 })).invitations;
  const restrict = () => world.changeChat({ by: ana.id, chatId: chat.id, policy: { add: "admins" } });
  const leave = (user: User) => world.removeParticipant({ by: user.id, chatId: chat.id, user: user.id });
  const isInside = async (user: User) =>
    (await errorCodeOf(world.getChat({ by: user.id, chatId: chat.id }))) === undefined;

  /** Expects that nobody can join with the code, and that the error is that of an unknown code. */
  async function expectUnknown(code: string, by = cy): Promise<void> {
    const unknown = await see(by, "unknown").catch((error: Error) => error.message);
    await expectRejection(world, () => accept(by, code), "unknown_invitation");
    await expectRejection(world, () => see(by, code), "unknown_invitation");
    for (const call of [accept, see]) {
      expect(await call(by, code).catch((error: Error) => error.message)).to.equal(unknown);
    }
  }

  describe("createInvitation", () => {
    it("creates one for 7 days and any number of uses, and stores no code", async () => {
      const { invitation, code } = await invite(bo);
      const now = world.ports.clock.now();
      expect(invitation).to.deep.equal({
        id: invitation.id,
        chatId: chat.id,
        inviter: { id: bo.id, username: "bo" },
        createdAt: now,
        expiresAt: now + 7 * DAY_MS,
        maxUses: null,
        uses: 0,
      });
      expect(await list()).to.deep.equal([invitation]);
      expect(JSON.stringify(await contents(world))).not.to.include(`"${code}`);
    });

    it("appends no event", async () => {
      const { cursor } = await world.sync({ by: ana.id });
      const { invitation } = await invite(ana);
      await world.deleteInvitation({ by: ana.id, chatId: chat.id, invitationId: invitation.id });
      expect((await world.sync({ by: ana.id })).cursor).to.equal(cursor);
    });

    it("accepts the limits of its terms, and rejects what is beyond them", async () => {
      for (const [expiresIn, maxUses] of [
        [60, 1],
        [365 * 24 * 60 * 60, 10_000],
      ]) {
        const { invitation } = await invite(ana, { expiresIn, maxUses });
        expect(invitation).to.include({ maxUses, expiresAt: invitation.createdAt + expiresIn! * 1_000 });
      }
      for (const terms of [
        { expiresIn: 59 },
        { expiresIn: 60.5 },
        { expiresIn: 365 * 24 * 60 * 60 + 1 },
        { maxUses: 0 },
        { maxUses: 1.5 },
        { maxUses: 10_001 },
        { expiresIn: Infinity },
      ]) {
        await expectRejection(world, () => invite(ana, terms), "invalid_request");
      }
    });

    it("is for participants of a group who may add users", async () => {
      await expectRejection(world, () => invite(cy), "not_a_participant");
      const p2p = (await world.sendMessage({ by: ana.id, to: { username: "bo" }, text: "a" })).message;
      const inP2p = () => world.createInvitation({ by: ana.id, chatId: p2p.chatId });
      await expectRejection(world, inP2p, "p2p_chat");
      const { invitation } = await invite(bo);
      await restrict();
      await expectRejection(world, () => invite(bo), "not_allowed");
      await expectRejection(world, () => list(bo), "not_allowed");
      const removal = { chatId: chat.id, invitationId: invitation.id };
      await expectRejection(world, () => world.deleteInvitation({ by: bo.id, ...removal }), "not_allowed");
      await invite(ana);
      await world.deleteInvitation({ by: ana.id, ...removal });
      expect(await list()).to.have.length(1);
    });

    it("allows 100 open invitations of a chat, and replaces expired and used-up ones", async () => {
      const { code } = await invite(ana, { maxUses: 1 });
      await invite(ana, { expiresIn: 60 });
      for (let count = 2; count < MAX_INVITATIONS_PER_CHAT; count += 1) await invite(ana);
      await expectRejection(world, () => invite(bo), "too_many_invitations");
      const other = await world.group(ana);
      await world.createInvitation({ by: ana.id, chatId: other.id });
      await accept(cy, code);
      await invite(bo);
      await expectRejection(world, () => invite(bo), "too_many_invitations");
      world.ports.clock.advance(60_000);
      await invite(bo);
      expect(await list()).to.have.length(MAX_INVITATIONS_PER_CHAT);
      const stored = await world.ports.store.read(({ invitations }) => invitations.ofChat(chat.id));
      expect(stored).to.have.length(MAX_INVITATIONS_PER_CHAT);
    });
  });

  describe("listInvitations", () => {
    it("rejects an invalid cursor", async () => {
      const attempt = world.listInvitations({ by: ana.id, chatId: chat.id, limit: 1, cursor: "a b" });
      expect(await errorCodeOf(attempt)).to.equal("invalid_cursor");
    });

    it("lists each open invitation once in pages, oldest first", async () => {
      const all = [];
      for (let count = 0; count < 5; count += 1) all.push((await invite(count % 2 ? ana : bo)).invitation);
      const { code } = await invite(ana, { maxUses: 1 });
      await accept(cy, code);
      await invite(ana, { expiresIn: 60 });
      world.ports.clock.advance(60_000);
      const met = [];
      let cursor: string | undefined;
      do {
        const page = await world.listInvitations({ by: bo.id, chatId: chat.id, limit: 2, cursor });
        expect(page.invitations.length).to.be.within(1, 2);
        met.push(...page.invitations);
        cursor = page.next;
      } while (cursor !== undefined);
      expect(met).to.deep.equal(all);
    });
  });

  describe("acceptInvitation", () => {
    it("rejects a text that cannot be a code", async () => {
      for (const code of ["", "\0", "a b", "x".repeat(65)]) await expectUnknown(code);
    });

    it("rejects the code of an inviter who is disabled, until they are enabled", async () => {
      const { code } = await invite(bo);
      await disableUser(world.ports, { user: "bo" });
      await expectUnknown(code);
      await enableUser(world.ports, { user: "bo" });
      expect(await accept(cy, code)).to.equal(chat.id);
    });

    it("adds the caller as a member with the events of an addition, and nothing unread", async () => {
      await world.sendMessage({ by: ana.id, to: { chatId: chat.id }, text: "a" });
      const { code, invitation } = await invite(bo);
      const before = await world.sync({ by: cy.id });
      const ofAna = await world.sync({ by: ana.id });
      expect(await accept(cy, code)).to.equal(chat.id);
      const { overview, participants } = await world.getChat({ by: cy.id, chatId: chat.id });
      expect(participants.find(({ id }) => id === cy.id)).to.include({ role: "member" });
      expect(unreadCount(overview)).to.equal(0);
      const own = await world.listEvents({ by: cy.id, after: before.cursor, limit: 9 });
      const type = "participant.added";
      const change = { type, user: { id: cy.id, username: "cy" }, participantCount: 3 };
      expect(own.events).to.have.length(1);
      expect(own.events[0]).to.deep.include({ ...change, overview });
      const others = await world.listEvents({ by: ana.id, after: ofAna.cursor, limit: 9 });
      expect(others.events).to.have.length(1);
      expect(others.events[0]).to.deep.include(change);
      expect(await list()).to.deep.equal([{ ...invitation, uses: 1 }]);
    });

    it("does nothing for a participant, also if the invitation is used up or its inviter has left", async () => {
      const { code } = await invite(bo, { maxUses: 1 });
      await accept(cy, code);
      const before = await contents(world);
      for (const user of [ana, bo, cy]) expect(await accept(user, code)).to.equal(chat.id);
      expect(await contents(world)).to.deep.equal(before);
      await leave(bo);
      expect(await accept(cy, code)).to.equal(chat.id);
      expect(await see(cy, code)).to.deep.equal({ title: null, participantCount: 2 });
    });

    it("counts no use of an addition that is rejected", async () => {
      const { code, invitation } = await invite(bo);
      await world.ports.store.transaction(({ users }) => users.setDisabledAt(cy.id, 1));
      await expectRejection(world, () => accept(cy, code), "user_unavailable");
      expect(await list()).to.deep.equal([invitation]);
    });

    it("lets a user who was removed join again", async () => {
      const { code } = await invite(ana);
      await accept(cy, code);
      await leave(cy);
      await accept(cy, code);
      expect(await list()).to.have.nested.property("[0].uses", 2);
    });
  });

  describe("a code", () => {
    it("stops working when it expires, for participants, too", async () => {
      const { code } = await invite(ana, { expiresIn: 60 });
      world.ports.clock.advance(59_999);
      expect(await see(cy, code)).to.deep.equal({ title: null, participantCount: 2 });
      world.ports.clock.advance(1);
      await expectUnknown(code);
      await expectUnknown(code, ana);
    });

    it("stops working when it is used up or revoked", async () => {
      const { code: once } = await invite(ana, { maxUses: 1 });
      const { code: revoked, invitation } = await invite(ana);
      await world.deleteInvitation({ by: bo.id, chatId: chat.id, invitationId: invitation.id });
      await expectUnknown(revoked);
      const { dora } = await world.users("dora");
      await accept(dora, once);
      await expectUnknown(once);
    });

    it("works while its inviter may add users", async () => {
      const { code } = await invite(bo);
      await restrict();
      await expectUnknown(code);
      await world.setRole({ by: ana.id, chatId: chat.id, user: "bo", role: "admin" });
      await see(cy, code);
      await leave(bo);
      await expectUnknown(code);
      await expectUnknown(code, bo);
      await world.addParticipant({ by: ana.id, chatId: chat.id, username: "bo" });
      await expectUnknown(code);
      await world.changeChat({ by: ana.id, chatId: chat.id, policy: { add: "everyone" } });
      expect(await accept(cy, code)).to.equal(chat.id);
    });

    it("works after the session key was rotated, and not after the older key was retired", async () => {
      const { code } = await invite(ana);
      world.ports.secrets.rotate();
      await see(cy, code);
      world.ports.secrets.retire();
      await expectUnknown(code);
    });

    it("is deleted with its chat", async () => {
      const { code } = await invite(bo);
      await invite(ana);
      await leave(ana);
      await leave(bo);
      await expectUnknown(code);
      expect((await contents(world)).invitations.flat()).to.deep.equal([]);
      expect((await contents(world)).summaries).to.deep.equal([]);
    });
  });

  describe("deleteInvitation", () => {
    it("rejects an invitation to another chat and an unknown one", async () => {
      const other = await world.group(ana);
      const { invitation } = await world.createInvitation({ by: ana.id, chatId: other.id });
      for (const invitationId of [invitation.id, "unknown" as InvitationId]) {
        const attempt = () => world.deleteInvitation({ by: ana.id, chatId: chat.id, invitationId });
        await expectRejection(world, attempt, "unknown_invitation");
      }
    });
  });

  describe("the operator", () => {
    it("lists and revokes the invitations of a chat", async () => {
      const { invitation, code } = await invite(bo);
      await invite(ana, { expiresIn: 60 });
      world.ports.clock.advance(60_000);
      expect(await invitationsOf(world.ports, { chatId: chat.id })).to.deep.equal([invitation]);
      const unknown = invitationsOf(world.ports, { chatId: 99 as ChatId });
      expect(await errorCodeOf(unknown)).to.equal("unknown_chat");
      const revoke = () => revokeInvitation(world.ports, { invitationId: invitation.id });
      expect(await revoke()).to.deep.equal(invitation);
      await expectUnknown(code);
      await expectRejection(world, revoke, "unknown_invitation");
    });

    it("exports the invitations that a user created, without codes and digests", async () => {
      const other = await world.group(bo);
      const { invitation: first, code } = await invite(bo, { maxUses: 3 });
      await invite(ana);
      const { invitation: second } = await world.createInvitation({ by: bo.id, chatId: other.id });
      const records = await collected(exportUser(world.ports, { user: "bo" }));
      const exported = records.flatMap((record) => ("invitation" in record ? [record.invitation] : []));
      expect(exported).to.deep.equal([first, second]);
      expect(JSON.stringify(records)).not.to.include(code);
    });
  });

  it("leaves a user outside who has only a wrong code", async () => {
    const { code } = await invite(ana);
    for (const wrong of ["", code.toUpperCase(), `${code} `, code.slice(1)]) await expectUnknown(wrong);
    expect(await isInside(cy)).to.equal(false);
  });
});

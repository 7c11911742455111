import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import type { Invitation, InvitationId } from "../../src/domain/invitation.js";
import {
  MAX_ID,
  MAX_TIME_MS,
  TRICKY_TEXTS,
  ana,
  bo,
  createGroup,
  cy,
  invitationOf,
  register,
  type Runner,
} from "./fixtures.js";

/** Tests the promises of `InvitationRepository`. */
export function invitationContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  let chat: Chat;
  let otherChat: Chat;

  /** Stores each invitation under its id as the digest. */
  const add = (...all: readonly Invitation[]) =>
    store().transaction(async ({ invitations }) => {
      for (const invitation of all) await invitations.add(invitation, invitation.id);
    });
  const found = (digest: string) => store().read(({ invitations }) => invitations.byDigest(digest));
  const byId = (id: string) => store().read(({ invitations }) => invitations.byId(id as InvitationId));
  const ofChat = ({ id }: Pick<Chat, "id">) => store().read(({ invitations }) => invitations.ofChat(id));
  const remove = (...all: readonly Invitation[]) =>
    store().transaction(({ invitations }) => invitations.remove(all.map(({ id }) => id)));

  const describeMethod = (name: string, body: () => void) =>
    describe(`InvitationRepository.${name}`, () => {
      beforeEach(async () => {
        await register(store(), ana, bo, cy);
        chat = await createGroup(store(), ana, bo);
        otherChat = await createGroup(store(), ana, bo);
      });
      body();
    });

  describeMethod("add", () => {
    it("stores an invitation that byId and byDigest return unchanged", async () => {
      const all = TRICKY_TEXTS.map((text, index) => {
        const invitation = invitationOf(index % 2 ? chat : otherChat, index % 3 ? ana : bo, `${index}`);
        const terms = index % 2 ? { maxUses: 10_000, uses: 9 } : { expiresAt: MAX_TIME_MS };
        return { text, invitation: { ...invitation, ...terms } };
      });
      await store().transaction(async ({ invitations }) => {
        for (const { text, invitation } of all) await invitations.add(invitation, text);
      });
      for (const { text, invitation } of all) {
        assert.deepEqual(await found(text), invitation);
        assert.deepEqual(await byId(invitation.id), invitation);
      }
    });
  });

  describeMethod("byId and byDigest", () => {
    it("return undefined for any other text", async () => {
      const invitation = invitationOf(chat, ana, "digest");
      await store().transaction(({ invitations }) => invitations.add(invitation, "digest"));
      for (const text of ["", "DIGEST", "digest ", invitation.id]) {
        assert.equal(await found(text), undefined);
      }
      for (const text of ["", "digest", `${invitation.id} `, invitation.id.toUpperCase()]) {
        assert.equal(await byId(text), undefined);
      }
    });
  });

  describeMethod("ofChat", () => {
    it("returns all invitations of that chat by id, also used-up ones", async () => {
      const usedUp = { ...invitationOf(chat, bo, "A"), maxUses: 1, uses: 1 };
      const all = [usedUp, invitationOf(chat, ana, "a"), { ...invitationOf(chat, bo, "b"), createdAt: 1 }];
      await add(all[2]!, all[0]!, invitationOf(otherChat, ana, "Z"), all[1]!);
      assert.deepEqual(await ofChat(chat), all);
      assert.deepEqual(await ofChat(otherChat), [invitationOf(otherChat, ana, "Z")]);
      assert.deepEqual(await ofChat({ id: MAX_ID as ChatId }), []);
    });
  });

  describeMethod("byInviter", () => {
    it("returns the invitations of that inviter to all chats by id, in pages", async () => {
      const own = ["A", "a", "b", "c"].map((name, index) =>
        invitationOf(index % 2 ? chat : otherChat, ana, name),
      );
      await add(own[3]!, own[1]!, invitationOf(chat, bo, "aa"), own[0]!, own[2]!);
      const page = (after: InvitationId | undefined, limit: number, inviter = ana) =>
        store().read(({ invitations }) => invitations.byInviter(inviter.id, { after, limit }));
      assert.deepEqual(await page(undefined, MAX_ID), own);
      assert.deepEqual(await page(undefined, 2), own.slice(0, 2));
      assert.deepEqual(await page(own[1]!.id, 1), own.slice(2, 3));
      assert.deepEqual(await page(own[1]!.id, MAX_ID), own.slice(2));
      assert.deepEqual(await page(own[3]!.id, 9), []);
      assert.deepEqual(await page(undefined, 9, cy), []);
    });
  });

  describeMethod("countUse", () => {
    it("increases the uses of that invitation by one", async () => {
      const limited = { ...invitationOf(chat, ana, "limited"), maxUses: 2 };
      const other = invitationOf(chat, ana, "other");
      await add(limited, other);
      for (const uses of [1, 2]) {
        await store().transaction(async ({ invitations }) => {
          await invitations.countUse(limited.id);
          assert.deepEqual(await invitations.byId(limited.id), { ...limited, uses });
        });
      }
      assert.deepEqual(await ofChat(chat), [{ ...limited, uses: 2 }, other]);
    });
  });

  describeMethod("remove", () => {
    it("removes those invitations only, and ignores unknown ids", async () => {
      const all = ["a", "b", "c"].map((name) => invitationOf(chat, ana, name));
      const other = invitationOf(otherChat, ana, "d");
      await add(...all, other);
      await remove(all[0]!, invitationOf(chat, ana, "unknown"), all[2]!, other);
      assert.deepEqual(await ofChat(chat), [all[1]]);
      assert.deepEqual(await ofChat(otherChat), []);
      assert.equal(await found(all[0]!.id), undefined);
      assert.equal(await byId(all[2]!.id), undefined);
      await remove();
      assert.deepEqual(await ofChat(chat), [all[1]]);
      await add(all[0]!);
      assert.deepEqual(await found(all[0]!.id), all[0]);
    });
  });
}

import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import type { SessionId } from "../../src/domain/session.js";
import type { User } from "../../src/domain/user.js";
import {
  TRICKY_TEXTS,
  MAX_TIME_MS,
  ana,
  bo,
  cy,
  register,
  sessionOf,
  tokenOf,
  type Runner,
} from "./fixtures.js";

/** Tests the promises of `SessionRepository`. */
export function sessionContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const found = (digest: string) => store().read(({ sessions }) => sessions.byDigest(digest));

  async function start(user: User, digest: string, expiresAt: number): Promise<void> {
    await store().transaction(({ sessions }) => sessions.add(sessionOf(user, digest, expiresAt), digest));
  }

  const describeMethod = (name: string, body: () => void) =>
    describe(`SessionRepository.${name}`, () => {
      beforeEach(() => register(store(), ana, bo));
      body();
    });

  describeMethod("add", () => {
    it("stores a session that byDigest returns unchanged, expired or not", async () => {
      const added = TRICKY_TEXTS.map((text, index) =>
        index % 2
          ? {
              ...sessionOf(ana, text, MAX_TIME_MS),
              userAgent: index % 3 ? text : null,
              lastSeenAt: MAX_TIME_MS,
            }
          : tokenOf(ana, text, text),
      );
      await store().transaction(async ({ sessions }) => {
        for (const [index, session] of added.entries()) await sessions.add(session, TRICKY_TEXTS[index]!);
      });
      for (const [index, session] of added.entries()) {
        assert.deepEqual(await found(TRICKY_TEXTS[index]!), session);
      }
    });
  });

  describeMethod("byDigest", () => {
    it("returns undefined for any other text", async () => {
      await start(ana, "digest", 10);
      for (const text of ["", "DIGEST", "digest ", "digesT", sessionOf(ana, "digest", 10).id, ana.id]) {
        assert.equal(await found(text), undefined);
      }
    });
  });

  describeMethod("remove", () => {
    it("removes that session only, and returns false when there is none", async () => {
      await start(ana, "first", 10);
      await start(ana, "second", 10);
      await start(bo, "third", 10);
      const { id } = sessionOf(ana, "first", 10);
      await store().transaction(async ({ sessions }) => {
        assert.equal(await sessions.remove(id), true);
        assert.equal(await sessions.remove(id), false);
        assert.equal(await sessions.remove("no such session" as SessionId), false);
      });
      assert.equal(await found("first"), undefined);
      assert.deepEqual(await found("second"), sessionOf(ana, "second", 10));
      assert.deepEqual(await found("third"), sessionOf(bo, "third", 10));
    });
  });

  describeMethod("removeExpired", () => {
    it("removes the user's sessions with `expiresAt` <= `now` only", async () => {
      await start(ana, "before", 99);
      await start(ana, "then", 100);
      await start(ana, "after", 101);
      await start(bo, "of bo", 99);
      await store().transaction(({ sessions }) => sessions.removeExpired(ana.id, 100));
      assert.equal(await found("before"), undefined);
      assert.equal(await found("then"), undefined);
      assert.deepEqual(await found("after"), sessionOf(ana, "after", 101));
      assert.deepEqual(await found("of bo"), sessionOf(bo, "of bo", 99));
    });
  });

  describeMethod("ofUser", () => {
    it("returns the sessions of that user by creation time, then by id", async () => {
      const at = (digest: string, createdAt: number) => ({ ...sessionOf(ana, digest, 10), createdAt });
      const listed = [at("c", 1), at("a", 2), at("b", 2), { ...tokenOf(ana, "z", "z"), createdAt: 3 }];
      await store().transaction(async ({ sessions }) => {
        for (const index of [3, 1, 0, 2]) await sessions.add(listed[index]!, String(index));
        await sessions.add(sessionOf(bo, "of bo", 10), "of bo");
      });
      await store().read(async ({ sessions }) => {
        assert.deepEqual(await sessions.ofUser(ana.id), listed);
        assert.deepEqual(await sessions.ofUser(cy.id), []);
      });
      await store().transaction(({ sessions }) => sessions.remove(listed[1]!.id));
      const left = await store().read(({ sessions }) => sessions.ofUser(ana.id));
      assert.deepEqual(left, listed.toSpliced(1, 1));
    });
  });

  describeMethod("touch", () => {
    it("updates `lastSeenAt` and `expiresAt` of that session only", async () => {
      await start(ana, "used", 10);
      await start(ana, "other", 10);
      const used = { ...sessionOf(ana, "used", 20), lastSeenAt: 15 };
      await store().transaction(async ({ sessions }) => {
        assert.equal(await sessions.touch({ ...used, userAgent: "another", createdAt: 0 }), true);
      });
      assert.deepEqual(await found("used"), used);
      assert.deepEqual(await found("other"), sessionOf(ana, "other", 10));
    });

    it("returns false for a removed session and does not restore it", async () => {
      await start(ana, "removed", 10);
      await store().transaction(async ({ sessions }) => {
        await sessions.remove(sessionOf(ana, "removed", 10).id);
        assert.equal(await sessions.touch(sessionOf(ana, "removed", 20)), false);
      });
      assert.equal(await found("removed"), undefined);
      assert.deepEqual(await store().read(({ sessions }) => sessions.ofUser(ana.id)), []);
    });
  });
}

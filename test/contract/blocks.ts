import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import type { User, UserId } from "../../src/domain/user.js";
import { MAX_ID, MAX_TIME_MS, ana, bo, cy, person, register, type Runner } from "./fixtures.js";

/** Tests the promises of `BlockRepository`. */
export function blockContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const block = (by: User, blocked: User, at = 1) =>
    store().transaction(({ blocks }) => blocks.add(by.id, blocked.id, at));
  const unblock = (by: User, blocked: User) =>
    store().transaction(({ blocks }) => blocks.remove(by.id, blocked.id));
  const blockedBy = ({ id }: User, after?: UserId, limit = MAX_ID) =>
    store().read(async ({ blocks }) =>
      (await blocks.ofUser(id, { after, limit })).map(({ account }) => account.user.username),
    );
  const count = ({ id }: User) => store().transaction(({ blocks }) => blocks.count(id));

  describe("BlockRepository", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("adds and removes each block once", async () => {
      assert.equal(await block(ana, bo, MAX_TIME_MS), true);
      assert.equal(await block(ana, bo, 3), false);
      assert.equal(await block(bo, ana), true);
      assert.deepEqual([await count(ana), await count(bo), await count(cy)], [1, 1, 0]);
      await store().read(async ({ blocks, users }) => {
        const account = (await users.accountById(bo.id))!;
        const found = await blocks.ofUser(ana.id, { after: undefined, limit: 9 });
        assert.deepEqual(found, [{ account, blockedAt: MAX_TIME_MS }]);
      });
      assert.equal(await unblock(ana, cy), false);
      assert.equal(await unblock(ana, bo), true);
      assert.equal(await unblock(ana, bo), false);
      assert.deepEqual([await blockedBy(ana), await blockedBy(bo)], [[], ["ana"]]);
      assert.deepEqual([await count(ana), await count(bo)], [0, 1]);
    });

    it("lists the blocked users by their ids, page by page, with their current accounts", async () => {
      const people = ["c", "a", "d", "b"].map(person);
      await register(store(), ...people);
      for (const user of people) await block(ana, user);
      await block(bo, cy);
      await store().transaction(async ({ users }) => {
        await users.setDisplayName(people[1]!.id, "A");
        await users.setDisabledAt(people[1]!.id, 7);
      });
      const names = ["a", "b", "c", "d"];
      assert.deepEqual(await blockedBy(ana), names);
      for (const limit of [0, 1, 3, 4]) {
        assert.deepEqual(await blockedBy(ana, undefined, limit), names.slice(0, limit));
        assert.deepEqual(await blockedBy(ana, person("b").id, limit), names.slice(2, 2 + limit));
      }
      const [first] = await store().read(({ blocks }) =>
        blocks.ofUser(ana.id, { after: undefined, limit: 1 }),
      );
      assert.deepEqual(first!.account, { user: people[1], displayName: "A", disabledAt: 7, deletedAt: null });
    });

    it("returns the blocks between a user and others, in both directions", async () => {
      await block(ana, bo);
      await block(cy, ana);
      await block(bo, cy);
      const between = (by: User, ...others: readonly User[]) =>
        store().read(async ({ blocks }) =>
          (
            await blocks.between(
              by.id,
              others.map(({ id }) => id),
            )
          )
            .map(({ by: one, blocked }) => `${one} ${blocked}`)
            .toSorted(),
        );
      const [one, two] = [`${ana.id} ${bo.id}`, `${cy.id} ${ana.id}`];
      assert.deepEqual(await between(ana, bo), [one]);
      assert.deepEqual(await between(bo, ana), [one]);
      assert.deepEqual(await between(ana, cy, bo), [one, two]);
      assert.deepEqual(await between(ana), []);
      assert.deepEqual(await between(ana, person("nobody")), []);
      await block(bo, ana);
      assert.deepEqual(await between(ana, bo), [one, `${bo.id} ${ana.id}`]);
    });

    it("deletes the blocks by a user, at most `limit`, and those of no other", async () => {
      await block(ana, bo);
      await block(ana, cy);
      await block(bo, ana);
      const deleteSome = (limit: number) =>
        store().transaction(({ blocks }) => blocks.deleteOfUser(ana.id, limit));
      assert.equal(await deleteSome(1), 1);
      assert.equal(await count(ana), 1);
      assert.equal(await deleteSome(9), 1);
      assert.equal(await deleteSome(9), 0);
      assert.deepEqual([await count(ana), await count(bo)], [0, 1]);
    });

    it("lets at most as many transactions add a block as `count` permits each of them", async () => {
      const people = Array.from({ length: 10 }, (_, index) => person(`racer-${index}`));
      await register(store(), ...people);
      const added = await Promise.all(
        people.map((user) =>
          store().transaction(async ({ blocks }) =>
            (await blocks.count(ana.id)) < 3 ? blocks.add(ana.id, user.id, 1) : false,
          ),
        ),
      );
      assert.equal(added.filter(Boolean).length, 3);
      assert.equal(await count(ana), 3);
    });
  });
}

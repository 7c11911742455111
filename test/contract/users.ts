import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import { usernameKey, type User, type UserId, type UsernameKey } from "../../src/domain/user.js";
import { MAX_ID, MAX_TIME_MS, TRICKY_TEXTS, ana, bo, person, register, type Runner } from "./fixtures.js";

/** Tests the promises of `UserRepository`. */
export function userContract({ describe, it }: Runner, store: () => Store): void {
  const disabledAtOf = (...people: readonly { readonly username: string }[]) =>
    store().read(async ({ users }) => {
      const found = [];
      for (const { username } of people) {
        found.push((await users.credentials(usernameKey(username)))?.disabledAt);
      }
      return found;
    });
  const describeMethod = (name: string, body: () => void) => describe(`UserRepository.${name}`, body);

  describeMethod("add", () => {
    it("stores a user that byId, byKey, account, accountById and credentials return unchanged", async () => {
      const added = TRICKY_TEXTS.map((text, index) => ({
        user: { id: `${index} ${text}` as UserId, username: text, createdAt: index % 2 ? MAX_TIME_MS : 0 },
        key: `key of ${text}` as UsernameKey,
        passwordDigest: `$argon2id$${text}`,
      }));
      await store().transaction(async ({ users }) => {
        for (const { user, key, passwordDigest } of added) {
          assert.equal(await users.add(user, key, passwordDigest), true);
        }
      });
      await store().read(async ({ users }) => {
        for (const { user, key, passwordDigest } of added) {
          assert.deepEqual(await users.byId(user.id), user);
          assert.deepEqual(await users.byKey(key), user);
          assert.deepEqual(await users.credentials(key), {
            user,
            displayName: null,
            passwordDigest,
            disabledAt: null,
            deletedAt: null,
          });
          const states = { disabledAt: null, deletedAt: null };
          assert.deepEqual(await users.account(key), { user, displayName: null, ...states });
          assert.deepEqual(await users.accountById(user.id), await users.account(key));
        }
      });
    });

    it("returns false for a key in use and keeps the first user", async () => {
      const key = usernameKey(ana.username);
      const second: User = { ...person("second"), username: "ANA" };
      await register(store(), ana);
      await store().transaction(async ({ users }) => {
        assert.equal(await users.add(second, key, "digest of second"), false);
      });
      await store().read(async ({ users }) => {
        assert.deepEqual(await users.byKey(key), ana);
        assert.deepEqual(await users.credentials(key), {
          user: ana,
          displayName: null,
          passwordDigest: "digest of ana",
          disabledAt: null,
          deletedAt: null,
        });
        assert.equal(await users.byId(second.id), undefined);
      });
    });

    it("compares keys character by character", async () => {
      const keys = ["ana", "ANA", "ana ", " ana", "anà", "ana\u0300", "an", "anaa", "ａｎａ"];
      const people = keys.map((key, index) => ({ ...person(`person-${index}`), username: key }));
      await store().transaction(async ({ users }) => {
        for (const user of people) {
          assert.equal(await users.add(user, user.username as UsernameKey, "digest"), true);
        }
      });
      await store().read(async ({ users }) => {
        for (const user of people) {
          assert.deepEqual(await users.byKey(user.username as UsernameKey), user);
        }
      });
    });
  });

  describeMethod("accountsById", () => {
    it("returns the accounts with these ids, also when they are many, and leaves out unknown ids", async () => {
      const people = Array.from({ length: 600 }, (_, index) => person(`person-${index}`));
      await store().transaction(async ({ users }) => {
        for (const user of [ana, bo, ...people]) {
          await users.add(user, user.username as UsernameKey, "digest");
        }
        await users.setDisplayName(ana.id, "Ana María");
      });
      const found = (...ids: readonly UserId[]) => store().read(({ users }) => users.accountsById(ids));
      assert.deepEqual(await found(), []);
      const states = { disabledAt: null, deletedAt: null };
      assert.deepEqual(await found(ana.id, "nobody" as UserId), [
        { user: ana, displayName: "Ana María", ...states },
      ]);
      const idsOf = (all: readonly User[]) => all.map(({ id }) => id).toSorted();
      const all = await found(...idsOf([bo, ...people]));
      assert.deepEqual(idsOf(all.map(({ user }) => user)), idsOf([bo, ...people]));
    });
  });

  describeMethod("byId, byKey, account, accountById and credentials", () => {
    it("return undefined for a user who does not exist", async () => {
      await register(store(), ana);
      await store().read(async ({ users }) => {
        for (const text of ["bo", "", bo.id, ana.id.toUpperCase(), ana.id.slice(0, -1)]) {
          assert.equal(await users.byId(text as UserId), undefined);
          assert.equal(await users.accountById(text as UserId), undefined);
          assert.equal(await users.byKey(text as UsernameKey), undefined);
          assert.equal(await users.credentials(text as UsernameKey), undefined);
          assert.equal(await users.account(text as UsernameKey), undefined);
        }
      });
    });
  });

  describeMethod("replacePassword", () => {
    it("replaces the digest of that user only, and returns false for an unknown user", async () => {
      await register(store(), ana, bo);
      await store().transaction(async ({ users }) => {
        assert.equal(await users.replacePassword(ana.id, "new digest"), true);
        assert.equal(await users.replacePassword("nobody" as UserId, "digest"), false);
      });
      await store().read(async ({ users }) => {
        const [keyOfAna, keyOfBo] = [usernameKey(ana.username), usernameKey(bo.username)];
        assert.deepEqual(await users.credentials(keyOfAna), {
          user: ana,
          displayName: null,
          passwordDigest: "new digest",
          disabledAt: null,
          deletedAt: null,
        });
        assert.deepEqual(await users.byId(ana.id), ana);
        assert.deepEqual(await users.credentials(keyOfBo), {
          user: bo,
          displayName: null,
          passwordDigest: "digest of bo",
          disabledAt: null,
          deletedAt: null,
        });
      });
    });
  });

  describeMethod("setDisplayName", () => {
    it("sets and clears the name of that user only, and returns false for an unknown user", async () => {
      await register(store(), ana, bo);
      const nameOf = ({ id }: User) =>
        store().read(async ({ users }) => (await users.accountById(id))!.displayName);
      for (const name of [...TRICKY_TEXTS, null]) {
        await store().transaction(async ({ users }) => {
          assert.equal(await users.setDisplayName(ana.id, name), true);
          assert.equal(await users.setDisplayName("nobody" as UserId, name), false);
        });
        assert.deepEqual([await nameOf(ana), await nameOf(bo)], [name, null]);
      }
    });
  });

  describeMethod("setDisabledAt", () => {
    it("sets and clears the time for that user only, and returns false for an unknown user", async () => {
      await register(store(), ana, bo);
      assert.deepEqual(await disabledAtOf(ana, bo), [null, null]);
      for (const disabledAt of [MAX_TIME_MS, 0, 5, null]) {
        await store().transaction(async ({ users }) => {
          assert.equal(await users.setDisabledAt(ana.id, disabledAt), true);
          assert.equal(await users.setDisabledAt("nobody" as UserId, 1), false);
        });
        assert.deepEqual(await disabledAtOf(ana, bo), [disabledAt, null]);
      }
      await store().transaction(async ({ users }) => {
        await users.setDisabledAt(ana.id, 7);
        await users.replacePassword(ana.id, "new digest");
      });
      await store().read(async ({ users }) => {
        assert.deepEqual(await users.credentials(usernameKey(ana.username)), {
          user: ana,
          displayName: null,
          passwordDigest: "new digest",
          disabledAt: 7,
          deletedAt: null,
        });
        assert.deepEqual(await users.byId(ana.id), ana);
      });
    });
  });

  describeMethod("list", () => {
    it("returns all accounts by id, page by page, without their digests", async () => {
      const people = ["c", "a", "e", "b", "d"].map(person);
      await register(store(), ...people);
      const [one, two, three, four, five] = people.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      await store().transaction(({ users }) => users.setDisabledAt(two!.id, 7));
      await store().read(async ({ users }) => {
        const page = async (after: UserId | undefined, limit: number) =>
          (await users.list({ after, limit })).map(({ user, disabledAt }) => [user, disabledAt]);
        const accounts = [one, two, three, four, five].map((user) => [user, user === two ? 7 : null]);
        assert.deepEqual(await page(undefined, MAX_ID), accounts);
        assert.deepEqual(await page(undefined, 2), accounts.slice(0, 2));
        assert.deepEqual(await page(two!.id, 2), accounts.slice(2, 4));
        assert.deepEqual(await page(four!.id, 2), accounts.slice(4));
        assert.deepEqual(await page(five!.id, 2), []);
        assert.deepEqual(await page(three!.id.slice(0, -1) as UserId, 1), accounts.slice(2, 3));
        assert.deepEqual(await page(undefined, 0), []);
        assert.deepEqual(Object.keys((await users.list({ after: undefined, limit: 1 }))[0]!).toSorted(), [
          "deletedAt",
          "disabledAt",
          "displayName",
          "user",
        ]);
      });
    });
  });
}

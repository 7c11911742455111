import assert from "node:assert/strict";
import type { Store } from "../../src/application/ports.js";
import { usernameKey, type User, type UserId, type UsernameKey } from "../../src/domain/user.js";
import { HARD_TEXTS, LAST_TIME, ana, bo, person, register, type Runner } from "./scene.js";

export function userContract({ describe, it }: Runner, store: () => Store): void {
  describe("users", () => {
    it("are found by id, by key and with their credentials, as they were added", async () => {
      const added = HARD_TEXTS.map((text, index) => ({
        user: { id: `${index} ${text}` as UserId, username: text, createdAt: index % 2 ? LAST_TIME : 0 },
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
          assert.deepEqual(await users.credentials(key), { user, passwordDigest, disabledAt: null });
        }
      });
    });

    it("are not found before they are added", async () => {
      await register(store(), ana);
      await store().read(async ({ users }) => {
        for (const text of ["bo", "", bo.id, ana.id.toUpperCase(), ana.id.slice(0, -1)]) {
          assert.equal(await users.byId(text as UserId), undefined);
          assert.equal(await users.byKey(text as UsernameKey), undefined);
          assert.equal(await users.credentials(text as UsernameKey), undefined);
        }
      });
    });

    it("are refused under a key that is in use, and the first stays", async () => {
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
          passwordDigest: "digest of ana",
          disabledAt: null,
        });
        assert.equal(await users.byId(second.id), undefined);
      });
    });

    it("are told apart by every character of their keys", async () => {
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

    it("have another password once it is set, and nothing else of them changes, nor of anybody else", async () => {
      await register(store(), ana, bo);
      await store().transaction(async ({ users }) => {
        assert.equal(await users.replacePassword(ana.id, "new digest"), true);
        assert.equal(await users.replacePassword("nobody" as UserId, "digest"), false);
      });
      await store().read(async ({ users }) => {
        const [keyOfAna, keyOfBo] = [usernameKey(ana.username), usernameKey(bo.username)];
        assert.deepEqual(await users.credentials(keyOfAna), {
          user: ana,
          passwordDigest: "new digest",
          disabledAt: null,
        });
        assert.deepEqual(await users.byId(ana.id), ana);
        assert.deepEqual(await users.credentials(keyOfBo), {
          user: bo,
          passwordDigest: "digest of bo",
          disabledAt: null,
        });
      });
    });
  });
}

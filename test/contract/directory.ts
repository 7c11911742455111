import assert from "node:assert/strict";
import type { DirectoryPosition, Store } from "../../src/application/ports.js";
import { directoryWords } from "../../src/domain/directory.js";
import { usernameKey, type User } from "../../src/domain/user.js";
import { MAX_ID, ana, bo, person, register, TRICKY_TEXTS, type Runner } from "./fixtures.js";

/** Tests the promises of `UserRepository` about the directory and about users who are written to. */
export function directoryContract({ describe, it }: Runner, store: () => Store): void {
  const find = (prefix: string, limit = MAX_ID, after?: DirectoryPosition) =>
    store().read(({ users }) => users.matching({ prefix, after, limit }));
  const found = async (...given: Parameters<typeof find>) =>
    (await find(...given)).map(({ word, account }) => [word, account.user.username]);
  const rename = ({ id }: User, displayName: string | null) =>
    store().transaction(({ users }) => users.setDisplayName(id, displayName));
  const setDisabledAt = ({ id }: User, at: number | null) =>
    store().transaction(({ users }) => users.setDisabledAt(id, at));

  describe("UserRepository.matching", () => {
    it("returns each account with the first of its words that begins with the prefix, in the order of the words", async () => {
      const names = ["zoe", "ana", "an", "anb", "bana", "Z"];
      const people = names.map(person);
      await register(store(), ...people);
      await rename(people[0]!, "Zoe Ant Anna");
      await rename(people[3]!, "an");
      await rename(people[4]!, "B. 🙂 É\u{ff21}n");
      assert.deepEqual(await found("an"), [
        ["an", "an"],
        ["an", "anb"],
        ["ana", "ana"],
        ["anna", "zoe"],
      ]);
      assert.deepEqual(await found("ant"), [["ant", "zoe"]]);
      assert.deepEqual(await found("éa"), [["éan", "bana"]]);
      assert.deepEqual(await found("🙂"), [["🙂", "bana"]]);
      assert.deepEqual(await found("z"), [
        ["z", "Z"],
        ["zoe", "zoe"],
      ]);
      assert.deepEqual(await found("Z"), []);
      assert.deepEqual(await found("x"), []);
      const [entry] = await find("ana");
      assert.deepEqual(entry!.account, {
        user: people[1],
        displayName: null,
        disabledAt: null,
        deletedAt: null,
      });
    });

    it("returns pages behind a position", async () => {
      const people = ["c", "a", "b", "e", "d"].map((name) => person(`x${name}`));
      await register(store(), ...people);
      for (const user of people) await rename(user, "xx xb Xaver");
      const all = await found("x");
      assert.deepEqual(all, [["xa", "xa"], ...["xb", "xc", "xd", "xe"].map((name) => ["xaver", name])]);
      for (let from = 0; from < all.length; from += 1) {
        const [word, name] = all[from]!;
        const after = { word: word!, id: person(name!).id };
        for (const limit of [0, 1, 2, 9]) {
          assert.deepEqual(await found("x", limit, after), all.slice(from + 1, from + 1 + limit));
        }
      }
    });

    it("follows the words of each display name, and leaves out disabled users", async () => {
      await register(store(), ana, bo);
      await rename(ana, "Old Name");
      await rename(ana, "New Name");
      assert.deepEqual(await found("old"), []);
      assert.deepEqual(await found("n"), [["name", "ana"]]);
      await setDisabledAt(ana, 7);
      for (const prefix of ["a", "n"]) assert.deepEqual(await found(prefix), []);
      await rename(ana, "Newer");
      assert.deepEqual(await found("new"), []);
      assert.deepEqual(await found("b"), [["bo", "bo"]]);
      await setDisabledAt(ana, null);
      assert.deepEqual(await found("new"), [["newer", "ana"]]);
      await rename(ana, null);
      assert.deepEqual(await found("new"), []);
      assert.deepEqual(await found("a"), [["ana", "ana"]]);
    });

    it("finds texts of any kind by the words in them", async () => {
      const people = TRICKY_TEXTS.map((_, index) => person(`user-${index}`));
      await register(store(), ...people);
      for (const [index, text] of TRICKY_TEXTS.entries()) await rename(people[index]!, text);
      for (const [index, text] of TRICKY_TEXTS.entries()) {
        for (const word of directoryWords(usernameKey("x"), text)) {
          const names = (await found(word)).map(([, name]) => name);
          assert.ok(word === "x" || names.includes(`user-${index}`), word);
        }
      }
    });

    it("returns to the words before after a transaction that failed", async () => {
      await register(store(), ana);
      await rename(ana, "Old");
      const failing = store().transaction(async ({ users }) => {
        await users.setDisplayName(ana.id, "New");
        await users.add(bo, usernameKey("bo"), "digest");
        await users.setDisabledAt(ana.id, 1);
        throw new Error("no");
      });
      await assert.rejects(failing);
      assert.deepEqual(await found("o"), [["old", "ana"]]);
      for (const prefix of ["n", "b"]) assert.deepEqual(await found(prefix), []);
    });
  });

  describe("UserRepository.lockedAccount", () => {
    it("returns the account, and undefined for a user who does not exist", async () => {
      await register(store(), ana);
      await rename(ana, "Ana");
      await setDisabledAt(ana, 7);
      await store().transaction(async ({ users }) => {
        const account = { user: ana, displayName: "Ana", disabledAt: 7, deletedAt: null };
        assert.deepEqual(await users.lockedAccount(usernameKey("ana")), account);
        assert.equal(await users.lockedAccount(usernameKey("bo")), undefined);
      });
    });

    it("keeps the user enabled and without further blocks until the transaction ends, whoever races", async () => {
      const people = Array.from({ length: 20 }, (_, index) => person(`racer-${index}`));
      await register(store(), ana, ...people);
      await Promise.all(
        people.map(async (user, index) => {
          let sent = 0;
          const send = () =>
            store().transaction(async ({ users, blocks, chats, events }) => {
              const account = await users.lockedAccount(usernameKey(user.username));
              const between = await blocks.between(ana.id, [user.id]);
              if (account!.disabledAt !== null || between.length > 0) return;
              await chats.addGroup(user.username, 1);
              await events.bounds();
              sent += 1;
            });
          const change = store().transaction(async ({ users, blocks }) => {
            if (index % 2 === 0) await users.setDisabledAt(user.id, 1);
            else await blocks.add(user.id, ana.id, 1);
          });
          const sending = [send(), send()];
          await change;
          const titles = () =>
            store().read(async ({ chats }) => {
              const all = await chats.list({ after: undefined, limit: MAX_ID });
              return all.filter(({ chat }) => chat.title === user.username).length;
            });
          const before = await titles();
          await Promise.all([...sending, send()]);
          assert.deepEqual([await titles(), sent >= before], [before, true]);
        }),
      );
    });
  });
}

import assert from "node:assert/strict";
import type { PasswordHasher } from "../../src/application/ports.js";
import type { Password } from "../../src/domain/user.js";
import type { Runner } from "./fixtures.js";

/** The longest password: 256 characters, 1,024 bytes. */
const LONG_PASSWORD = "🙂".repeat(256) as Password;

/** Pairs that differ in one character, where known hash functions truncate, fold case or stop. */
const SIMILAR_PASSWORDS = [
  ["correct horse", "correct horsf"],
  ["correct horse", "Correct horse"],
  ["correct horse", "correct horse "],
  ["correct\0horse", "correct\0house"],
  [LONG_PASSWORD, `${LONG_PASSWORD.slice(0, -2)}🙃`],
] as unknown as readonly (readonly [Password, Password])[];

/**
 * Defines the tests of the `PasswordHasher` port. They hash about ten passwords.
 *
 * @param open is called once per test and returns the hasher under test.
 */
export function passwordHasherContract(
  { describe, it }: Runner,
  open: () => PasswordHasher | Promise<PasswordHasher>,
): void {
  describe("PasswordHasher.hash", () => {
    it("returns a different digest each time, which does not contain the password", async () => {
      const hasher = await open();
      const [password] = SIMILAR_PASSWORDS[0]!;
      const [one, other] = [await hasher.hash(password), await hasher.hash(password)];
      assert.notEqual(one, other);
      for (const digest of [one, other]) assert.ok(!digest.includes(password));
    });
  });

  describe("PasswordHasher.verify", () => {
    it("returns true for the password of the digest and false for a similar one", async () => {
      const hasher = await open();
      for (const [password, other] of SIMILAR_PASSWORDS) {
        const digest = await hasher.hash(password);
        assert.equal(await hasher.verify(digest, password), true, JSON.stringify(password));
        assert.equal(await hasher.verify(digest, other), false, JSON.stringify(other));
      }
    });

    it("returns false without a digest", async () => {
      const hasher = await open();
      for (const [password] of SIMILAR_PASSWORDS) {
        assert.equal(await hasher.verify(undefined, password), false);
      }
    });
  });

  describe("PasswordHasher.isOutdated", () => {
    it("returns false for a digest that hash returns", async () => {
      const hasher = await open();
      assert.equal(hasher.isOutdated(await hasher.hash(LONG_PASSWORD)), false);
    });
  });
}

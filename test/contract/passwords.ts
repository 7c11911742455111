import assert from "node:assert/strict";
import type { PasswordHasher } from "../../src/application/ports.js";
import type { Password } from "../../src/domain/user.js";
import type { Runner } from "./scene.js";

/** Of 256 characters, in 1,024 bytes: the longest that there is. */
const LONGEST = "🙂".repeat(256) as Password;

/** Pairs that differ in one character, where hashes are known to cut off, to fold or to stop. */
const ALMOST_ALIKE = [
  ["correct horse", "correct horsf"],
  ["correct horse", "Correct horse"],
  ["correct horse", "correct horse "],
  ["correct\0horse", "correct\0house"],
  [LONGEST, `${LONGEST.slice(0, -2)}🙃`],
] as unknown as readonly (readonly [Password, Password])[];

/**
 * What the `PasswordHasher` port promises, as tests. They hash a dozen passwords.
 *
 * @param open is called for each test.
 */
export function passwordHasherContract(
  { describe, it }: Runner,
  open: () => PasswordHasher | Promise<PasswordHasher>,
): void {
  describe("a password hasher", () => {
    it("verifies a password against its own digest, and against that of no other one", async () => {
      const hasher = await open();
      for (const [password, other] of ALMOST_ALIKE) {
        const digest = await hasher.hash(password);
        assert.equal(await hasher.verify(digest, password), true, JSON.stringify(password));
        assert.equal(await hasher.verify(digest, other), false, JSON.stringify(other));
      }
    });

    it("makes digests that do not hold the password, and another one each time", async () => {
      const hasher = await open();
      const [password] = ALMOST_ALIKE[0]!;
      const [one, other] = [await hasher.hash(password), await hasher.hash(password)];
      assert.notEqual(one, other);
      for (const digest of [one, other]) assert.ok(!digest.includes(password));
    });

    it("knows no password without a digest", async () => {
      const hasher = await open();
      for (const [password] of ALMOST_ALIKE) assert.equal(await hasher.verify(undefined, password), false);
    });

    it("does not call a digest outdated that it has just made", async () => {
      const hasher = await open();
      assert.equal(hasher.isOutdated(await hasher.hash(LONGEST)), false);
    });
  });
}

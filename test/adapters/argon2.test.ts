import { argon2d, argon2id, hash } from "argon2";
import { expect } from "chai";
import { argon2Hasher } from "../../src/adapters/argon2.js";
import type { Password } from "../../src/domain/user.js";
import { passwordHasherContract } from "../contract/index.js";
import { errorCodeOf } from "../support/error-code.js";

const password = "correct horse" as Password;

describe("argon2Hasher", () => {
  passwordHasherContract({ describe, it, beforeEach, afterEach }, () => argon2Hasher());

  it("hashes with argon2id and the parameters that OWASP recommends", async () => {
    const digest = await argon2Hasher().hash(password);
    expect(digest).to.match(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  });

  it("reports a digest with other parameters as outdated, and still verifies it", async () => {
    const hasher = argon2Hasher();
    const now = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
    for (const other of [{ memoryCost: 8_192 }, { timeCost: 3 }, { parallelism: 2 }, { type: argon2d }]) {
      const digest = await hash(password, { ...now, ...other });
      expect(hasher.isOutdated(digest)).to.equal(true);
      expect(await hasher.verify(digest, password)).to.equal(true);
    }
  });

  it("rejects calls beyond the maximum queue length at once, also for unknown users", async () => {
    const hasher = argon2Hasher(2);
    const calls = Array.from({ length: 20 }, (_, n) =>
      errorCodeOf(n % 2 ? hasher.hash(password) : hasher.verify(undefined, password)),
    );
    const outcomes = await Promise.all(calls);
    expect(outcomes).to.include("busy").and.include(undefined);
    expect(await errorCodeOf(hasher.hash(password))).to.equal(undefined);
  });
});

import { argon2d, argon2id, hash } from "argon2";
import { expect } from "chai";
import { argon2Hasher } from "../../src/adapters/argon2.js";
import type { Password } from "../../src/domain/user.js";
import { passwordHasherContract } from "../contract/index.js";
import { refusalOf } from "../support/refusal.js";

const password = "correct horse" as Password;

describe("the argon2 hasher", () => {
  passwordHasherContract({ describe, it, beforeEach, afterEach }, () => argon2Hasher());

  it("makes digests of argon2id, with OWASP's parameters", async () => {
    const digest = await argon2Hasher().hash(password);
    expect(digest).to.match(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  });

  it("calls a digest outdated that was made with other parameters, and verifies it nevertheless", async () => {
    const hasher = argon2Hasher();
    const now = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
    for (const other of [{ memoryCost: 8_192 }, { timeCost: 3 }, { parallelism: 2 }, { type: argon2d }]) {
      const digest = await hash(password, { ...now, ...other });
      expect(hasher.isOutdated(digest)).to.equal(true);
      expect(await hasher.verify(digest, password)).to.equal(true);
    }
  });

  it("refuses at once whoever would wait behind too many others, unknown users too", async () => {
    const hasher = argon2Hasher(2);
    const asked = Array.from({ length: 20 }, (_, n) =>
      refusalOf(n % 2 ? hasher.hash(password) : hasher.verify(undefined, password)),
    );
    const outcomes = await Promise.all(asked);
    expect(outcomes).to.include("busy").and.include(undefined);
    expect(await refusalOf(hasher.hash(password))).to.equal(undefined);
  });
});

import assert from "node:assert/strict";
import type { Ids, Secrets } from "../../src/application/ports.js";
import type { Runner } from "./fixtures.js";

/** How many values a test generates to find a repeated one. */
const GENERATED_COUNT = 10_000;

/**
 * Defines the tests of the `Secrets` port.
 *
 * @param open is called once per test and returns the secrets under test.
 */
export function secretsContract({ describe, it }: Runner, open: () => Secrets | Promise<Secrets>): void {
  describe("Secrets.generate", () => {
    it("returns distinct secrets of at least 43 characters that a cookie can carry", async () => {
      const secrets = await open();
      const generated = Array.from({ length: GENERATED_COUNT }, () => secrets.generate());
      for (const secret of generated) assert.match(secret, /^[A-Za-z0-9._~-]{43,200}$/);
      assert.equal(new Set(generated).size, GENERATED_COUNT);
    });
  });

  describe("Secrets.generateCode", () => {
    it("returns distinct codes of at least 22 characters that a path can carry", async () => {
      const secrets = await open();
      const codes = Array.from({ length: GENERATED_COUNT }, () => secrets.generateCode());
      for (const code of codes) assert.match(code, /^[A-Za-z0-9_-]{22,200}$/);
      assert.equal(new Set(codes).size, GENERATED_COUNT);
    });
  });

  describe("Secrets.digests", () => {
    it("returns the same digests for the same text and another first digest for another text", async () => {
      const secrets = await open();
      const generated = Array.from({ length: 100 }, () => secrets.generate());
      const firsts = new Set<string>();
      for (const secret of [...generated, "", "🙂", "a", "A", "a "]) {
        const digests = secrets.digests(secret);
        assert.ok(digests.length > 0);
        assert.deepEqual(secrets.digests(secret), digests);
        firsts.add(digests[0]);
      }
      assert.equal(firsts.size, generated.length + 5);
    });

    it("returns no digest that contains the secret", async () => {
      const secrets = await open();
      const secret = secrets.generate();
      for (const digest of secrets.digests(secret)) assert.ok(!digest.includes(secret));
    });
  });
}

/**
 * Defines the tests of the `Ids` port.
 *
 * @param open is called twice per test, once for each of two nodes.
 */
export function idsContract({ describe, it }: Runner, open: () => Ids | Promise<Ids>): void {
  describe("Ids.next", () => {
    it("returns distinct ids of more than 32 characters on every node", async () => {
      const nodes = [await open(), await open()];
      const ids = nodes.flatMap((node) => Array.from({ length: GENERATED_COUNT }, () => node.next()));
      for (const id of ids) assert.match(id, /^[A-Za-z0-9._~-]{33,200}$/);
      assert.equal(new Set(ids).size, 2 * GENERATED_COUNT);
    });
  });
}

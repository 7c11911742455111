import assert from "node:assert/strict";
import type { Ids, Secrets } from "../../src/application/ports.js";
import type { Runner } from "./scene.js";

/** How many are taken of what is never to come twice. */
const MANY = 10_000;

/**
 * What the `Secrets` port promises, as tests.
 *
 * @param open is called for each test.
 */
export function secretsContract({ describe, it }: Runner, open: () => Secrets | Promise<Secrets>): void {
  describe("secrets", () => {
    it("have room for 256 bits, can be carried by a cookie, and never come twice", async () => {
      const secrets = await open();
      const generated = Array.from({ length: MANY }, () => secrets.generate());
      for (const secret of generated) assert.match(secret, /^[A-Za-z0-9._~-]{43,200}$/);
      assert.equal(new Set(generated).size, MANY);
    });

    it("have the same digests whenever they are asked for, the first of which is no other secret's", async () => {
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

    it("are not to be read in their digests", async () => {
      const secrets = await open();
      const secret = secrets.generate();
      for (const digest of secrets.digests(secret)) assert.ok(!digest.includes(secret));
    });
  });
}

/**
 * What the `Ids` port promises, as tests.
 *
 * @param open is called for each test, twice.
 */
export function idsContract({ describe, it }: Runner, open: () => Ids | Promise<Ids>): void {
  describe("ids", () => {
    it("are longer than a username can be, and never come twice, from whichever node they are", async () => {
      const nodes = [await open(), await open()];
      const ids = nodes.flatMap((node) => Array.from({ length: MANY }, () => node.next()));
      for (const id of ids) assert.match(id, /^[A-Za-z0-9._~-]{33,200}$/);
      assert.equal(new Set(ids).size, 2 * MANY);
    });
  });
}

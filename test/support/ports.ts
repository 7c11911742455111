import { openMemoryStore } from "../../src/adapters/memory/store.js";
import type { Clock, Ids, PasswordHasher, Ports, Secrets, Store } from "../../src/application/ports.js";

/** A store, and the rest of the world in the hands of the test. */
export interface TestPorts extends Ports {
  readonly clock: Clock & { advance(milliseconds: number): void };
  readonly passwords: PasswordHasher & {
    /** Counts the digests that there are as made in an old way. */
    outdate(): void;
    /** How many passwords were hashed. */
    readonly hashed: number;
    /** The digests that were compared with a password. */
    readonly verified: readonly (string | undefined)[];
  };
  readonly secrets: Secrets & {
    /** All secrets that were given out. */
    readonly generated: readonly string[];
    /** Puts a new key first; older ones still count. */
    rotate(): void;
    /** Forgets all keys but the first. */
    retire(): void;
  };
}

export function testPorts(store: Store = openMemoryStore()): TestPorts {
  return {
    store,
    passwords: plainPasswords(),
    secrets: countedSecrets(),
    clock: handMovedClock(Date.parse("2026-11-23T10:15:00.123Z")),
    ids: countedIds(),
    refusedPasswords: new Set(["password123"]),
  };
}

function handMovedClock(start: number): TestPorts["clock"] {
  let now = start;
  return {
    now: () => now,
    advance(milliseconds) {
      now += milliseconds;
    },
  };
}

function countedIds(): Ids {
  let count = 0;
  return { next: () => `id-${String((count += 1)).padStart(33, "0")}` };
}

/** Takes no time, and hides nothing. */
function plainPasswords(): TestPorts["passwords"] {
  const verified: (string | undefined)[] = [];
  let hashed = 0;
  let name = "digest";
  return {
    get hashed() {
      return hashed;
    },
    verified,
    outdate() {
      name = `new ${name}`;
    },
    async hash(password) {
      hashed += 1;
      return `${name} of ${password}`;
    },
    async verify(digest, password) {
      verified.push(digest);
      return digest !== undefined && digest.endsWith(`digest of ${password}`);
    },
    isOutdated: (digest) => !digest.startsWith(`${name} of `),
  };
}

function countedSecrets(): TestPorts["secrets"] {
  const generated: string[] = [];
  let newest = 1;
  let keys: [string, ...string[]] = ["key-1"];
  return {
    generated,
    generate() {
      const secret = `secret-${generated.length + 1}`.padEnd(43, "-");
      generated.push(secret);
      return secret;
    },
    digests(secret) {
      const [first, ...others] = keys;
      return [`${first} of ${secret}`, ...others.map((key) => `${key} of ${secret}`)];
    },
    rotate() {
      newest += 1;
      keys = [`key-${newest}`, ...keys];
    },
    retire() {
      keys = [keys[0]];
    },
  };
}

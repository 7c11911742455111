import { openMemoryStore } from "../../src/adapters/memory/store.js";
import {
  sequentialIds,
  sequentialSecrets,
  manualClock,
  plaintextHasher,
  type ManualClock,
} from "../../src/adapters/predictable.js";
import type { PasswordHasher, Ports, Secrets, Store } from "../../src/application/ports.js";

/** A store, and the rest of the world in the hands of the test. */
export interface TestPorts extends Ports {
  readonly clock: ManualClock;
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
    passwords: watchedPasswords(),
    secrets: watchedSecrets(),
    clock: manualClock(),
    ids: sequentialIds(),
    refusedPasswords: new Set(["password123"]),
  };
}

function watchedPasswords(): TestPorts["passwords"] {
  const verified: (string | undefined)[] = [];
  let hashed = 0;
  let scheme = "digest";
  let passwords = plaintextHasher(scheme);
  return {
    get hashed() {
      return hashed;
    },
    verified,
    outdate() {
      scheme = `new ${scheme}`;
      passwords = plaintextHasher(scheme);
    },
    hash(password) {
      hashed += 1;
      return passwords.hash(password);
    },
    verify(digest, password) {
      verified.push(digest);
      return passwords.verify(digest, password);
    },
    isOutdated: (digest) => passwords.isOutdated(digest),
  };
}

function watchedSecrets(): TestPorts["secrets"] {
  const secrets = sequentialSecrets();
  const generated: string[] = [];
  let newest = 1;
  let keys: [string, ...string[]] = ["key-1"];
  return {
    generated,
    generate() {
      const secret = secrets.generate();
      generated.push(secret);
      return secret;
    },
    digests(text) {
      const [first, ...others] = keys.map((key) => `${key} of ${secrets.digests(text)[0]}`);
      return [first!, ...others];
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

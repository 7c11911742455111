import { openMemoryStore } from "../../src/adapters/memory/store.js";
import {
  sequentialIds,
  sequentialSecrets,
  manualClock,
  plaintextHasher,
  type ManualClock,
} from "../../src/adapters/predictable.js";
import type { PasswordHasher, Ports, Secrets, Store } from "../../src/application/ports.js";

/** Ports that a test controls. */
export interface TestPorts extends Ports {
  readonly clock: ManualClock;
  readonly passwords: PasswordHasher & {
    /** Makes all existing digests outdated. */
    outdate(): void;
    /** The number of hashed passwords. */
    readonly hashed: number;
    /** The digests that passwords were verified against. */
    readonly verified: readonly (string | undefined)[];
  };
  readonly secrets: Secrets & {
    /** All generated secrets. */
    readonly generated: readonly string[];
    /** Adds a new first key; older keys stay valid. */
    rotate(): void;
    /** Removes all keys but the first. */
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
    generateCode: () => secrets.generateCode(),
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

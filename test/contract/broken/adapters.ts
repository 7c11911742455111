import { keyedSecrets, uuids } from "../../../src/adapters/system.js";
import type { Ids, PasswordHasher, Secrets } from "../../../src/application/ports.js";
import { idsContract, passwordHasherContract, secretsContract } from "../index.js";
import type { Runner } from "../fixtures.js";

/** A suite over one adapter. */
export type Suite = (runner: Runner) => void;

/** Keeps passwords salted, in letters that nobody reads at once. */
export function soundHasher(): PasswordHasher {
  let salt = 0;
  const scrambled = (password: string) => Buffer.from(password).toString("hex");
  return {
    hash: async (password) => `${(salt += 1)}$${scrambled(password)}`,
    verify: async (digest, password) => digest?.split("$")[1] === scrambled(password),
    isOutdated: (digest) => !digest.includes("$"),
  };
}

export const soundSecrets = () => keyedSecrets(["key", "older key"]);

function hasher(change: (sound: PasswordHasher) => Partial<PasswordHasher>): Suite {
  const sound = soundHasher();
  return (runner) => passwordHasherContract(runner, () => ({ ...sound, ...change(sound) }));
}

/** Looks at the passwords in another form only. */
function folding(form: (password: string) => string): Suite {
  return hasher((sound) => ({
    hash: (password) => sound.hash(form(password) as typeof password),
    verify: (digest, password) => sound.verify(digest, form(password) as typeof password),
  }));
}

function secrets(change: (sound: Secrets) => Partial<Secrets>): Suite {
  const sound = soundSecrets();
  return (runner) => secretsContract(runner, () => ({ ...sound, ...change(sound) }));
}

function ids(open: () => Ids): Suite {
  return (runner) => idsContract(runner, open);
}

/** For each case of the smaller suites, adapters that must fail it, each by what is wrong with it. */
export const brokenAdapters: Readonly<Record<string, Readonly<Record<string, Suite>>>> = {
  "PasswordHasher.verify returns true for the password of the digest and false for a similar one": {
    "cuts off what is behind 72 bytes, as bcrypt does": folding((password) =>
      Buffer.from(password).subarray(0, 72).toString("latin1"),
    ),
    "stops at a NUL, as C does": folding((password) => password.split("\0")[0]!),
    "does not see upper case": folding((password) => password.toLowerCase()),
    "cuts off white space": folding((password) => password.trim()),
    "takes any password": hasher(() => ({ verify: async (digest) => digest !== undefined })),
    "takes none": hasher(() => ({ verify: async () => false })),
  },
  "PasswordHasher.hash returns a different digest each time, which does not contain the password": {
    "has no salt": hasher((sound) => ({
      hash: async (password) => (await sound.hash(password)).replace(/^\d+/, "1"),
    })),
    "keeps the password beside": hasher((sound) => ({
      hash: async (password) => `${await sound.hash(password)}$${password}`,
    })),
  },
  "PasswordHasher.verify returns false without a digest": {
    "takes who has none for somebody": hasher((sound) => ({
      verify: async (digest, password) => digest === undefined || sound.verify(digest, password),
    })),
  },
  "PasswordHasher.isOutdated returns false for a digest that hash returns": {
    "calls all outdated": hasher(() => ({ isOutdated: () => true })),
  },
  "Secrets.generate returns distinct secrets of at least 43 characters that a cookie can carry": {
    "are of 128 bits": secrets((sound) => ({ generate: () => sound.generate().slice(0, 22) })),
    "cannot be carried": secrets((sound) => ({ generate: () => `${sound.generate()};` })),
    "come twice": secrets((sound) => {
      const few = Array.from({ length: 9_999 }, () => sound.generate());
      let count = 0;
      return { generate: () => few[(count += 1) % few.length]! };
    }),
  },
  "Secrets.digests returns the same digests for the same text and another first digest for another text": {
    "have another digest each time": secrets((sound) => ({
      digests: (text) => sound.digests(text + sound.generate()),
    })),
    "have one digest for two": secrets((sound) => ({ digests: (text) => sound.digests(text.trim()) })),
    "have none": secrets(() => ({ digests: () => [] as unknown as readonly [string] })),
  },
  "Secrets.digests returns no digest that contains the secret": {
    "are stored as they are": secrets(() => ({ digests: (text) => [`digest of ${text}`] })),
    "are stored as they were under an older key": secrets((sound) => ({
      digests: (text) => [...sound.digests(text), text],
    })),
  },
  "Ids.next returns distinct ids of more than 32 characters on every node": {
    "are as long as a username": ids(() => ({ next: () => uuids.next().slice(0, 32) })),
    "are counted on each node": ids(() => {
      let count = 0;
      return { next: () => `${(count += 1)}`.padStart(36, "0") };
    }),
  },
};

import { argon2Hasher } from "../src/adapters/argon2.js";
import type { Password } from "../src/domain/user.js";

const CONCURRENCY = 8;

// A separate process. It replies to each message with the number of passwords per second that it verified in the given time.
const password = "correct horse battery staple" as Password;
const hasher = argon2Hasher();
const digest = await hasher.hash(password);
process.on("message", ({ milliseconds }: { readonly milliseconds: number }) => {
  void verifyFor(milliseconds).then((rate) => process.send?.(rate));
});

async function verifyFor(milliseconds: number): Promise<number> {
  const start = performance.now();
  let verified = 0;
  const verify = async () => {
    while (performance.now() - start < milliseconds) {
      await hasher.verify(digest, password);
      verified += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, verify));
  return verified / ((performance.now() - start) / 1000);
}

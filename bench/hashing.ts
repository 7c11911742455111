import { argon2Hasher } from "../src/adapters/argon2.js";
import type { Password } from "../src/domain/user.js";

const AT_ONCE = 8;

// A process of its own. To each message it answers how many passwords a second it has checked, for so many milliseconds.
const password = "correct horse battery staple" as Password;
const hasher = argon2Hasher();
const digest = await hasher.hash(password);
process.on("message", ({ milliseconds }: { readonly milliseconds: number }) => {
  void checkFor(milliseconds).then((rate) => process.send?.(rate));
});

async function checkFor(milliseconds: number): Promise<number> {
  const began = performance.now();
  let checked = 0;
  const check = async () => {
    while (performance.now() - began < milliseconds) {
      await hasher.verify(digest, password);
      checked += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, check));
  return checked / ((performance.now() - began) / 1000);
}

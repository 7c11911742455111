import { createHash } from "node:crypto";
import type { Context } from "koa";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { usernameKey } from "../../domain/user.js";
import { clientAddress, networkOf } from "./address.js";
import { HttpError } from "./problem.js";

/** How often, in how many seconds. Nobody who uses Palaver by hand, or an office of such people, comes near them. */
const policies = {
  "failed-logins-by-account": { quota: 10, window: 15 * 60 },
  "failed-logins-by-address": { quota: 100, window: 15 * 60 },
  registrations: { quota: 200, window: 60 * 60 },
  sends: { quota: 600, window: 60 },
} as const;

type Policy = keyof typeof policies;

/** The codes of the core that say that a password was tried and was wrong. */
const WRONG: ReadonlySet<unknown> = new Set(["wrong_credentials", "wrong_password"]);

/** How many keys of a policy are remembered: whoever comes with more addresses than that makes it forget the oldest. */
const MOST_KEYS = 50_000;

/**
 * How often who may do what. A request over a limit is refused before anything is done for it. The limits are counted in
 * this process, so that they begin anew when it does.
 */
export interface Limits {
  /** @throws HttpError `too_many_requests` */
  countRegistration(ctx: Context): Promise<void>;
  /** @throws HttpError `too_many_requests` */
  countSend(ctx: Context, userId: string): Promise<void>;
  /**
   * Does what tries a password, and counts it if the password was wrong. Who guesses is stopped, and not the owner of the
   * account: the count is of the name _from that address_. Attempts count while they are under way, so that many at once
   * are no way around.
   *
   * @throws HttpError `too_many_requests`
   */
  tryPassword<T>(ctx: Context, username: string, attempt: () => Promise<T>): Promise<T>;
}

export const noLimits: Limits = {
  countRegistration: async () => {},
  countSend: async () => {},
  tryPassword: (_ctx, _username, attempt) => attempt(),
};

export function createLimits(mostKeys = MOST_KEYS): Limits {
  const counters = Object.fromEntries(
    Object.entries(policies).map(([policy, { quota, window }]) => [policy, counter(quota, window, mostKeys)]),
  ) as Record<Policy, Counter>;

  /** @returns takes it back. */
  async function count(ctx: Context, policy: Policy, key: string): Promise<() => Promise<void>> {
    const left = await counters[policy].take(key);
    tell(ctx, policy, left);
    if (left.refused) {
      const seconds = String(secondsOf(left.milliseconds));
      throw new HttpError("too_many_requests", `That was too often. Try again in ${seconds} seconds.`, {
        headers: { "Retry-After": seconds },
      });
    }
    return async () => {
      tell(ctx, policy, { ...left, remaining: left.remaining + 1 });
      await counters[policy].giveBack(key);
    };
  }

  return {
    async countRegistration(ctx) {
      await count(ctx, "registrations", networkOf(clientAddress(ctx)));
    },
    async countSend(ctx, userId) {
      await count(ctx, "sends", userId);
    },
    async tryPassword(ctx, username, attempt) {
      const network = networkOf(clientAddress(ctx));
      const account = createHash("sha256")
        .update(`${network} ${usernameKey(username)}`)
        .digest("base64");
      const taken: (() => Promise<void>)[] = [];
      let wrong = false;
      try {
        taken.push(await count(ctx, "failed-logins-by-account", account));
        taken.push(await count(ctx, "failed-logins-by-address", network));
        return await attempt();
      } catch (error) {
        wrong = WRONG.has((error as { readonly code?: unknown }).code);
        throw error;
      } finally {
        if (!wrong) for (const giveBack of taken) await giveBack();
      }
    },
  };
}

interface Counter {
  take(key: string): Promise<Left>;
  giveBack(key: string): Promise<unknown>;
}

/** What is left to a key. */
interface Left {
  readonly refused: boolean;
  readonly remaining: number;
  /** Until it has all of it again. */
  readonly milliseconds: number;
}

function counter(points: number, duration: number, mostKeys: number): Counter {
  const limiter = new RateLimiterMemory({ points, duration });
  // The limiter forgets a key when its window is over, which is too late where somebody has a new key for each request.
  const keys = new Set<string>();
  const remember = async (key: string) => {
    keys.delete(key);
    keys.add(key);
    const [oldest] = keys;
    if (keys.size <= mostKeys || oldest === undefined) return;
    keys.delete(oldest);
    await limiter.delete(oldest);
  };
  return {
    async take(key) {
      await remember(key);
      try {
        const { remainingPoints, msBeforeNext } = await limiter.consume(key);
        return { refused: false, remaining: remainingPoints, milliseconds: msBeforeNext };
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        await limiter.reward(key);
        return { refused: true, remaining: 0, milliseconds: refusal.msBeforeNext };
      }
    },
    giveBack: (key) => limiter.reward(key),
  };
}

/** In the headers of draft-ietf-httpapi-ratelimit-headers-10: `q` in `w` seconds, of which `r` are left for `t` seconds. */
function tell(ctx: Context, policy: Policy, left: Left): void {
  const told = (ctx.state["limits"] ??= new Map()) as Map<Policy, Left>;
  told.set(policy, left);
  const list = (item: (policy: Policy, left: Left) => string) =>
    Array.from(told, ([name, each]) => `"${name}";${item(name, each)}`).join(", ");
  ctx.set({
    "RateLimit-Policy": list((name) => `q=${policies[name].quota};w=${policies[name].window}`),
    RateLimit: list((_, { remaining, milliseconds }) => `r=${remaining};t=${secondsOf(milliseconds)}`),
  });
}

function secondsOf(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}

import { createHash } from "node:crypto";
import type { Context } from "koa";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { usernameKey } from "../../domain/user.js";
import { clientAddress, networkOf } from "./address.js";
import { HttpError } from "./problem.js";

/** The quota of each policy and its window in seconds. People, and offices that share an address, stay far below. */
const policies = {
  "failed-logins-by-account": { quota: 10, window: 15 * 60 },
  "failed-logins-by-address": { quota: 100, window: 15 * 60 },
  registrations: { quota: 200, window: 60 * 60 },
  sends: { quota: 600, window: 60 },
} as const;

type Policy = keyof typeof policies;

/** Codes of the core for a password that was checked and is wrong. */
const WRONG_PASSWORD_CODES: ReadonlySet<unknown> = new Set(["wrong_credentials", "wrong_password"]);

/** How many keys each policy counts. Beyond that, it forgets the least recently used key. */
const DEFAULT_MAX_KEYS = 50_000;

/**
 * Rate limits. A request over a limit is rejected before it is processed. Counters live in this process and restart with
 * it.
 */
export interface Limits {
  /** @throws HttpError `too_many_requests` */
  countRegistration(ctx: Context): Promise<void>;
  /** @throws HttpError `too_many_requests` */
  countSend(ctx: Context, userId: string): Promise<void>;
  /**
   * Runs an attempt that checks a password, and counts it if the password is wrong. Counts per username _and network_, so
   * that an attacker cannot lock the owner out. Attempts in progress count, so that parallel ones do not evade the limit.
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

export function createLimits(maxKeys = DEFAULT_MAX_KEYS): Limits {
  const counters = Object.fromEntries(
    Object.entries(policies).map(([policy, { quota, window }]) => [
      policy,
      createCounter(quota, window, maxKeys),
    ]),
  ) as Record<Policy, Counter>;

  /** @returns a function that undoes the count */
  async function count(ctx: Context, policy: Policy, key: string): Promise<() => Promise<void>> {
    const quota = await counters[policy].consume(key);
    setRateLimitHeaders(ctx, policy, quota);
    if (quota.exceeded) {
      const seconds = String(toSeconds(quota.resetMs));
      throw new HttpError("too_many_requests", `Too many requests. Try again in ${seconds} seconds.`, {
        headers: { "Retry-After": seconds },
      });
    }
    return async () => {
      setRateLimitHeaders(ctx, policy, { ...quota, remaining: quota.remaining + 1 });
      await counters[policy].refund(key);
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
      const refunds: (() => Promise<void>)[] = [];
      let wrong = false;
      try {
        refunds.push(await count(ctx, "failed-logins-by-account", account));
        refunds.push(await count(ctx, "failed-logins-by-address", network));
        return await attempt();
      } catch (error) {
        wrong = WRONG_PASSWORD_CODES.has((error as { readonly code?: unknown }).code);
        throw error;
      } finally {
        if (!wrong) for (const refund of refunds) await refund();
      }
    },
  };
}

interface Counter {
  consume(key: string): Promise<Quota>;
  refund(key: string): Promise<unknown>;
}

/** The quota that a key has left. */
interface Quota {
  readonly exceeded: boolean;
  readonly remaining: number;
  /** The time until the whole quota is available again. */
  readonly resetMs: number;
}

function createCounter(points: number, duration: number, maxKeys: number): Counter {
  const limiter = new RateLimiterMemory({ points, duration });
  // The limiter drops a key only when its window ends, which does not bound its memory if each request has a new key.
  const keys = new Set<string>();
  const remember = async (key: string) => {
    keys.delete(key);
    keys.add(key);
    const [oldest] = keys;
    if (keys.size <= maxKeys || oldest === undefined) return;
    keys.delete(oldest);
    await limiter.delete(oldest);
  };
  return {
    async consume(key) {
      await remember(key);
      try {
        const { remainingPoints, msBeforeNext } = await limiter.consume(key);
        return { exceeded: false, remaining: remainingPoints, resetMs: msBeforeNext };
      } catch (result) {
        if (!(result instanceof RateLimiterRes)) throw result;
        await limiter.reward(key);
        return { exceeded: true, remaining: 0, resetMs: result.msBeforeNext };
      }
    },
    refund: (key) => limiter.reward(key),
  };
}

/** Sets the headers of draft-ietf-httpapi-ratelimit-headers-10: quota `q` per window `w`, remaining `r`, reset after `t`. */
function setRateLimitHeaders(ctx: Context, policy: Policy, quota: Quota): void {
  const quotas = (ctx.state["limits"] ??= new Map()) as Map<Policy, Quota>;
  quotas.set(policy, quota);
  const list = (parameters: (policy: Policy, quota: Quota) => string) =>
    Array.from(quotas, ([name, each]) => `"${name}";${parameters(name, each)}`).join(", ");
  ctx.set({
    "RateLimit-Policy": list((name) => `q=${policies[name].quota};w=${policies[name].window}`),
    RateLimit: list((_, { remaining, resetMs }) => `r=${remaining};t=${toSeconds(resetMs)}`),
  });
}

function toSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}

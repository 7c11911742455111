import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import type { Context } from "koa";
import type { MessagingError } from "../../domain/errors.js";
import type { Session } from "../../domain/session.js";
import type { UserId } from "../../domain/user.js";
import { usernameKey } from "../../domain/user.js";
import { networkOf } from "./address.js";
import { Counter, type Quota } from "./counter.js";
import { FairQueue } from "./fair-queue.js";
import { forwardedOf } from "./forwarded.js";
import { HttpError } from "./problem.js";
import { afterClose } from "./response.js";

/** The quota of each policy and its window in seconds. People, and offices that share an address, stay far below. */
const policies = {
  "failed-logins-by-account": { quota: 10, window: 15 * 60 },
  "failed-logins-by-address": { quota: 100, window: 15 * 60 },
  registrations: { quota: 200, window: 60 * 60 },
  logins: { quota: 600, window: 60 },
  sends: { quota: 600, window: 60 },
  writes: { quota: 600, window: 60 },
  groups: { quota: 60, window: 60 },
  "session-changes": { quota: 120, window: 60 },
} as const;

type Policy = keyof typeof policies;

/** The policies of requests without a session, counted by client address. */
export type AddressPolicy = "registrations" | "logins";

/**
 * The policies of requests with a session, counted by user. `session-changes` are counted by session, so that a stolen session
 * cannot keep its owner from ending it.
 */
export type SessionPolicy = "sends" | "writes" | "groups" | "session-changes";

/**
 * How many requests of a kind may be in progress, until their clients have received the response: of one user, and of one
 * address. `polls` mostly wait.
 */
const concurrency = {
  reads: { user: 20, address: 240 },
  polls: { user: 50, address: 1_000 },
} as const;

/** A kind of request whose concurrency is limited. */
export type Concurrent = keyof typeof concurrency;

/** Codes of the core for a password that was checked and is wrong. */
const WRONG_PASSWORD_CODES: ReadonlySet<unknown> = new Set(["wrong_credentials", "wrong_password"]);

/**
 * How many keys each policy counts, see `Counter`. To use up the quota of all of them takes more requests in a window than
 * one process answers.
 */
const DEFAULT_MAX_KEYS = 100_000;

/**
 * How password checks are admitted. The hasher uses all cores but one, and one more check is admitted, so that it does not idle
 * while another check reads or writes the store.
 */
const PASSWORD_QUEUE = {
  concurrency: Math.max(2, availableParallelism()),
  // The first check of another address starts at once.
  maxRunningPerAddress: Math.max(1, Math.floor(availableParallelism() / 2)),
  maxPerAccount: 10,
  maxPerAddress: 64,
  maxWaiting: 256,
};

/**
 * How many refusals a network gets at once in a window, and how long each further one is delayed. Otherwise a client that repeats
 * refused requests as fast as it can would take the time of all others.
 */
const REFUSALS = { quota: 50, windowMs: 1_000, delayMs: 1_000 };

/**
 * Rate limits. A request over a limit is rejected before it is processed. Counters live in this process and restart with
 * it.
 */
export interface Limits {
  /** @throws HttpError `too_many_requests` */
  countByAddress(ctx: Context, policy: AddressPolicy): void;
  /** @throws HttpError `too_many_requests` */
  countBySession(ctx: Context, policy: SessionPolicy, session: Session): void;
  /** Counts more for a request that was counted once and has succeeded. It may exceed the quota, which is then used up. */
  countMore(ctx: Context, policy: SessionPolicy, session: Session, times: number): void;
  /**
   * Counts the request as in progress until its response or connection has closed.
   *
   * @throws HttpError `too_many_requests` if too many of the user or the address are in progress
   */
  enter(ctx: Context, kind: Concurrent, userId: UserId): void;
  /** Resolves when the refusal of a request may be sent: at once, unless the network of the client is refused very often. */
  delayRefusal(ctx: Context): Promise<void>;
  /**
   * Runs work that hashes a password when it is the turn of its address and username, whether it will succeed or not. So no address
   * keeps the hasher from others.
   *
   * @throws MessagingError `busy` if too much of the same address or username waits, or too much in all
   */
  takeTurn<T>(ctx: Context, username: string, work: () => Promise<T>): Promise<T>;
  /**
   * Runs an attempt that checks a password like `takeTurn`, and counts it if the password is wrong. Counts per username _and
   * network_, so that an attacker cannot lock the owner out. Attempts in progress count, so that parallel ones do not evade the limit.
   *
   * @param invalid the code of an attempt that no password check follows. It counts against the address, but not against the
   * account: it guesses nothing.
   * @throws HttpError `too_many_requests`
   * @throws MessagingError as `takeTurn`
   */
  tryPassword<T>(
    ctx: Context,
    username: string,
    attempt: () => Promise<T>,
    invalid?: MessagingError["code"],
  ): Promise<T>;
}

export const noLimits: Limits = {
  countByAddress() {},
  countBySession() {},
  countMore() {},
  enter() {},
  delayRefusal: async () => {},
  takeTurn: (_ctx, _username, work) => work(),
  tryPassword: (_ctx, _username, attempt) => attempt(),
};

export function createLimits(maxKeys = DEFAULT_MAX_KEYS): Limits {
  const counters = Object.fromEntries(
    Object.entries(policies).map(([policy, { quota, window }]) => [
      policy,
      new Counter(quota, window * 1000, maxKeys),
    ]),
  ) as Record<Policy, Counter>;
  const refusals = new Counter(REFUSALS.quota, REFUSALS.windowMs, maxKeys);
  const passwordQueue = new FairQueue(PASSWORD_QUEUE);
  /** The number of requests in progress by kind and key. */
  const inProgress = new Map<string, number>();

  /** @returns a function that undoes the count */
  function count(ctx: Context, policy: Policy, key: string): () => void {
    const { quota, refund } = counters[policy].consume(key);
    setRateLimitHeaders(ctx, policy, quota);
    if (quota.exceeded) {
      const seconds = String(toSeconds(quota.resetMs));
      throw new HttpError("too_many_requests", `Too many requests. Try again in ${seconds} seconds.`, {
        headers: { "Retry-After": seconds },
      });
    }
    return () => {
      setRateLimitHeaders(ctx, policy, { ...quota, remaining: quota.remaining + 1 });
      refund();
    };
  }

  return {
    countByAddress(ctx, policy) {
      count(ctx, policy, networkOf(forwardedOf(ctx).address));
    },
    countBySession(ctx, policy, session) {
      count(ctx, policy, keyOf(policy, session));
    },
    countMore(ctx, policy, session, times) {
      let quota: Quota | undefined;
      for (let time = 0; time < times; time += 1) {
        ({ quota } = counters[policy].consume(keyOf(policy, session)));
      }
      if (quota) setRateLimitHeaders(ctx, policy, quota);
    },
    enter(ctx, kind, userId) {
      const max = concurrency[kind];
      const keys = [
        [`${kind} of user ${userId}`, max.user],
        [`${kind} from ${networkOf(forwardedOf(ctx).address)}`, max.address],
      ] as const;
      if (keys.some(([key, maxOfKey]) => (inProgress.get(key) ?? 0) >= maxOfKey)) {
        throw new HttpError(
          "too_many_requests",
          "Too many requests like this are in progress. Read their responses, and try again.",
          { headers: { "Retry-After": "1" } },
        );
      }
      const add = (difference: number) => {
        for (const [key] of keys) {
          const sum = (inProgress.get(key) ?? 0) + difference;
          if (sum > 0) inProgress.set(key, sum);
          else inProgress.delete(key);
        }
      };
      if (afterClose(ctx.res, () => add(-1))) add(1);
    },
    async delayRefusal(ctx) {
      if (!refusals.consume(networkOf(forwardedOf(ctx).address)).quota.exceeded) return;
      await new Promise((resolve) => setTimeout(resolve, REFUSALS.delayMs));
    },
    takeTurn(ctx, username, work) {
      const { network, account } = keysOf(ctx, username);
      return passwordQueue.run(network, account, work);
    },
    async tryPassword(ctx, username, attempt, invalid) {
      const { network, account } = keysOf(ctx, username);
      const refundAccount = count(ctx, "failed-logins-by-account", account);
      let refundAddress: (() => void) | undefined;
      let code: unknown;
      try {
        // Counted in its turn: correct passwords that wait do not use up the limit of an address.
        return await passwordQueue.run(network, account, () => {
          refundAddress = count(ctx, "failed-logins-by-address", network);
          return attempt();
        });
      } catch (error) {
        ({ code } = error as { readonly code?: unknown });
        throw error;
      } finally {
        const isWrong = WRONG_PASSWORD_CODES.has(code);
        if (!isWrong) refundAccount();
        if (!isWrong && (code === undefined || code !== invalid)) refundAddress?.();
      }
    },
  };
}

/** The keys of the network of the client, and of a username in this network, in any equivalent form. */
function keysOf(ctx: Context, username: string) {
  const network = networkOf(forwardedOf(ctx).address);
  const account = createHash("sha256")
    .update(`${network} ${usernameKey(username)}`)
    .digest("base64");
  return { network, account };
}

function keyOf(policy: SessionPolicy, { id, user }: Session): string {
  return policy === "session-changes" ? id : user.id;
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

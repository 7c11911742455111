import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import type { Context } from "koa";
import type { MessagingError } from "../../domain/errors.js";
import type { Session } from "../../domain/session.js";
import type { UserId } from "../../domain/user.js";
import { usernameKey } from "../../domain/user.js";
import { networkOf } from "./address.js";
import { Counter, type OpenCounter, type Quota } from "./counter.js";
import { FairQueue } from "./fair-queue.js";
import { forwardedOf } from "./forwarded.js";
import { HttpError } from "./problem.js";
import { afterClose } from "./response.js";

/**
 * The quota of each policy that a client without a session meets, and its window in seconds. Nodes can share these counters, so
 * that more nodes do not give an attacker more guesses. People, and offices that share an address, stay far below.
 */
const clientPolicies = {
  "failed-logins-by-account": { quota: 10, window: 15 * 60 },
  "failed-logins-by-address": { quota: 100, window: 15 * 60 },
  registrations: { quota: 200, window: 60 * 60 },
  logins: { quota: 600, window: 60 },
} as const;

/**
 * The quota of each policy of requests with a session, and its window in seconds. They protect the process and are counted in
 * it. All count by user, but `session-changes` by session, so that a stolen session cannot keep its owner from ending it.
 */
const sessionPolicies = {
  sends: { quota: 600, window: 60 },
  writes: { quota: 600, window: 60 },
  groups: { quota: 60, window: 60 },
  lookups: { quota: 600, window: 60 },
  typing: { quota: 600, window: 60 },
  searches: { quota: 120, window: 60 },
  invitations: { quota: 30, window: 60 },
  "session-changes": { quota: 120, window: 60 },
} as const;

const policies = { ...clientPolicies, ...sessionPolicies };

type Policy = keyof typeof policies;

type ClientPolicy = keyof typeof clientPolicies;

/** The policies of requests without a session, counted by client address. */
export type AddressPolicy = "registrations" | "logins";

export type SessionPolicy = keyof typeof sessionPolicies;

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

/** Rate limits. A request over a limit is rejected before it is processed. */
export interface Limits {
  /**
   * @throws HttpError `too_many_requests`
   * @throws MessagingError as `RequestCounter.consume`
   */
  countByAddress(ctx: Context, policy: AddressPolicy): Promise<void>;
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
   * @throws MessagingError as `takeTurn` and `countByAddress`
   */
  tryPassword<T>(
    ctx: Context,
    username: string,
    attempt: () => Promise<T>,
    invalid?: MessagingError["code"],
  ): Promise<T>;
}

export const noLimits: Limits = {
  countByAddress: async () => {},
  countBySession() {},
  countMore() {},
  enter() {},
  delayRefusal: async () => {},
  takeTurn: (_ctx, _username, work) => work(),
  tryPassword: (_ctx, _username, attempt) => attempt(),
};

export interface LimitsOptions {
  /** Opens the counters of requests without a session. By default they are counted in this process and restart with it. */
  readonly openCounter?: OpenCounter | undefined;
  /** How many keys each policy counts in this process. */
  readonly maxKeys?: number;
}

export function createLimits({ openCounter, maxKeys = DEFAULT_MAX_KEYS }: LimitsOptions = {}): Limits {
  const inProcess = (_policy: string, quota: number, windowMs: number) =>
    new Counter(quota, windowMs, maxKeys);
  const clientCounters = countersOf(clientPolicies, openCounter ?? inProcess);
  const sessionCounters = countersOf(sessionPolicies, inProcess);
  const refusals = new Counter(REFUSALS.quota, REFUSALS.windowMs, maxKeys);
  const passwordQueue = new FairQueue(PASSWORD_QUEUE);
  /** The number of requests in progress by kind and key. */
  const inProgress = new Map<string, number>();

  /** @returns a function that undoes the count */
  async function count(ctx: Context, policy: ClientPolicy, key: string): Promise<() => Promise<void>> {
    const { quota, refund } = await clientCounters[policy].consume(key);
    assertWithin(ctx, policy, quota);
    return async () => {
      setRateLimitHeaders(ctx, policy, { ...quota, remaining: quota.remaining + 1 });
      await refund();
    };
  }

  return {
    async countByAddress(ctx, policy) {
      await count(ctx, policy, networkOf(forwardedOf(ctx).address));
    },
    countBySession(ctx, policy, session) {
      assertWithin(ctx, policy, sessionCounters[policy].consume(keyOf(policy, session)).quota);
    },
    countMore(ctx, policy, session, times) {
      let quota: Quota | undefined;
      for (let time = 0; time < times; time += 1) {
        ({ quota } = sessionCounters[policy].consume(keyOf(policy, session)));
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
      const refundAccount = await count(ctx, "failed-logins-by-account", account);
      let refundAddress: (() => Promise<void>) | undefined;
      let code: unknown;
      try {
        // Counted in its turn: correct passwords that wait do not use up the limit of an address.
        return await passwordQueue.run(network, account, async () => {
          refundAddress = await count(ctx, "failed-logins-by-address", network);
          return attempt();
        });
      } catch (error) {
        ({ code } = error as { readonly code?: unknown });
        throw error;
      } finally {
        const isWrong = WRONG_PASSWORD_CODES.has(code);
        const isInvalid = code !== undefined && code === invalid;
        await Promise.all([
          isWrong ? undefined : refundAccount(),
          isWrong || isInvalid ? undefined : refundAddress?.(),
        ]);
      }
    },
  };
}

/** Opens one counter for each policy. */
function countersOf<Name extends string, Opened>(
  quotas: Readonly<Record<Name, { readonly quota: number; readonly window: number }>>,
  open: (policy: string, quota: number, windowMs: number) => Opened,
): Readonly<Record<Name, Opened>> {
  const names = Object.keys(quotas) as Name[];
  const entries = names.map((name) => [name, open(name, quotas[name].quota, quotas[name].window * 1_000)]);
  return Object.fromEntries(entries) as Record<Name, Opened>;
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

/**
 * Sets the headers of the quota.
 *
 * @throws HttpError `too_many_requests` if it is exceeded
 */
function assertWithin(ctx: Context, policy: Policy, quota: Quota): void {
  setRateLimitHeaders(ctx, policy, quota);
  if (!quota.exceeded) return;
  const seconds = String(toSeconds(quota.resetMs));
  throw new HttpError("too_many_requests", `Too many requests. Try again in ${seconds} seconds.`, {
    headers: { "Retry-After": seconds },
  });
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

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Middleware } from "koa";
import { HttpError } from "../adapters/http/problem.js";
import { afterClose } from "../adapters/http/response.js";
import { MessagingError } from "../domain/errors.js";
import { usernameKey, type UsernameKey } from "../domain/user.js";

/** Faults of the network and of limits on demand, for the requests to one server. */
export class NetworkFaults {
  /** The users of the tokens that the harness has created. */
  readonly #byToken = new Map<string, UsernameKey>();
  readonly #inProgress = new Set<{ readonly user: UsernameKey | undefined; readonly socket: Socket }>();
  /** `undefined` stands for all clients, here and below. */
  readonly #offline = new Set<UsernameKey | undefined>();
  readonly #latencies = new Map<UsernameKey | undefined, number>();
  #rejections = 0;
  #retryAfterSeconds = 1;

  addToken(token: string, username: string): void {
    this.#byToken.set(token, usernameKey(username));
  }

  /** @throws MessagingError `unknown_user` where no token was created for the user, here and below */
  goOffline(username?: string): void {
    const offline = this.#userOf(username);
    this.#offline.add(offline);
    for (const { user, socket } of this.#inProgress) {
      if (offline === undefined || user === offline) socket.destroy();
    }
  }

  goOnline(username?: string): void {
    if (username === undefined) this.#offline.clear();
    else this.#offline.delete(this.#userOf(username));
  }

  /** @throws TypeError unless it is a number from 0 */
  setLatency(milliseconds: number, username?: string): void {
    if (!Number.isFinite(milliseconds) || milliseconds < 0) {
      throw new TypeError(`Invalid latency: ${String(milliseconds)}. Use a number of milliseconds from 0.`);
    }
    this.#latencies.set(this.#userOf(username), milliseconds);
  }

  /** @throws TypeError unless both are whole numbers from 0 */
  rejectNext(count: number, retryAfterSeconds = 1): void {
    for (const [name, value] of Object.entries({ count, retryAfterSeconds })) {
      if (Number.isSafeInteger(value) && value >= 0) continue;
      throw new TypeError(`Invalid ${name}: ${String(value)}. Use a whole number from 0.`);
    }
    this.#rejections = count;
    this.#retryAfterSeconds = retryAfterSeconds;
  }

  /** @throws HttpError `too_many_requests` */
  readonly middleware: Middleware = async (ctx, next) => {
    const { socket } = ctx.req;
    const [, token = ""] = /^Bearer +(.+)$/i.exec(ctx.get("Authorization")) ?? [];
    const user = this.#byToken.get(token);
    const request = { user, socket };
    this.#inProgress.add(request);
    if (!afterClose(ctx.res, () => this.#inProgress.delete(request))) this.#inProgress.delete(request);
    if (this.#offline.has(undefined) || (user !== undefined && this.#offline.has(user))) socket.destroy();
    const latency = this.#latencies.get(user) ?? this.#latencies.get(undefined) ?? 0;
    if (latency > 0) await closedOrAfter(latency, ctx.res);
    if (socket.destroyed) {
      ctx.respond = false;
      return;
    }
    if (this.#rejections > 0) {
      this.#rejections -= 1;
      const seconds = String(this.#retryAfterSeconds);
      throw new HttpError("too_many_requests", `Too many requests. Try again in ${seconds} seconds.`, {
        headers: { "Retry-After": seconds },
      });
    }
    await next();
  };

  #userOf(username: string | undefined): UsernameKey | undefined {
    if (username === undefined) return undefined;
    const user = usernameKey(username);
    if (new Set(this.#byToken.values()).has(user)) return user;
    throw new MessagingError(
      "unknown_user",
      `No client was created for ${JSON.stringify(username)}. Call access or client for the user before.`,
    );
  }
}

/** Resolves after that time, or once the connection has closed, so that no timer outlives the server. */
function closedOrAfter(milliseconds: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const cancel = () => {
      clearTimeout(timer);
      resolve();
    };
    if (!afterClose(response, cancel)) cancel();
  });
}

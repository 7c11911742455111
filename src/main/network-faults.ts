import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Middleware } from "koa";
import { HttpError } from "../adapters/http/problem.js";
import { afterClose } from "../adapters/http/response.js";
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

  goOffline(username?: string): void {
    const offline = keyOf(username);
    this.#offline.add(offline);
    for (const { user, socket } of this.#inProgress) {
      if (offline === undefined || user === offline) socket.destroy();
    }
  }

  goOnline(username?: string): void {
    if (username === undefined) this.#offline.clear();
    else this.#offline.delete(usernameKey(username));
  }

  setLatency(milliseconds: number, username?: string): void {
    this.#latencies.set(keyOf(username), milliseconds);
  }

  rejectNext(count: number, retryAfterSeconds = 1): void {
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
}

function keyOf(username: string | undefined): UsernameKey | undefined {
  return username === undefined ? undefined : usernameKey(username);
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

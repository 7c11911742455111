import { noAnswer } from "./problem.js";

export interface ConnectionOptions {
  /** The URL of the server, including the path under which it is mounted: `https://chat.example.org`. */
  readonly url: string;
  /** A bearer token from `createToken`. Without a token, requests carry the session cookie that `logIn` receives. */
  readonly token?: string | undefined;
  /** Default: the global `fetch`. Outside browsers, and without a token, its headers need `getSetCookie`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Sends one request with the credentials of the client.
 *
 * @param path the path below the `url`, with its query
 * @throws PalaverError `no_answer`
 */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

export interface Connection {
  /** Sends as the user who is logged in at the time of the request. */
  readonly send: Send;
  /** Returns a function that keeps sending as the user who is logged in now. Browsers send their current cookie regardless. */
  readonly bindSession: () => Send;
}

/**
 * Browsers store the session cookie and hide it from scripts. Everywhere else the connection stores it in memory.
 *
 * @throws TypeError if an option is invalid
 */
export function openConnection({ url, token, fetch = globalThis.fetch }: ConnectionOptions): Connection {
  const base = toBaseUrl(url);
  if (typeof fetch !== "function") throw new TypeError("No fetch available. Pass one in the options.");
  // The message must not contain the token, which is a secret.
  if (token !== undefined && !/^[!-~]+$/.test(token)) {
    throw new TypeError("Invalid token: it must be visible ASCII. Use one from createToken.");
  }
  let cookie: string | undefined;

  function storeCookie({ headers }: Response): void {
    const values = "getSetCookie" in headers ? headers.getSetCookie() : undefined;
    // Browsers without `getSetCookie` hide `Set-Cookie`, too.
    if (!values && headers.get("Set-Cookie")) {
      throw new TypeError("Can't read the session cookie. Use a fetch whose headers have getSetCookie.");
    }
    for (const each of values ?? []) {
      const [, pair, value] = /^((?:__Host-)?palaver_session=([^;]*))/.exec(each) ?? [];
      if (pair !== undefined) cookie = value === "" ? undefined : pair;
    }
  }

  async function sendWith(sessionCookie: string | undefined, path: string, init: RequestInit) {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    else if (sessionCookie !== undefined) headers.set("Cookie", sessionCookie);
    const request: RequestInit = {
      ...init,
      headers,
      // The server rejects a token together with a cookie, because they may belong to different users.
      credentials: token === undefined ? "include" : "omit",
      // The API never redirects, and `fetch` would turn a redirected POST into a GET.
      redirect: "manual",
    };
    try {
      return await fetch(base + path, request);
    } catch (cause) {
      throw noAnswer(cause);
    }
  }

  return {
    send: async (path, init) => {
      const response = await sendWith(cookie, path, init);
      if (token === undefined) storeCookie(response);
      return response;
    },
    bindSession: () => {
      const sessionCookie = cookie;
      return (path, init) => sendWith(sessionCookie, path, init);
    },
  };
}

/** Validates the URL early: `fetch` would reject it only at the first request, in the same way as a network failure. */
function toBaseUrl(url: string): string {
  const { protocol, username, password, search, hash, href } = new URL(url);
  if (!["http:", "https:"].includes(protocol) || username || password || search || hash) {
    throw new TypeError("Invalid url. Use http or https, without user, password, query or fragment.");
  }
  return href.replace(/[/?#]+$/, "");
}

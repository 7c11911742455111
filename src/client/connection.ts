import { PalaverError } from "./problem.js";

export interface ConnectionOptions {
  /** Where the server is: `https://chat.example.org`, with a path where it is mounted under one, and nothing behind that. */
  readonly url: string;
  /** A bearer token, as `createToken` gives it. Without one the session is that of the cookie which `logIn` gets. */
  readonly token?: string | undefined;
  /** Used in the place of the global one. Its headers need a `getSetCookie` where there is neither a browser nor a token. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Sends one request, with the credentials of the client.
 *
 * @param path behind the `url`, with its query.
 * @throws PalaverError `no_answer`
 */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

export interface Connection {
  readonly send: Send;
  /** Sends as whoever is logged in now, also when somebody else has logged in since. In a browser nobody can tell. */
  readonly bound: () => Send;
}

/**
 * A browser keeps the cookie of the session, and shows it to nobody. Where there is no browser the cookie can be read, and is
 * kept here, for as long as the client is.
 *
 * @throws TypeError where that can be no connection
 */
export function openConnection({ url, token, fetch = globalThis.fetch }: ConnectionOptions): Connection {
  const base = baseOf(url);
  if (typeof fetch !== "function") throw new TypeError("There is no fetch. Give one.");
  // It is not told, for it is a secret.
  if (token !== undefined && !/^[!-~]+$/.test(token)) {
    throw new TypeError("The token is none: one is visible ASCII, as createToken gives it.");
  }
  let cookie: string | undefined;

  function keep({ headers }: Response): void {
    const sets = "getSetCookie" in headers ? headers.getSetCookie() : undefined;
    // Old browsers have none, and need none: they show no cookie at all.
    if (!sets && headers.get("Set-Cookie")) {
      throw new TypeError("The headers of this fetch have no getSetCookie, so the session can't be kept.");
    }
    for (const set of sets ?? []) {
      const [, pair, value] = /^((?:__Host-)?palaver_session=([^;]*))/.exec(set) ?? [];
      if (pair !== undefined) cookie = value === "" ? undefined : pair;
    }
  }

  async function ask(path: string, init: RequestInit, session: string | undefined): Promise<Response> {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    else if (session !== undefined) headers.set("Cookie", session);
    const asked: RequestInit = {
      ...init,
      headers,
      // A token and a cookie together are refused: they may be of two users.
      credentials: token === undefined ? "include" : "omit",
      // The API redirects nowhere, and a POST that is sent on would come as a GET.
      redirect: "manual",
    };
    try {
      return await fetch(base + path, asked);
    } catch (cause) {
      throw noAnswer(cause);
    }
  }

  return {
    send: async (path, init) => {
      const response = await ask(path, init, cookie);
      if (token === undefined) keep(response);
      return response;
    },
    bound: () => {
      const session = cookie;
      return (path, init) => ask(path, init, session);
    },
  };
}

/** A `fetch` refuses what is wrong with it only when it is asked, and as if the network had failed. */
function baseOf(url: string): string {
  const { protocol, username, password, search, hash, href } = new URL(url);
  if (!["http:", "https:"].includes(protocol) || username || password || search || hash) {
    throw new TypeError("The url must be http or https, with no user, password, query or fragment in it.");
  }
  return href.replace(/[/?#]+$/, "");
}

/** @param cause what the network, or the end of the time for it, has thrown. */
export function noAnswer(cause: unknown): PalaverError {
  const detail = `No answer came: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new PalaverError("no_answer", detail, { cause });
}

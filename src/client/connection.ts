import { PalaverError } from "./problem.js";

export interface ConnectionOptions {
  /** Where the server is: `https://chat.example.org`, with a path where it is mounted under one. */
  readonly url: string;
  /** A bearer token, as `createToken` gives it. Without one the session is that of the cookie which `logIn` gets. */
  readonly token?: string | undefined;
  /** Used in the place of the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Sends one request, with the credentials of the client.
 *
 * @param path behind the `url`, with its query.
 * @throws PalaverError `no_answer`
 */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

/**
 * A browser keeps the cookie of the session, and shows it to nobody. Where there is no browser the cookie can be read, and is
 * kept here, for as long as the client is.
 */
export function openConnection({ url, token, fetch = globalThis.fetch }: ConnectionOptions): Send {
  const base = new URL(url).href.replace(/\/+$/, "");
  let cookie: string | undefined;

  function keep({ headers }: Response): void {
    for (const set of headers.getSetCookie()) {
      const [, pair, value] = /^((?:__Host-)?palaver_session=([^;]*))/.exec(set) ?? [];
      if (pair !== undefined) cookie = value === "" ? undefined : pair;
    }
  }

  return async (path, init) => {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    else if (cookie !== undefined) headers.set("Cookie", cookie);
    const asked: RequestInit = {
      ...init,
      headers,
      // A token and a cookie together are refused: they may be of two users.
      credentials: token === undefined ? "include" : "omit",
      // The API redirects nowhere, and a POST that is sent on would come as a GET.
      redirect: "manual",
    };
    try {
      const response = await fetch(base + path, asked);
      if (token === undefined) keep(response);
      return response;
    } catch (cause) {
      throw noAnswer(cause);
    }
  };
}

/** @param cause what the network, or the end of the time for it, has thrown. */
export function noAnswer(cause: unknown): PalaverError {
  const detail = `No answer came: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new PalaverError("no_answer", detail, { cause });
}

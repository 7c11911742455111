import { routes, type Operations, type PagedOperation, type Route } from "./api.js";
import { assertTimes, call, type OperationName, type RequestFields } from "./call.js";
import { openConnection, type ConnectionOptions } from "./connection.js";
import { streamEvents, type ClientEvent, type ClientSignal, type EventsOptions } from "./events.js";
import type { CallOptions } from "./options.js";

/** `timeout` and `patience` are the defaults for all calls of the client. */
export type ClientOptions = ConnectionOptions & Pick<CallOptions, "timeout" | "patience">;

const DEFAULT_PAGE_LIMIT = 100;

/**
 * The API of one server, as one user. Every call rejects with a `PalaverError` if it fails, and with a `TypeError` if its
 * arguments are invalid.
 */
export interface Client extends Operations {
  /**
   * Yields the non-empty pages of a list: messages, also found ones, from the newest back, or a list forwards from `after`; chats
   * from the most recently active back; other lists from the first entry on. Each message appears once, even if others are sent meanwhile.
   *
   * @param request the request of the operation. `limit` is the size of a page. Default: 100.
   * @throws TypeError if the operation has no pages
   */
  pages<Name extends PagedOperation>(
    name: Name,
    ...request: Parameters<Operations[Name]>
  ): AsyncGenerator<Awaited<ReturnType<Operations[Name]>>, undefined>;

  /**
   * Yields the events of the caller's chats as they happen: in order, each once, without end. It reconnects by itself, also after
   * restarts of the server. Leaving the loop, or aborting the `signal`, closes the connection immediately.
   *
   * It stays subscribed as the user who is logged in at the time of the call, even if another user logs in later. In a browser,
   * which hides its cookies, close it when another user logs in, and create a new client.
   *
   * ```ts
   * const { chats, cursor } = await client.sync();
   * for await (const event of client.events({ after: cursor })) console.log(event.type);
   * ```
   *
   * An event `{ type: "resync" }` means that events were missed: read the chats again. Ignore unknown types: the server may add
   * some.
   *
   * @throws PalaverError an error that a retry can't fix: `not_signed_in` when the session has ended, `invalid_cursor`, …
   */
  events(
    options?: EventsOptions & { readonly signals?: false | undefined },
  ): AsyncIterableIterator<ClientEvent>;

  /** As above; with `signals: true` also typing and presence, which come between the events and have no cursor. */
  events(options: EventsOptions): AsyncIterableIterator<ClientEvent | ClientSignal>;
}

/**
 * Creates a client for Node and for browsers. In a browser, without a `token`, it uses the session of the browser.
 *
 * A client with a `token` acts as its owner, and its `logIn` throws a `TypeError`.
 *
 * @throws TypeError if an option is invalid
 */
export function createClient({ timeout, patience, ...server }: ClientOptions): Client {
  assertTimes({ timeout, patience });
  const { send, bindSession } = openConnection(server);
  async function perform(name: OperationName, fields: RequestFields, options?: CallOptions) {
    if (name === "logIn" && server.token !== undefined) {
      throw new TypeError("This client has a token and can't log in. Create a client without a token.");
    }
    return call(send, name, fields, { timeout, patience, ...options });
  }

  const operations = Object.entries(routes).map(([name, { path, fieldsIn }]) => {
    const takesRequest = fieldsIn !== undefined || path.includes("{");
    const operation = async (...args: readonly RequestFields[]) => {
      const [request, options] = takesRequest ? args : [{}, ...args];
      return (await perform(name as OperationName, request ?? {}, options)).body;
    };
    return [name, operation] as const;
  });

  async function* pages(name: PagedOperation, request: RequestFields = {}, options?: CallOptions) {
    const { paged }: Partial<Route> = routes[name] ?? {};
    if (!paged) throw new TypeError(`${name} has no pages. Use an operation that returns a list in pages.`);
    const relation = request["after"] !== undefined ? "next" : paged;
    let page: RequestFields | undefined = { limit: DEFAULT_PAGE_LIMIT };
    for (let fields: RequestFields = { ...page, ...request }; page; fields = { ...request, ...page }) {
      const { body, link } = await perform(name, fields, options);
      if (!isEmpty(body)) yield body;
      page = parseLink(link ?? "", relation);
    }
    return undefined;
  }

  const client = {
    ...Object.fromEntries(operations),
    pages,
    events: (options?: EventsOptions) => streamEvents(bindSession(), options),
  };
  return client as unknown as Client;
}

/** Returns the parameters of the linked page (RFC 8288), in the format of Palaver, or `undefined` if there is no such link. */
/** Whether a page is an empty list, or an object whose lists are empty. */
function isEmpty(page: unknown): boolean {
  if (Array.isArray(page)) return page.length === 0;
  return Object.values(page as object).every((part) => !Array.isArray(part) || part.length === 0);
}

function parseLink(link: string, relation: "next" | "prev"): RequestFields | undefined {
  const [, query] = new RegExp(`<[^<>?]*\\?([^>]*)>; rel="${relation}"`).exec(link) ?? [];
  return query === undefined ? undefined : Object.fromEntries(new URLSearchParams(query));
}

import { routes, type Operations, type PagedOperation, type Route } from "./api.js";
import { call, checkTimes, type CallOptions, type Fields, type OperationName } from "./call.js";
import { openConnection, type ConnectionOptions } from "./connection.js";
import { followEvents, type FollowedEvent, type FollowOptions } from "./events.js";

/** `timeout` and `patience` are those of a call that says nothing else. */
export type ClientOptions = ConnectionOptions & Pick<CallOptions, "timeout" | "patience">;

/**
 * The API of one server, as one user. Every call can fail with a `PalaverError`; with a `TypeError` where it is called in a way
 * in which it can't even be asked for.
 */
export interface Client extends Operations {
  /**
   * All pages of a list, one after the other, none of them empty: those of messages from the newest one back, or from `after` on
   * where that is given; those of chats from the last active one back. Each message is met once, whatever is sent meanwhile.
   *
   * @param request what the operation takes. A page has 100 unless there is a `limit`.
   */
  pages<Name extends PagedOperation>(
    name: Name,
    ...request: Parameters<Operations[Name]>
  ): AsyncGenerator<Awaited<ReturnType<Operations[Name]>>, undefined>;

  /**
   * What happens in the caller's chats, as it happens: in order, nothing missed, nothing twice. It connects anew by itself, across
   * restarts of the server too, and goes on for ever. Leaving the loop, or `signal`, closes the connection at once.
   *
   * It follows whoever is logged in when it is called, and no one who logs in later. Only in a browser that can't be known: there,
   * make another client, and end what the one before follows, when another user logs in.
   *
   * ```ts
   * const { chats, cursor } = await client.sync();
   * for await (const event of client.events({ after: cursor })) console.log(event.type);
   * ```
   *
   * Where what happened since is no longer known as a whole, it tells `{ type: "resync" }`: read the chats anew. Types that you do
   * not know may come some day: pass them over.
   *
   * @throws PalaverError what no other try would mend: `not_signed_in` when the session has ended, `invalid_cursor`, …
   */
  events(options?: FollowOptions): AsyncIterableIterator<FollowedEvent, undefined>;
}

/**
 * A client for Node and for browsers. In a browser, and without a `token`, the session is the one that the browser has.
 *
 * A client with a `token` is its owner's, and has no `logIn`: that is a `TypeError`.
 *
 * @throws TypeError where an option can't be: the `url` is none, or has a user or a query in it, a time is no number, …
 */
export function createClient({ timeout, patience, ...server }: ClientOptions): Client {
  checkTimes({ timeout, patience });
  const { send, bound } = openConnection(server);
  async function perform(name: OperationName, fields: Fields, options?: CallOptions) {
    if (name === "logIn" && server.token !== undefined) {
      throw new TypeError(
        "This client has a token, and stays who that is of. Log in with a client without one.",
      );
    }
    return call(send, name, fields, { timeout, patience, ...options });
  }

  const operations = Object.entries(routes).map(([name, { path, rest }]) => {
    const takesRequest = rest !== undefined || path.includes("{");
    const operation = async (...given: readonly Fields[]) => {
      const [request, options] = takesRequest ? given : [{}, ...given];
      return (await perform(name as OperationName, request ?? {}, options)).answer;
    };
    return [name, operation] as const;
  });

  async function* pages(name: PagedOperation, request: Fields = {}, options?: CallOptions) {
    const { paged }: Partial<Route> = routes[name] ?? {};
    if (!paged)
      throw new TypeError(`There are no pages of ${name}: it is no operation whose answer is a page.`);
    const onward = name === "listChats" || request["after"] !== undefined ? "next" : "prev";
    let place: Fields | undefined = { limit: 100 };
    for (let fields: Fields = { ...place, ...request }; place; fields = { ...request, ...place }) {
      const { answer, link } = await perform(name, fields, options);
      if ((answer as readonly unknown[]).length > 0) yield answer;
      place = placeIn(link ?? "", onward);
    }
    return undefined;
  }

  const client = {
    ...Object.fromEntries(operations),
    pages,
    events: (options?: FollowOptions) => followEvents(bound(), options),
  };
  return client as unknown as Client;
}

/** The parameters of the page of that relation (RFC 8288), as our server writes them; undefined where there is no such page. */
function placeIn(link: string, relation: "next" | "prev"): Fields | undefined {
  const [, query] = new RegExp(`<\\?([^>]*)>; rel="${relation}"`).exec(link) ?? [];
  return query === undefined ? undefined : Object.fromEntries(new URLSearchParams(query));
}

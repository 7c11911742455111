import { signal, type ReadonlySignal } from "@preact/signals";

/** What the page shows, as the hash of its URL names it. */
export type Route =
  | { readonly view: "chats" }
  | { readonly view: "archive" }
  | { readonly view: "settings" }
  | ChatRoute
  /** A conversation with a user, by username, who may have no chat with the user yet. */
  | { readonly view: "user"; readonly username: string }
  | { readonly view: "invitation"; readonly code: string };

export interface ChatRoute {
  readonly view: "chat";
  readonly chatId: number;
  /** What is shown beside the conversation. */
  readonly panel?: "details" | "search";
  /** The message to show. */
  readonly messageId?: number;
}

/** Reads a hash. An unknown one is that of the list of chats. */
export function parseRoute(hash: string): Route {
  const [view = "", id = "", part = "", messageId = ""] = hash
    .replace(/^#?\/?/, "")
    .split("/")
    .map(decode);
  switch (view) {
    case "archive":
    case "settings":
      return { view };
    case "chats": {
      const chatId = toId(id);
      if (chatId === undefined) break;
      if (part === "details" || part === "search") return { view: "chat", chatId, panel: part };
      const shown = part === "messages" ? toId(messageId) : undefined;
      return shown === undefined ? { view: "chat", chatId } : { view: "chat", chatId, messageId: shown };
    }
    case "users":
      if (id) return { view: "user", username: id };
      break;
    case "invitations":
      if (id) return { view: "invitation", code: id };
      break;
  }
  return { view: "chats" };
}

/** The reverse of `parseRoute`. */
export function toHash(route: Route): string {
  switch (route.view) {
    case "chats":
      return "#/";
    case "archive":
    case "settings":
      return `#/${route.view}`;
    case "chat": {
      const { chatId, panel, messageId } = route;
      const part = panel ?? (messageId === undefined ? undefined : `messages/${messageId}`);
      return `#/chats/${chatId}${part === undefined ? "" : `/${part}`}`;
    }
    case "user":
      return `#/users/${encodeURIComponent(route.username)}`;
    default:
      return `#/invitations/${encodeURIComponent(route.code)}`;
  }
}

/** Follows the hash of the page. */
export function followRoute(): ReadonlySignal<Route> {
  const route = signal(parseRoute(location.hash));
  addEventListener("hashchange", () => {
    route.value = parseRoute(location.hash);
  });
  return route;
}

/** Shows a route. The back button returns to the one before it. */
export function goTo(route: Route): void {
  location.hash = toHash(route);
}

/** Shows a route in place of the current one. */
export function replaceRoute(route: Route): void {
  location.replace(toHash(route));
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function toId(text: string): number | undefined {
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined;
}

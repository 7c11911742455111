import type { Channel, Locks, Notifier, Page, Ports } from "./ports.js";
import { indexedDbStorage } from "./storage.js";

/** The facilities of this browser, for the server that has served the page. */
export function browserPorts(): Ports {
  return {
    url: new URL(".", document.baseURI).href,
    fetch: (input, init) => fetch(input, init),
    storage: indexedDbStorage(() => globalThis.indexedDB, "palaver"),
    locks: "locks" in navigator ? webLocks(navigator.locks) : noLocks,
    openChannel,
    page,
    notifier: "Notification" in globalThis ? desktopNotifier : noNotifier,
    now: Date.now,
  };
}

function webLocks(manager: LockManager): Locks {
  return {
    request: async (name, options, work) => manager.request(name, options, work),
    async isHeld(name) {
      const { held = [] } = await manager.query();
      return held.some((lock) => lock.name === name);
    },
  };
}

/**
 * Browsers offer locks only to pages loaded over TLS and from this machine. Without them, each tab has its own stream and
 * sends what is stored: the idempotency keys still keep each message from being stored twice.
 */
const noLocks: Locks = {
  request: async (_, __, work) => work(),
  isHeld: async () => false,
};

function openChannel(name: string): Channel {
  const channel = new BroadcastChannel(name);
  return {
    post: (message) => channel.postMessage(message),
    listen(listener) {
      channel.addEventListener("message", ({ data }) => listener(data));
    },
    close: () => channel.close(),
  };
}

const page: Page = {
  isVisible: () => document.visibilityState === "visible",
  isOnline: () => navigator.onLine,
  subscribe(listener) {
    const ending = new AbortController();
    const { signal } = ending;
    document.addEventListener("visibilitychange", listener, { signal });
    for (const type of ["online", "offline", "pageshow"]) addEventListener(type, listener, { signal });
    return () => ending.abort();
  },
  setTitle(title) {
    document.title = title;
  },
  setBadge(count) {
    // Only an installed page has a badge.
    if ("setAppBadge" in navigator) navigator.setAppBadge(count).catch(() => {});
  },
};

const desktopNotifier: Notifier = {
  permission: () => Notification.permission,
  ask: () => Notification.requestPermission(),
  show({ title, body, tag, open }) {
    try {
      const notification = new Notification(title, { body, tag });
      notification.addEventListener("click", () => {
        focus();
        open();
        notification.close();
      });
    } catch {
      // Some browsers of phones have the permission without the notifications.
    }
  },
};

const noNotifier: Notifier = {
  permission: () => "unsupported",
  ask: async () => "unsupported",
  show() {},
};

/** The facilities of a browser that the state needs, so that tests can give others. `browser.ts` has the real ones. */
export interface Ports {
  /** The URL of the server, including the path under which it is mounted. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly storage: Storage;
  readonly locks: Locks;
  readonly openChannel: (name: string) => Channel;
  readonly page: Page;
  readonly notifier: Notifier;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A kind of stored records. */
export type Table = "account" | "outbox" | "drafts";

/** Records that survive a reload, in all tabs of the browser. Each one belongs to an owner: a user id. */
export interface Storage {
  /** Returns the values of an owner, in the order of their keys. */
  list(table: Table, owner: string): Promise<readonly unknown[]>;
  /** Stores a value, which must be structured data. Resolves once it is stored. */
  put(table: Table, owner: string, key: string, value: unknown): Promise<void>;
  delete(table: Table, owner: string, key: string): Promise<void>;
  /** Deletes all records of an owner. */
  clear(owner: string): Promise<void>;
  close(): void;
}

/** Web Locks, or what takes their place. */
export interface Locks {
  /**
   * Waits for the lock, and holds it until `work` has ended. Rejects if the signal aborts before the lock is granted.
   *
   * @returns the result of `work`
   */
  request<Result>(
    name: string,
    options: { readonly mode?: "shared" | "exclusive"; readonly signal?: AbortSignal },
    work: () => Promise<Result>,
  ): Promise<Result>;
  /** Whether somebody holds the lock in any tab. */
  isHeld(name: string): Promise<boolean>;
}

/** Delivers to the channels with the same name in all other tabs, in order. */
export interface Channel {
  /** @param message structured data */
  post(message: unknown): void;
  /** Calls the listener with each message. */
  listen(listener: (message: unknown) => void): void;
  close(): void;
}

/** The tab. */
export interface Page {
  readonly isVisible: () => boolean;
  readonly isOnline: () => boolean;
  /** Calls the listener when the page is shown, hidden, online or offline. Returns a function that ends that. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Shows a number at the icon of the program; 0 removes it. */
  readonly setBadge: (count: number) => void;
  readonly setTitle: (title: string) => void;
}

/** Desktop notifications. */
export interface Notifier {
  readonly permission: () => NotificationAccess;
  /** Asks the user. Call it from a click. */
  readonly ask: () => Promise<NotificationAccess>;
  /** Shows a notification, in place of one with the same tag. `open` is called when the user clicks on it. */
  readonly show: (notification: DesktopNotification) => void;
}

export type NotificationAccess = "default" | "granted" | "denied" | "unsupported";

export interface DesktopNotification {
  readonly title: string;
  readonly body: string;
  readonly tag: string;
  readonly open: () => void;
}

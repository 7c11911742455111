import { effect, signal, untracked, type ReadonlySignal } from "@preact/signals";
import { Account } from "./account.js";
import type { Ports } from "./ports.js";
import { Session } from "./session.js";

export type { Session } from "./session.js";

const TITLE = "Palaver";

/** The state of one tab. */
export interface App {
  readonly account: Account;
  /** Everything of the user who is logged in. `undefined` without one. A new one for each login. */
  readonly session: ReadonlySignal<Session | undefined>;
  /** Ends all requests, streams and timers. */
  close(): void;
}

/** Creates the state of a tab, and begins to ask who is logged in. */
export function createApp(ports: Ports): App {
  const account = new Account(ports);
  const session = signal<Session | undefined>(undefined);
  const stopFollowing = effect(() => {
    const current = account.current.value;
    untracked(() => {
      session.peek()?.close();
      session.value = current.state === "active" ? new Session(ports, account, current.user) : undefined;
      void session.peek()?.start();
    });
  });
  const stopShowing = effect(() => {
    const count = session.value?.chats.unreadCount.value ?? 0;
    ports.page.setTitle(count > 0 ? `(${count}) ${TITLE}` : TITLE);
    ports.page.setBadge(count);
  });
  void account.start();
  return {
    account,
    session,
    close() {
      stopFollowing();
      stopShowing();
      session.peek()?.close();
      account.close();
    },
  };
}

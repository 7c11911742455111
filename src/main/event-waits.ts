import type { Messaging } from "../application/messaging.js";
import type { Store } from "../application/ports.js";
import { cursorAt, epochOf, type ChatEvent, type EventCursor } from "../domain/event.js";
import type { User, UserId } from "../domain/user.js";

/** Which event to wait for: its type, or a function that returns true for it. */
export type EventMatch<Type extends ChatEvent["type"] = ChatEvent["type"]> =
  Type | ((event: ChatEvent) => boolean);

export interface WaitOptions {
  /** In real time, since the clock of the harness stands still. Defaults to 2,000. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 2_000;

/** The greatest delay of a timer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** How many events the error of a wait in vain names. */
const MAX_NAMED_EVENTS = 5;

/** Waits for events of users. */
export class EventWaits {
  readonly #store: Store;
  readonly #subscribe: Messaging["subscribe"];
  /** Behind the last event that a wait of the user has returned. */
  readonly #cursors = new Map<UserId, EventCursor>();
  /** Resolves once the last wait of the user has ended. */
  readonly #turns = new Map<UserId, Promise<unknown>>();
  #start: EventCursor | undefined;

  constructor(store: Store, subscribe: Messaging["subscribe"]) {
    this.#store = store;
    this.#subscribe = subscribe;
  }

  /** Skips all events so far, for every user. */
  async skip(): Promise<void> {
    this.#start = await this.#store.read(async ({ events }) => {
      const bounds = await events.bounds();
      return cursorAt(epochOf(bounds.last, bounds), bounds.last);
    });
    this.#cursors.clear();
  }

  /** See `TestMessaging.waitFor`. */
  next<Type extends ChatEvent["type"]>(
    user: User,
    matches: EventMatch<Type>,
    { timeoutMs = DEFAULT_TIMEOUT_MS }: WaitOptions = {},
  ): Promise<ChatEvent & { readonly type: Type }> {
    const isMatch = typeof matches === "function" ? matches : ({ type }: ChatEvent) => type === matches;
    const turn = this.#turns.get(user.id) ?? Promise.resolve();
    const found = turn.then(() => this.#find(user, isMatch, timeoutMs));
    // A rejection that the caller awaits only later must not end the process.
    this.#turns.set(
      user.id,
      found.catch(() => {}),
    );
    return found as Promise<ChatEvent & { readonly type: Type }>;
  }

  async #find(
    { id: by, username }: User,
    isMatch: (event: ChatEvent) => boolean,
    timeoutMs: number,
  ): Promise<ChatEvent> {
    let after = this.#cursors.get(by) ?? this.#start ?? (await this.#oldest());
    let count = 0;
    let last: readonly string[] = [];
    let isOver = false;
    let subscription = this.#subscribe({ by, after });
    const timer = setTimeout(
      () => {
        isOver = true;
        subscription.close();
      },
      Math.min(timeoutMs, MAX_TIMEOUT_MS),
    );
    try {
      for (;;) {
        try {
          for await (const { events } of subscription) {
            for (const event of events) {
              after = event.cursor;
              if (isMatch(event)) {
                this.#cursors.set(by, after);
                return event;
              }
              count += 1;
              last = [...last, event.type].slice(-MAX_NAMED_EVENTS);
            }
          }
          break;
        } catch (error) {
          // `cutStreams` is for the code under test.
          if ((error as { readonly code?: unknown }).code !== "ECONNRESET") throw error;
          subscription = this.#subscribe({ by, after });
          if (isOver) break;
        }
      }
    } finally {
      clearTimeout(timer);
      subscription.close();
    }
    const named = count > last.length ? `the last ${last.length}` : "their types";
    const seen = `Other events: ${count}${count > 0 ? `, ${named}: ${last.join(", ")}` : ""}.`;
    throw isOver
      ? waitError("ETIMEDOUT", `No event of ${username} matched within ${timeoutMs} ms. ${seen}`)
      : waitError("ECANCELED", `The harness was closed before an event of ${username} matched. ${seen}`);
  }

  /** The cursor before all events that the log still has. */
  #oldest(): Promise<EventCursor> {
    return this.#store.read(async ({ events }) => {
      const bounds = await events.bounds();
      return cursorAt(epochOf(bounds.first - 1, bounds), bounds.first - 1);
    });
  }
}

function waitError(code: "ETIMEDOUT" | "ECANCELED", message: string): Error {
  return Object.assign(new Error(message), { code });
}

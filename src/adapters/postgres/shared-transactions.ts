import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { ChatId } from "../../domain/chat.js";
import { MessagingError } from "../../domain/errors.js";
import type { Scope } from "./scope.js";
import { translated, type Stored } from "./transaction.js";

/** Bounds the size of the statements and the time for which the chats are locked. */
const MAX_SHARED = 100;

/** How long work waits for a transaction in progress. Beyond that, the next transaction starts beside it. */
const MAX_WAIT_MS = 1_000;

/** Work that appends to one chat. */
interface Append {
  readonly chatId: ChatId;
  readonly work: (scope: Scope) => Promise<unknown>;
  readonly resolve: (result: Stored<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly result: Stored<unknown> } | { readonly error: MessagingError };

/** Runs work in one attempt of one transaction. */
type Attempt = <T>(work: (scope: Scope) => Promise<T>) => Promise<Stored<T>>;

/** Runs work in a transaction that it does not share. */
type RunAlone = (work: (scope: Scope) => Promise<unknown>) => Promise<Stored<unknown>>;

/**
 * Runs appends to chats. Those that arrive during a transaction share the next one: they run concurrently, so that their
 * statements are gathered, see `Statements.each`. An error that one of them throws before it writes rejects only that one.
 *
 * A shared transaction locks the chats that no other transaction has locked, and so never waits for a chat. The appends to each
 * other chat share transactions of that chat, in which they wait for the lock.
 */
export class SharedTransactions {
  readonly #attempt: Attempt;
  readonly #runAlone: RunAlone;
  readonly #waiting: Append[] = [];
  #isRunning = false;
  readonly #ofLockedChats = new Map<ChatId, Append[]>();

  /** @param runAlone runs each append of a transaction that has failed and may be repeated. */
  constructor(attempt: Attempt, runAlone: RunAlone) {
    this.#attempt = attempt;
    this.#runAlone = runAlone;
  }

  run<T>(chatId: ChatId, work: (scope: Scope) => Promise<T>): Promise<Stored<T>> {
    return new Promise<Stored<T>>((resolve, reject) => {
      this.#add({ chatId, work, resolve: resolve as Append["resolve"], reject });
    });
  }

  #add(append: Append): void {
    const ofChat = this.#ofLockedChats.get(append.chatId);
    (ofChat ?? this.#waiting).push(append);
    if (ofChat !== undefined || this.#isRunning) return;
    this.#isRunning = true;
    void this.#runWaiting();
  }

  async #runWaiting(): Promise<void> {
    // Those that arrive in one turn share a transaction.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const timer = new AbortController();
      const waited = sleep(MAX_WAIT_MS, undefined, { signal: timer.signal }).catch(() => {});
      await Promise.race([this.#share(this.#waiting.splice(0, MAX_SHARED)), waited]);
      timer.abort();
    }
    this.#isRunning = false;
  }

  async #runOfLockedChat(chatId: ChatId, waiting: Append[]): Promise<void> {
    this.#ofLockedChats.set(chatId, waiting);
    while (waiting.length > 0) await this.#share(waiting.splice(0, MAX_SHARED));
    this.#ofLockedChats.delete(chatId);
  }

  async #share(appends: readonly Append[]): Promise<void> {
    let outcomes: readonly (Outcome | undefined)[];
    try {
      ({ result: outcomes } = await this.#attempt((scope) => runTogether(scope, appends)));
    } catch (error) {
      const final = translated(error);
      for (const append of appends) {
        if (final instanceof MessagingError) append.reject(final);
        else this.#runAlone(append.work).then(append.resolve, append.reject);
      }
      return;
    }
    const ofLockedChats = new Map<ChatId, Append[]>();
    for (const [index, append] of appends.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) {
        const ofChat = ofLockedChats.get(append.chatId);
        if (ofChat) ofChat.push(append);
        else ofLockedChats.set(append.chatId, [append]);
      } else if ("error" in outcome) append.reject(outcome.error);
      else append.resolve(outcome.result);
    }
    for (const [chatId, ofChat] of ofLockedChats) {
      const waiting = this.#ofLockedChats.get(chatId);
      if (waiting) waiting.push(...ofChat);
      else void this.#runOfLockedChat(chatId, ofChat);
    }
  }
}

/** @returns for each append its outcome; undefined if another transaction has locked its chat. */
async function runTogether(
  scope: Scope,
  appends: readonly Append[],
): Promise<readonly (Outcome | undefined)[]> {
  const chatIds = new Set(appends.map(({ chatId }) => chatId));
  // A single chat is locked in the round trip that reads it.
  const locked = chatIds.size === 1 ? chatIds : await scope.lockFreeChats([...chatIds]);
  // Waits for all, since the connection belongs to other work afterwards.
  const settled = await Promise.allSettled(
    appends.map(async ({ chatId, work }) => (locked.has(chatId) ? outcomeOf(scope.fork(), work) : undefined)),
  );
  if (scope.fault !== undefined) throw scope.fault.error;
  return settled.map((each) => {
    // Also the writes of the others have to be rolled back.
    if (each.status === "rejected") throw new Error("An append has failed.", { cause: each.reason });
    return each.value;
  });
}

async function outcomeOf(scope: Scope, work: Append["work"]): Promise<Outcome> {
  try {
    return { result: { result: await work(scope), hasWritten: scope.hasWritten } };
  } catch (error) {
    if (scope.hasWritten || !(error instanceof MessagingError)) throw error;
    return { error };
  }
}

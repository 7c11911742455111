import type { Message } from "../../src/domain/message.js";

/** A transaction that appends these messages to the one chat of the ledger. */
export interface Entry {
  readonly texts: readonly string[];
  /** Whether it was acknowledged or shown, and must therefore never be lost. */
  isKept: boolean;
}

/**
 * The model of a store: the transactions that were started, and those that it must keep. A store must show transactions whole,
 * once, in the order in which they started, and without gaps.
 */
export interface Ledger {
  begin(texts: readonly string[]): Entry;
  /** Notes that the store rejected a transaction, which it may therefore never show. */
  reject(entry: Entry): void;
  /**
   * Checks the messages that a store shows. It must show them from now on.
   *
   * @throws BrokenPromise
   */
  show(messages: readonly Message[]): void;
  /**
   * Checks the messages that a reopened store shows. It may never show the others.
   *
   * @throws BrokenPromise
   */
  recover(messages: readonly Message[]): void;
}

/** Thrown where a store violates its guarantees. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}

export function openLedger(): Ledger {
  let entries: Entry[] = [];

  function show(messages: readonly Message[]): number {
    let shown = 0;
    let at = 0;
    while (at < messages.length) {
      const entry = entries[shown];
      if (entry === undefined) throw broken(messages, at, "absent: nothing else was sent");
      for (const text of entry.texts) {
        if (messages[at]?.text !== text) throw broken(messages, at, text);
        if (messages[at]?.seq !== at + 1) throw broken(messages, at, `seq ${at + 1}`);
        at += 1;
      }
      shown += 1;
    }
    const lost = entries.slice(shown).find((entry) => entry.isKept);
    if (lost !== undefined) throw broken(messages, at, lost.texts[0] ?? "");
    for (const entry of entries.slice(0, shown)) entry.isKept = true;
    return shown;
  }

  return {
    begin(texts) {
      const entry = { texts, isKept: false };
      entries.push(entry);
      return entry;
    },
    reject(entry) {
      entries = entries.filter((each) => each !== entry);
    },
    show: (messages) => void show(messages),
    recover(messages) {
      entries = entries.slice(0, show(messages));
    },
  };
}

function broken(messages: readonly Message[], at: number, expected: string): BrokenPromise {
  const found = messages[at] === undefined ? "nothing" : `${messages[at].seq}: ${messages[at].text}`;
  return new BrokenPromise(
    `Message ${at + 1} of ${messages.length} is ${found.slice(0, 40)}, and should be ${expected.slice(0, 40)}.`,
  );
}

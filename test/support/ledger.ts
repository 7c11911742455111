import type { Message } from "../../src/domain/message.js";

/** A transaction that appends these messages to the one chat of the ledger. */
export interface Entry {
  readonly texts: readonly string[];
  /** It was acknowledged, or shown: it must be there from now on. */
  kept: boolean;
}

/**
 * What was asked of a store, and what it has said: the model against which all that it shows is held. Transactions are
 * there whole, in the order in which they began, once, and none is there without all before it.
 */
export interface Ledger {
  begin(texts: readonly string[]): Entry;
  /** It was refused: it may never be there. */
  strike(entry: Entry): void;
  /** What a store shows. All of it must be there from now on. @throws BrokenPromise */
  show(messages: readonly Message[]): void;
  /** What a store shows when it has come back: what is not there now never will be. @throws BrokenPromise */
  recover(messages: readonly Message[]): void;
}

/** What a store did that it may not do. */
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
      if (entry === undefined) throw broken(messages, at, "nothing that was sent");
      for (const text of entry.texts) {
        if (messages[at]?.text !== text) throw broken(messages, at, text);
        if (messages[at]?.seq !== at + 1) throw broken(messages, at, `seq ${at + 1}`);
        at += 1;
      }
      shown += 1;
    }
    const lost = entries.slice(shown).find((entry) => entry.kept);
    if (lost !== undefined) throw broken(messages, at, lost.texts[0] ?? "");
    for (const entry of entries.slice(0, shown)) entry.kept = true;
    return shown;
  }

  return {
    begin(texts) {
      const entry = { texts, kept: false };
      entries.push(entry);
      return entry;
    },
    strike(entry) {
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

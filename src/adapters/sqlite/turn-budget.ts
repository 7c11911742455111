/**
 * Rows that the statements of one turn of the event loop may read or write before other events of the process have theirs. A send
 * takes about ten, and a page of a replay 200. It bounds what many lists and replays
 * take together, however short each of their slices is.
 */
const MAX_ROWS_PER_TURN = 400;

/** Counts the rows of a turn of the event loop. */
export class TurnBudget {
  #rows = 0;

  get isSpent(): boolean {
    return this.#rows >= MAX_ROWS_PER_TURN;
  }

  spend(rows: number): void {
    if (this.#rows === 0) setImmediate(() => (this.#rows = 0));
    this.#rows += rows;
  }

  /** Resolves in the next turn of the event loop. */
  async nextTurn(): Promise<void> {
    await new Promise(setImmediate);
  }
}

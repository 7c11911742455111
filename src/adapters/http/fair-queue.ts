import { MessagingError } from "../../domain/errors.js";

interface Waiting {
  readonly start: () => void;
  readonly reject: (error: MessagingError) => void;
}

/** The tasks of an address by account, in the order of their turns. */
type Accounts = Map<string, Waiting[]>;

export interface FairQueueOptions {
  /** How many tasks run at once. */
  readonly concurrency: number;
  /** How many tasks of one address run at once. */
  readonly maxRunningPerAddress: number;
  /** How many tasks of one account and address may wait. */
  readonly maxPerAccount: number;
  /** How many tasks of one address may wait. */
  readonly maxPerAddress: number;
  /** How many tasks may wait in all. */
  readonly maxWaiting: number;
}

/**
 * Runs a few tasks at once. Addresses take turns, and the accounts of an address take turns within its turns, so that a client with
 * many waiting tasks delays another client by one task at most per turn.
 *
 * Where too many tasks wait, the newest task of the account with the most waiting tasks is rejected, so that many tasks of
 * one client never keep others out.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  /** In the order of their turns. An address is removed when none of its tasks wait. */
  readonly #addresses = new Map<string, Accounts>();
  #running = 0;
  readonly #runningByAddress = new Map<string, number>();

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /**
   * Runs the task when it is its turn.
   *
   * @throws MessagingError `busy` if too many tasks wait. The task then never runs.
   */
  async run<T>(address: string, account: string, task: () => Promise<T>): Promise<T> {
    if (this.#hasRoomFor(address)) this.#begin(address);
    else await this.#waitForTurn(address, account);
    try {
      return await task();
    } finally {
      this.#end(address);
      this.#pass();
    }
  }

  #hasRoomFor(address: string): boolean {
    const { concurrency, maxRunningPerAddress } = this.#options;
    return this.#running < concurrency && (this.#runningByAddress.get(address) ?? 0) < maxRunningPerAddress;
  }

  #begin(address: string): void {
    this.#running += 1;
    this.#runningByAddress.set(address, (this.#runningByAddress.get(address) ?? 0) + 1);
  }

  #end(address: string): void {
    this.#running -= 1;
    const left = this.#runningByAddress.get(address)! - 1;
    if (left > 0) this.#runningByAddress.set(address, left);
    else this.#runningByAddress.delete(address);
  }

  #waitForTurn(address: string, account: string): Promise<void> {
    return new Promise((start, reject) => {
      const accounts: Accounts = this.#addresses.get(address) ?? new Map<string, Waiting[]>();
      const tasks = accounts.get(account) ?? [];
      tasks.push({ start, reject });
      accounts.set(account, tasks);
      this.#addresses.set(address, accounts);
      const { maxPerAccount, maxPerAddress, maxWaiting } = this.#options;
      if (tasks.length > maxPerAccount) this.#rejectNewest(address, account);
      else if (countOf(accounts) > maxPerAddress) this.#rejectNewestOfLongest(address, account);
      else if (this.#count() > maxWaiting) {
        const longest = keyOfMost(this.#addresses, address, countOf);
        this.#rejectNewestOfLongest(longest, longest === address ? account : undefined);
      }
    });
  }

  /** @param preferred the account that loses a task where others have as many. */
  #rejectNewestOfLongest(address: string, preferred: string | undefined): void {
    const accounts = this.#addresses.get(address)!;
    this.#rejectNewest(
      address,
      keyOfMost(accounts, preferred, (tasks) => tasks.length),
    );
  }

  #rejectNewest(address: string, account: string): void {
    const accounts = this.#addresses.get(address)!;
    const tasks = accounts.get(account)!;
    const { reject } = tasks.pop()!;
    if (tasks.length === 0) accounts.delete(account);
    if (accounts.size === 0) this.#addresses.delete(address);
    reject(new MessagingError("busy", "Too many password checks in progress. Try again in a moment."));
  }

  /** Starts the next task that may run. The others of its address go behind those of all other addresses. */
  #pass(): void {
    const address = this.#firstWithRoom();
    if (address === undefined) return;
    const accounts = this.#addresses.get(address)!;
    const [account, tasks] = accounts.entries().next().value!;
    const { start } = tasks.shift()!;
    accounts.delete(account);
    if (tasks.length > 0) accounts.set(account, tasks);
    this.#addresses.delete(address);
    if (accounts.size > 0) this.#addresses.set(address, accounts);
    this.#begin(address);
    start();
  }

  #firstWithRoom(): string | undefined {
    for (const address of this.#addresses.keys()) if (this.#hasRoomFor(address)) return address;
    return undefined;
  }

  #count(): number {
    return sum(this.#addresses.values(), countOf);
  }
}

function countOf(accounts: Accounts): number {
  return sum(accounts.values(), ({ length }) => length);
}

function sum<Item>(items: Iterable<Item>, sizeOf: (item: Item) => number): number {
  let total = 0;
  for (const item of items) total += sizeOf(item);
  return total;
}

/** @param preferred the result if no other key has more. */
function keyOfMost<Item>(
  items: ReadonlyMap<string, Item>,
  preferred: string | undefined,
  sizeOf: (item: Item) => number,
): string {
  let [longest] = preferred === undefined ? items.keys() : [preferred];
  for (const [key, item] of items) if (sizeOf(item) > sizeOf(items.get(longest!)!)) longest = key;
  return longest!;
}

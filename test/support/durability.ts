import type { ReadRepositories, Store } from "../../src/application/ports.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Message, MessageText } from "../../src/domain/message.js";
import { CHAT, found, USER, type OpenStore } from "./engine.js";
import { BrokenPromise, openLedger, type Entry } from "./ledger.js";
import type { Ending, Schedule, Step } from "./schedules.js";
import { seeded, type Fault, type SimulatedDisk } from "./simulated-disk.js";
import { PLAIN } from "../contract/fixtures.js";

/** The counts of a run. */
export interface Tally {
  acknowledged: number;
  rejected: number;
  /** Successful openings. */
  opened: number;
  /** Openings that a fault prevented. */
  unopened: number;
  /** Disk operations with a fault. */
  faults: number;
}

/** A process that runs or opens a store. */
interface Process {
  store: Store | undefined;
  /** Whether it has crashed or reported a fatal error. */
  ended: boolean;
  /** Whether a disk operation has failed. */
  failed: boolean;
}

/** A flipped bit. */
interface Flip {
  readonly file: string;
  undo(): void;
}

/**
 * Runs a schedule and checks the guarantees of the store. Acknowledged and shown transactions remain, in order and once.
 * Rejected ones are absent. A transaction without a result is stored as a whole, or neither it nor any later one.
 *
 * @param prepared the disks of `prepareDisks`. The schedule runs on a copy of one of them.
 * @throws BrokenPromise
 */
export async function runSchedule(
  open: OpenStore,
  prepared: readonly SimulatedDisk[],
  { disk: from, seed, steps }: Schedule,
): Promise<Tally> {
  const disk = prepared[from]!.copy(seeded(seed));
  const ledger = openLedger();
  const tally: Tally = { acknowledged: 0, rejected: 0, opened: 0, unopened: 0, faults: 0 };
  const show = (messages: readonly Message[]) => ledger.show(messages);
  const pending = new Set<Promise<void>>();
  const broken: BrokenPromise[] = [];
  let sent = 0;
  let process: Process = { store: undefined, ended: true, failed: false };
  let store!: Store;

  try {
    for (const step of [...steps, { do: "free" }, { do: "restart", after: "power cut" }] as const) {
      if (step.do !== "fault" && process.ended) await restart("kill");
      await perform(step);
      if (broken[0]) throw broken[0];
    }
    return tally;
  } finally {
    await end("kill");
  }

  async function perform(step: Step): Promise<void> {
    switch (step.do) {
      case "send":
        for (const lengths of step.lengths) send(lengths);
        return;
      case "look":
        return look(step.in);
      case "pause":
        return turn();
      case "settle":
        return settle();
      case "restart":
        return restart(step.after);
      case "fault":
        return plan(step.fault, disk.operations + 1 + step.after, step.lasting);
      case "fill":
        disk.capacity = disk.used + step.freeBytes;
        return;
      case "free":
        return freeDisk();
      case "flip":
        return flip(step.after, step.file, step.bit);
    }
  }

  function send(lengths: readonly number[]): Entry {
    sent += 1;
    const entry = ledger.begin(lengths.map((length, n) => `${sent}.${n} ${"x".repeat(length)}`));
    const sending = store.transaction(async ({ messages }) => {
      for (const text of entry.texts) await messages.append(draft(text));
    });
    const acknowledge = () => {
      entry.isKept = true;
      tally.acknowledged += 1;
    };
    watch(
      sending.then(
        acknowledge,
        ifRejected(() => ledger.reject(entry)),
      ),
    );
    return entry;
  }

  function look(where: "a read" | "an idle transaction" | "a failed transaction"): void {
    if (where === "a read") return watch(store.read(list).then(show));
    if (where === "an idle transaction") return watch(store.transaction(list).then(show, ifRejected()));
    const failure = new MessagingError("invalid_message", "The work of this transaction fails.");
    let seen: readonly Message[] = [];
    const failed = store.transaction(async (repositories) => {
      seen = await list(repositories);
      await repositories.messages.append(draft("rolled back"));
      throw failure;
    });
    watch(failed.catch((error: unknown) => (error === failure ? show(seen) : ifRejected()(error))));
  }

  /** Handles and counts the rejection of a transaction that the store cannot accept at the moment. */
  function ifRejected(then: () => void = () => undefined): (error: unknown) => void {
    return (error) => {
      if (!isRejection(error)) throw error;
      tally.rejected += 1;
      then();
    };
  }

  /** Records a failure of the call, unless its process has ended. */
  function watch(call: Promise<void>): void {
    const caller = process;
    const watched = call
      .catch((error: unknown) => {
        if (error instanceof BrokenPromise) broken.push(error);
        else if (!caller.ended)
          broken.push(new BrokenPromise(`A call fails with ${String(error)}`, { cause: error }));
      })
      .finally(() => pending.delete(watched));
    pending.add(watched);
  }

  async function settle(): Promise<void> {
    for (let waits = 0; pending.size > 0 && !process.ended; waits += 1) {
      if (waits > MAX_TURNS) throw new BrokenPromise(`${pending.size} calls never settle.`);
      await turn();
    }
  }

  async function restart(ending: Ending): Promise<void> {
    await end(ending);
    store = await start();
  }

  /** Ends the process. Results that it has computed are still delivered, and nothing after them. */
  async function end(ending: Ending): Promise<void> {
    if (ending === "close") await close();
    process.ended = true;
    if (ending === "power cut") disk.powerCut();
    else disk.kill();
    await turns(TURNS_TO_FINISH);
    pending.clear();
    // The disk rejects all calls of the ended process, so this only frees memory.
    process.store?.close().catch(() => undefined);
  }

  async function close(): Promise<void> {
    const closing = process;
    await settle();
    if (closing.ended) return;
    watch(
      store.close().catch((error: unknown) => {
        if (!closing.failed) throw error;
      }),
    );
    await settle();
  }

  async function start(flipped?: Flip): Promise<Store> {
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
      const starting: Process = { store: undefined, ended: false, failed: false };
      process = starting;
      try {
        const opening = open(disk.mount(), () => (starting.ended = true));
        const opened = await resultOf(starting, opening);
        starting.store = opened;
        ledger.recover(await resultOf(starting, opened.read(list)));
        const known = opened.read(({ users }) => users.byId(USER.id));
        if (!(await resultOf(starting, known))) await resultOf(starting, opened.transaction(found));
        tally.opened += 1;
        return opened;
      } catch (error) {
        if (error instanceof BrokenPromise) throw error;
        tally.unopened += 1;
        if (!starting.ended && !starting.failed) removeObstacle(error, flipped);
        await end("kill");
      }
    }
    throw new BrokenPromise(`The store does not open in ${MAX_ATTEMPTS} attempts.`);
  }

  /** Removes a condition under which the store may fail to open. Throws if there is no such condition. */
  function removeObstacle(error: unknown, flipped: Flip | undefined): void {
    if (disk.capacity < Number.POSITIVE_INFINITY) {
      disk.capacity = Number.POSITIVE_INFINITY;
    } else if (flipped && String(error).includes(flipped.file)) {
      flipped.undo();
    } else {
      const fault = flipped ? `only a bit of ${flipped.file} is flipped` : "there is no fault";
      throw new BrokenPromise(`The store does not open, though ${fault}: ${String(error)}`, { cause: error });
    }
  }

  function plan(fault: Fault, at: number, lasting: boolean): void {
    let hit: { readonly process: Process; readonly call: string } | undefined;
    disk.fault = ({ number, call }) => {
      if (number === at) hit = { process, call };
      else if (!lasting || hit?.process !== process || hit.call !== call) return undefined;
      tally.faults += 1;
      if (typeof fault === "string") process.ended = true;
      else if ("error" in fault) process.failed = true;
      return fault;
    };
  }

  async function freeDisk(): Promise<void> {
    disk.capacity = Number.POSITIVE_INFINITY;
    disk.fault = undefined;
    await settle();
    if (process.ended) await restart("kill");
    for (let waits = 0; store.status().fault !== undefined; waits += 1) {
      if (waits > MAX_TURNS) throw new BrokenPromise(`The store does not recover: ${store.status().fault}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await turns(TURNS_TO_FINISH);
    const entry = send([10]);
    await settle();
    if (!entry.isKept)
      throw broken[0] ?? new BrokenPromise("The store rejects a transaction, though there is no fault.");
  }

  async function flip(ending: Ending, nthFile: number, nthBit: number): Promise<void> {
    await end(ending);
    const files = [...disk.files()].filter(([, length]) => length > 0);
    const [file, length] = files[nthFile % files.length]!;
    const undo = () => disk.flip(file, nthBit % (8 * length));
    undo();
    store = await start({ file, undo });
  }
}

/** More turns of the event loop than any call of a running store takes. */
const MAX_TURNS = 1_000;
/** Turns of the event loop in which a process finishes the operations it has begun. */
const TURNS_TO_FINISH = 5;
const MAX_ATTEMPTS = 10;

/** Returns the result of the call. Throws where the process ends before. */
async function resultOf<T>(caller: Process, call: Promise<T>): Promise<T> {
  const open = new Set([call]);
  const done = () => open.delete(call);
  call.then(done, done);
  for (let waits = 0; open.size > 0; waits += 1) {
    if (caller.ended) throw new Error("The process has ended.");
    if (waits > MAX_TURNS) throw new BrokenPromise("The store neither opens nor fails.");
    await turn();
  }
  return call;
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function list({ messages }: ReadRepositories): Promise<readonly Message[]> {
  return messages.ofChat(CHAT, { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 1_000_000, from: "oldest" });
}

function draft(text: string) {
  return { chatId: CHAT, sender: USER, text: text as MessageText, ...PLAIN, sentAt: 1 };
}

function isRejection(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "store_unavailable" || error.code === "busy")
  );
}

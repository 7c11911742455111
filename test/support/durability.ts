import type { ReadRepositories, Store } from "../../src/application/ports.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Message, MessageText } from "../../src/domain/message.js";
import { CHAT, found, USER, type OpenStore } from "./engine.js";
import { BrokenPromise, openLedger, type Entry } from "./ledger.js";
import type { Ending, Schedule, Step } from "./schedules.js";
import { seeded, type Fault, type SimulatedDisk } from "./simulated-disk.js";

/** What a run came to. */
export interface Tally {
  acknowledged: number;
  refused: number;
  /** Times that a store was opened with success. */
  opened: number;
  /** Times that a store was not opened, since a fault stood in the way. */
  unopened: number;
  /** Operations of the disk in which something went wrong. */
  faults: number;
}

/** A process that runs a store, or is about to. */
interface Process {
  store: Store | undefined;
  /** It has crashed, or asked to be ended. */
  ended: boolean;
  /** The disk has given it an error. */
  failed: boolean;
}

/** A bit that has turned over. */
interface Flip {
  readonly file: string;
  back(): void;
}

/**
 * Runs a schedule and holds the store to its promises: what it acknowledged and what it ever showed is there after
 * whatever happens, in order and once; what it refused is not; what it left open is there whole, or neither it nor
 * anything after it.
 *
 * @param prepared what `prepareDisks` made. The schedule runs on a copy of one of them.
 * @throws BrokenPromise
 */
export async function runSchedule(
  open: OpenStore,
  prepared: readonly SimulatedDisk[],
  { disk: from, seed, steps }: Schedule,
): Promise<Tally> {
  const disk = prepared[from]!.copy(seeded(seed));
  const ledger = openLedger();
  const tally: Tally = { acknowledged: 0, refused: 0, opened: 0, unopened: 0, faults: 0 };
  const show = (messages: readonly Message[]) => ledger.show(messages);
  const unanswered = new Set<Promise<void>>();
  const broken: BrokenPromise[] = [];
  let sent = 0;
  let process: Process = { store: undefined, ended: true, failed: false };
  let store!: Store;

  try {
    for (const step of [...steps, { do: "room" }, { do: "restart", after: "power cut" }] as const) {
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
        disk.capacity = disk.used + step.room;
        return;
      case "room":
        return makeRoom();
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
      entry.kept = true;
      tally.acknowledged += 1;
    };
    watch(
      sending.then(
        acknowledge,
        ifRefused(() => ledger.strike(entry)),
      ),
    );
    return entry;
  }

  function look(where: "a read" | "an idle transaction" | "a refused transaction"): void {
    if (where === "a read") return watch(store.read(list).then(show));
    if (where === "an idle transaction") return watch(store.transaction(list).then(show, ifRefused()));
    const refusal = new MessagingError("invalid_message", "The work of this transaction refuses it.");
    let seen: readonly Message[] = [];
    const refused = store.transaction(async (repositories) => {
      seen = await list(repositories);
      await repositories.messages.append(draft("refused"));
      throw refusal;
    });
    watch(refused.catch((error: unknown) => (error === refusal ? show(seen) : ifRefused()(error))));
  }

  /** Lets pass that the store can take nothing at the moment, and counts it. */
  function ifRefused(then: () => void = () => undefined): (error: unknown) => void {
    return (error) => {
      if (!isRefusal(error)) throw error;
      tally.refused += 1;
      then();
    };
  }

  /** The answer may be missing, or an error, only where the process comes to its end. */
  function watch(answer: Promise<void>): void {
    const asked = process;
    const watched = answer
      .catch((error: unknown) => {
        if (error instanceof BrokenPromise) broken.push(error);
        else if (!asked.ended)
          broken.push(new BrokenPromise(`It answers ${String(error)}`, { cause: error }));
      })
      .finally(() => unanswered.delete(watched));
    unanswered.add(watched);
  }

  async function settle(): Promise<void> {
    for (let waits = 0; unanswered.size > 0 && !process.ended; waits += 1) {
      if (waits > MANY_TURNS) throw new BrokenPromise(`It never answers ${unanswered.size} calls.`);
      await turn();
    }
  }

  async function restart(ending: Ending): Promise<void> {
    await end(ending);
    store = await start();
  }

  /** What the process was about to say it says still, and then nothing more. */
  async function end(ending: Ending): Promise<void> {
    if (ending === "close") await close();
    process.ended = true;
    if (ending === "power cut") disk.powerCut();
    else disk.kill();
    await turns(FEW_TURNS);
    unanswered.clear();
    // The disk takes nothing more from this process. What is left of the store in this one is memory.
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
    for (let attempts = 0; attempts < MANY_ATTEMPTS; attempts += 1) {
      const starting: Process = { store: undefined, ended: false, failed: false };
      process = starting;
      try {
        const opening = open(disk.mount(), () => (starting.ended = true));
        const opened = await answerTo(starting, opening);
        starting.store = opened;
        ledger.recover(await answerTo(starting, opened.read(list)));
        const known = opened.read(({ users }) => users.byId(USER.id));
        if (!(await answerTo(starting, known))) await answerTo(starting, opened.transaction(found));
        tally.opened += 1;
        return opened;
      } catch (error) {
        if (error instanceof BrokenPromise) throw error;
        tally.unopened += 1;
        if (!starting.ended && !starting.failed) overcome(error, flipped);
        await end("kill");
      }
    }
    throw new BrokenPromise(`It does not open in ${MANY_ATTEMPTS} attempts.`);
  }

  /** Takes out of the way what the store may fail to open for. */
  function overcome(error: unknown, flipped: Flip | undefined): void {
    if (disk.capacity < Number.POSITIVE_INFINITY) {
      disk.capacity = Number.POSITIVE_INFINITY;
    } else if (flipped && String(error).includes(flipped.file)) {
      flipped.back();
    } else {
      const fault = flipped ? `a bit of ${flipped.file} has turned over` : "nothing is wrong";
      throw new BrokenPromise(`It does not open, though ${fault}: ${String(error)}`, { cause: error });
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

  async function makeRoom(): Promise<void> {
    disk.capacity = Number.POSITIVE_INFINITY;
    disk.fault = undefined;
    await settle();
    if (process.ended) await restart("kill");
    for (let waits = 0; store.status().fault !== undefined; waits += 1) {
      if (waits > MANY_TURNS) throw new BrokenPromise(`It does not come back: ${store.status().fault}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await turns(FEW_TURNS);
    const entry = send([10]);
    await settle();
    if (!entry.kept) throw broken[0] ?? new BrokenPromise("It stores nothing, though nothing is wrong.");
  }

  async function flip(ending: Ending, nthFile: number, nthBit: number): Promise<void> {
    await end(ending);
    const files = [...disk.files()].filter(([, length]) => length > 0);
    const [file, length] = files[nthFile % files.length]!;
    const back = () => disk.flip(file, nthBit % (8 * length));
    back();
    store = await start({ file, back });
  }
}

/** Long enough for whatever a living store does. */
const MANY_TURNS = 1_000;
/** Long enough for whatever a process has begun. */
const FEW_TURNS = 5;
const MANY_ATTEMPTS = 10;

/** The answer, unless the process ends without one. */
async function answerTo<T>(asker: Process, answer: Promise<T>): Promise<T> {
  const open = new Set([answer]);
  const done = () => open.delete(answer);
  answer.then(done, done);
  for (let waits = 0; open.size > 0; waits += 1) {
    if (asker.ended) throw new Error("The process has ended.");
    if (waits > MANY_TURNS) throw new BrokenPromise("It neither opens nor fails.");
    await turn();
  }
  return answer;
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
  return { chatId: CHAT, sender: USER, text: text as MessageText, sentAt: 1 };
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "store_unavailable" || error.code === "busy")
  );
}

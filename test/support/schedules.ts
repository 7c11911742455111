import fc from "fast-check";
import { PREPARED_DISKS } from "./engine.js";
import type { Fault } from "./simulated-disk.js";

/** A sequence of calls of a store and faults of its disk. */
export interface Schedule {
  /** The index of the prepared disk that it starts with. */
  readonly disk: number;
  /** The seed of the choices of the disk. */
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** One step. Only `settle`, `free` and the steps that end a process wait for pending calls. */
export type Step =
  /** Starts transactions concurrently, each of which appends messages of these lengths. */
  | { readonly do: "send"; readonly lengths: readonly (readonly number[])[] }
  /** Lists all messages: in a read, in a transaction that writes nothing, or in one that writes and throws. */
  | { readonly do: "look"; readonly in: "a read" | "an idle transaction" | "a failed transaction" }
  /** Waits for a turn of the event loop. */
  | { readonly do: "pause" }
  /** Waits until all calls are settled. */
  | { readonly do: "settle" }
  | { readonly do: "restart"; readonly after: Ending }
  /** A fault after that many operations; a lasting one repeats in all later calls of that kind, until the process ends. */
  | { readonly do: "fault"; readonly after: number; readonly fault: Fault; readonly lasting: boolean }
  /** Leaves the disk that many free bytes. */
  | { readonly do: "fill"; readonly freeBytes: number }
  /** Frees the disk and removes all faults. The store must then accept writes. */
  | { readonly do: "free" }
  /** Flips one bit of one file while no process runs. Both numbers are taken modulo the number of files and bits. */
  | { readonly do: "flip"; readonly after: Ending; readonly file: number; readonly bit: number };

export type Ending = "close" | "power cut" | "kill";

const ending = fc.constantFrom<Ending>("close", "power cut", "kill");
const crash = fc.constantFrom<Fault>("power cut", "kill");
const error = fc.constantFrom("EIO", "ENOSPC").map((code): Fault => ({ error: code }));
const shortWrite = fc.integer({ min: 1, max: 600 }).map((take): Fault => ({ take }));
const fill = fc.nat(30_000).map((freeBytes): Step => ({ do: "fill", freeBytes }));
const restart = ending.map((after): Step => ({ do: "restart", after }));
// The beginning of a segment is full, and the rest mostly zeros.
const bit = fc.oneof(fc.nat(8 * 2048), fc.nat());
const flip = fc
  .tuple(ending, fc.nat(), bit)
  .map(([after, file, nth]): Step => ({ do: "flip", after, file, bit: nth }));
const look = fc
  .constantFrom("a read" as const, "an idle transaction" as const, "a failed transaction" as const)
  .map((where): Step => ({ do: "look", in: where }));
const settle = fc.constant<Step>({ do: "settle" });
const pause = fc.constant<Step>({ do: "pause" });

/** All steps, in any order. */
export const anySchedule = schedules(
  { weight: 8, arbitrary: sends(fc.nat(60)) },
  { weight: 3, arbitrary: sends(fc.integer({ min: 100, max: 200 })) },
  { weight: 4, arbitrary: settle },
  { weight: 3, arbitrary: pause },
  { weight: 3, arbitrary: look },
  { weight: 3, arbitrary: restart },
  { weight: 4, arbitrary: faults(crash, fc.constant(false)) },
  { weight: 2, arbitrary: faults(error, fc.boolean()) },
  { weight: 1, arbitrary: faults(shortWrite, fc.boolean()) },
  { weight: 1, arbitrary: fill },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "free" }) },
  { weight: 1, arbitrary: flip },
);

/** Mostly flipped bits. */
export const flips = schedules(
  { weight: 1, arbitrary: sends(fc.nat(60)) },
  { weight: 1, arbitrary: settle },
  { weight: 2, arbitrary: flip },
);

/** Mostly sends, with crashes among them. */
export const crashes = schedules(
  { weight: 4, arbitrary: sends(fc.nat(60)) },
  { weight: 4, arbitrary: pause },
  { weight: 1, arbitrary: faults(crash, fc.constant(false), 20) },
);

/** Mostly failing writes and syncs, followed by restarts. */
export const failures = schedules(
  { weight: 2, arbitrary: sends(fc.nat(60)) },
  { weight: 2, arbitrary: settle },
  { weight: 2, arbitrary: faults(error, fc.constant(false), 12) },
  { weight: 1, arbitrary: restart },
);

function schedules(...steps: readonly fc.WeightedArbitrary<Step>[]): fc.Arbitrary<Schedule> {
  return fc.record({
    disk: fc.nat(PREPARED_DISKS - 1),
    seed: fc.integer(),
    steps: fc.array(fc.oneof(...steps), { maxLength: 16, size: "max" }),
  });
}

function sends(length: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  const transaction = fc.array(length, { minLength: 1, maxLength: 2 });
  return fc.array(transaction, { minLength: 1, maxLength: 8 }).map((lengths) => ({ do: "send", lengths }));
}

/** @param within the maximum number of operations before the fault. */
function faults(fault: fc.Arbitrary<Fault>, lasting: fc.Arbitrary<boolean>, within = 80): fc.Arbitrary<Step> {
  return fc
    .tuple(fc.nat(within), fault, lasting)
    .map(([after, what, lasts]) => ({ do: "fault", after, fault: what, lasting: lasts }));
}

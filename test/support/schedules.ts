import fc from "fast-check";
import { PREPARED_DISKS } from "./engine.js";
import type { Fault } from "./simulated-disk.js";

/** A story of a store and its disk. */
export interface Schedule {
  /** Which of the prepared disks it starts with. */
  readonly disk: number;
  /** Of all that the disk leaves to chance. */
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** What happens next. Only `settle`, `room` and what ends a process wait for answers. */
export type Step =
  /** Transactions, all at once, each of which appends messages of these lengths. */
  | { readonly do: "send"; readonly lengths: readonly (readonly number[])[] }
  /** A look at all messages: in a read, in a transaction that writes nothing, or in one that writes and is refused. */
  | { readonly do: "look"; readonly in: "a read" | "an idle transaction" | "a refused transaction" }
  /** Lets the store work for a moment. */
  | { readonly do: "pause" }
  /** Waits until everything is answered. */
  | { readonly do: "settle" }
  | { readonly do: "restart"; readonly after: Ending }
  /** A fault in the operation after so many; a lasting one also in all such calls from then on, until the process ends. */
  | { readonly do: "fault"; readonly after: number; readonly fault: Fault; readonly lasting: boolean }
  /** The disk has room for so many bytes more. */
  | { readonly do: "fill"; readonly room: number }
  /** There is room again, and nothing stands in the way of storing. */
  | { readonly do: "room" }
  /** One bit of one file turns over while no process runs. Both numbers are taken modulo what there is. */
  | { readonly do: "flip"; readonly after: Ending; readonly file: number; readonly bit: number };

export type Ending = "close" | "power cut" | "kill";

const ending = fc.constantFrom<Ending>("close", "power cut", "kill");
const crash = fc.constantFrom<Fault>("power cut", "kill");
const error = fc.constantFrom("EIO", "ENOSPC").map((code): Fault => ({ error: code }));
const shortWrite = fc.integer({ min: 1, max: 600 }).map((take): Fault => ({ take }));
const room = fc.nat(30_000).map((bytes): Step => ({ do: "fill", room: bytes }));
const restart = ending.map((after): Step => ({ do: "restart", after }));
// A log is full at its beginning, and mostly zeros behind.
const bit = fc.oneof(fc.nat(8 * 2048), fc.nat());
const flip = fc
  .tuple(ending, fc.nat(), bit)
  .map(([after, file, nth]): Step => ({ do: "flip", after, file, bit: nth }));
const look = fc
  .constantFrom("a read" as const, "an idle transaction" as const, "a refused transaction" as const)
  .map((where): Step => ({ do: "look", in: where }));
const settle = fc.constant<Step>({ do: "settle" });
const pause = fc.constant<Step>({ do: "pause" });

/** Anything that may happen to a store, in any order. */
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
  { weight: 1, arbitrary: room },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "room" }) },
  { weight: 1, arbitrary: flip },
);

/** Bits that turn over, and little else. */
export const flips = schedules(
  { weight: 1, arbitrary: sends(fc.nat(60)) },
  { weight: 1, arbitrary: settle },
  { weight: 2, arbitrary: flip },
);

/** Sends one behind the other, a crash among them, and little else. */
export const crashes = schedules(
  { weight: 4, arbitrary: sends(fc.nat(60)) },
  { weight: 4, arbitrary: pause },
  { weight: 1, arbitrary: faults(crash, fc.constant(false), 20) },
);

/** Writes and syncs that fail, then a loss of power, and little else. */
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

/** @param within so many operations. */
function faults(fault: fc.Arbitrary<Fault>, lasting: fc.Arbitrary<boolean>, within = 80): fc.Arbitrary<Step> {
  return fc
    .tuple(fc.nat(within), fault, lasting)
    .map(([after, what, lasts]) => ({ do: "fault", after, fault: what, lasting: lasts }));
}

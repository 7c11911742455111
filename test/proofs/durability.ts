/**
 * Checks the guarantees of the store under random schedules of sends, crashes and disk faults, with a thread for each core.
 * Usage: script/prove-durability [SCHEDULES] [SEED] [PATH]. PATH reproduces a failure.
 */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import fc from "fast-check";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import { runSchedule, type Tally } from "../support/durability.js";
import { prepareDisks, storeOf } from "../support/engine.js";
import { anySchedule } from "../support/schedules.js";

interface Task {
  readonly schedules: number;
  readonly seed: number;
  /** The path of one schedule, as a failure reports it. */
  readonly path: string | undefined;
}

interface Outcome extends Tally {
  schedules: number;
  /** The report of the failure, with the command that reproduces it. */
  failure: string | undefined;
}

if (isMainThread) await prove(parseTask(process.argv.slice(2)));
else parentPort?.postMessage(await run(workerData as Task));

function parseTask([schedules = "100000", seed = `${Date.now() % 2 ** 31}`, path]: readonly string[]): Task {
  const task = { schedules: Number(schedules), seed: Number(seed), path };
  if (![task.schedules, task.seed].every(Number.isInteger) || task.schedules < 1) {
    throw new Error("Usage: script/prove-durability [SCHEDULES] [SEED] [PATH]");
  }
  return task;
}

async function prove({ schedules, seed, path }: Task): Promise<void> {
  const began = Date.now();
  const threads = path === undefined ? Math.min(availableParallelism(), schedules) : 1;
  const outcomes = await Promise.all(
    Array.from({ length: threads }, async (_, n) => {
      const task: Task = { schedules: Math.ceil(schedules / threads), seed: seed + n, path };
      const [outcome] = (await once(
        new Worker(new URL(import.meta.url), { workerData: task }),
        "message",
      )) as [Outcome];
      return outcome;
    }),
  );
  for (const { failure } of outcomes) {
    if (failure !== undefined) console.log(failure);
  }
  const sum = (count: Exclude<keyof Outcome, "failure">) =>
    outcomes.reduce((total, outcome) => total + outcome[count], 0);
  const failures = outcomes.filter(({ failure }) => failure !== undefined).length;
  console.log(
    `${sum("schedules")} schedules in ${Math.round((Date.now() - began) / 1000)} s: ` +
      `${sum("acknowledged")} transactions acknowledged, ${sum("rejected")} rejected, ` +
      `${sum("faults")} disk faults, ${sum("opened")} openings, ${sum("unopened")} openings prevented by a fault, ` +
      `${failures} violations`,
  );
  process.exitCode = failures > 0 ? 1 : 0;
}

async function run({ schedules, seed, path }: Task): Promise<Outcome> {
  const open = storeOf({ openStoreOn, inline });
  const disks = await prepareDisks(open);
  const outcome: Outcome = {
    schedules: 0,
    acknowledged: 0,
    rejected: 0,
    faults: 0,
    opened: 0,
    unopened: 0,
    failure: undefined,
  };
  const property = fc.asyncProperty(anySchedule, async (schedule) => {
    const tally = await runSchedule(open, disks, schedule);
    outcome.schedules += 1;
    for (const count of ["acknowledged", "rejected", "faults", "opened", "unopened"] as const) {
      outcome[count] += tally[count];
    }
  });
  const found = await fc.check(property, {
    numRuns: schedules,
    seed,
    ...(path !== undefined && { path }),
  });
  if (found.failed) {
    outcome.failure =
      `${fc.defaultReportMessage(found)}\n${String(found.errorInstance)}\n` +
      `Reproduce it with: script/prove-durability 1 ${found.seed} ${found.counterexamplePath}`;
  }
  return outcome;
}

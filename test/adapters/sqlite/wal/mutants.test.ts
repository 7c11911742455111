import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect } from "chai";
import fc from "fast-check";
import { runSchedule } from "../../../support/durability.js";
import { prepareDisks, storeOf, type Engine } from "../../../support/engine.js";
import { BrokenPromise } from "../../../support/ledger.js";
import { anySchedule, crashes, failures, flips, type Schedule } from "../../../support/schedules.js";

/** A store with a mistake in it, of the kind that no test in fair weather would find. */
interface Mutant {
  readonly mistake: string;
  readonly file: string;
  /** What is there, once, in the compiled file. */
  readonly text: string;
  readonly instead: string;
  /** What finds it soon; without them, any. */
  readonly schedules?: fc.Arbitrary<Schedule>;
  /** With which they find it soonest; any finds it. */
  readonly seed?: number;
}

const MUTANTS: readonly Mutant[] = [
  {
    mistake: "answers before the frame is written",
    file: "wal/commit-log.js",
    text: "inFlight = group;",
    instead: "inFlight = group; group.settle();",
  },
  {
    mistake: "never makes a frame durable",
    file: "wal/segment-writer.js",
    text: "segment.file.sync();",
    instead: "",
  },
  {
    mistake: "tries a failed sync again",
    file: "wal/segment-writer.js",
    text: "segment.file.sync();",
    instead: "try { segment.file.sync(); } catch { segment.file.sync(); }",
    schedules: failures,
    seed: 3,
  },
  {
    mistake: "uses a segment whose name is not durable",
    file: "wal/segment-writer.js",
    text: `disk.rename(SPARE, name);
            disk.syncDirectory();`,
    instead: "disk.rename(SPARE, name);",
  },
  {
    mistake: "removes the log while the name of the snapshot is not durable",
    file: "wal/snapshot.js",
    text: "disk.syncDirectory();",
    instead: "",
  },
  {
    mistake: "names a snapshot before it is durable",
    file: "wal/snapshot.js",
    text: "file.sync();",
    instead: "",
  },
  {
    mistake: "takes a short write for a whole one",
    file: "wal/disk.js",
    text: "file.write(bytes.subarray(done, done + LARGEST_PIECE), offset + done);",
    instead: "file.write(bytes.subarray(done), offset + done) && bytes.length;",
    seed: 7,
  },
  {
    mistake: "removes the log before it has written the snapshot",
    file: "wal/recovery.js",
    text: "const kept = writeSnapshot(disk, transaction, database);",
    instead: `removeFiles(disk, [...snapshots, ...segments]);
      const kept = writeSnapshot(disk, transaction, database);`,
    seed: 8,
  },
  {
    mistake: "reads a segment again that the snapshot covers",
    file: "wal/recovery.js",
    text: "segments.filter((file) => file.after >= start)",
    instead: "segments",
  },
  {
    mistake: "believes what it reads after a crash, and does not write it anew",
    file: "store.js",
    text: "if (newest && !newest.ended)",
    instead: "if (false)",
    schedules: failures,
    seed: 9,
  },
  {
    mistake: "goes on after a crash while what it wrote anew is not durable",
    file: "wal/segment-writer.js",
    text: `write(file);
            file.sync();`,
    instead: "write(file);",
  },
  {
    mistake: "goes on after a crash while the name of what it wrote anew is not durable",
    file: "wal/segment-writer.js",
    text: `disk.rename(SPARE, segmentName(segment.header.after));
    disk.syncDirectory();`,
    instead: "disk.rename(SPARE, segmentName(segment.header.after));",
    schedules: failures,
    seed: 9,
  },
  {
    mistake: "stops in silence at a bad frame",
    file: "wal/segment.js",
    text: "if (!torn)",
    instead: "if (false)",
    schedules: flips,
    seed: 7,
  },
  {
    mistake: "believes a frame without its checksum",
    file: "wal/segment.js",
    text: "|| crc32(payload, seed) !== checksum",
    instead: "",
    schedules: flips,
    seed: 8,
  },
  {
    mistake: "believes a snapshot without its checksum",
    file: "wal/snapshot.js",
    text: "if (checksumOf(bytes) !== checksum) {",
    instead: "if (false) {",
    schedules: flips,
  },
  {
    mistake: "writes two frames at a time",
    file: "wal/commit-log.js",
    text: "if (scheduled || inFlight || !waiting || failure)",
    instead: "if (scheduled || !waiting || failure)",
    schedules: crashes,
  },
  {
    mistake: "shows what is not durable",
    file: "store.js",
    text: "await seen;",
    instead: "",
  },
  {
    mistake: "goes on after a failed write",
    file: "wal/commit-log.js",
    text: "}, fail);",
    instead: "}, () => { inFlight = undefined; schedule(); });",
  },
];

const BOUND = { numRuns: 5_000, interruptAfterTimeLimit: 30_000, endOnFailure: true };

const compiled = fileURLToPath(new URL("../../../../src/", import.meta.url));
// Inside dist, so that the copy finds the packages.
const mutants = fileURLToPath(new URL("../../../../mutants/", import.meta.url));

describe("The simulated disk finds a store that", function () {
  this.timeout(60_000);

  after(() => rm(mutants, { recursive: true, force: true }));

  for (const [n, mutant] of MUTANTS.entries()) {
    it(mutant.mistake, async () => {
      const engine = await compiledWith(mutant, join(mutants, String(n)));
      const open = storeOf(engine);
      const disks = await prepareDisks(open);
      const property = fc.asyncProperty(mutant.schedules ?? anySchedule, async (schedule) => {
        await runSchedule(open, disks, schedule);
      });
      const found = await fc.check(property, { ...BOUND, seed: mutant.seed ?? 1 });
      expect(found.errorInstance).to.be.an.instanceOf(BrokenPromise);
    });
  }
});

async function compiledWith({ file, text, instead }: Mutant, directory: string): Promise<Engine> {
  for (const layer of ["domain", "application", "adapters/sqlite"]) {
    await mkdir(join(directory, layer), { recursive: true });
    await cp(join(compiled, layer), join(directory, layer), { recursive: true });
  }
  const path = join(directory, "adapters/sqlite", file);
  const [before, behind, ...more] = (await readFile(path, "utf8")).split(text);
  if (before === undefined || behind === undefined || more.length > 0) {
    throw new Error(`"${text}" should be in ${file} once. Bring this mutant up to date.`);
  }
  await writeFile(path, before + instead + behind);
  const load = (name: string) => import(pathToFileURL(join(directory, "adapters/sqlite", name)).href);
  const { openStore } = (await load("store.js")) as Pick<Engine, "openStore">;
  const { inline } = (await load("wal/threads.js")) as Pick<Engine, "inline">;
  return { openStore, inline };
}

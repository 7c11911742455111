import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect } from "chai";
import fc from "fast-check";
import { runSchedule } from "../../../support/durability.js";
import { prepareDisks, storeOf, type Engine } from "../../../support/engine.js";
import { BrokenPromise } from "../../../support/ledger.js";
import { anySchedule, crashes, failures, flips, type Schedule } from "../../../support/schedules.js";

/** A store with a mistake that only a crash or a broken disk reveals. */
interface Mutant {
  readonly mistake: string;
  readonly file: string;
  /** Must occur once in the compiled file. */
  readonly text: string;
  readonly instead: string;
  /** The schedules that find it soon. The default is any schedule. */
  readonly schedules?: fc.Arbitrary<Schedule>;
  /** The seed that finds it soonest. Any seed finds it. */
  readonly seed?: number;
}

const MUTANTS: readonly Mutant[] = [
  {
    mistake: "acknowledges before the frame is written",
    file: "wal/commit-log.js",
    text: "this.#inFlight = group;",
    instead: "this.#inFlight = group; group.resolveDurable();",
  },
  {
    mistake: "never makes a frame durable",
    file: "wal/segment-writer.js",
    text: "segment.file.sync();",
    instead: "",
  },
  {
    mistake: "retries a failed sync",
    file: "wal/segment-writer.js",
    text: "segment.file.sync();",
    instead: "try { segment.file.sync(); } catch { segment.file.sync(); }",
    schedules: failures,
    seed: 11,
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
    seed: 7,
  },
  {
    mistake: "names a snapshot before it is durable",
    file: "wal/snapshot.js",
    text: "file.sync();",
    instead: "",
  },
  {
    mistake: "treats a short write as complete",
    file: "wal/disk.js",
    text: "file.write(bytes.subarray(done, done + MAX_IO_BYTES), offset + done);",
    instead: "file.write(bytes.subarray(done), offset + done) && bytes.length;",
    seed: 7,
  },
  {
    mistake: "removes the log before the snapshot is written",
    file: "wal/snapshot.js",
    text: "const written = writeSnapshot(disk, transaction, database);",
    instead: `removeFiles(disk, [...snapshots, ...segments]);
      const written = writeSnapshot(disk, transaction, database);`,
    seed: 9,
  },
  {
    mistake: "replays segments that the snapshot covers",
    file: "wal/recovery.js",
    text: "segments.filter((file) => file.after >= start)",
    instead: "segments",
    seed: 7,
  },
  {
    mistake: "trusts the end of the log after a crash instead of rewriting it",
    file: "wal/recovery.js",
    text: "if (newest && !newest.ended)",
    instead: "if (false)",
    schedules: failures,
    seed: 5,
  },
  {
    mistake: "continues after a crash before the rewritten segment is durable",
    file: "wal/segment-writer.js",
    text: `write(file);
            file.sync();`,
    instead: "write(file);",
  },
  {
    mistake: "continues after a crash before the name of the rewritten segment is durable",
    file: "wal/segment-writer.js",
    text: `disk.rename(SPARE, segmentName(segment.header.after));
    disk.syncDirectory();`,
    instead: "disk.rename(SPARE, segmentName(segment.header.after));",
    schedules: failures,
    seed: 6,
  },
  {
    mistake: "silently stops at an invalid frame",
    file: "wal/segment.js",
    text: "if (!torn)",
    instead: "if (false)",
    schedules: flips,
    seed: 9,
  },
  {
    mistake: "ignores the checksum of a frame",
    file: "wal/segment.js",
    text: "|| crc32(payload, seed) !== checksum",
    instead: "",
    schedules: flips,
    seed: 2,
  },
  {
    mistake: "ignores the checksum of a snapshot",
    file: "wal/snapshot.js",
    text: "if (checksumOf(bytes) !== checksum) {",
    instead: "if (false) {",
    schedules: flips,
  },
  {
    mistake: "writes two frames at a time",
    file: "wal/commit-log.js",
    text: "if (this.#isFlushScheduled || this.#inFlight || !this.#waiting || this.#failure)",
    instead: "if (this.#isFlushScheduled || !this.#waiting || this.#failure)",
    schedules: crashes,
    seed: 2,
  },
  {
    mistake: "shows data that is not durable",
    file: "store.js",
    text: "await durable;",
    instead: "",
  },
  {
    mistake: "continues after a failed write",
    file: "wal/commit-log.js",
    text: "this.#fail(error);",
    instead: "this.#inFlight = undefined; this.#scheduleFlush();",
    seed: 2,
  },
];

const BOUND = { numRuns: 5_000, endOnFailure: true };

const compiled = fileURLToPath(new URL("../../../../src/", import.meta.url));
// Within `dist`, so that the copy resolves the packages.
const mutants = fileURLToPath(new URL("../../../../mutants/", import.meta.url));

describe("The crash simulation finds a store that", function () {
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
  for (const layer of ["domain", "application", "adapters/sql", "adapters/sqlite"]) {
    await mkdir(join(directory, layer), { recursive: true });
    await cp(join(compiled, layer), join(directory, layer), { recursive: true });
  }
  const path = join(directory, "adapters/sqlite", file);
  const [before, after, ...more] = (await readFile(path, "utf8")).split(text);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`"${text}" should occur once in ${file}. Update this mutant.`);
  }
  await writeFile(path, before + instead + after);
  const load = (name: string) => import(pathToFileURL(join(directory, "adapters/sqlite", name)).href);
  const { openStoreOn } = (await load("store.js")) as Pick<Engine, "openStoreOn">;
  const { inline } = (await load("wal/threads.js")) as Pick<Engine, "inline">;
  return { openStoreOn, inline };
}

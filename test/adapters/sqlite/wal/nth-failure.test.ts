import { expect } from "chai";
import { openStoreOn } from "../../../../src/adapters/sqlite/store.js";
import { inline } from "../../../../src/adapters/sqlite/wal/threads.js";
import { runSchedule } from "../../../support/durability.js";
import { PREPARED_DISKS, prepareDisks, storeOf } from "../../../support/engine.js";
import type { Step } from "../../../support/schedules.js";
import type { Fault, SimulatedDisk } from "../../../support/simulated-disk.js";

const FAULTS: readonly (readonly [what: string, fault: Fault, lasting: boolean])[] = [
  ["fails with EIO once", { error: "EIO" }, false],
  ["fails with EIO from then on", { error: "EIO" }, true],
  ["fails with ENOSPC once", { error: "ENOSPC" }, false],
  ["fails with ENOSPC from then on", { error: "ENOSPC" }, true],
  ["writes only a part once", { take: 11 }, false],
  ["writes only a part from then on", { take: 211 }, true],
  ["is preceded by a power cut", "power cut", false],
  ["is preceded by a kill of the process", "kill", false],
];

/** From one opening to the next, with all operations of a store between them. */
const LIFE: readonly Step[] = [
  { do: "send", lengths: [[10], [20, 30], [40]] },
  { do: "settle" },
  { do: "send", lengths: [[50], [60]] },
  { do: "look", in: "a read" },
  { do: "pause" },
  { do: "send", lengths: [[70]] },
  { do: "settle" },
  { do: "restart", after: "close" },
  { do: "look", in: "a read" },
  { do: "send", lengths: [[80]] },
  { do: "settle" },
];

/** Each fault hits every third operation, and three faults in a row hit all of them. The long proof hits any of them. */
const STRIDE = 3;

describe("SqliteStore, when the n-th disk operation", function () {
  this.timeout(60_000);
  const open = storeOf({ openStoreOn, inline });
  let disks: readonly SimulatedDisk[];

  before(async () => {
    disks = await prepareDisks(open);
  });

  for (const [index, [what, fault, lasting]] of FAULTS.entries()) {
    it(`${what}, keeps acknowledged messages and opens again, for every third n`, async () => {
      const empty = 0;
      const readyToCompact = PREPARED_DISKS - 1;
      // A fault that occurs once ends before a compaction; the long proof covers that case.
      for (const disk of lasting || typeof fault === "string" ? [empty, readyToCompact] : [readyToCompact]) {
        let untouched = false;
        let after = index % STRIDE;
        for (; !untouched; after += STRIDE) {
          const steps: readonly Step[] = [{ do: "fault", after, fault, lasting }, ...LIFE];
          const { faults } = await runSchedule(open, disks, { disk, seed: after, steps });
          untouched = faults === 0;
        }
        expect(after).to.be.above(50);
      }
    });
  }
});

import { expect } from "chai";
import fc from "fast-check";
import { openStore } from "../../../../src/adapters/sqlite/store.js";
import { inline } from "../../../../src/adapters/sqlite/wal/threads.js";
import { runSchedule } from "../../../support/durability.js";
import { prepareDisks, storeOf } from "../../../support/engine.js";
import { anySchedule, type Step } from "../../../support/schedules.js";
import { SECTOR, type SimulatedDisk } from "../../../support/simulated-disk.js";

const open = storeOf({ openStore, inline });

describe("The SQLite store, whatever happens to its disk,", function () {
  this.timeout(60_000);
  let disks: readonly SimulatedDisk[];

  before(async () => {
    disks = await prepareDisks(open);
  });

  // script/prove-durability runs many more of them.
  it("keeps what it acknowledged and what it showed, in order and once, and nothing that it refused", async () => {
    const property = fc.asyncProperty(anySchedule, async (schedule) => {
      const { acknowledged } = await runSchedule(open, disks, schedule);
      expect(acknowledged).to.be.at.least(1);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  // The mark is on two sectors only behind messages of certain lengths, and the power takes one of them only now and then.
  it("opens after the power took a part of the mark of a close that had failed", async () => {
    const pause: Step = { do: "pause" };
    for (let length = 0; length < SECTOR; length += 4) {
      const steps: readonly Step[] = [
        { do: "send", lengths: [[length]] },
        { do: "settle" },
        pause,
        pause,
        pause,
        { do: "fault", after: 1, fault: { error: "EIO" }, lasting: false },
        { do: "restart", after: "close" },
        { do: "send", lengths: [[10]] },
        { do: "settle" },
      ];
      await runSchedule(open, disks, { disk: 1, seed: length, steps });
    }
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { openStoreOn } from "../../../../src/adapters/sqlite/store.js";
import { inline } from "../../../../src/adapters/sqlite/wal/threads.js";
import { runSchedule } from "../../../support/durability.js";
import { prepareDisks, storeOf } from "../../../support/engine.js";
import { anySchedule, type Step } from "../../../support/schedules.js";
import { SECTOR, type SimulatedDisk } from "../../../support/simulated-disk.js";

const open = storeOf({ openStoreOn, inline });

describe("SqliteStore under disk faults", function () {
  this.timeout(60_000);
  let disks: readonly SimulatedDisk[];

  before(async () => {
    disks = await prepareDisks(open);
  });

  // `script/prove-durability` runs many more schedules.
  it("keeps acknowledged and shown messages in order and once, and no rejected ones", async () => {
    const property = fc.asyncProperty(anySchedule, async (schedule) => {
      const { acknowledged } = await runSchedule(open, disks, schedule);
      expect(acknowledged).to.be.at.least(1);
    });
    await fc.assert(property, { numRuns: 150 });
  });

  // The end mark spans two sectors only after messages of certain lengths, and a power cut rarely loses only one of them.
  it("opens after a power cut lost a part of the end mark of a failed close", async () => {
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

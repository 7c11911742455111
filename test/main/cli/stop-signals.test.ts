import { EventEmitter } from "node:events";
import { expect } from "chai";
import { stopOnSignals } from "../../../src/main/cli/stop-signals.js";

describe("stopOnSignals", () => {
  let signals: EventEmitter;
  let now: number;
  let calls: string[];

  beforeEach(() => {
    signals = new EventEmitter();
    now = 1_000;
    calls = [];
    const actions = { stop: () => void calls.push("stop"), endNow: () => void calls.push("end") };
    stopOnSignals(signals, actions, () => now);
  });

  it("stops once, however many signals come close together", () => {
    for (const signal of ["SIGTERM", "SIGTERM", "SIGINT", "SIGINT"]) signals.emit(signal);
    now += 2_000;
    signals.emit("SIGINT");
    expect(calls).to.deep.equal(["stop"]);
  });

  it("ends at once at a second SIGINT after two seconds, and at no SIGTERM", () => {
    signals.emit("SIGINT");
    now += 2_001;
    signals.emit("SIGTERM");
    expect(calls).to.deep.equal(["stop"]);
    signals.emit("SIGINT");
    expect(calls).to.deep.equal(["stop", "end"]);
  });
});

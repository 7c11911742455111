import { expect } from "chai";
import { startRetention, type RetentionWork } from "../../src/main/retention.js";
import { testPorts } from "../support/ports.js";

const NAMES = ["forgetEvents", "forgetMessages", "deleteAbandonedChats", "eraseDeletedUsers"] as const;

describe("startRetention", () => {
  const { clock } = testPorts();
  const retention = { events: 1, messages: 1 };
  const workThat = (perform: (name: (typeof NAMES)[number]) => Promise<number>) =>
    Object.fromEntries(NAMES.map((name) => [name, () => perform(name)])) as unknown as RetentionWork;

  for (const slow of NAMES) {
    it(`does the rest while ${slow} takes long, and waits for it to stop`, async () => {
      const done: string[] = [];
      let end!: () => void;
      const work = workThat(async (name) => {
        if (name === slow) await new Promise<void>((resolve) => (end = resolve));
        done.push(name);
        return 0;
      });
      const stop = startRetention(work, clock, retention, () => {});
      await new Promise(setImmediate);
      expect(done).to.have.members(NAMES.filter((name) => name !== slow));
      const stopped = stop();
      end();
      await stopped;
      expect(done.at(-1)).to.equal(slow);
    });
  }

  for (const [failing, text] of [
    ["forgetEvents", "Old events could not be deleted."],
    ["forgetMessages", "Old messages could not be deleted."],
    ["deleteAbandonedChats", "A chat without participants could not be deleted."],
    ["eraseDeletedUsers", "A deleted user could not be erased."],
  ] as const) {
    it(`reports a failure of ${failing} under its own text, and does the rest`, async () => {
      const done: string[] = [];
      const troubles: Error[] = [];
      const work = workThat(async (name) => {
        if (name === failing) throw new Error("not now");
        return done.push(name);
      });
      await startRetention(work, clock, retention, (trouble) => troubles.push(trouble))();
      expect(troubles.map(({ message }) => message)).to.deep.equal([
        `${text} The next attempt is in an hour.`,
      ]);
      expect(done).to.have.members(NAMES.filter((name) => name !== failing));
    });
  }
});

import { expect } from "chai";
import { commandChecks } from "../../src/application/commands.js";
import { MessagingError } from "../../src/domain/errors.js";
import { contents, openWorld } from "../support/world.js";

type Untyped = Readonly<Record<string, (command?: unknown) => unknown>>;

/** The error that a call throws or rejects with. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("a command of an untyped caller", () => {
  for (const [name, checks] of Object.entries(commandChecks)) {
    it(`of ${name} is rejected without an object, and lists each field of another type`, async () => {
      const world = await openWorld();
      const useCase = (world as unknown as Untyped)[name]!;
      const before = await contents(world);
      for (const command of [undefined, null, "command"]) {
        const error = await errorOf(() => useCase(command));
        expect(error).to.be.instanceOf(MessagingError).with.property("code", "invalid_request");
      }
      const wrong = Object.fromEntries(Object.keys(checks).map((field) => [field, [Symbol(field)]]));
      const { code, errors } = (await errorOf(() => useCase(wrong))) as MessagingError;
      const checked = Object.keys(checks).filter((field) => field !== "until");
      expect([code, errors.map(({ field }) => field)]).to.deep.equal(["invalid_request", checked]);
      expect(await contents(world)).to.deep.equal(before);
    });
  }

  it("names the field that sendMessage lacks", async () => {
    const world = await openWorld();
    const { sendMessage } = world as unknown as Untyped;
    const by = world.ana.id;
    for (const to of [undefined, null, "bo", {}, { chatId: "4" }, { chatId: Number.NaN }, { username: 1 }]) {
      const error = (await errorOf(() => sendMessage!({ by, to, text: "hello" }))) as MessagingError;
      expect(error.code).to.equal("invalid_request");
      expect(error.message).to.match(/^to: Must be an object with a chatId/);
      expect(error.errors.map(({ field }) => field)).to.deep.equal(["to"]);
    }
  });
});

import { expect } from "chai";
import { createAdministration } from "../../src/application/administration.js";
import { administrationChecks, commandChecks } from "../../src/application/commands.js";
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

const fieldsOf = ({ code, errors }: MessagingError) => [code, errors.map(({ field }) => field)];

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
      const error = (await errorOf(() => useCase(wrong))) as MessagingError;
      const checked = Object.keys(checks).filter((field) => field !== "until");
      expect(fieldsOf(error)).to.deep.equal(["invalid_request", checked]);
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

describe("a command of an untyped operator", () => {
  for (const [name, checks] of Object.entries(administrationChecks)) {
    it(`of ${name} is rejected without an object, with fields of another type and with unknown fields`, async () => {
      const world = await openWorld();
      const useCase = (createAdministration(world.ports) as unknown as Untyped)[name]!;
      const before = await contents(world);
      const fields = Object.keys(checks);
      for (const command of [...(fields.length > 0 ? [undefined] : []), null, "command"]) {
        const error = await errorOf(() => useCase(command));
        expect(error).to.be.instanceOf(MessagingError).with.property("code", "invalid_request");
      }
      const wrong = Object.fromEntries(fields.map((field) => [field, [Symbol(field)]]));
      const error = (await errorOf(() => useCase({ ...wrong, misspelt: 1 }))) as MessagingError;
      expect(fieldsOf(error)).to.deep.equal(["invalid_request", [...fields, "misspelt"]]);
      expect(await contents(world)).to.deep.equal(before);
    });
  }

  it("ends no session if the field for one of them is misspelt", async () => {
    const world = await openWorld();
    const administration = createAdministration(world.ports);
    await world.logIn({ username: "ana", password: "password of ana" });
    const { revokeSessions, addUser } = administration as unknown as Untyped;
    const misspelt = (await errorOf(() => revokeSessions!({ user: "ana", session: 5 }))) as MessagingError;
    expect(misspelt).to.include({ code: "invalid_request", message: "session: Unknown field." });
    expect(await administration.sessionsOf({ user: "ana" })).to.have.length(1);
    const missing = (await errorOf(() => addUser!({}))) as MessagingError;
    expect(fieldsOf(missing)).to.deep.equal(["invalid_request", ["username", "password"]]);
  });
});

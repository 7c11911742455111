import { expect } from "chai";
import type { Chat } from "../../src/domain/chat.js";
import type { User } from "../../src/domain/user.js";
import { openTestMessaging, type TestMessaging } from "../../src/main/testing.js";

describe("TestMessaging.waitFor", () => {
  let messaging: TestMessaging;
  let ana: User;
  let bob: User;
  let chat: Chat;

  const say = (text: string) =>
    messaging.sendMessage({ by: ana.id, to: { chatId: chat.id }, text }).then(({ message }) => message);
  /** The code and the message of the error that an attempt rejects with. */
  const faultOf = (attempt: Promise<unknown>) =>
    attempt.then(
      () => expect.fail("There was no error."),
      ({ code, message }: Error & { readonly code?: unknown }) => [code, message] as const,
    );

  beforeEach(async () => {
    messaging = openTestMessaging();
    ({ ana, bob } = await messaging.users("ana", "bob"));
    chat = await messaging.group(ana, bob);
  });

  afterEach(() => messaging.close());

  it("resolves to an event that comes later, and to one that came before the call", async () => {
    const later = messaging.waitFor(bob, "message.created");
    const a = await say("a");
    expect((await later).message).to.deep.equal(a);
    await say("b");
    await messaging.settled();
    const { message } = await messaging.waitFor(bob, "message.created");
    expect(message.text).to.equal("b");
  });

  it("returns no event twice, and passes over those before a returned one", async () => {
    for (const text of ["a", "b", "c"]) await say(text);
    const isB = await messaging.waitFor(
      bob,
      (event) => event.type === "message.created" && event.message.text === "b",
    );
    expect(isB.type).to.equal("message.created");
    const [c, d] = await Promise.all([
      messaging.waitFor(bob, "message.created"),
      messaging.waitFor(bob, "message.created"),
      say("d"),
    ]);
    expect([c.message.text, d.message.text]).to.deep.equal(["c", "d"]);
    expect((await messaging.waitFor(ana, "message.created")).message.text).to.equal("a");
  });

  it("rejects after its time with the number of the events and the types of the last ones", async () => {
    const [code, none] = await faultOf(messaging.waitFor(bob, () => false, { timeoutMs: 1 }));
    expect(code).to.equal("ETIMEDOUT");
    expect(none).to.match(/^No event of bob matched within 1 ms\. /);
    for (const text of ["a", "b", "c", "d", "e"]) await say(text);
    const [, some] = await faultOf(messaging.waitFor(bob, "chat.renamed", { timeoutMs: 50 }));
    const created = Array.from({ length: 5 }, () => "message.created").join(", ");
    expect(some).to.equal(`No event of bob matched within 50 ms. Other events: 6, the last 5: ${created}.`);
    const carl = (await messaging.users("carl")).carl;
    const [, empty] = await faultOf(messaging.waitFor(carl, "message.created", { timeoutMs: 20 }));
    expect(empty).to.match(/Other events: 0\.$/);
  });

  it("finds an event that an earlier wait in vain has passed over", async () => {
    const { id } = await say("a");
    await faultOf(messaging.waitFor(bob, "chat.renamed", { timeoutMs: 20 }));
    expect((await messaging.waitFor(bob, "message.created")).message.id).to.equal(id);
  });

  it("rejects with the error of the function that matches", async () => {
    const error = new Error("wrong");
    const waiting = messaging.waitFor(bob, () => {
      throw error;
    });
    expect(await waiting.catch((thrown: unknown) => thrown)).to.equal(error);
    expect((await messaging.waitFor(bob, "participant.added")).user.id).to.equal(bob.id);
  });

  it("continues when streams are cut", async () => {
    const waiting = messaging.waitFor(bob, "message.created");
    await messaging.settled();
    messaging.cutStreams();
    await messaging.settled();
    messaging.cutStreams();
    const { id } = await say("a");
    expect((await waiting).message.id).to.equal(id);
  });

  it("rejects when the harness is closed, also without a handler so far", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on("unhandledRejection", note);
    try {
      const waiting = messaging.waitFor(bob, "message.created", { timeoutMs: 60_000 });
      await messaging.settled();
      await messaging.close();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).to.deep.equal([]);
      const [code, message] = await faultOf(waiting);
      expect(code).to.equal("ECANCELED");
      expect(message).to.equal(
        "The harness was closed before an event of bob matched. Other events: 1, their types: participant.added.",
      );
    } finally {
      process.off("unhandledRejection", note);
    }
  });

  it("skips the events of a seed, and those before it", async () => {
    await messaging.waitFor(bob, "participant.added");
    await say("a");
    await messaging.seed({ messages: [{ from: "ana", to: "bob", text: "b" }] });
    const waiting = messaging.waitFor(bob, "message.created");
    await say("c");
    expect((await waiting).message.text).to.equal("c");
  });
});

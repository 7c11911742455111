import { expect } from "chai";
import type { MessageId } from "../../src/domain/ids.js";
import type { Conversation } from "../../src/web/state/conversation.js";
import { until } from "../support/fake-browser.js";
import { WebWorld } from "./web-world.js";

describe("OwnReactions", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  const shownIn = ({ messages, reactions }: Conversation) =>
    reactions.of(messages.value[0]!).map(({ emoji, count, isOwn, isPending }) => ({
      emoji,
      count,
      isOwn,
      isPending,
    }));
  const openMessage = async () => {
    const { id } = await world.receive("Lunch?");
    return { id, ...(await world.openChat()) };
  };
  const add = async (id: MessageId) =>
    world.server.messaging.addReaction({ by: world.bo.id, id, emoji: "👍" });

  it("shows a reaction at once as pending, and then as it is stored, each time once", async () => {
    const { id, conversation } = await openMessage();
    for (const first of ["response", "event"]) {
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      world.browser.intercept = ({ method }) =>
        first === "event" && method === "PUT" ? () => released : undefined;
      const sent = conversation.reactions.set(id, "👍", true);
      expect(shownIn(conversation)).to.deep.equal([{ emoji: "👍", count: 1, isOwn: true, isPending: true }]);
      if (first === "event") await until(() => conversation.messages.value[0]!.reactions.length === 1);
      expect(shownIn(conversation)[0]?.count).to.equal(1);
      release();
      await sent;
      await until(() => conversation.messages.value[0]!.reactions.length === 1);
      expect(shownIn(conversation)).to.deep.equal([{ emoji: "👍", count: 1, isOwn: true, isPending: false }]);
      const removed = conversation.reactions.set(id, "👍", false);
      expect(shownIn(conversation)).to.deep.equal([]);
      await removed;
      await until(() => conversation.messages.value[0]!.reactions.length === 0);
      expect(shownIn(conversation)).to.deep.equal([]);
    }
  });

  it("counts with those of others, also of events that come first", async () => {
    const { id, conversation } = await openMessage();
    await add(id);
    await until(() => shownIn(conversation)[0]?.count === 1);
    world.browser.goOffline();
    void conversation.reactions.set(id, "👍", true);
    void conversation.reactions.set(id, "🙏", true);
    expect(shownIn(conversation)).to.deep.equal([
      { emoji: "👍", count: 2, isOwn: true, isPending: true },
      { emoji: "🙏", count: 1, isOwn: true, isPending: true },
    ]);
    void conversation.reactions.set(id, "👍", false);
    expect(shownIn(conversation)[0]).to.deep.equal({ emoji: "👍", count: 1, isOwn: false, isPending: true });
  });

  it("ends with the last choice of the user", async () => {
    const { id, conversation } = await openMessage();
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    world.browser.intercept = ({ method }) => (method === "PUT" ? () => released : undefined);
    const sent = conversation.reactions.set(id, "👍", true);
    await until(() => conversation.messages.value[0]!.reactions.length === 1);
    void conversation.reactions.set(id, "👍", false);
    expect(shownIn(conversation)).to.deep.equal([]);
    release();
    await sent;
    await until(() => conversation.messages.value[0]!.reactions.length === 0);
    expect(shownIn(conversation)).to.deep.equal([]);
  });

  it("shows why a reaction failed at its message, until the next one", async () => {
    const { id, conversation } = await openMessage();
    await conversation.reactions.set(id, "no emoji", true);
    expect(conversation.reactions.failureOf(id)?.code).to.equal("invalid_reaction");
    expect(conversation.reactions.failureOf(id + 1)).to.equal(undefined);
    expect(shownIn(conversation)).to.deep.equal([]);
    await conversation.reactions.set(id, "👍", true);
    expect(conversation.reactions.failureOf(id)).to.equal(undefined);
  });

  it("takes what a page says after the response", async () => {
    const { id, conversation } = await openMessage();
    world.browser.intercept = ({ path }) => {
      if (path.startsWith("/v1/events")) throw new TypeError("Failed to fetch");
    };
    world.browser.goOffline();
    world.browser.goOnline();
    await conversation.reactions.set(id, "👍", true);
    expect(shownIn(conversation)).to.deep.equal([{ emoji: "👍", count: 1, isOwn: true, isPending: false }]);
    await world.server.messaging.removeReaction({ by: world.ana.id, id, emoji: "👍" });
    await conversation.reset();
    expect(shownIn(conversation)).to.deep.equal([]);
  });
});

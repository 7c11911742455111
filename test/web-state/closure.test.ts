import { expect } from "chai";
import { createClient } from "../../src/client/index.js";
import { PASSWORD } from "../support/client.js";
import { until } from "../support/fake-browser.js";
import { WebWorld, write } from "./web-world.js";

describe("Conversation.closure", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  it("is undefined where the user can write", async () => {
    const { session, conversation } = await world.openChat();
    expect(conversation.closure.value).to.equal(undefined);
    const other = session.openConversation({ username: "BO" });
    await until(() => session.people.profileOf("BO").value);
    expect(other.closure.value).to.equal(undefined);
    await write(other, "hello");
    await until(() => other.messages.value.length === 1);
    expect(other.closure.value).to.equal(undefined);
  });

  it("states that no user has the name, until somebody takes it", async () => {
    const { session } = await world.openSession();
    for (const username of ["cy", "me", world.bo.id]) {
      const conversation = session.openConversation({ username });
      await until(() => conversation.closure.value === "unknown_user");
      expect(conversation.isUnknown.value).to.equal(true);
      conversation.changeDraft({ text: "hello?" });
      expect(conversation.isUnknown.value).to.equal(false);
      conversation.close();
    }
    await world.server.messaging.registerUser({ username: "cy", password: PASSWORD });
    const again = session.openConversation({ username: "cy" });
    await until(() => again.closure.value === undefined);
  });

  it("is undefined while the profile cannot be read", async () => {
    const { session } = await world.openSession();
    world.browser.intercept = ({ path }) =>
      path.startsWith("/v1/users/") ? new Response("{}", { status: 404 }) : undefined;
    const conversation = session.openConversation({ username: "cy" });
    expect(conversation.closure.value).to.equal(undefined);
    await until(() => world.browser.requests.some(({ path }) => path === "/v1/users/cy"));
    expect(conversation.closure.value).to.equal(undefined);
  });

  it("states that the other user was deleted", async () => {
    const { session } = await world.openSession();
    const conversation = session.openConversation({ username: "bo" });
    await write(conversation, "hello");
    await until(() => conversation.messages.value.length === 1);
    const client = createClient({ url: world.server.url });
    await client.logIn({ username: "bo", password: PASSWORD });
    await client.eraseAccount({ password: PASSWORD });
    await until(() => conversation.closure.value === "deleted");
    const other = session.openConversation({ username: "bo" });
    await until(() => other.closure.value === "unknown_user");
  });

  it("states that the user has left, or may not post", async () => {
    const { conversation } = await world.openChat();
    await world.passOwnership();
    await world.changePosting("admins");
    await until(() => conversation.closure.value === "admins_only");
    await world.server.messaging.removeParticipant({
      by: world.bo.id,
      chatId: world.chatId,
      user: world.ana.id,
    });
    await until(() => conversation.closure.value === "left");
  });

  it("states that the user has blocked the other one, in all tabs and after a reload", async () => {
    const first = await world.openSession();
    const second = await world.openSession();
    const conversation = first.session.openConversation({ username: "bo" });
    await write(conversation, "hello");
    await until(() => conversation.messages.value.length === 1);
    const other = second.session.openConversation({ username: "bo" });
    await until(() => second.session.blocks.all.value.value);
    await first.session.blocks.block("bo");
    expect(conversation.closure.value).to.equal("blocked");
    await until(() => other.closure.value === "blocked");
    expect(conversation.isComposing.value).to.equal(false);
    const third = await world.openSession();
    const again = third.session.openConversation({ username: "BO" });
    await until(() => again.closure.value === "blocked");
    await first.session.blocks.unblock("bo");
    expect(conversation.closure.value).to.equal(undefined);
    await until(() => again.closure.value === undefined);
    await write(conversation, "hello again");
    await until(() => conversation.messages.value.length === 2);
  });

  it("states that the user has blocked a user without a chat", async () => {
    const { session } = await world.openSession();
    const conversation = session.openConversation({ username: "bo" });
    await session.blocks.block("bo");
    expect(conversation.closure.value).to.equal("blocked");
  });

  it("does not block once that is cancelled", async () => {
    const { session } = await world.openSession();
    world.browser.goOffline();
    const cancelling = new AbortController();
    const blocking = session.blocks.block("bo", cancelling.signal).catch((reason: unknown) => reason);
    cancelling.abort();
    expect(await blocking).to.have.property("name", "AbortError");
  });
});

import { expect } from "chai";
import type { Session } from "../../src/web/state/app.js";
import { until } from "../support/fake-browser.js";
import { WebWorld, write } from "./web-world.js";

describe("Session.unlisted", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  const removeAna = () =>
    world.server.messaging.removeParticipant({
      by: world.bo.id,
      chatId: world.chatId,
      user: world.ana.id,
    });
  const rowsOf = (session: Session) =>
    session.unlisted.value.map(({ destination, state, text }) => ({ destination, state, text }));

  it("has the messages to a group from which the user was removed meanwhile, until nothing is left to send", async () => {
    const { tab, session, conversation } = await world.openChat();
    // An owner cannot be removed.
    await world.server.messaging.setRole({
      by: world.ana.id,
      chatId: world.chatId,
      user: world.bo.id,
      role: "owner",
    });
    world.browser.goOffline();
    await write(conversation, "from the tunnel");
    expect(rowsOf(session)).to.deep.equal([]);
    await removeAna();
    world.browser.goOnline();
    const row = {
      destination: { chatId: world.chatId },
      state: "rejected",
      text: "from the tunnel",
    };
    await until(() => session.unlisted.value[0]?.state === "rejected");
    expect(rowsOf(session)).to.deep.equal([row]);
    expect(conversation.closure.value).to.equal("left");
    expect(conversation.pending.value.map(({ failure }) => failure?.code)).to.deep.equal([
      "not_a_participant",
    ]);
    await until(async () => (await world.browser.storage.list("outbox", world.ana.id)).length === 1);
    tab.close();

    const again = await world.openChat();
    await until(() => again.session.unlisted.value.length > 0);
    expect(rowsOf(again.session)).to.deep.equal([row]);
    expect(again.conversation.closure.value).to.equal("left");
    expect(again.conversation.pending.value.map(({ text }) => text)).to.deep.equal(["from the tunnel"]);
    expect(again.conversation.failure.value).to.equal(undefined);
    await again.conversation.editRejected(again.conversation.pending.value[0]!.key);
    expect(rowsOf(again.session)).to.deep.equal([{ ...row, state: "draft" }]);
    again.conversation.changeDraft({ text: "" });
    expect(rowsOf(again.session)).to.deep.equal([]);
  });

  it("has the messages to a user who does not exist", async () => {
    const { session } = await world.openSession();
    await write(session.openConversation({ username: "nobody" }), "hello?");
    await until(() => session.unlisted.value[0]?.state === "rejected");
    expect(rowsOf(session)).to.deep.equal([
      { destination: { username: "nobody" }, state: "rejected", text: "hello?" },
    ]);
    await session.outbox.discard(session.outbox.entries.value[0]!.key);
    expect(rowsOf(session)).to.deep.equal([]);
  });

  it("has the first message to a user until it is sent, also after a reload", async () => {
    const first = await world.openSession();
    world.browser.intercept = ({ path }) => {
      if (path === "/v1/messages") throw new TypeError("Failed to fetch");
    };
    await write(first.session.openConversation({ username: "Bo" }), "hello");
    const row = { destination: { username: "Bo" }, state: "waiting", text: "hello" };
    expect(rowsOf(first.session)).to.deep.equal([row]);
    first.tab.kill();
    const { session } = await world.openSession();
    expect(rowsOf(session)).to.deep.equal([row]);
    world.browser.intercept = () => {};
    session.outbox.wake();
    await until(() => session.outbox.entries.value.length === 0);
    expect(rowsOf(session)).to.deep.equal([]);
    expect(session.chats.withUser("bo")?.last_message?.message).to.equal("hello");
  });

  it("has drafts, newest messages before them, and one row for a user", async () => {
    const { session } = await world.openSession();
    world.browser.goOffline();
    const conversation = session.openConversation({ username: "bo" });
    await write(conversation, "one");
    await write(conversation, "two");
    conversation.changeDraft({ text: "three" });
    session.openConversation({ username: "cy" }).changeDraft({ text: "a draft" });
    session.openConversation({ username: "di" }).changeDraft({ text: " " });
    expect(rowsOf(session)).to.deep.equal([
      { destination: { username: "bo" }, state: "waiting", text: "two" },
      { destination: { username: "cy" }, state: "draft", text: "a draft" },
    ]);
  });

  it("has the draft of another tab and of an earlier page", async () => {
    const first = await world.openSession();
    const second = await world.openSession();
    const conversation = first.session.openConversation({ username: "cy" });
    conversation.changeDraft({ text: "a draft" });
    await until(() => second.session.unlisted.value.length === 1);
    await until(async () => (await world.browser.storage.list("drafts", world.ana.id)).length === 1);
    const third = await world.openSession();
    expect(rowsOf(third.session)).to.deep.equal([
      { destination: { username: "cy" }, state: "draft", text: "a draft" },
    ]);
    conversation.changeDraft({ text: "" });
    await until(() => third.session.unlisted.value.length === 0);
  });

  it("moves the draft to a user into the chat that this user begins, whatever is shown", async () => {
    const { session } = await world.openSession();
    const conversation = session.openConversation({ username: "bo" });
    conversation.changeDraft({ text: "a draft" });
    conversation.close();
    await world.server.messaging.sendMessage({ by: world.bo.id, to: { username: "ana" }, text: "hello" });
    const chat = await until(() => session.chats.withUser("bo"));
    expect(session.drafts.of({ chatId: chat.chat_id }).value.text).to.equal("a draft");
    expect(rowsOf(session)).to.deep.equal([]);
  });
});

import { expect } from "chai";
import type { Client, Message } from "../../src/client/index.js";
import { Outbox } from "../../src/web/state/outbox.js";
import type { Channel } from "../../src/web/state/ports.js";
import { Tabs } from "../../src/web/state/tabs.js";
import { UserStorage } from "../../src/web/state/user-storage.js";
import { PASSWORD } from "../support/client.js";
import { until, type FakeBrowser } from "../support/fake-browser.js";
import { watch, WebWorld, write } from "./web-world.js";

describe("Outbox", () => {
  let world: WebWorld;
  let browser: FakeBrowser;

  beforeEach(async () => {
    world = await WebWorld.open();
    ({ browser } = world);
  });

  afterEach(() => world.close());

  it("shows a message at once, and exactly once until it is stored, whatever comes first", async () => {
    const { conversation, session } = await world.openChat();
    const { outbox } = session;
    for (const first of ["response", "event"]) {
      const text = `the ${first} comes first`;
      const watched = watch(conversation);
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      browser.intercept = ({ method }) =>
        first === "event" && method === "POST" ? () => released : undefined;
      conversation.changeDraft({ text });
      const sent = conversation.submit();
      expect(conversation.pending.value.map((each) => each.text)).to.deep.equal([text]);
      await sent;
      await until(() => conversation.messages.value.some(({ message }) => message === text));
      release();
      await until(() => outbox.entries.value.length === 0);
      watched.stop();
      const counts = watched.shown.map((texts) => texts.filter((each) => each === text).length);
      expect(counts.shift()).to.equal(0);
      expect(new Set(counts)).to.deep.equal(new Set([1]));
    }
  });

  it("shows two messages with the same text as two", async () => {
    const { conversation, session } = await world.openChat();
    const { outbox } = session;
    const watched = watch(conversation);
    browser.intercept = ({ method }) =>
      method === "POST" ? () => new Promise((resolve) => setTimeout(resolve, 20)) : undefined;
    for (const text of ["again", "again", "again"]) await write(conversation, text);
    await until(() => outbox.entries.value.length === 0);
    watched.stop();
    const counts = watched.shown.map((texts) => texts.length);
    expect(counts).to.deep.equal(counts.toSorted((one, other) => one - other));
    expect(counts.at(-1)).to.equal(3);
    expect(await world.storedTexts()).to.deep.equal(["again", "again", "again"]);
  });

  it("sends what was written offline, in order and once, when the network is back", async () => {
    const { conversation, session } = await world.openChat();
    browser.goOffline();
    expect(session.status.value).to.equal("offline");
    for (const text of ["one", "two", "three"]) await write(conversation, text);
    expect(conversation.pending.value.map(({ text }) => text)).to.deep.equal(["one", "two", "three"]);
    expect(await world.storedTexts()).to.deep.equal([]);
    browser.goOnline();
    await until(() => conversation.messages.value.length === 3);
    expect(await world.storedTexts()).to.deep.equal(["one", "two", "three"]);
    expect(session.status.value).to.equal("live");
  });

  it("stores a message once if the response is lost", async () => {
    const { conversation, session } = await world.openChat();
    const { outbox } = session;
    let lost = 0;
    browser.intercept = ({ path }) => {
      if (path !== "/v1/messages" || lost > 0) return undefined;
      return () => {
        lost += 1;
        throw new TypeError("The connection was lost.");
      };
    };
    const watched = watch(conversation);
    await write(conversation, "once");
    await until(() => lost > 0 && outbox.entries.value.length === 0);
    watched.stop();
    expect(await world.storedTexts()).to.deep.equal(["once"]);
    expect(browser.requests.filter(({ key }) => key !== null)).to.have.length(2);
    expect(new Set(browser.requests.map(({ key }) => key)).size).to.equal(2);
    expect(watched.shown.every((texts) => texts.length <= 1)).to.equal(true);
  });

  it("sends after a reload what was not acknowledged, under the same key", async () => {
    const first = await world.openChat();
    browser.intercept = ({ path }) => {
      if (path === "/v1/messages") throw new TypeError("Failed to fetch");
    };
    await write(first.conversation, "one");
    await write(first.conversation, "two");
    const keys = first.session.outbox.entries.value.map(({ key }) => key);
    first.tab.kill();
    browser.intercept = () => {};
    const second = await world.openChat();
    await until(() => second.conversation.messages.value.length === 2);
    expect(await world.storedTexts()).to.deep.equal(["one", "two"]);
    const used = browser.requests.flatMap(({ key }) => key ?? []);
    expect(used).to.deep.equal(keys);
  });

  it("does not show a message twice after a reload that lost the response", async () => {
    const first = await world.openChat();
    browser.intercept = ({ path }) => {
      if (path !== "/v1/messages") return undefined;
      return () => {
        throw new TypeError("The connection was lost.");
      };
    };
    await write(first.conversation, "once");
    await until(async () => (await world.storedTexts()).length === 1);
    first.tab.kill();
    browser.intercept = ({ path }) => {
      if (path === "/v1/messages") throw new TypeError("Failed to fetch");
    };
    const second = await world.openChat();
    await until(() => second.conversation.messages.value.length === 1);
    expect(second.session.outbox.entries.value).to.have.length(1);
    expect(second.conversation.pending.value).to.deep.equal([]);
  });

  it("says why a message was rejected, and sends it again, edited or not, or discards it", async () => {
    const { conversation, session } = await world.openChat();
    const { outbox } = session;
    await world.passOwnership();
    await world.changePosting("admins");
    for (const text of ["one", "two", "three"]) await write(conversation, text);
    await until(() => outbox.entries.value.every(({ state }) => state === "rejected"));
    expect(conversation.pending.value.map(({ failure }) => failure?.code)).to.deep.equal([
      "not_allowed",
      "not_allowed",
      "not_allowed",
    ]);
    const [one, two, three] = outbox.entries.value.map(({ key }) => key);
    await world.changePosting("everyone");
    await outbox.discard(three!);
    await conversation.editRejected(two!);
    expect(conversation.draft.value.text).to.equal("two");
    await write(conversation, "two, edited");
    await outbox.retry(one!);
    await until(() => outbox.entries.value.length === 0);
    expect(await world.storedTexts()).to.deep.equal(["two, edited", "one"]);
    expect(await browser.storage.list("outbox", world.ana.id)).to.deep.equal([]);
  });

  it("keeps a rejected message over a reload", async () => {
    const first = await world.openChat();
    await world.server.messaging.removeParticipant({
      by: world.bo.id,
      chatId: world.chatId,
      user: world.ana.id,
    });
    await write(first.conversation, "too late");
    await until(() => first.session.outbox.entries.value[0]?.state === "rejected");
    await until(async () => (await browser.storage.list("outbox", world.ana.id)).length === 1);
    first.tab.close();
    const second = await world.openChat();
    await until(() => second.session.outbox.entries.value[0]?.failure?.code === "not_a_participant");
  });

  it("sends the messages of one tab through the tab that leads", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    await until(() => second.session.status.value === "live");
    await write(second.conversation, "from the second tab");
    await until(() => second.conversation.messages.value.length === 1);
    await until(() => first.conversation.messages.value.length === 1);
    await until(
      () =>
        second.session.outbox.entries.value.length === 0 && first.session.outbox.entries.value.length === 0,
    );
    expect(browser.requests.filter(({ key }) => key !== null)).to.have.length(1);
  });

  it("sends from another tab what the tab that led had not sent when it died", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    await until(() => second.session.status.value === "live");
    let isHeld = true;
    browser.intercept = ({ path }) => {
      if (path === "/v1/messages" && isHeld) throw new TypeError("Failed to fetch");
    };
    await write(first.conversation, "one");
    await until(() => second.session.outbox.entries.value.length === 1);
    await write(second.conversation, "two");
    await until(() => second.session.outbox.entries.value.length === 2);
    isHeld = false;
    first.tab.kill();
    await until(() => second.conversation.messages.value.length === 2);
    expect(await world.storedTexts()).to.deep.equal(["one", "two"]);
  });

  it("keeps the order of messages to a user while their chat comes to exist", async () => {
    const { session } = await world.openChat();
    const { outbox } = session;
    const conversation = session.openConversation({ username: "bo" });
    browser.goOffline();
    await write(conversation, "one");
    await write(conversation, "two");
    await world.server.messaging.sendMessage({ by: world.bo.id, to: { username: "ana" }, text: "zero" });
    let isHeld = true;
    browser.intercept = ({ path }) => {
      if (path === "/v1/messages" && isHeld) throw new TypeError("Failed to fetch");
    };
    browser.goOnline();
    await until(() => "chatId" in conversation.destination.value);
    await write(conversation, "three");
    isHeld = false;
    outbox.wake();
    await until(() => conversation.messages.value.length === 4);
    const texts = conversation.messages.value.map(({ message }) => message);
    expect(texts).to.deep.equal(["zero", "one", "two", "three"]);
    expect(conversation.pending.value).to.deep.equal([]);
  });

  it("ignores a late post of another tab about a message that is stored", async () => {
    browser.hasLocks = false;
    const { conversation, session } = await world.openChat();
    const other = await world.openChat();
    browser.intercept = ({ path }) => {
      if (path === "/v1/messages") throw new TypeError("Failed to fetch");
    };
    await write(conversation, "one");
    const entry = session.outbox.entries.value[0]!;
    browser.intercept = () => {};
    session.outbox.wake();
    await until(() => session.outbox.entries.value.length === 0);
    await until(() => other.session.outbox.entries.value.length === 0);
    browser.post(`palaver ${world.ana.id}`, { type: "entry", entry: { ...entry, state: "sending" } });
    await write(conversation, "two");
    await until(() => conversation.messages.value.length === 2);
    expect(await world.storedTexts()).to.deep.equal(["one", "two"]);
  });

  it("keeps a stored message stored when another tab reports late that it sends it", async () => {
    let receive: (message: unknown) => void = () => {};
    const channel: Channel = { post() {}, listen: (listener) => void (receive = listener), close() {} };
    const stored = { id: 1, seq: 1, destination_chat_id: world.chatId as number } as Message;
    const outbox = new Outbox({
      client: { sendMessage: async () => stored } as unknown as Client,
      storage: new UserStorage(browser.storage, world.ana.id),
      tabs: new Tabs(channel),
      now: Date.now,
      chatWith: () => undefined,
      // The event of the message is still to come.
      lastSeqOf: () => 0,
    });
    await outbox.lead();
    await outbox.add({ chatId: world.chatId }, { text: "one", replyTo: null, mentions: [] }, 0);
    const entry = await until(() => outbox.entries.value.find(({ message }) => message));
    receive({ type: "entry", entry: { ...entry, state: "sending", message: undefined } });
    expect(outbox.entries.value).to.deep.equal([entry]);
    outbox.close();
  });

  it("never sends the messages of one user as another one", async () => {
    const { conversation, tab, session: before } = await world.openChat();
    const { outbox } = before;
    browser.intercept = ({ path }) => {
      if (path === "/v1/messages") throw new TypeError("Failed to fetch");
    };
    await write(conversation, "by ana");
    await until(() => outbox.entries.value[0]?.state === "waiting");
    const other = world.openTab();
    await until(() => other.app.account.current.value.state !== "loading");
    browser.intercept = () => {};
    await other.app.account.logIn("bo", PASSWORD);
    await until(() => tab.app.session.value?.user.username === "bo");
    const session = await other.ready();
    expect(session.outbox.entries.value).to.deep.equal([]);
    expect(await world.storedTexts()).to.deep.equal([]);
    expect(await browser.storage.list("outbox", world.ana.id)).to.have.length(1);
    // Ana comes back, and her message goes out.
    await other.app.account.logIn("ana", PASSWORD);
    await until(async () => (await world.storedTexts()).length === 1);
    const messages = await world.stored();
    expect(messages.map(({ sender }) => sender.id)).to.deep.equal([world.ana.id]);
  });
});

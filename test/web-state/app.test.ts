import { expect } from "chai";
import { openTestServer, type TestServer } from "../support/server.js";
import { FakeBrowser, until } from "../support/fake-browser.js";
import { PASSWORD } from "../support/client.js";
import type { OutboxEntry } from "../../src/web/state/outbox.js";

describe("the web client", () => {
  let server: TestServer;
  let browser: FakeBrowser;
  let openTabs: { close(): void }[];

  beforeEach(async () => {
    server = await openTestServer();
    browser = new FakeBrowser(server.url);
    openTabs = [];
  });

  afterEach(async () => {
    for (const tab of openTabs) tab.close();
    await server.close();
  });

  const open = (options = {}) => {
    const tab = browser.openTab(options);
    openTabs.push(tab);
    return tab;
  };

  it("registers, logs in, shows a message and logs out", async () => {
    const { user: bo } = await server.signIn("bo");
    const tab = open();
    await until(() => tab.app.account.current.value.state === "anonymous");
    await tab.app.account.register("ana", PASSWORD);
    const session = await tab.ready();
    const conversation = session.openConversation({ username: "bo" });
    conversation.changeDraft({ text: "Hello, Bo!" });
    await conversation.submit();
    await until(() => conversation.messages.value.length === 1);
    expect(conversation.pending.value).to.deep.equal([]);
    expect(session.outbox.entries.value).to.deep.equal([]);
    expect(session.chats.main.value).to.have.length(1);
    await server.messaging.sendMessage({ by: bo.id, to: { username: "ana" }, text: "Hello, Ana!" });
    await until(() => conversation.messages.value.length === 2);
    expect(session.chats.unreadCount.value).to.equal(1);
    expect(tab.title).to.equal("(1) Palaver");
    conversation.markRead(2);
    await until(() => session.chats.unreadCount.value === 0);
    expect(tab.title).to.equal("Palaver");
    await tab.app.account.logOut();
    expect(tab.app.session.value).to.equal(undefined);
    expect(tab.app.account.current.value).to.deep.equal({ state: "anonymous", reason: "logged_out" });
  });

  it("x", () => {
    const x: OutboxEntry | undefined = undefined;
    expect(x).to.equal(undefined);
  });
});

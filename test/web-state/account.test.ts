import { expect } from "chai";
import type { SessionId } from "../../src/domain/session.js";
import { Account } from "../../src/web/state/account.js";
import { PASSWORD } from "../support/client.js";
import { memoryStorage } from "../support/memory-storage.js";
import { until, type FakeBrowser } from "../support/fake-browser.js";
import { WebWorld, write } from "./web-world.js";

describe("Account", () => {
  let world: WebWorld;
  let browser: FakeBrowser;

  beforeEach(async () => {
    world = await WebWorld.open();
    ({ browser } = world);
  });

  afterEach(() => world.close());

  it("registers and logs in", async () => {
    const { app } = world.openTab();
    await until(() => app.account.current.value.state === "anonymous");
    const taken = await app.account.register("Ana", PASSWORD).catch((reason: unknown) => reason);
    expect(taken).to.include({ code: "username_taken" });
    await app.account.register("cy", PASSWORD);
    const session = await until(() => app.session.value);
    expect(session.user.username).to.equal("cy");
    await until(() => session.chats.all.value);
    expect(session.chats.main.value).to.deep.equal([]);
  });

  it("says why a login failed", async () => {
    const { app } = world.openTab();
    await until(() => app.account.current.value.state === "anonymous");
    const error = await app.account.logIn("ana", "wrong password").catch((reason: unknown) => reason);
    expect(error).to.include({ code: "wrong_credentials" });
    expect(app.account.current.value).to.deep.equal({ state: "anonymous", reason: "never" });
  });

  it("waits for a server that does not answer yet", async () => {
    await world.openSession();
    browser.goOffline();
    const { app } = world.openTab();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(app.account.current.value.state).to.equal("loading");
    browser.goOnline();
    await until(() => app.session.value);
  });

  it("logs out in all tabs, and deletes the data of the user from the browser", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    browser.intercept = ({ path }) => {
      if (path === "/v1/messages") throw new TypeError("Failed to fetch");
    };
    first.conversation.changeDraft({ text: "unfinished" });
    await write(second.session.openConversation({ username: "bo" }), "unsent");
    await until(async () => (await browser.storage.list("drafts", world.ana.id)).length === 1);
    await first.tab.app.account.logOut();
    await until(() => second.tab.app.session.value === undefined);
    expect(second.tab.app.account.current.value).to.deep.equal({ state: "anonymous", reason: "logged_out" });
    // A page that does not know of it yet writes nothing any more.
    second.conversation.changeDraft({ text: "late" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const table of ["drafts", "outbox"] as const) {
      expect(await browser.storage.list(table, world.ana.id)).to.deep.equal([]);
    }
  });

  it("keeps the session and the data if a logout fails", async () => {
    const { tab, conversation } = await world.openChat();
    conversation.changeDraft({ text: "unfinished" });
    await until(async () => (await browser.storage.list("drafts", world.ana.id)).length === 1);
    browser.intercept = ({ path }) =>
      path === "/v1/auth/logout" ? new Response("<html>", { status: 403 }) : undefined;
    const error = await tab.app.account.logOut().catch((reason: unknown) => reason);
    expect(error).to.include({ code: "unexpected_answer" });
    expect(tab.app.account.current.value.state).to.equal("active");
    expect(await browser.storage.list("drafts", world.ana.id)).to.have.length(1);
    await write(conversation, "still here");
    await until(() => conversation.messages.value.length === 1);
  });

  it("does not log out later if the user cancels while the server is away", async () => {
    const { tab, conversation } = await world.openChat();
    browser.goOffline();
    const cancelling = new AbortController();
    const loggingOut = tab.app.account.logOut(cancelling.signal).catch(() => "cancelled");
    await write(conversation, "not lost");
    cancelling.abort();
    expect(await loggingOut).to.equal("cancelled");
    browser.goOnline();
    await until(() => conversation.messages.value.length === 1);
    expect(tab.app.account.current.value.state).to.equal("active");
  });

  it("ends in all tabs when the session expires, without a loop, and goes on after a login", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    await until(() => second.session.status.value === "live");
    first.conversation.changeDraft({ text: "unfinished" });
    const [{ session_id } = { session_id: "" }] = await first.session.client.listSessions();
    const other = await world.server.messaging.logIn({ username: "ana", password: PASSWORD });
    await world.server.messaging.endSession({ by: other.session, sessionId: session_id as SessionId });
    for (const { tab } of [first, second]) {
      await until(() => tab.app.account.current.value.state === "anonymous");
      expect(tab.app.account.current.value).to.deep.equal({ state: "anonymous", reason: "expired" });
    }
    const sent = browser.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(browser.requests.length).to.equal(sent);
    await second.tab.app.account.logIn("ana", PASSWORD);
    const session = await first.tab.ready();
    expect(session).to.not.equal(first.session);
    const conversation = session.openConversation({ chatId: world.chatId });
    await until(() => conversation.draft.value.text === "unfinished");
  });

  it("sends no request of one user with the session of another one", async () => {
    const first = await world.openChat();
    browser.deliversPosts = false;
    const second = world.openTab();
    await until(() => second.app.account.current.value.state === "active");
    await second.app.account.logIn("bo", PASSWORD);
    // The first tab does not know that Bo has logged in.
    expect(first.tab.app.session.value?.user.username).to.equal("ana");
    const sent = browser.requests.length;
    const error = await first.session.client
      .sendMessage({ group_chat_id: world.chatId, message: "by ana" }, { patience: 0 })
      .catch((reason: unknown) => reason);
    expect(error).to.include({ code: "no_answer" });
    // Now it has found out.
    await until(() => first.tab.app.session.value?.user.username === "bo");
    expect(browser.requests.slice(sent).filter(({ method }) => method !== "GET")).to.deep.equal([]);
    expect(await world.storedTexts()).to.deep.equal([]);
  });

  it("waits with a change of the session for the requests that are in progress", async () => {
    const { tab, session } = await world.openChat();
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    browser.intercept = ({ path }) => (path === "/v1/messages" ? () => released : undefined);
    const sent = session.client.sendMessage({ group_chat_id: world.chatId, message: "by ana" });
    await until(() => browser.requests.some(({ path }) => path === "/v1/messages"));
    const loggedOut = tab.app.account.logOut();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(browser.requests.some(({ path }) => path === "/v1/auth/logout")).to.equal(false);
    release();
    await sent;
    await loggedOut;
  });

  it("erases the account", async () => {
    const { tab } = await world.openChat();
    const { account } = tab.app;
    const error = await account.eraseAccount("wrong password").catch((reason: unknown) => reason);
    expect(error).to.include({ code: "wrong_password" });
    expect(account.current.value.state).to.equal("active");
    await account.eraseAccount(PASSWORD);
    expect(account.current.value).to.deep.equal({ state: "anonymous", reason: "erased" });
  });

  for (const [failing, methods] of [
    ["every access", ["list", "put", "delete", "clear"]],
    ["each write", ["put"]],
  ] as const) {
    it(`logs in, sends and logs out in a browser where ${failing} to the storage fails`, async () => {
      const reject = async () => Promise.reject(new Error("The browser allows no storage."));
      Object.assign(browser.storage, Object.fromEntries(methods.map((method) => [method, reject])));
      const { tab, session, conversation } = await world.openChat();
      await write(conversation, "hello");
      await until(() => conversation.messages.value.length === 1);
      conversation.changeDraft({ text: "unfinished" });
      await until(() => session.isUnsaved.value);
      const again = await world.openSession();
      expect(again.session.user.username).to.equal("ana");
      await tab.app.account.logOut();
      await until(() => again.tab.app.session.value === undefined);
      await tab.app.account.logIn("bo", PASSWORD);
      const bo = await until(() => again.tab.app.session.value);
      expect(bo.user.username).to.equal("bo");
      await until(() => bo.chats.all.value);
    });
  }

  it("says at once that the browser stores nothing", async () => {
    Object.assign(browser.storage, { list: async () => Promise.reject(new Error("No storage.")) });
    const { session } = await world.openSession();
    expect(session.isUnsaved.value).to.equal(true);
  });

  it("does not hide an error that is neither of the network nor of the storage", async () => {
    const storage = memoryStorage();
    await storage.put("account", "", "current", "an earlier user");
    const account = new Account({
      url: world.server.url,
      fetch,
      storage,
      locks: { request: async () => Promise.reject(new RangeError("A mistake.")), isHeld: async () => false },
      openChannel: () => ({ post() {}, listen() {}, close() {} }),
    });
    const error = await account.start().catch((reason: unknown) => reason);
    account.close();
    expect(error).to.be.instanceOf(RangeError);
  });
});

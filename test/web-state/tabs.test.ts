import { expect } from "chai";
import fc from "fast-check";
import type { SessionId } from "../../src/domain/session.js";
import { PASSWORD } from "../support/client.js";
import { until, type FakeBrowser } from "../support/fake-browser.js";
import type { Session } from "../../src/web/state/app.js";
import { WebWorld, write, type OpenChat } from "./web-world.js";

/** The requests to a path, without those to longer ones. */
function requestsTo(browser: FakeBrowser, path: string) {
  return browser.requests.filter((request) => request.path.split("?")[0] === path);
}

const streams = (browser: FakeBrowser) => requestsTo(browser, "/v1/events/stream").length;

/** The chats of a session, as the server lists them. */
function listed(session: Session) {
  return session.chats.all.value!.map(
    ({ activity: _, peer_user_id: __, peer_read_seq: ___, ...chat }) => chat,
  );
}

async function expectCurrent({ session, conversation }: OpenChat, texts: readonly string[]) {
  await until(() => conversation.messages.value.length === texts.length);
  expect(conversation.messages.value.map(({ message }) => message)).to.deep.equal(texts);
  const { chats } = await session.client.sync();
  expect(listed(session)).to.deep.equal(chats);
}

describe("The tabs of a browser", () => {
  let world: WebWorld;
  let browser: FakeBrowser;

  beforeEach(async () => {
    world = await WebWorld.open();
    ({ browser } = world);
  });

  afterEach(() => world.close());

  it("share one stream, and all receive each event once", async () => {
    const chats = [await world.openChat(), await world.openChat(), await world.openChat()];
    for (const { session } of chats) await until(() => session.status.value === "live");
    const texts = Array.from({ length: 20 }, (_, n) => `message ${n}`);
    for (const text of texts) await world.receive(text);
    for (const chat of chats) await expectCurrent(chat, texts);
    expect(streams(browser)).to.equal(1);
    // The followers have read the log once at most, when they came.
    expect(requestsTo(browser, "/v1/events").length).to.be.at.most(3);
  });

  for (const end of ["close", "kill"] as const) {
    it(`go on with another stream after the tab with the stream has ended (${end})`, async () => {
      const [first, second, third] = [await world.openChat(), await world.openChat(), await world.openChat()];
      await until(() => third.session.status.value === "live");
      await world.receive("one");
      await until(() => third.conversation.messages.value.length === 1);
      first.tab[end]();
      await world.receive("two");
      await expectCurrent(second, ["one", "two"]);
      await expectCurrent(third, ["one", "two"]);
      await until(() => third.session.status.value === "live");
      await world.receive("three");
      await expectCurrent(second, ["one", "two", "three"]);
      await expectCurrent(third, ["one", "two", "three"]);
      expect(streams(browser)).to.equal(2);
    });
  }

  it("miss no event and count none twice, while tabs come and go and posts are lost", async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant("receive" as const) },
      { weight: 2, arbitrary: fc.constantFrom("open" as const, "close" as const, "kill" as const) },
      { weight: 2, arbitrary: fc.constantFrom("lose" as const, "deliver" as const, "offline" as const) },
      { weight: 1, arbitrary: fc.constant("wait" as const) },
    );
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 25, size: "max" }),
      fc.nat(),
      async (steps, n) => {
        const here = await WebWorld.open();
        const open: OpenChat[] = [await here.openChat()];
        const texts: string[] = [];
        for (const each of steps) {
          if (each === "receive") texts.push((await here.receive(`message ${texts.length}`)).text);
          else if (each === "open") open.push(await here.openChat());
          else if (each === "lose" || each === "deliver") here.browser.deliversPosts = each === "deliver";
          else if (each === "offline") {
            here.browser.goOffline();
            here.browser.goOnline();
          } else if (each === "wait") await new Promise((resolve) => setTimeout(resolve, 5));
          else if (open.length > 1) open.splice(n % open.length, 1)[0]!.tab[each]();
        }
        here.browser.deliversPosts = true;
        texts.push((await here.receive("the end")).text);
        for (const chat of open) await expectCurrent(chat, texts);
        await here.close();
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });

  it("read what they have missed when they are shown again", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    await until(() => second.session.status.value === "live");
    browser.deliversPosts = false;
    await world.receive("one");
    await expectCurrent(first, ["one"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(second.conversation.messages.value).to.deep.equal([]);
    browser.deliversPosts = true;
    second.tab.setVisible(true);
    await expectCurrent(second, ["one"]);
  });

  it("read everything again after a resync, and then go on", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    await until(() => second.session.status.value === "live");
    let answered = 0;
    browser.intercept = ({ path }) => {
      if (!path.startsWith("/v1/events/stream") || answered > 0) return undefined;
      answered += 1;
      const text = 'id: fresh\nevent: resync\ndata: {"cursor":"fresh"}\n\n';
      return new Response(text, { headers: { "Content-Type": "text/event-stream" } });
    };
    browser.goOffline();
    await world.receive("missed");
    browser.goOnline();
    await until(() => answered === 1);
    await expectCurrent(first, ["missed"]);
    await expectCurrent(second, ["missed"]);
    await world.receive("after");
    await expectCurrent(first, ["missed", "after"]);
    await expectCurrent(second, ["missed", "after"]);
    expect(streams(browser)).to.equal(3);
  });

  it("show that the network is gone and comes back", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    await until(() => second.session.status.value === "live");
    browser.goOffline(false);
    await until(() => first.session.status.value === "reconnecting");
    await until(() => second.session.status.value === "reconnecting");
    browser.goOnline();
    browser.goOffline();
    expect([first, second].map(({ session }) => session.status.value)).to.deep.equal(["offline", "offline"]);
    browser.goOnline();
    await until(() => first.session.status.value === "live" && second.session.status.value === "live");
  });

  it("have streams of their own where there are no locks", async () => {
    browser.hasLocks = false;
    const first = await world.openChat();
    const second = await world.openChat();
    for (const { session } of [first, second]) await until(() => session.status.value === "live");
    await write(first.conversation, "one");
    await until(async () => (await world.stored()).length > 0);
    await world.receive("two");
    await expectCurrent(first, ["one", "two"]);
    await expectCurrent(second, ["one", "two"]);
    expect(streams(browser)).to.equal(2);
    expect(await world.storedTexts()).to.deep.equal(["one", "two"]);
  });

  it("leave nothing behind when they are closed", async () => {
    const { tab } = await world.openChat();
    await until(() => streams(browser) === 1);
    expect(browser.heldLocks).to.include(`palaver-leader ${world.ana.id}`);
    tab.app.close();
    await until(() => browser.heldLocks.length === 0);
    const sent = browser.requests.length;
    await world.receive("one");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(browser.requests).to.have.length(sent);
  });

  it("show the same drafts, also after a reload", async () => {
    const first = await world.openChat();
    const second = await world.openChat();
    first.conversation.changeDraft({ text: "unfinished", replyTo: 1 });
    await until(() => second.conversation.draft.value.text === "unfinished");
    await until(async () => (await browser.storage.list("drafts", world.ana.id)).length === 1);
    first.tab.kill();
    second.tab.kill();
    const third = await world.openChat();
    expect(third.conversation.draft.value).to.include({ text: "unfinished", replyTo: 1 });
    third.conversation.cancelDraft();
    await until(async () => (await browser.storage.list("drafts", world.ana.id)).length === 0);
  });
});

describe("Desktop notifications", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  it("are shown by one tab while no tab is visible, and open the chat", async () => {
    const first = await world.openChat({ isVisible: false });
    const second = await world.openChat({ isVisible: false });
    const opened: number[] = [];
    first.session.onOpenChat((chatId) => opened.push(chatId));
    await world.receive("hidden");
    await until(() => world.browser.notifications.length > 0);
    second.tab.setVisible(true);
    await world.receive("seen");
    await until(() => first.conversation.messages.value.length === 2);
    await until(() => second.conversation.messages.value.length === 2);
    second.tab.setVisible(false);
    await until(() => !world.browser.heldLocks.some((name) => name.includes("visible")));
    await world.receive("hidden again");
    await until(() => world.browser.notifications.length > 1);
    expect(world.browser.notifications.map(({ body }) => body)).to.deep.equal(["hidden", "hidden again"]);
    expect(world.browser.notifications[0]).to.include({ title: "bo", tag: `palaver ${world.chatId}` });
    world.browser.notifications[0]!.open();
    expect(opened).to.deep.equal([world.chatId]);
  });

  it("are not shown for own messages, and for a muted chat only if they mention the user", async () => {
    const { session, conversation } = await world.openChat({ isVisible: false });
    await write(conversation, "own");
    await session.chats.mute(world.chatId, Infinity);
    await until(() => session.chats.isMuted(session.chats.byId(world.chatId).value!));
    await world.receive("muted");
    await world.receive("to you", ["ana"]);
    await until(() => world.browser.notifications.length > 0);
    expect(world.browser.notifications.map(({ body }) => body)).to.deep.equal(["to you"]);
    expect(session.chats.unreadCount.value).to.equal(1);
  });
});

describe("Account", () => {
  let world: WebWorld;
  let browser: FakeBrowser;

  beforeEach(async () => {
    world = await WebWorld.open();
    ({ browser } = world);
  });

  afterEach(() => world.close());

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
    for (const table of ["drafts", "outbox", "read"] as const) {
      expect(await browser.storage.list(table, world.ana.id)).to.deep.equal([]);
    }
  });

  it("does not log out while the server is not reachable, and loses nothing", async () => {
    const { tab, conversation } = await world.openChat();
    conversation.changeDraft({ text: "unfinished" });
    browser.intercept = ({ path }) => {
      if (path === "/v1/auth/logout") return new Response("{}", { status: 500 });
      return undefined;
    };
    const failure = tab.app.account.logOut().then(
      () => "logged out",
      () => "failed",
    );
    expect(await Promise.race([failure, new Promise((resolve) => setTimeout(resolve, 50))])).to.equal(
      undefined,
    );
    browser.intercept = () => {};
    expect(await failure).to.equal("logged out");
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
});

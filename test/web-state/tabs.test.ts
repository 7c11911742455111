import { expect } from "chai";
import fc from "fast-check";
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
  const own = ["activity", "peer_user_id"];
  const isListed = (entry: readonly [string, unknown]) => !own.includes(entry[0]);
  return session.chats.all.value!.map((chat) => Object.fromEntries(Object.entries(chat).filter(isListed)));
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
    await fc.assert(property, { numRuns: Number(process.env["TEST_ROUNDS"] ?? 6) });
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

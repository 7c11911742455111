import { expect } from "chai";
import { openScene } from "./browser.js";
import { openPerson, personOn, textsOf, until, type Person } from "./person.js";

const TABS = 6;

describe("Six tabs of one session", () => {
  const scene = openScene();

  it("share one stream, and another tab takes over when the one that has it is closed", async () => {
    const bob = await openPerson(scene, "bob");
    const first = await openPerson(scene, "ana", { hash: "#/users/bob" });
    /** The streams that the server has open, that of Bob among them. */
    const streamsOfServer = async () => {
      const metrics = await (await fetch(`${scene.url}/metrics`)).text();
      return Number(/^palaver_event_streams (\d+)/m.exec(metrics)?.[1]);
    };
    const streams = new Map<object, Person>();
    first.context.on("request", (request) => {
      if (!request.url().includes("/v1/events/stream")) return;
      streams.set(request, personOn("ana", request.frame().page()));
    });
    first.context.on("requestfinished", (request) => streams.delete(request));
    first.context.on("requestfailed", (request) => streams.delete(request));
    await first.send("hello");
    await bob.row("hello").click();
    await until(async () => first.page.url().includes("#/chats/"), "the chat");
    const hash = new URL(first.page.url()).hash;
    // The stream of the first page began before the test listened.
    await first.page.reload();
    const tabs = [first];
    while (tabs.length < TABS) tabs.push(personOn("ana", await scene.openPage(first.context, `/${hash}`)));
    await bob.send("for all");
    for (const tab of tabs) await tab.message("for all").waitFor();
    expect(await streamsOfServer()).to.equal(2);

    for (let round = 1; tabs.length > 3; round += 1) {
      const [leader] = streams.values();
      const closed = tabs.splice(
        tabs.findIndex(({ page }) => page === leader?.page),
        1,
      );
      await Promise.all([closed[0]!.page.close(), bob.send(`during ${round}`)]);
      streams.delete([...streams.keys()].find((request) => streams.get(request)?.page === closed[0]!.page)!);
      for (const tab of tabs) await tab.message(`during ${round}`).waitFor();
      await until(async () => streams.size === 1, "one stream again");
      await tabs[0]!.send(`from a tab ${round}`);
      await bob.message(`from a tab ${round}`).waitFor();
    }
    const expected = ["hello", "for all"];
    for (let round = 1; round <= TABS - 3; round += 1)
      expected.push(`during ${round}`, `from a tab ${round}`);
    for (const { page } of [...tabs, bob]) {
      await until(
        async () => (await textsOf(page)).join() === expected.join(),
        "each message once in each tab",
      );
    }
    expect(await streamsOfServer()).to.equal(2);
  });
});

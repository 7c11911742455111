import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import Koa from "koa";
import type { Page } from "playwright-core";
import { mount } from "../../src/main/http.js";
import { openMessaging } from "../../src/main/index.js";
import { AWAY, openScene } from "./browser.js";

describe("The page of the web client", () => {
  const scene = openScene();

  /** Waits until the client has rendered something. */
  const rendered = (page: Page) => page.locator("#root > *").first().waitFor();

  it("opens", async () => {
    const page = await scene.openPage();
    await rendered(page);
    expect(await page.title()).to.include("Palaver");
  });

  it("opens at a route in the hash, and after a reload", async () => {
    const page = await scene.openPage(undefined, "/#/chats/4");
    await rendered(page);
    await page.reload();
    await rendered(page);
  });

  it("opens after the server was killed and started again", async () => {
    const page = await scene.openPage();
    await rendered(page);
    scene.tolerate(AWAY);
    await scene.killServer();
    await scene.startServer();
    await page.reload();
    await rendered(page);
  });

  it("loads its files from the cache of the browser the second time", async () => {
    const context = await scene.openContext();
    const first = await scene.openPage(context);
    await rendered(first);
    const second = await scene.openPage(context);
    await rendered(second);
    const transferred = await second.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .filter(({ name }) => name.includes("/assets/"))
        .map((entry) => (entry as PerformanceResourceTiming).transferSize),
    );
    expect(transferred).to.have.length.above(0);
    expect(new Set(transferred)).to.deep.equal(new Set([0]));
  });

  it("turns no text into scripts, markup or styles, and connects to no other server", async () => {
    const page = await scene.openPage();
    scene.tolerate(/Content[ -]Security[ -]Policy|This document requires 'Trusted/);
    const outcome = await page.evaluate(async () => {
      const script = document.createElement("script");
      script.append("document.title = 'injected'");
      document.body.append(script);
      document.body.setAttribute("style", "color: red");
      const attempt = (work: () => unknown) =>
        Promise.resolve()
          .then(work)
          .then(
            () => "done",
            (error: unknown) => (error as Error).name,
          );
      return {
        title: document.title,
        markup: await attempt(() => (document.body.innerHTML = "<p>injected</p>")),
        connection: await attempt(() => fetch("http://127.0.0.1:9/")),
      };
    });
    expect(outcome.title).to.not.equal("injected");
    expect(outcome).to.include({ markup: "TypeError", connection: "TypeError" });
    await scene.settle();
    for (const directive of ["require-trusted-types-for", "style-src-attr", "connect-src"]) {
      expect(scene.faults.join("\n")).to.include(`violation of the Content-Security-Policy: ${directive}`);
    }
  });

  it("opens under a mount path, also without the slash at its end", async () => {
    const messaging = await openMessaging({ storage: "memory" });
    const chat = mount(messaging, { path: "/apps/chat", log: { debug() {}, info() {}, error() {} } });
    const app = new Koa();
    app.use(chat);
    const answer = app.callback();
    const server = createServer((...exchange) => void answer(...exchange)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/apps/chat`;
    try {
      scene.tolerate(new RegExp(`request to another origin: ${url}(?:/|$)`));
      for (const [path, hash] of [
        ["", ""],
        ["/", ""],
        ["", "#/chats/4"],
      ]) {
        const page = await scene.openPage(undefined, `${url}${path}${hash}`);
        await rendered(page);
        expect(page.url()).to.equal(`${url}/${hash}`);
      }
    } finally {
      chat.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await messaging.close();
    }
  });
});

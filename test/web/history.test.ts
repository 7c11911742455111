import { expect } from "chai";
import { listen, type HttpServer } from "../../src/main/http.js";
import { openMessaging, type OpenMessaging } from "../../src/main/index.js";
import { PASSWORD } from "../support/client.js";
import { openScene } from "./browser.js";
import { personOn, until } from "./person.js";

const MESSAGES = 100_000;

describe("A chat of 100,000 messages", () => {
  const scene = openScene();
  let messaging: OpenMessaging;
  let server: HttpServer;

  before(async () => {
    messaging = await openMessaging({ storage: "memory" });
    const register = (username: string) => messaging.registerUser({ username, password: PASSWORD });
    const [ana, bob] = [await register("ana"), await register("bob")];
    for (let sent = 0; sent < MESSAGES; sent += 1) {
      const by = sent % 3 === 0 ? bob : ana;
      const to = { username: sent % 3 === 0 ? "ana" : "bob" };
      await messaging.sendMessage({ by: by.id, to, text: `message ${sent + 1}` });
    }
    server = await listen(messaging, { port: 0, rateLimits: false });
  });

  after(async () => {
    await server.close();
    await messaging.close();
  });

  it("opens at its end, shows less than 500 messages at a time, and reads on in both directions", async () => {
    scene.tolerate(new RegExp(`request to another origin: ${server.url}`));
    const context = await scene.openContext();
    const page = await context.newPage();
    await page.goto(server.url);
    await page.getByLabel("Username").fill("ana");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    const ana = personOn("ana", page);
    await ana.row("bob").click();
    await ana.message(`message ${MESSAGES}`).waitFor();

    const shown = () =>
      page.evaluate(() => {
        const numbers = [...document.querySelectorAll("article .text")].map(({ textContent }) =>
          Number(textContent?.replace("message ", "")),
        );
        return { count: numbers.length, first: numbers[0] ?? 0, last: numbers.at(-1) ?? 0 };
      });
    const list = page.getByRole("feed");
    let most = 0;
    /** Scrolls by single screens until the end of the window passes a message. What is in sight stays there meanwhile. */
    const scroll = async (step: number, hasPassed: () => Promise<boolean>) => {
      for (let screens = 0; screens < 200; screens += 1) {
        const { count, first, last } = await shown();
        most = Math.max(most, count);
        expect(last - first + 1, "the messages without gaps").to.equal(count);
        if (await hasPassed()) return;
        await list.evaluate((element, screensToMove) => {
          element.scrollTop += screensToMove * element.clientHeight;
        }, step);
        await page.waitForTimeout(30);
      }
      throw new Error("The end of the window stays where it is.");
    };
    await scroll(-1, async () => (await shown()).first <= MESSAGES - 700);
    expect((await shown()).last).to.be.below(MESSAGES);

    // While a page comes, the message in sight stays where it is.
    const inSight = await list.evaluate((element) => {
      const { top } = element.getBoundingClientRect();
      const article = [...element.querySelectorAll("article")].find(
        (each) => each.getBoundingClientRect().top > top,
      )!;
      return { id: article.dataset["id"], top: article.getBoundingClientRect().top };
    });
    const before = (await shown()).first;
    await list.evaluate((element) => {
      element.scrollTop -= 1;
    });
    await page.waitForTimeout(500);
    const now = await page
      .locator(`[data-id="${inSight.id}"]`)
      .evaluate((element) => element.getBoundingClientRect().top);
    expect(Math.abs(now - inSight.top)).to.be.below(4);
    expect((await shown()).first).to.be.at.most(before);

    await scroll(1, async () => (await shown()).last === MESSAGES);
    expect(most).to.be.below(500);
    await until(async () => {
      await list.evaluate((element) => {
        element.scrollTop = element.scrollHeight;
      });
      return ana.message(`message ${MESSAGES}`).isVisible();
    }, "the end of the chat");
    await ana.send("one more");
    await ana.message("one more").waitFor();
  });
});

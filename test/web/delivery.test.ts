import { expect } from "chai";
import { PASSWORD } from "../support/client.js";
import type { Page } from "playwright-core";
import { AWAY, openScene } from "./browser.js";
import { openClient, openPerson, personOn, textsOf, until, type Person } from "./person.js";

describe("A message that is sent while something fails", () => {
  const scene = openScene();
  let ana: Person;
  let bob: Person;

  /** Two people in one chat. */
  const openTwo = async (one: string, other: string) => {
    scene.tolerate(AWAY);
    [ana, bob] = await Promise.all([openPerson(scene, one), openPerson(scene, other)]);
    await ana.show(`#/users/${other}`);
    await ana.send("first");
    await bob.row("first").click();
    await bob.message("first").waitFor();
    await until(async () => ana.page.url().includes("#/chats/"), "the chat");
  };
  /** Waits until both browsers show these messages, and checks that none is there twice, now and after a reload. */
  const assertOnce = async (texts: readonly string[]) => {
    const areShown = async (page: Page) => (await textsOf(page)).join() === texts.join();
    for (const { page } of [ana, bob]) {
      await until(
        async () => areShown(page),
        `exactly ${texts.join()} instead of ${(await textsOf(page)).join()}`,
      );
    }
    await ana.page.reload();
    await until(() => areShown(ana.page), "the same messages after a reload");
    await ana.page.locator(".pending").first().waitFor({ state: "detached" });
    expect(await ana.page.locator(".pending").count()).to.equal(0);
  };

  it("arrives once after the server was killed and started again", async () => {
    await openTwo("ana", "bob");
    await scene.killServer();
    await ana.send("while it is away");
    await ana.send("and another");
    await ana.page.locator(".pending", { hasText: "and another" }).waitFor();
    await ana.page.getByText("Reconnecting").waitFor();
    await bob.page.getByText("Reconnecting").waitFor();
    await scene.startServer();
    await assertOnce(["first", "while it is away", "and another"]);
    await ana.page.getByText("Reconnecting").waitFor({ state: "detached" });
    await bob.send("back again");
    await ana.message("back again").waitFor();
  });

  it("arrives once after the browser was offline, and the other browser misses nothing", async () => {
    await openTwo("chloe", "dev");
    await ana.context.setOffline(true);
    await ana.page.getByText("You are offline").waitFor();
    await ana.send("from the tunnel");
    await bob.send("meanwhile");
    await ana.page.locator(".pending", { hasText: "from the tunnel" }).waitFor();
    await ana.context.setOffline(false);
    await assertOnce(["first", "meanwhile", "from the tunnel"]);
    await ana.page.getByText("You are offline").waitFor({ state: "detached" });
  });

  it("arrives once if the page is reloaded before the request has left, or before the answer has come", async () => {
    await openTwo("emil", "fatima");
    const { page } = ana;
    await page.route("**/v1/messages", () => {});
    await ana.send("not yet sent");
    await page.locator(".pending", { hasText: "not yet sent" }).waitFor();
    await page.reload();
    await page.unroute("**/v1/messages");
    await page.reload();
    await bob.message("not yet sent").waitFor();

    await page.route("**/v1/messages", async (route) => {
      // The page may still repeat the first message, which the last reload has let through.
      if (route.request().postData()?.includes("sent and not answered")) await route.fetch();
      else await route.continue();
    });
    await ana.send("sent and not answered");
    await bob.message("sent and not answered").waitFor();
    await page.reload();
    await page.unroute("**/v1/messages");
    await page.reload();
    await assertOnce(["first", "not yet sent", "sent and not answered"]);
  });

  it("arrives once if the answer is lost after the commit", async () => {
    await openTwo("gus", "hana");
    let lost = 0;
    await ana.page.route("**/v1/messages", async (route) => {
      if (lost > 1) return route.continue();
      lost += 1;
      await route.fetch();
      return route.abort();
    });
    await ana.send("sent with a lost answer");
    await ana.send("the next one");
    await assertOnce(["first", "sent with a lost answer", "the next one"]);
    expect(lost).to.be.above(0);
  });

  it("is in the list of chats while it has no chat there, with why and what to do", async () => {
    scene.tolerate(AWAY);
    scene.tolerate(/status of 4/);
    ana = await openPerson(scene, "ida");
    const jon = await openClient(scene, "jon");
    const { page } = ana;
    // Offline, the page cannot know that there is no such user.
    await ana.context.setOffline(true);
    await ana.show("#/users/nobody");
    await ana.send("to nobody");
    await ana.context.setOffline(false);
    await ana.show("#/");
    await ana.row("to nobody").getByText("Not sent:").waitFor();
    await page.route("**/v1/messages", (route) => route.abort());
    await ana.show("#/users/jon");
    await ana.send("to jon");
    await ana.show("#/");
    await ana.row("to jon").getByText("Not sent yet:").waitFor();
    await page.reload();
    await ana.row("to jon").getByText("Not sent yet:").waitFor();
    await ana.row("to nobody").getByText("Not sent:").click();
    await page.locator(".pending").getByText("There is no user with this name.").waitFor();
    await page.locator(".pending").getByRole("button", { name: "Discard" }).click();
    await ana.row("to nobody").waitFor({ state: "detached" });
    await page.unroute("**/v1/messages");
    await page.reload();
    await until(async () => (await jon.listChats()).length === 1, "the message to jon");

    const client = await openClient(scene, "ida");
    const { chat_id } = await jon.createGroupChat({ title: "Boats", participants: ["ida"] });
    await ana.show(`#/chats/${chat_id}`);
    await ana.context.setOffline(true);
    await ana.send("to the group");
    await jon.removeParticipant({ chat_id, user: (await client.getSession()).user_id });
    await ana.context.setOffline(false);
    await ana.show("#/");
    await ana.row("to the group").getByText("Not sent:").click();
    await page.locator(".pending").getByText("You are no longer in this chat.").waitFor();
    await page.getByText("Discard your messages, or ask to be added again.").waitFor();
    await page.locator(".pending").getByRole("button", { name: "Discard" }).click();
    await ana.row("to the group").waitFor({ state: "detached" });
    await page.getByText("You are not in this chat.").waitFor();
  });

  it("is followed by a reaction that shows at once while the browser is offline", async () => {
    await openTwo("kay", "lou");
    await ana.context.setOffline(true);
    await ana.choose("first", "React with 👍");
    await ana.page.getByRole("dialog").waitFor({ state: "detached" });
    const reaction = (person: Person) => person.message("first").locator(".reaction", { hasText: "👍 1" });
    expect(await reaction(ana).getAttribute("aria-busy")).to.equal("true");
    await ana.context.setOffline(false);
    await reaction(bob).waitFor();
    await until(async () => (await reaction(ana).getAttribute("aria-busy")) === "false", "the confirmation");
  });

  it("arrives from a browser that forbids to store anything, which says so", async () => {
    const context = await scene.openContext();
    await context.addInitScript(() => {
      Object.defineProperty(globalThis, "indexedDB", {
        get() {
          throw new DOMException("Storage is forbidden.", "SecurityError");
        },
      });
    });
    const mia = await openClient(scene, "mia");
    await openClient(scene, "noa");
    const noa = personOn("noa", await scene.openPage(context, "/#/users/mia"));
    await noa.page.getByLabel("Username").fill("noa");
    await noa.page.getByLabel("Password").fill(PASSWORD);
    await noa.page.getByRole("button", { name: "Log in" }).click();
    await noa.page.getByText("This browser does not keep drafts and unsent messages.").waitFor();
    await noa.send("hello");
    await noa.message("hello").waitFor();
    await until(async () => (await mia.listChats())[0]?.last_message?.message === "hello", "the message");
    await noa.page.reload();
    await noa.message("hello").waitFor();
  });
});

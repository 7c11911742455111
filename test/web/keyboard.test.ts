import { expect } from "chai";
import { openScene } from "./browser.js";
import { openClient, openPerson, until } from "./person.js";

describe("The keyboard alone", () => {
  const scene = openScene();

  it("logs in, finds a person, writes, replies, reacts, edits, deletes and searches, and always shows the focus", async () => {
    await openClient(scene, "ana");
    const bob = await openPerson(scene, "bob");
    const page = await scene.openPage();
    const { keyboard } = page;
    const press = async (...keys: readonly string[]) => {
      for (const key of keys) await keyboard.press(key);
    };
    /** The name of what has the focus. */
    const focused = () =>
      page.evaluate(() => {
        const element = document.activeElement;
        if (element === document.body) return "";
        const label =
          element?.getAttribute("aria-label") ?? (element as HTMLInputElement)?.labels?.[0]?.textContent;
        return label ?? element?.textContent ?? "";
      });
    /** Presses Tab until something whose name contains the text has the focus, which must be visible at each step. */
    const tabTo = async (name: string, key = "Tab") => {
      for (let step = 0; step < 40; step += 1) {
        if ((await focused()).includes(name)) return;
        await press(key);
        const isVisible = await page.evaluate(() => {
          const element = document.activeElement;
          if (!element || element === document.body) return true;
          const { outlineStyle } = getComputedStyle(element);
          const around = element.closest(".composer-row, dialog");
          return (
            outlineStyle !== "none" || (around !== null && getComputedStyle(around).outlineStyle !== "none")
          );
        });
        expect(isVisible, `the focus on "${await focused()}"`).to.equal(true);
      }
      throw new Error(`Tab does not reach "${name}".`);
    };

    await until(async () => (await focused()) === "Username", "the focus in the first field");
    await keyboard.type("ana");
    await press("Tab");
    await keyboard.type("correct horse");
    await press("Enter");
    await page.getByRole("navigation", { name: "Chats" }).waitFor();

    await tabTo("New chat");
    await press("Enter");
    await until(async () => (await focused()) === "Name or username", "the focus in the dialog");
    await press("Escape");
    await until(async () => (await focused()) === "New chat", "the focus back on the button");
    await press("Enter");
    await until(async () => (await focused()) === "Name or username", "the focus in the dialog again");
    await keyboard.type("bo");
    await page.getByRole("dialog").getByRole("button", { name: "bob" }).waitFor();
    await tabTo("bob");
    await press("Enter");
    await until(async () => (await focused()) === "Message", "the focus in the field for messages");

    await keyboard.type("Hello Bob");
    await press("Enter");
    await bob.row("Hello Bob").click();
    await bob.send("Hello Ana");
    const theirs = page.locator("article", { hasText: "Hello Ana" });
    await theirs.waitFor();

    // From the field back into the messages, to the newest one.
    await tabTo("Messages", "Shift+Tab");
    await press("ArrowUp");
    await until(async () => (await focused()).includes("bob"), "the focus on the message of Bob");
    await press("Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo("React with ❤️");
    await press("Enter");
    await bob.message("Hello Ana").locator(".reaction", { hasText: "❤️ 1" }).waitFor();
    await until(async () => (await focused()).includes("bob"), "the focus back on the message");
    await press("r");
    await until(async () => (await focused()) === "Message", "the focus in the field for the reply");
    await keyboard.type("How are you?");
    await press("Enter");
    await bob.message("How are you?").locator(".quote", { hasText: "Hello Ana" }).waitFor();

    await press("ArrowUp");
    await keyboard.type(" Well?");
    await press("Enter");
    await bob.message("How are you? Well?").getByText("edited").waitFor();

    await tabTo("Messages", "Shift+Tab");
    await press("ArrowUp", "Delete");
    await tabTo("Delete");
    await press("Enter");
    await bob.message("This message was deleted.").waitFor();

    await tabTo("Search in this chat", "Shift+Tab");
    await press("Enter");
    await until(
      async () => page.locator(".panel-search").evaluate((field) => field === document.activeElement),
      "search",
    );
    await keyboard.type("ana");
    await page.locator(".found").waitFor();
    await tabTo("Hello Ana");
    await press("Enter");
    await page.locator("article.highlighted", { hasText: "Hello Ana" }).waitFor();
    await press("Escape");
    await until(async () => (await focused()) === "Message", "the focus in the field for messages");

    await tabTo("Settings", "Shift+Tab");
    await press("Enter");
    await tabTo("Log out");
    await press("Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo("Log out");
    await press("Enter");
    await page.getByText("You are logged out.").waitFor();
  });
});

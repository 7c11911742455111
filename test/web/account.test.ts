import { expect } from "chai";
import { PASSWORD } from "../support/client.js";
import { openScene } from "./browser.js";
import { openClient, openPerson, personOn, until } from "./person.js";

describe("The account of a user", () => {
  const scene = openScene();

  it("is created, shows what is wrong, logs out and logs in again", async () => {
    scene.tolerate(/40[01] \(/);
    await openClient(scene, "taken");
    const page = await scene.openPage();
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByLabel("Username").fill("taken");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("already taken").waitFor();
    await page.getByLabel("Username").fill("ana");
    await page.keyboard.press("Enter");
    await page.getByText("No chats here yet.").waitFor();

    const ana = personOn("ana", page);
    await ana.show("#/users/taken");
    await ana.composer.fill("a draft that nobody else may read");
    await page.waitForTimeout(500);
    await ana.show("#/settings");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Log out" }).click();
    await page.getByText("You are logged out.").waitFor();

    await page.getByLabel("Username").fill("ana");
    await page.getByLabel("Password").fill("another password");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("wrong").waitFor();
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    // The next user begins with the chats, not with what the previous one has left open.
    await page.getByText("Choose a chat, or start a new one.").waitFor();
    await ana.show("#/users/taken");
    expect(await ana.composer.inputValue()).to.equal("");
  });

  it("has a name, sessions, tokens, blocked people and a password that the settings change", async () => {
    const { page, ...chloe } = await openPerson(scene, "chloe", { hash: "#/settings" });
    const other = await openPerson(scene, "chloe");
    scene.tolerate(/401 \(/);

    await page.getByLabel("Display name").fill("Chloé M.");
    await page
      .locator("form", { has: page.getByLabel("Display name") })
      .getByRole("button", { name: "Save" })
      .click();
    await page.locator(".profile-name", { hasText: "Chloé M." }).waitFor();

    await page.getByLabel("Name of the token").fill("backup");
    await page.getByRole("button", { name: "Create token" }).click();
    await page.locator("li", { hasText: "backup" }).getByText("Created").waitFor();
    const secret = await page.getByLabel("Secret").inputValue();
    const answer = await fetch(`${scene.url}/v1/users/me`, {
      headers: { Authorization: `Bearer ${secret}` },
    });
    expect(await answer.json()).to.include({ display_name: "Chloé M." });
    await page.getByRole("button", { name: "End the token" }).click();
    await page.getByText("backup").waitFor({ state: "detached" });

    await openClient(scene, "mallory");
    const client = await openClient(scene, "chloe");
    await client.sendMessage({ dest_username: "mallory", message: "hello" });
    await chloe.row("mallory").click();
    await page.getByRole("link", { name: "Details" }).click();
    await page.getByRole("button", { name: "Block", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Block", exact: true }).click();
    await page.getByText("You have blocked").first().waitFor();
    await chloe.show("#/settings");
    await page.getByRole("button", { name: "Unblock" }).click();
    await page.getByText("You have blocked nobody.").waitFor();

    // The browser of the other session shows that it has ended.
    await page.getByRole("button", { name: "End the session" }).first().waitFor();
    const rows = page.getByRole("button", { name: "End the session" });
    const before = await rows.count();
    await openClient(scene, "chloe");
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await until(async () => (await rows.count()) === before + 1, "the session that began meanwhile");
    await page.getByRole("button", { name: "End all other sessions" }).click();
    await other.page.getByText("Your session has ended. Log in again.").waitFor();

    await page.getByLabel("Current password").fill(PASSWORD);
    await page.getByLabel("New password").fill("a longer password");
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("The password is changed.").waitFor();

    await page.getByRole("button", { name: "Erase account" }).click();
    await page.getByRole("dialog").getByLabel("Password").fill("a longer password");
    await page.getByRole("button", { name: "Erase permanently" }).click();
    await page.getByText("Your account is erased.").waitFor();
    const mallory = await openClient(scene, "mallory");
    await until(
      async () => (await mallory.listChats({})).every(({ with_username }) => with_username !== "chloe"),
      "",
    );
  });
});

import { expect } from "chai";
import { openScene } from "./browser.js";
import { openClient, openPerson, personOn, until } from "./person.js";

describe("A group", () => {
  const scene = openScene();

  it("is made, ruled, joined by an invitation, and left", async () => {
    await openClient(scene, "chloe");
    const ana = await openPerson(scene, "ana");
    const bob = await openPerson(scene, "bob");
    const { page } = ana;

    await page.getByRole("button", { name: "New group" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name of the group").fill("Crew");
    await dialog.getByLabel("Add people").fill("bob");
    await dialog.getByRole("button", { name: "bob" }).click();
    expect(await dialog.getByLabel("Remove people").inputValue()).to.equal("admins");
    await dialog.getByRole("button", { name: "Create group" }).click();
    await page.getByRole("heading", { name: "Crew" }).waitFor();
    await ana.send("Welcome aboard");
    await bob.row("Welcome aboard").click();
    await bob.message("Welcome aboard").waitFor();

    // Roles and rights.
    await bob.page.getByRole("link", { name: "Details" }).click();
    await bob.page.getByRole("button", { name: "Actions for ⁨ana⁩" }).click();
    await bob.page.getByRole("button", { name: "Write a message" }).waitFor();
    expect(await bob.page.getByRole("button", { name: "Remove", exact: true }).count()).to.equal(0);
    await bob.page.keyboard.press("Escape");
    await bob.page.getByRole("link", { name: "Close" }).click();
    await page.getByRole("link", { name: "Details" }).click();
    await page.getByLabel("Write messages").selectOption("admins");
    await bob.page.getByText("Only admins can write in this group.").waitFor();
    await page.getByRole("button", { name: "Actions for ⁨bob⁩" }).click();
    await page.getByRole("button", { name: "Make admin" }).click();
    await page.locator(".participant", { hasText: "bob" }).getByText("Admin").waitFor();
    await bob.send("Aye");
    await ana.message("Aye").waitFor();

    await page.getByLabel("Name of the group").fill("Crew of the Ariel");
    await page.locator(".panel").getByRole("button", { name: "Save" }).click();
    await bob.page.getByRole("heading", { name: "Crew of the Ariel" }).waitFor();

    // Somebody is added by name, another one joins by a link.
    await page.getByLabel("Add a person").fill("chlo");
    await page.getByRole("button", { name: "Add ⁨chloe⁩" }).click();
    await page.locator(".participant", { hasText: "chloe" }).waitFor();
    await page.getByRole("button", { name: "Create invitation link" }).click();
    const link = await page.getByLabel("Invitation link").inputValue();
    expect(link).to.match(new RegExp(`^${scene.url}/#/invitations/.+`));
    await openClient(scene, "dev");
    const visitor = await scene.openPage(undefined, link.replace(scene.url, ""));
    await visitor.getByText("You have been invited").waitFor();
    await visitor.getByLabel("Username").fill("dev");
    await visitor.getByLabel("Password").fill("correct horse");
    await visitor.keyboard.press("Enter");
    await visitor.getByText("3 people").waitFor();
    await visitor.getByRole("button", { name: "Join the group" }).click();
    const dev = personOn("dev", visitor);
    await dev.message("Welcome aboard").waitFor();
    await page.locator(".participant", { hasText: "dev" }).waitFor();
    await page.getByRole("button", { name: "Revoke the invitation" }).click();
    await page.getByRole("button", { name: "Revoke the invitation" }).waitFor({ state: "detached" });

    // Somebody is removed, and the owner passes the group on and leaves.
    await page.getByRole("button", { name: "Actions for ⁨dev⁩" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
    await visitor.getByText("You are not in this chat.").waitFor();
    await page.getByRole("button", { name: "Actions for ⁨bob⁩" }).click();
    await page.getByRole("button", { name: "Make owner" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Make owner" }).click();
    await page.locator(".participant", { hasText: "bob" }).locator(".role", { hasText: "Owner" }).waitFor();
    await page.getByRole("button", { name: "Leave group" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Leave group" }).click();
    await page.getByText("No chats here yet.").waitFor();
    await bob.page.getByText("2 people").waitFor();
  });

  it("is pinned, muted and archived in the list", async () => {
    const client = await openClient(scene, "emil");
    for (const title of ["Old", "New"]) {
      const { chat_id } = await client.createGroupChat({ title });
      await client.sendMessage({ group_chat_id: chat_id, message: `in ${title}` });
    }
    const { page, ...emil } = await openPerson(scene, "emil");
    const titles = () => page.locator(".chat-row-title").allInnerTexts();
    await until(async () => (await titles()).join() === "New,Old", "the last active chat first");
    const choose = async (title: string, action: string) => {
      await emil.row(title).click({ button: "right" });
      await page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
    };
    await choose("Old", "Pin");
    await until(async () => (await titles()).join() === "Old,New", "the pinned chat first");
    await choose("Old", "Mute");
    await emil.row("Old").getByText("Muted").waitFor({ state: "attached" });
    await choose("New", "Archive");
    await until(async () => (await titles()).join() === "Old", "the archived chat apart");
    await page.getByRole("link", { name: "Archive (1)" }).click();
    await until(async () => (await titles()).join() === "New", "the archive");
  });

  it("shows how often an invitation was used, and how often it works", async () => {
    const fay = await openClient(scene, "fay");
    const { chat_id } = await fay.createGroupChat({ title: "Choir" });
    const { code } = await fay.createInvitation({ chat_id, max_uses: 3 });
    const { page } = await openPerson(scene, "fay", { hash: `#/chats/${chat_id}/details` });
    await page.getByText("0 of 3 uses").waitFor();
    await (await openClient(scene, "gus")).acceptInvitation({ code });
    await page.getByText("1 of 3 uses").waitFor();
    await fay.createInvitation({ chat_id });
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await page.getByText("0 uses").waitFor();

    await page.getByRole("button", { name: "Create invitation link" }).click();
    await page.getByLabel("Invitation link").waitFor();
    const revoke = page.getByRole("button", { name: "Revoke the invitation" });
    for (let left = 3; left > 0; left -= 1) {
      await until(async () => (await revoke.count()) === left, `${left} invitations`);
      await revoke.first().click();
    }
    await until(async () => (await revoke.count()) === 0, "no invitation");
    expect(await page.getByLabel("Invitation link").count()).to.equal(0);
  });

  it("offers no way into a group whose invitation has ended meanwhile", async () => {
    scene.tolerate(/404 \(/);
    const hana = await openClient(scene, "hana");
    const { chat_id } = await hana.createGroupChat({ title: "Quartet" });
    const { code, invitation_id } = await hana.createInvitation({ chat_id });
    await openClient(scene, "ivo");
    const { page } = await openPerson(scene, "ivo", { hash: `#/invitations/${code}` });
    const join = page.getByRole("button", { name: "Join the group" });
    await join.waitFor();
    await hana.deleteInvitation({ chat_id, invitation_id });
    await join.click();
    await page.getByText("This invitation does not work any more.").waitFor();
    expect(await join.count()).to.equal(0);
  });

  it("is made once, also if its rights could not be set at once", async () => {
    scene.tolerate(/400 \(/);
    const jo = await openClient(scene, "jo");
    const { page, ...person } = await openPerson(scene, "jo");
    const problem = {
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      code: "invalid_title",
      detail: "Not now.",
    };
    const isChange = (url: URL) => /\/v1\/group_chat\/\d+$/.test(url.pathname);
    await page.route(isChange, (route) =>
      route.request().method() === "PATCH"
        ? route.fulfill({ status: 400, json: problem, contentType: "application/problem+json" })
        : route.continue(),
    );
    await page.getByRole("button", { name: "New group" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name of the group").fill("Duo");
    await dialog.getByRole("button", { name: "Create group" }).click();
    await dialog.getByText("Not now.").waitFor();
    await page.unroute(isChange);
    await dialog.getByRole("button", { name: "Create group" }).click();
    await page.getByRole("heading", { name: "Duo" }).waitFor();
    const chats = await jo.listChats({});
    expect(chats.map(({ policy }) => policy?.remove)).to.deep.equal(["admins"]);
    await person.row("Duo").waitFor();
  });
});

import { expect } from "chai";
import type { Chat } from "../../src/client/index.js";
import { AWAY, openScene } from "./browser.js";
import { DESKTOP, openClient, openPerson, PHONE } from "./person.js";

describe("The display", () => {
  const scene = openScene();

  it("states that a chat has no messages, and offers no way to newer ones", async () => {
    const client = await openClient(scene, "ana");
    await openClient(scene, "bob");
    const { chat_id } = await client.createGroupChat({ title: "Crew", participants: ["bob"] });
    const { page, ...ana } = await openPerson(scene, "ana");
    for (const hash of ["#/users/bob", `#/chats/${chat_id}`]) {
      await ana.show(hash);
      await page.getByText("No messages yet.").waitFor();
      expect(await page.getByRole("button", { name: "To the newest message" }).count(), hash).to.equal(0);
    }
    await ana.send("First");
    await ana.message("First").waitFor();
    expect(await page.getByText("No messages yet.").count()).to.equal(0);
  });

  it("aligns each button with its field, and the choices of a mute with their switch", async () => {
    const client = await openClient(scene, "chloe");
    const { chat_id } = await client.createGroupChat({ title: "Crew" });
    const { page, ...chloe } = await openPerson(scene, "chloe");
    for (const [hash, label, button] of [
      ["#/settings", "Display name", "Save"],
      ["#/settings", "Name of the token", "Create token"],
      [`#/chats/${chat_id}/details`, "Name of the group", "Save"],
    ] as const) {
      await chloe.show(hash);
      const form = page.locator("form", { has: page.getByLabel(label) });
      const field = (await form.getByLabel(label).boundingBox())!;
      const box = (await form.getByRole("button", { name: button }).boundingBox())!;
      expect(box.y + box.height, button).to.be.closeTo(field.y + field.height, 1);
    }
    const middleOf = async (name: string, role: "switch" | "button") => {
      const box = (await page.getByRole(role, { name, exact: true }).boundingBox())!;
      return box.y + box.height / 2;
    };
    const [muted, hour, pinned] = [
      await middleOf("Muted", "switch"),
      await middleOf("Mute for 1 hour", "button"),
      await middleOf("Pinned", "switch"),
    ];
    expect([muted, hour, pinned]).to.deep.equal([muted, hour, pinned].toSorted((one, other) => one - other));
  });

  it("keeps a URL in one piece, and names on their side, in texts of both directions", async () => {
    const [dev, client] = [await openClient(scene, "dev"), await openClient(scene, "emil")];
    await dev.updateProfile({ display_name: "ديف" });
    const { chat_id } = await client.createGroupChat({ title: "Crew", participants: ["dev"] });
    const link = "https://example.org/path?q=1#part";
    await dev.sendMessage({ group_chat_id: chat_id, message: `مرحبا ${link} شكرا` });
    const { page, ...emil } = await openPerson(scene, "emil", { hash: `#/chats/${chat_id}` });
    const shown = page.getByRole("link", { name: link, exact: true });
    await shown.waitFor();
    const style = await shown.evaluate((element) => {
      const { direction, unicodeBidi } = getComputedStyle(element);
      return { direction, unicodeBidi };
    });
    expect(style).to.deep.equal({ direction: "ltr", unicodeBidi: "isolate" });

    const name = { hasText: "ديف" };
    await page.getByRole("searchbox", { name: "Search chats" }).fill("dev");
    await emil.show(`#/chats/${chat_id}/details`);
    for (const row of [page.locator(".person", name), page.locator(".participant", name)]) {
      await row.waitFor();
      // The text itself, and not its box.
      const [avatar, text] = await row.evaluate((element) => {
        const range = document.createRange();
        range.selectNodeContents(element.querySelector("bdi")!);
        return [element.querySelector(".avatar")!, range].map((each) => each.getBoundingClientRect());
      });
      expect(text!.left - avatar!.right).to.be.within(0, 24);
    }
  });

  it("shows the tools of a message beside it, on all screens", async () => {
    const [gus, client] = [await openClient(scene, "gus"), await openClient(scene, "hana")];
    const { chat_id } = await client.createGroupChat({ title: "Crew", participants: ["gus"] });
    await gus.sendMessage({ group_chat_id: chat_id, message: "ok" });
    await gus.sendMessage({ group_chat_id: chat_id, message: "a long text ".repeat(30) });
    await client.sendMessage({ group_chat_id: chat_id, message: "k" });
    await client.sendMessage({ group_chat_id: chat_id, message: "another long text ".repeat(30) });
    for (const viewport of [DESKTOP, PHONE]) {
      const { page } = await openPerson(scene, "hana", { viewport, hash: `#/chats/${chat_id}` });
      await page.locator("article").nth(3).waitFor();
      for (const message of await page.locator("article").all()) {
        await message.hover();
        const tools = message.getByRole("button", { name: "Actions for this message" });
        await tools.click({ trial: true });
        const [bubble, box] = [await message.locator(".bubble").boundingBox(), await tools.boundingBox()];
        const isBeside = box!.x >= bubble!.x + bubble!.width || box!.x + box!.width <= bubble!.x;
        expect(isBeside, await message.innerText()).to.equal(true);
        expect(box!.x).to.be.at.least(0);
        expect(box!.x + box!.width).to.be.at.most(viewport.width);
      }
      await page.close();
    }
  });

  it("keeps the results of a search until the user ends it", async () => {
    const client = await openClient(scene, "ivo");
    await openClient(scene, "jo");
    for (const message of ["apple one", "apple two"])
      await client.sendMessage({ dest_username: "jo", message });
    const { page, ...ivo } = await openPerson(scene, "ivo");
    const field = page.getByRole("searchbox", { name: "Search chats" });
    await field.fill("apple");
    for (const text of ["apple one", "apple two"]) {
      await page.locator(".found", { hasText: text }).click();
      await page.locator("article.highlighted", { hasText: text }).waitFor();
    }
    await field.fill("jo");
    await page.locator(".search-results").getByRole("button", { name: "jo" }).first().click();
    await ivo.row("apple two").waitFor();
  });

  it("counts the new messages below what the user sees", async () => {
    const client = await openClient(scene, "kim");
    const reader = await openClient(scene, "lea");
    for (let n = 1; n <= 40; n += 1)
      await client.sendMessage({ dest_username: "lea", message: `message ${n}` });
    const [{ chat_id, last_seq }] = (await reader.listChats({})) as [Chat];
    await reader.markRead({ chat_id, seq: last_seq });
    const { page, ...lea } = await openPerson(scene, "lea", { hash: `#/chats/${chat_id}` });
    await lea.message("message 40").waitFor();
    const toEnd = page.getByRole("button", { name: "To the newest message" });
    await page.getByRole("feed").evaluate((list) => (list.scrollTop = 0));
    await toEnd.waitFor();
    for (let n = 1; n <= 2; n += 1) await client.sendMessage({ dest_username: "lea", message: `new ${n}` });
    await page.getByRole("button", { name: "To the newest message (2 unread messages)" }).click();
    await lea.message("new 2").waitFor();
    await toEnd.waitFor({ state: "detached" });
  });

  it("states in a group that a message is sent", async () => {
    const client = await openClient(scene, "mia");
    const { chat_id } = await client.createGroupChat({ title: "Crew" });
    const { page, ...mia } = await openPerson(scene, "mia", { hash: `#/chats/${chat_id}` });
    for (const text of ["one", "two"]) await mia.send(text);
    await mia.message("two").getByTitle("Sent").waitFor();
    // A message on its way is where it will stay.
    await page.context().setOffline(true);
    scene.tolerate(AWAY);
    await mia.send("three");
    await mia.message("three").waitFor();
    const gapAbove = (text: string) =>
      mia.message(text).evaluate((element) => getComputedStyle(element).marginTop);
    expect(await gapAbove("three")).to.equal(await gapAbove("two"));
  });

  it("names each message and each reaction for screen readers", async () => {
    const [nia, client] = [await openClient(scene, "nia"), await openClient(scene, "oma")];
    const { chat_id } = await client.createGroupChat({ title: "Crew", participants: ["nia"] });
    const { id } = await nia.sendMessage({ group_chat_id: chat_id, message: "hello" });
    await nia.addReaction({ id, emoji: "👍" });
    const gone = await nia.sendMessage({ group_chat_id: chat_id, message: "gone" });
    await nia.deleteMessage({ id: gone.id });
    const { page } = await openPerson(scene, "oma", { hash: `#/chats/${chat_id}` });
    await page.getByRole("article", { name: "Message from ⁨nia⁩", exact: true }).first().waitFor();
    await page.getByRole("article", { name: "Deleted message from ⁨nia⁩", exact: true }).waitFor();
    await page.getByRole("button", { name: "React with 👍. 1 reaction: ⁨nia⁩", exact: true }).click();
    await page
      .getByRole("button", { name: "React with 👍. 2 reactions: ⁨nia⁩, ⁨You⁩", exact: true })
      .waitFor();
  });
});

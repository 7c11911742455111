import { expect } from "chai";
import { openScene } from "./browser.js";
import { openClient, openPerson } from "./person.js";

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
});

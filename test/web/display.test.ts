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
});

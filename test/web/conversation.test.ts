import { expect } from "chai";
import { openScene } from "./browser.js";
import { DESKTOP, openClient, openPerson, PHONE, until } from "./person.js";

for (const [device, viewport] of [
  ["desktop", DESKTOP],
  ["phone", PHONE],
] as const) {
  describe(`A conversation in two browsers of the size of a ${device}`, () => {
    const scene = openScene();
    /** Each test has users of its own. */
    let round = 0;
    const openTwo = async (hashes: { readonly ana?: string; readonly bob?: string } = {}) => {
      round += 1;
      const names = { ana: `ana${round}`, bob: `bob${round}` };
      const [ana, bob] = await Promise.all([
        openPerson(scene, names.ana, { viewport, hash: hashes.ana ?? "" }),
        openPerson(scene, names.bob, { viewport, hash: hashes.bob ?? "" }),
      ]);
      return { ana, bob };
    };
    /** Two people with an open chat, in which Ana has written. */
    const openChat = async () => {
      const { ana, bob } = await openTwo();
      await ana.show(`#/users/${bob.username}`);
      await ana.send("Hello Bob");
      await bob.row("Hello Bob").click();
      await bob.message("Hello Bob").waitFor();
      return { ana, bob };
    };

    it("begins with a person who was found by name", async () => {
      const { ana, bob } = await openTwo();
      await ana.page.getByRole("button", { name: "New chat" }).click();
      await ana.page.getByLabel("Name or username").fill(bob.username.slice(0, -1));
      await ana.page.getByRole("dialog").getByRole("button", { name: bob.username }).click();
      await ana.send("Hello Bob");
      await ana.message("Hello Bob").waitFor();
      await until(async () => /#\/chats\/\d+$/.test(ana.page.url()), "the route of the chat");

      await bob.row("Hello Bob").getByText("1 unread message").waitFor({ state: "attached" });
      expect(await bob.page.title()).to.equal("(1) Palaver");
      await bob.row("Hello Bob").click();
      await bob.message("Hello Bob").waitFor();
      await until(async () => (await bob.page.title()) === "Palaver", "the chat is read");
      await ana.message("Hello Bob").getByText("Read", { exact: true }).waitFor({ state: "attached" });
    });

    it("shows who types, until the message comes", async () => {
      const { ana, bob } = await openChat();
      await bob.composer.pressSequentially("Hi");
      await ana.page.locator(".subtitle", { hasText: "typing …" }).waitFor();
      await bob.composer.press("Enter");
      await ana.message("Hi").last().waitFor();
      await ana.page.locator(".subtitle", { hasText: "typing …" }).waitFor({ state: "detached" });
      expect(await bob.composer.inputValue()).to.equal("");
    });

    it("quotes a message in a reply, and shows it on a click", async () => {
      const { ana, bob } = await openChat();
      await bob.choose("Hello Bob", "Reply");
      await bob.page.locator(".draft-context", { hasText: "Hello Bob" }).waitFor();
      await bob.send("Good morning");
      const reply = ana.message("Good morning");
      await reply.locator(".quote", { hasText: "Hello Bob" }).click();
      await ana.page.locator("article.highlighted", { hasText: "Hello Bob" }).first().waitFor();
    });

    it("shows reactions, and loads the emoji when the picker is opened", async () => {
      const { ana, bob } = await openChat();
      const requests: string[] = [];
      bob.page.on("request", (request) => requests.push(request.url()));
      await bob.choose("Hello Bob", "React with 👍");
      await ana.message("Hello Bob").locator(".reaction", { hasText: "👍 1" }).click();
      await bob.message("Hello Bob").locator(".reaction", { hasText: "👍 2" }).click();
      await ana.message("Hello Bob").locator(".reaction", { hasText: "👍 1" }).waitFor();
      expect(requests.filter((url) => url.includes("emoji"))).to.deep.equal([]);

      await bob.choose("Hello Bob", "Other emoji");
      await bob.page.getByRole("searchbox", { name: "Search emoji" }).fill("sailboat");
      await bob.page.getByRole("searchbox", { name: "Search emoji" }).press("Enter");
      await ana.message("Hello Bob").locator(".reaction", { hasText: "⛵ 1" }).waitFor();
      expect(requests.filter((url) => url.includes("emoji"))).to.have.length(1);
    });

    it("puts an emoji at the caret", async () => {
      const { bob } = await openChat();
      await bob.composer.fill("ab");
      await bob.composer.press("Home");
      await bob.composer.press("ArrowRight");
      await bob.page.getByRole("button", { name: "Emoji", exact: true }).click();
      await bob.page.getByRole("button", { name: "grinning face", exact: true }).click();
      await until(async () => (await bob.composer.inputValue()) === "a😀b", "the emoji between the letters");
    });

    it("shows an edit and a deletion to both", async () => {
      const { ana, bob } = await openChat();
      await ana.composer.press("ArrowUp");
      await until(async () => (await ana.composer.inputValue()) === "Hello Bob", "the text to edit");
      await ana.send("Hello Robert");
      await bob.message("Hello Robert").getByText("edited").waitFor();
      await ana.choose("Hello Robert", "Delete");
      await ana.page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
      await bob.message("This message was deleted.").waitFor();
      await ana.message("This message was deleted.").waitFor();
      expect(await bob.message("Robert").count()).to.equal(0);
    });

    it("makes links of web addresses alone, and keeps line breaks", async () => {
      const { ana, bob } = await openChat();
      await ana.composer.fill("First\nhttps://example.org/a?b=(c). javascript:alert(1) data:text/html,x <b>bold</b>");
      await ana.composer.press("Enter");
      const text = bob.message("First").locator(".text");
      await text.waitFor();
      expect(await text.innerText()).to.equal(
        "First\nhttps://example.org/a?b=(c). javascript:alert(1) data:text/html,x <b>bold</b>",
      );
      const link = text.locator("a");
      expect(await link.count()).to.equal(1);
      expect(await link.getAttribute("href")).to.equal("https://example.org/a?b=(c)");
      expect(await link.getAttribute("rel")).to.equal("noopener noreferrer");
    });

    it("completes a mention, sends the id and highlights it", async () => {
      const { ana, bob } = await openTwo();
      const client = await openClient(scene, ana.username);
      const { chat_id } = await client.createGroupChat({ title: "Crew", participants: [bob.username] });
      await ana.show(`#/chats/${chat_id}`);
      await ana.composer.pressSequentially(`Ahoy @${bob.username.slice(0, 2)}`);
      await ana.page.getByRole("option", { name: bob.username }).waitFor();
      await ana.composer.press("Tab");
      await until(async () => (await ana.composer.inputValue()) === `Ahoy @${bob.username} `, "the whole name");
      await ana.composer.press("Enter");
      await bob.row("Crew").getByText("1 mention of you").waitFor({ state: "attached" });
      await bob.row("Crew").click();
      await bob.page.locator("article.mentioned .mention.me", { hasText: `@${bob.username}` }).waitFor();
      const { messages } = await client.searchMessages({ q: "Ahoy", chat_id });
      const { user_id } = await client.getProfile({ user: bob.username });
      expect(messages[0]?.mentions).to.deep.equal([user_id]);
    });

    it("finds a message of the past, jumps to it and returns to the newest", async () => {
      const { ana, bob } = await openChat();
      const client = await openClient(scene, bob.username);
      const send = (message: string) => client.sendMessage({ dest_username: ana.username, message });
      await send("The treasure is under the oak");
      for (let count = 1; count <= 150; count += 1) await send(`filler ${count}`);
      await ana.message("filler 150").waitFor();
      expect(await ana.message("treasure").count()).to.equal(0);
      await ana.page.getByRole("link", { name: "Search in this chat" }).click();
      await ana.page.getByRole("searchbox", { name: "Search in this chat" }).fill("treasure");
      await ana.page.locator(".found", { hasText: "treasure" }).click();
      await ana.page.locator("article.highlighted", { hasText: "treasure" }).waitFor();
      await ana.page.getByRole("button", { name: "To the newest message" }).click();
      await until(async () => ana.message("filler 150").isVisible(), "the newest message");
    });

    it("keeps a draft over a reload, and shows it in the list", async () => {
      const { ana } = await openChat();
      await ana.composer.fill("Not yet finished");
      await ana.page.waitForTimeout(600);
      await ana.page.reload();
      await until(async () => (await ana.composer.inputValue()) === "Not yet finished", "the draft");
      await ana.show("#/");
      await ana.row("Not yet finished").getByText("Draft:").waitFor();
    });

    it("says why a message was rejected, and lets the user edit it", async () => {
      const { ana, bob } = await openChat();
      const client = await openClient(scene, bob.username);
      await client.blockUser({ user: ana.username });
      await ana.send("Are you there?");
      const rejected = ana.page.locator("article.rejected", { hasText: "Are you there?" });
      await rejected.getByText("blocked").waitFor();
      await rejected.getByRole("button", { name: "Edit" }).click();
      await until(async () => (await ana.composer.inputValue()) === "Are you there?", "the text in the field");
      await rejected.waitFor({ state: "detached" });
      await ana.send("Hello again");
      await ana.page.locator("article.rejected", { hasText: "Hello again" }).waitFor();
      await client.unblockUser({ user: ana.username });
      await ana.page.getByRole("button", { name: "Try again" }).click();
      await bob.message("Hello again").waitFor();
      await ana.page.locator("article.rejected").waitFor({ state: "detached" });
      await ana.message("Hello again").waitFor();
    });

    it("never shows more than one column on a narrow screen", async function () {
      const { ana } = await openChat();
      const isShown = async () => ({
        list: await ana.page.getByRole("navigation", { name: "Chats" }).isVisible(),
        chat: await ana.composer.isVisible(),
      });
      const isWide = viewport === DESKTOP;
      expect(await isShown()).to.deep.equal({ list: isWide, chat: true });
      await ana.show("#/");
      await ana.row("Hello Bob").waitFor();
      expect(await isShown()).to.deep.equal({ list: true, chat: false });
      const overflow = await ana.page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).to.equal(0);
    });
  });
}

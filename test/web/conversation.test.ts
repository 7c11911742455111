import { expect } from "chai";
import { PASSWORD } from "../support/client.js";
import { openScene } from "./browser.js";
import { DESKTOP, openClient, openPerson, PHONE, until } from "./person.js";

for (const [device, viewport] of [
  ["desktop", DESKTOP],
  ["phone", PHONE],
] as const) {
  describe(`A conversation in two browsers of the size of a ${device}`, () => {
    const scene = openScene();
    /** Opens the page for two users, who are new in each test. */
    const openTwo = async (names: readonly [string, string]) => {
      const [ana, bob] = await Promise.all(names.map((name) => openPerson(scene, name, { viewport })));
      return { ana: ana!, bob: bob! };
    };

    it("begins with a person who was found by name, and shows replies, typing and what is read", async () => {
      const { ana, bob } = await openTwo(["ana", "bob"]);
      await ana.page.getByRole("button", { name: "New chat" }).click();
      await ana.page.getByLabel("Name or username").fill("bo");
      await ana.page.getByRole("dialog").getByRole("button", { name: "bob" }).click();
      await ana.send("Hello Bob");
      await ana.message("Hello Bob").waitFor();
      await until(async () => /#\/chats\/\d+$/.test(ana.page.url()), "the route of the chat");

      await bob.row("Hello Bob").getByText("1 unread message").waitFor({ state: "attached" });
      expect(await bob.page.title()).to.equal("(1) Palaver");
      await bob.row("Hello Bob").click();
      await until(async () => (await bob.page.title()) === "Palaver", "the chat is read");
      await ana.message("Hello Bob").getByText("Read", { exact: true }).waitFor({ state: "attached" });

      await bob.choose("Hello Bob", "Reply");
      await bob.page.locator(".draft-context", { hasText: "Hello Bob" }).waitFor();
      await bob.composer.pressSequentially("Good morning");
      await ana.page.locator(".subtitle", { hasText: "typing …" }).waitFor();
      await bob.composer.press("Enter");
      await ana.message("Good morning").locator(".quote", { hasText: "Hello Bob" }).click();
      await ana.page.locator("article.highlighted", { hasText: "Hello Bob" }).first().waitFor();
      await ana.page.locator(".subtitle", { hasText: "typing …" }).waitFor({ state: "detached" });
      expect(await bob.composer.inputValue()).to.equal("");

      const isShown = async () => ({
        list: await ana.page.getByRole("navigation", { name: "Chats" }).isVisible(),
        chat: await ana.composer.isVisible(),
      });
      const isWide = viewport === DESKTOP;
      expect(await isShown()).to.deep.equal({ list: isWide, chat: true });
      await ana.show("#/");
      await ana.row("Good morning").waitFor();
      expect(await isShown()).to.deep.equal({ list: true, chat: false });
    });

    it("shows edits, deletions, reactions, emoji, links and line breaks to both", async () => {
      const { ana, bob } = await openTwo(["chloe", "dev"]);
      await ana.show("#/users/dev");
      await ana.send("Hello Bob");
      await bob.row("Hello Bob").click();

      await ana.composer.press("ArrowUp");
      await until(async () => (await ana.composer.inputValue()) === "Hello Bob", "the text to edit");
      await ana.send("Hello Robert");
      await bob.message("Hello Robert").getByText("edited").waitFor();

      const requests: string[] = [];
      bob.page.on("request", (request) => requests.push(request.url()));
      const reaction = (text: string) => bob.message("Hello Robert").locator(".reaction", { hasText: text });
      await bob.choose("Hello Robert", "React with 👍");
      await ana.message("Hello Robert").locator(".reaction", { hasText: "👍 1" }).click();
      await reaction("👍 2").click();
      await reaction("👍 1").waitFor();
      expect(requests.filter((url) => url.includes("emoji"))).to.deep.equal([]);
      await bob.choose("Hello Robert", "Other emoji");
      await bob.page.getByRole("searchbox", { name: "Search emoji" }).fill("sailboat");
      await bob.page.getByRole("searchbox", { name: "Search emoji" }).press("Enter");
      await ana.message("Hello Robert").locator(".reaction", { hasText: "⛵ 1" }).waitFor();
      expect(requests.filter((url) => url.includes("emoji"))).to.have.length(1);

      await bob.composer.fill("ab");
      await bob.composer.press("Home");
      await bob.composer.press("ArrowRight");
      await bob.page.getByRole("button", { name: "Emoji", exact: true }).click();
      await bob.page.getByRole("button", { name: "grinning face", exact: true }).click();
      await until(async () => (await bob.composer.inputValue()) === "a😀b", "the emoji between the letters");

      const typed = "First\nhttps://example.org/a?b=(c). javascript:alert(1) data:text/html,x <b>bold</b>";
      await ana.send(typed);
      const text = bob.message("First").locator(".text");
      await text.waitFor();
      expect(await text.innerText()).to.equal(typed);
      const link = text.locator("a");
      expect(await link.count()).to.equal(1);
      expect(await link.getAttribute("href")).to.equal("https://example.org/a?b=(c)");
      expect(await link.getAttribute("rel")).to.equal("noopener noreferrer");

      await ana.choose("Hello Robert", "Delete");
      await ana.page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
      await bob.message("This message was deleted.").waitFor();
      await ana.message("This message was deleted.").waitFor();
      expect(await bob.message("Robert").count()).to.equal(0);
    });

    it("completes mentions, keeps drafts, and finds a message of the past", async () => {
      const { ana, bob } = await openTwo(["emil", "fatima"]);
      const client = await openClient(scene, "emil");
      const { chat_id } = await client.createGroupChat({ title: "Crew", participants: ["fatima"] });
      const write = (message: string) => client.sendMessage({ group_chat_id: chat_id, message });
      await write("The treasure is under the oak");
      await Promise.all(Array.from({ length: 130 }, (_, count) => write(`filler ${count}`)));
      await write("The newest");

      await bob.show(`#/chats/${chat_id}`);
      await bob.message("The newest").waitFor();
      expect(await bob.message("treasure").count()).to.equal(0);
      await bob.page.getByRole("link", { name: "Search in this chat" }).click();
      await bob.page.getByRole("searchbox", { name: "Search in this chat" }).fill("treasure");
      await bob.page.locator(".found", { hasText: "treasure" }).click();
      await bob.page.locator("article.highlighted", { hasText: "treasure" }).waitFor();
      await bob.page.getByRole("button", { name: "To the newest message" }).click();
      await until(async () => bob.message("The newest").isVisible(), "the newest message");
      await bob.show("#/");

      await ana.show(`#/chats/${chat_id}`);
      await ana.composer.pressSequentially("Ahoy @fa");
      await ana.page.getByRole("option", { name: "fatima" }).waitFor();
      await ana.composer.press("Tab");
      await until(async () => (await ana.composer.inputValue()) === "Ahoy @fatima ", "the whole name");
      await ana.page.waitForTimeout(500);
      await ana.page.reload();
      await until(async () => (await ana.composer.inputValue()) === "Ahoy @fatima ", "the draft");
      await ana.show("#/");
      await ana.row("Ahoy @fatima").getByText("Draft:").waitFor();
      await ana.row("Crew").click();
      await ana.composer.press("Enter");

      await bob.row("Crew").getByText("1 mention of you").waitFor({ state: "attached" });
      await bob.row("Crew").click();
      await bob.page.locator("article.mentioned .mention.me", { hasText: "@fatima" }).waitFor();
      const { messages } = await client.searchMessages({ q: "Ahoy", chat_id });
      const { user_id } = await client.getProfile({ user: "fatima" });
      expect(messages[0]?.mentions).to.deep.equal([user_id]);
    });

    it("states why a message was rejected, and lets the user edit it or send it again", async () => {
      scene.tolerate(/403 \(Forbidden\).*\/v1\/messages/);
      const { ana, bob } = await openTwo(["gus", "hana"]);
      await ana.show("#/users/hana");
      await ana.send("Hello");
      await bob.row("Hello").click();
      const client = await openClient(scene, "hana");
      await client.blockUser({ user: "gus" });
      await ana.send("Are you there?");
      const rejected = ana.page.locator("article.rejected");
      await rejected.getByText("blocked").waitFor();
      await rejected.getByRole("button", { name: "Edit" }).click();
      await until(
        async () => (await ana.composer.inputValue()) === "Are you there?",
        "the text in the field",
      );
      await rejected.waitFor({ state: "detached" });
      await ana.send("Hello again");
      await rejected.waitFor();
      await client.unblockUser({ user: "gus" });
      await ana.page.getByRole("button", { name: "Try again" }).click();
      await bob.message("Hello again").waitFor();
      await rejected.waitFor({ state: "detached" });
      expect(await ana.message("Hello again").count()).to.equal(1);
    });

    it("says that a user does not exist, and that the account of another one was deleted", async () => {
      scene.tolerate(/status of 404/);
      const { ana, bob } = await openTwo(["olga", "pete"]);
      await ana.show("#/users/nobody");
      await ana.page.getByText("No user has this name.").waitFor();
      expect(await ana.composer.count()).to.equal(0);
      await ana.page.getByRole("main").getByRole("link", { name: "Back" }).last().click();
      await until(async () => ana.page.url().endsWith("#/"), "the list of chats");
      await ana.show("#/users/pete");
      await ana.send("Hello Pete");
      await ana.message("Hello Pete").waitFor();
      await bob.row("Hello Pete").waitFor();
      await bob.page.close();
      await (await openClient(scene, "pete")).eraseAccount({ password: PASSWORD });
      await ana.page.getByText("This account was deleted.").waitFor();
      expect(await ana.composer.count()).to.equal(0);
      await ana.page.getByRole("heading", { name: "Deleted account" }).waitFor();
      await ana.page.reload();
      await ana.page.getByText("This account was deleted.").waitFor();
    });

    it("asks before a person is blocked, and offers to unblock them in place of the field", async () => {
      const { ana, bob } = await openTwo(["quinn", "rosa"]);
      await ana.show("#/users/rosa");
      await ana.send("Hello Rosa");
      await bob.row("Hello Rosa").waitFor();
      const online = ana.page.locator(".subtitle", { hasText: "online" });
      await online.waitFor();
      await until(async () => /#\/chats\/\d+$/.test(ana.page.url()), "the route of the chat");
      const hash = new URL(ana.page.url()).hash;
      await ana.show(`${hash}/details`);
      await ana.page.getByRole("button", { name: "Block", exact: true }).click();
      await ana.page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
      await ana.page.getByRole("button", { name: "Block", exact: true }).click();
      await ana.page.getByRole("dialog").getByRole("button", { name: "Block", exact: true }).click();
      await ana.page.getByRole("dialog").waitFor({ state: "detached" });
      await ana.show(hash);
      const notice = ana.page.locator(".composer.closed", { hasText: "You have blocked" });
      await notice.waitFor();
      expect(await ana.composer.count()).to.equal(0);
      expect(await online.count()).to.equal(0);
      await notice.getByRole("button", { name: "Unblock" }).click();
      await ana.send("Hello again");
      await bob.message("Hello again").or(bob.row("Hello again")).first().waitFor();
    });
  });
}

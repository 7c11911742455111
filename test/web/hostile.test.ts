import { expect } from "chai";
import { openScene } from "./browser.js";
import { DESKTOP, openClient, openPerson, PHONE } from "./person.js";

const MARKUP = `<img src=x onerror="document.title='injected'"><script>document.title='injected'</script>`;
/** It turns the direction of the text behind it. */
const OVERRIDE = "\u202egnp.exe\u202d\u2067abc";
const MARKS = `a${"\u0301\u0316".repeat(4_999)}`;
const WORD = "W".repeat(10_000);
const LINK = `https://example.org/${"x".repeat(3_000)}`;

describe("Hostile content", () => {
  const scene = openScene();

  it("is shown as text, and moves nothing out of its place", async () => {
    const [mallory, client] = [await openClient(scene, "mallory"), await openClient(scene, "ana")];
    await mallory.updateProfile({ display_name: "<b>Mallory</b>" });
    const metadata = { html: MARKUP };
    const titles = [MARKUP, WORD, "مرحبا (hello", "\u{1f600}".repeat(100)].map((title) =>
      title.slice(0, 100),
    );
    const chats: number[] = [];
    for (const title of titles) {
      const { chat_id } = await mallory.createGroupChat({ title, participants: ["ana"] });
      await mallory.changeChat({ chat_id, metadata });
      chats.push(chat_id);
    }
    const texts = [
      MARKUP,
      OVERRIDE,
      MARKS,
      WORD,
      LINK,
      "‏مرحبا hello",
      "line\n".repeat(2_000).trim(),
      "end of all",
    ];
    const [chat] = chats as [number];
    for (const message of texts) await mallory.sendMessage({ group_chat_id: chat, message, metadata });
    const [first] = await client.listGroupMessages({ chat_id: chat, limit: 1, after: 0 });
    for (const text of [WORD, MARKS]) {
      await mallory.sendMessage({ group_chat_id: chat, message: text.slice(0, 500), reply_to: first!.id });
    }
    for (const text of [WORD, MARKS, OVERRIDE])
      await mallory.sendMessage({ dest_username: "ana", message: text });

    for (const viewport of [DESKTOP, PHONE, { width: 320, height: 600 }]) {
      const { page, ...ana } = await openPerson(scene, "ana", { viewport });
      await ana.row("<img src=x").waitFor();
      for (const hash of [
        `#/chats/${chat}`,
        `#/chats/${chat}/details`,
        `#/chats/${chats[1]}`,
        "#/users/mallory",
      ]) {
        await ana.show(hash);
        await page
          .locator(hash.endsWith("details") ? ".participant" : ".conversation .bar-title")
          .first()
          .waitFor();
        if (hash === `#/chats/${chat}`) await ana.message("end of all").waitFor();
        const layout = await page.evaluate(() => {
          const shown = [
            ...document.querySelectorAll(".sidebar, .main, .conversation, .panel, .bubble, .bar, .bar > *"),
          ];
          const boxes = shown.map((each) => each.getBoundingClientRect()).filter(({ width }) => width > 0);
          const composer = document.querySelector(".composer")?.getBoundingClientRect();
          return {
            width: Math.max(...boxes.map(({ right }) => Math.round(right))),
            left: Math.min(...boxes.map(({ left }) => Math.round(left))),
            scroll: document.documentElement.scrollWidth,
            bar: Math.max(
              ...[...document.querySelectorAll(".bar")].map((bar) => bar.getBoundingClientRect().height),
            ),
            row: Math.max(
              ...[...document.querySelectorAll(".chat-row")].map((row) => row.getBoundingClientRect().height),
            ),
            composer: composer ? Math.round(composer.bottom) : undefined,
          };
        });
        expect(layout.width, hash).to.be.at.most(viewport.width);
        expect(layout.left, hash).to.be.at.least(0);
        expect(layout.scroll, hash).to.equal(viewport.width);
        expect(layout.bar, hash).to.be.at.most(64);
        expect(layout.row, hash).to.be.at.most(80);
      }
      await ana.show(`#/chats/${chat}`);
      await ana.message("end of all").waitFor();
      const shown = await page.locator("article .text").allTextContents();
      for (const text of texts) expect(shown).to.include(text);
      expect(await page.locator("article .sender").first().innerText()).to.equal("<b>Mallory</b>");
      expect(await page.locator("article img, article script, article b").count()).to.equal(0);
      expect(await page.title()).to.not.equal("injected");
      // An override ends with its element.
      const time = page.locator("article", { hasText: "gnp.exe" }).first().locator("time");
      expect(await time.evaluate((element) => getComputedStyle(element).direction)).to.equal("ltr");
      await page.close();
    }
  });
});

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { openScene } from "./browser.js";
import { openClient, openPerson, PHONE } from "./person.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A violation that axe has found. */
interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Runs axe over what a page shows, in light and dark. @throws Error with what it finds */
async function check(page: Page, view: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // Colours must be those after all animations.
    await page.waitForTimeout(50);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        readonly axe: { run(): Promise<{ readonly violations: readonly Violation[] }> };
      };
      return (await axe.run()).violations;
    });
    if (violations.length === 0) continue;
    const found = violations.map(({ id, help, nodes }) => {
      const places = nodes.slice(0, 3).map(({ html, failureSummary }) => `  ${html}\n  ${failureSummary}`);
      return `${id}: ${help}\n${places.join("\n")}`;
    });
    throw new Error(`axe finds in the view "${view}" (${colorScheme}):\n${found.join("\n")}`);
  }
}

describe("axe", () => {
  const scene = openScene();

  it("finds nothing in the forms of a visitor", async () => {
    const context = await scene.openContext();
    await context.addInitScript(AXE);
    const page = await scene.openPage(context);
    await page.getByLabel("Username").waitFor();
    await check(page, "log in");
    await page.getByRole("button", { name: "Create an account" }).click();
    await check(page, "registration");
  });

  it("finds nothing in the views of a user", async () => {
    const [client, other] = [await openClient(scene, "ana"), await openClient(scene, "bob")];
    const { chat_id } = await client.createGroupChat({ title: "Crew", participants: ["bob"] });
    const { user_id } = await client.getProfile({ user: "me" });
    const first = await client.sendMessage({ group_chat_id: chat_id, message: "Hello https://example.org" });
    const reply = { group_chat_id: chat_id, message: "@ana, hello", reply_to: first.id, mentions: [user_id] };
    await other.sendMessage(reply);
    await other.addReaction({ id: first.id, emoji: "👍" });
    await other.sendMessage({ dest_username: "ana", message: "In private" });
    const gone = await client.sendMessage({ group_chat_id: chat_id, message: "Gone" });
    await client.deleteMessage({ id: gone.id });
    await client.createToken({ name: "backup" });
    await client.blockUser({ user: (await other.getProfile({ user: "me" })).user_id });
    await client.unblockUser({ user: "bob" });
    const { code } = await client.createInvitation({ chat_id });
    const archived = await client.createGroupChat({ title: "Old crew", participants: ["bob"] });
    await client.changeChatSettings({ chat_id: archived.chat_id, archived: true });

    const { page, context, ...ana } = await openPerson(scene, "ana");
    await context.addInitScript(AXE);
    await page.reload();
    await ana.row("Crew").waitFor();
    await check(page, "chats");
    await ana.row("Crew").click();
    await ana.message("@ana, hello").waitFor();
    await ana.composer.pressSequentially("@b");
    await page.getByRole("option").first().waitFor();
    await check(page, "conversation with a completion");
    await ana.composer.fill("");
    await ana
      .message("Hello")
      .first()
      .click({ button: "right", position: { x: 60, y: 4 } });
    await page.getByRole("dialog").waitFor();
    await check(page, "menu of a message");
    await page.getByRole("button", { name: "Other emoji" }).click();
    await page.getByRole("button", { name: "grinning face", exact: true }).waitFor();
    await check(page, "emoji");
    await page.keyboard.press("Escape");
    await ana.choose("Hello https", "Reply");
    await check(page, "reply");
    await ana.show(`#/chats/${chat_id}/details`);
    await page.locator(".participant").first().waitFor();
    await check(page, "details of a group");
    await page.getByRole("button", { name: "Actions for" }).last().click();
    await check(page, "menu of a person");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Leave group" }).click();
    await check(page, "question");
    await page.keyboard.press("Escape");
    await ana.show(`#/chats/${chat_id}/search`);
    await page.getByRole("searchbox", { name: "Search in this chat" }).fill("hello");
    await page.locator(".found").first().waitFor();
    await check(page, "search in a chat");
    await ana.row("In private").click();
    await page.getByRole("link", { name: "Details" }).click();
    await page.getByRole("button", { name: "Block" }).waitFor();
    await check(page, "details of a person");
    await ana.show("#/archive");
    await ana.row("Old crew").waitFor();
    await check(page, "archive");
    await ana.show("#/settings");
    await page.getByText("backup").waitFor();
    await check(page, "settings");
    await page.getByRole("button", { name: "Erase account" }).click();
    await check(page, "erasure");
    await page.keyboard.press("Escape");
    await ana.show(`#/invitations/${code}`);
    await page.getByRole("button", { name: "Join the group" }).waitFor();
    await check(page, "invitation");
    await page.getByRole("searchbox", { name: "Search chats" }).fill("hello");
    await page.locator(".found").first().waitFor();
    await check(page, "search");
    await page.getByRole("searchbox", { name: "Search chats" }).fill("");
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByLabel("Name or username").fill("bo");
    await page.getByRole("dialog").getByRole("button", { name: "bob" }).waitFor();
    await check(page, "new chat");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "New group" }).click();
    await check(page, "new group");
    await page.keyboard.press("Escape");
    await page.setViewportSize(PHONE);
    await ana.show(`#/chats/${chat_id}`);
    await check(page, "conversation on a phone");
  });
});

import { createClient, type Client } from "../../src/client/index.js";
import { PASSWORD } from "../support/client.js";
import type { BrowserContext, Locator, Page } from "playwright-core";
import type { Scene } from "./browser.js";

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 700 };

/** A user with a browser, and the parts of the page that tests use. */
export interface Person {
  readonly username: string;
  readonly context: BrowserContext;
  readonly page: Page;
  /** The field for the next message. */
  readonly composer: Locator;
  /** The message that contains a text, also one that is not sent yet. */
  message(text: string): Locator;
  /** The chat of the list whose row contains a text. */
  row(text: string): Locator;
  /** Types a message and sends it. */
  send(text: string): Promise<void>;
  /** Chooses from the menu of a message. */
  choose(text: string, action: string): Promise<void>;
  /** Shows a route of the hash. */
  show(hash: string): Promise<void>;
}

/** Logs a user in, who is registered if needed, in a browser profile of their own, and opens the page. */
export async function openPerson(
  scene: Scene,
  username: string,
  { viewport = DESKTOP, hash = "" }: { readonly viewport?: typeof DESKTOP; readonly hash?: string } = {},
): Promise<Person> {
  const context = await scene.openContext();
  await scene.logIn(context, username);
  const page = await context.newPage();
  await page.setViewportSize(viewport);
  await page.goto(`/${hash}`);
  await page.getByRole("navigation", { name: "Chats" }).or(page.getByRole("main")).first().waitFor();
  return personOn(username, page);
}

/** A person with another page of the same browser. */
export function personOn(username: string, page: Page): Person {
  const message = (text: string) => page.locator("article", { hasText: text });
  const composer = page.getByRole("textbox", { name: "Message", exact: true });
  return {
    username,
    context: page.context(),
    page,
    composer,
    message,
    row: (text) => page.locator(".chat-row", { hasText: text }),
    async send(text) {
      await composer.fill(text);
      await composer.press("Enter");
    },
    async choose(text, action) {
      await message(text).last().hover();
      await message(text).last().getByRole("button", { name: "Actions for this message" }).click();
      await page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
    },
    async show(hash) {
      await page.evaluate((next) => {
        location.hash = next;
      }, hash);
    },
  };
}

/** A client of a user, who is registered if needed, for what happens outside of a browser. */
export async function openClient(scene: Scene, username: string): Promise<Client> {
  const client = createClient({ url: scene.url });
  await client.registerUser({ username, password: PASSWORD }).catch(() => {});
  await client.logIn({ username, password: PASSWORD });
  return client;
}

/** Waits until a condition holds. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not within 15 seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The texts of the messages that a page shows, in order. */
export async function textsOf(page: Page): Promise<readonly string[]> {
  return page.locator("article .text").allInnerTexts();
}

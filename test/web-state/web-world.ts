import { effect } from "@preact/signals";
import type { ChatId } from "../../src/domain/chat.js";
import type { User } from "../../src/domain/user.js";
import type { Session } from "../../src/web/state/app.js";
import type { Conversation } from "../../src/web/state/conversation.js";
import { PASSWORD } from "../support/client.js";
import { FakeBrowser, until, type Tab } from "../support/fake-browser.js";
import { openTestServer, type TestServer } from "../support/server.js";

/** A tab that shows a chat. */
export interface OpenChat {
  readonly tab: Tab;
  readonly session: Session;
  readonly conversation: Conversation;
}

/** A server with Ana and Bo in a group, and a browser of Ana. */
export class WebWorld {
  readonly #tabs: Tab[] = [];
  readonly server: TestServer;
  readonly browser: FakeBrowser;
  readonly ana: User;
  readonly bo: User;
  /** The group. */
  readonly chatId: ChatId;

  private constructor(server: TestServer, ana: User, bo: User, chatId: ChatId) {
    this.server = server;
    this.browser = new FakeBrowser(server.url);
    this.ana = ana;
    this.bo = bo;
    this.chatId = chatId;
  }

  static async open(): Promise<WebWorld> {
    const server = await openTestServer();
    const { messaging } = server;
    const ana = await messaging.registerUser({ username: "ana", password: PASSWORD });
    const bo = await messaging.registerUser({ username: "bo", password: PASSWORD });
    const { overview } = await messaging.createGroupChat({ by: ana.id, participants: ["bo"] });
    return new WebWorld(server, ana, bo, overview.chat.id);
  }

  openTab(options: { readonly isVisible?: boolean } = {}): Tab {
    const tab = this.browser.openTab(options);
    this.#tabs.push(tab);
    return tab;
  }

  /** Opens a tab in which Ana is logged in. */
  async openSession(options: { readonly isVisible?: boolean } = {}) {
    const tab = this.openTab(options);
    const { account } = tab.app;
    await until(() => account.current.value.state !== "loading");
    if (account.current.value.state === "anonymous") await account.logIn("ana", PASSWORD);
    return { tab, session: await tab.ready() };
  }

  /** Opens a tab of Ana that shows the group. */
  async openChat(options: { readonly isVisible?: boolean } = {}): Promise<OpenChat> {
    const { tab, session } = await this.openSession(options);
    const conversation = session.openConversation({ chatId: this.chatId });
    await until(() => !conversation.loading.value);
    return { tab, session, conversation };
  }

  /** Sends a message of Bo to the group, without HTTP. */
  async receive(text: string, mentions: readonly string[] = []) {
    const to = { chatId: this.chatId };
    const { message } = await this.server.messaging.sendMessage({ by: this.bo.id, to, text, mentions });
    return message;
  }

  /** Makes Bo the owner of the group, and Ana a member. */
  async passOwnership(): Promise<void> {
    const { messaging } = this.server;
    const { ana, bo, chatId } = this;
    await messaging.setRole({ by: ana.id, chatId, user: bo.id, role: "owner" });
    await messaging.setRole({ by: bo.id, chatId, user: ana.id, role: "member" });
  }

  /** Changes who may send messages to the group, which Bo owns. */
  async changePosting(post: "everyone" | "admins"): Promise<void> {
    await this.server.messaging.changeChat({ by: this.bo.id, chatId: this.chatId, policy: { post } });
  }

  /** The messages of the group. */
  async stored() {
    const of = { chatId: this.chatId };
    return (await this.server.messaging.pageMessages({ by: this.bo.id, of, limit: 1_000 })).messages;
  }

  async storedTexts(): Promise<readonly string[]> {
    return (await this.stored()).map(({ text }) => text);
  }

  async close(): Promise<void> {
    for (const tab of this.#tabs) tab.close();
    await this.server.close();
  }
}

/** Types a text and sends it. */
export async function write(conversation: Conversation, text: string): Promise<void> {
  conversation.changeDraft({ text });
  await conversation.submit();
}

/** The texts that a conversation shows, at each change of it. */
export function watch(conversation: Conversation): { readonly shown: string[][]; stop(): void } {
  const shown: string[][] = [];
  const stop = effect(() => {
    const messages = conversation.messages.value.map(({ message }) => message);
    shown.push([...messages, ...conversation.pending.value.map(({ text }) => text)]);
  });
  return { shown, stop };
}

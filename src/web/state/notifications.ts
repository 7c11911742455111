import { signal, type ReadonlySignal } from "@preact/signals";
import type { Message } from "../../client/index.js";
import type { ChatState } from "./chats.js";
import type { Locks, NotificationAccess, Notifier, Page } from "./ports.js";

const MAX_BODY_LENGTH = 200;

export interface NotificationsDependencies {
  readonly notifier: Notifier;
  readonly locks: Locks;
  readonly page: Page;
  /** The id of the user. */
  readonly me: string;
  readonly openChat: (chatId: number) => void;
}

/**
 * Desktop notifications of new messages, while no tab of the browser is visible. Each visible tab holds a lock, so that the tab
 * that shows notifications knows of it.
 */
export class Notifications {
  readonly #notifier: Notifier;
  readonly #locks: Locks;
  readonly #page: Page;
  readonly #me: string;
  readonly #openChat: (chatId: number) => void;
  readonly #access: ReturnType<typeof signal<NotificationAccess>>;
  readonly #unsubscribe: () => void;
  /** Ends the lock of this tab, or the request for it. */
  #visible: AbortController | undefined;

  constructor({ notifier, locks, page, me, openChat }: NotificationsDependencies) {
    this.#notifier = notifier;
    this.#locks = locks;
    this.#page = page;
    this.#me = me;
    this.#openChat = openChat;
    this.#access = signal(notifier.permission());
    this.#unsubscribe = page.subscribe(() => this.#followPage());
    this.#followPage();
  }

  get access(): ReadonlySignal<NotificationAccess> {
    return this.#access as ReadonlySignal<NotificationAccess>;
  }

  /** Asks the user for permission. Call it from a click. */
  async ask(): Promise<void> {
    this.#access.value = await this.#notifier.ask();
  }

  /** Shows a new message, unless it is the user's own, or of a muted chat and does not mention the user. */
  async show(message: Message, chat: ChatState, isMuted: boolean): Promise<void> {
    const { destination_chat_id: chatId, sender_user_id, sender_username: sender } = message;
    const isWanted = sender_user_id !== this.#me && (!isMuted || message.mentions.includes(this.#me));
    if (!isWanted || message.deleted_at !== null || this.#access.peek() !== "granted") return;
    if (this.#page.isVisible() || (await this.#locks.isHeld(this.#lock))) return;
    this.#notifier.show({
      title: chat.title === null ? sender : `${sender} · ${chat.title}`,
      body: message.message.slice(0, MAX_BODY_LENGTH),
      tag: `palaver ${chatId}`,
      open: () => this.#openChat(chatId),
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#visible?.abort();
  }

  get #lock(): string {
    return `palaver-visible ${this.#me}`;
  }

  #followPage(): void {
    if (!this.#page.isVisible()) {
      this.#visible?.abort();
      this.#visible = undefined;
    } else if (!this.#visible) {
      const { signal: hidden } = (this.#visible = new AbortController());
      const held = this.#locks.request(this.#lock, { mode: "shared", signal: hidden }, () => aborted(hidden));
      // The tab was hidden before it had the lock.
      held.catch(() => {});
    }
  }
}

async function aborted(ending: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (ending.aborted) resolve();
    else ending.addEventListener("abort", () => resolve(), { once: true });
  });
}

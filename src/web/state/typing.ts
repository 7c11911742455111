import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { TypingSignal } from "../../client/index.js";

export interface Typist {
  readonly user_id: string;
  readonly username: string;
}

interface TypistInChat extends Typist {
  readonly chat_id: number;
}

/** Who types in which chat, without the user. */
export class Typing {
  readonly #all = signal<readonly TypistInChat[]>([]);
  /** The end of each typist, by chat and user. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** The users who type in a chat, as long as they do. */
  in(chatId: number): ReadonlySignal<readonly Typist[]> {
    return computed(() => this.#all.value.filter(({ chat_id }) => chat_id === chatId));
  }

  apply({ chat_id, user_id, username, expires_in_ms }: TypingSignal): void {
    this.end(chat_id, user_id);
    this.#all.value = [...this.#all.peek(), { chat_id, user_id, username }];
    const timer = setTimeout(() => this.end(chat_id, user_id), expires_in_ms);
    this.#timers.set(`${chat_id} ${user_id}`, timer);
  }

  /** A message of the user, or an edit of one, has arrived. */
  end(chatId: number, userId: string): void {
    const key = `${chatId} ${userId}`;
    if (!this.#timers.has(key)) return;
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    const isOther = ({ chat_id, user_id }: TypistInChat) => chat_id !== chatId || user_id !== userId;
    this.#all.value = this.#all.peek().filter(isOther);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

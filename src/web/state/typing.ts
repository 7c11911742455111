import type { ReadonlySignal } from "@preact/signals";

export interface Typist {
  readonly user_id: string;
  readonly username: string;
}

/** Who types in which chat. */
export interface Typing {
  /** The users who type in a chat, as long as they do. Without the user. */
  in(chatId: number): ReadonlySignal<readonly Typist[]>;
}

import type { ChatEvent, ClientSignal } from "../../client/index.js";
import type { Draft } from "./draft.js";
import type { Destination, OutboxEntry } from "./outbox-entry.js";
import type { Channel } from "./ports.js";

/** The messages between the tabs of one user. */
export type TabMessage =
  /** From the tab with the stream. `previous` is the cursor of the event before. */
  | { readonly type: "event"; readonly event: ChatEvent; readonly previous: string }
  | { readonly type: "signal"; readonly signal: ClientSignal }
  /** The state of the stream, and the cursor of its last event. */
  | { readonly type: "stream"; readonly isConnected: boolean; readonly cursor: string }
  /** Asks for the state of the stream. */
  | { readonly type: "ask" }
  /** Events were missed: each tab reads its chats again. */
  | { readonly type: "resync" }
  /** The user has blocked somebody, or no longer does. */
  | { readonly type: "blocks" }
  | { readonly type: "entry"; readonly entry: OutboxEntry }
  | { readonly type: "entry_discarded"; readonly key: string }
  | { readonly type: "draft"; readonly destination: Destination; readonly draft: Draft };

export type TabMessageType = TabMessage["type"];

type Listeners = {
  [Type in TabMessageType]?: (message: Extract<TabMessage, { readonly type: Type }>) => void;
};

/** The other tabs of the same user. */
export class Tabs {
  readonly #channel: Channel;
  readonly #listeners: Listeners = {};
  #isClosed = false;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.listen((message) => this.#receive(message as TabMessage));
  }

  /** Does nothing once it is closed. */
  post(message: TabMessage): void {
    if (!this.#isClosed) this.#channel.post(message);
  }

  /** Sets the listener for one type of messages. */
  on<Type extends TabMessageType>(type: Type, listener: NonNullable<Listeners[Type]>): void {
    this.#listeners[type] = listener;
  }

  close(): void {
    this.#isClosed = true;
    this.#channel.close();
  }

  #receive(message: TabMessage): void {
    const listener = this.#listeners[message.type] as ((message: TabMessage) => void) | undefined;
    listener?.(message);
  }
}

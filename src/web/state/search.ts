import type { ReadonlySignal } from "@preact/signals";
import type { Message } from "../../client/index.js";
import type { Failure } from "./failure.js";

/** A search over all chats, or over one. */
export interface Search {
  readonly query: ReadonlySignal<string>;
  /** The found messages, newest first. `undefined` before a search, and while the first page is read. */
  readonly results: ReadonlySignal<readonly Message[] | undefined>;
  readonly hasMore: ReadonlySignal<boolean>;
  readonly isLoading: ReadonlySignal<boolean>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  /** Starts a search, in place of the previous one. An empty query shows nothing. Never rejects. */
  run(query: string, chatId?: number): Promise<void>;
  /** Reads on until there are more results, or the end. Never rejects. */
  loadMore(): Promise<void>;
  close(): void;
}

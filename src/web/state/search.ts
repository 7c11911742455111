import { batch, computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Client, Message } from "../../client/index.js";
import { toFailure, type Failure } from "./failure.js";

const PAGE_MESSAGES = 30;

/** A search over all chats, or over one. */
export class Search {
  readonly #client: Client;
  readonly #query = signal("");
  readonly #results = signal<readonly Message[] | undefined>(undefined);
  readonly #next = signal<string | null>(null);
  readonly #isLoading = signal(false);
  readonly #failure = signal<Failure | undefined>(undefined);
  #chatId: number | undefined;
  /** Ends the requests of the current search. */
  #current = new AbortController();

  readonly hasMore: ReadonlySignal<boolean> = computed(() => this.#next.value !== null);

  constructor(client: Client) {
    this.#client = client;
  }

  get query(): ReadonlySignal<string> {
    return this.#query;
  }

  /** The found messages, newest first. `undefined` before a search, and while the first page is read. */
  get results(): ReadonlySignal<readonly Message[] | undefined> {
    return this.#results;
  }

  get isLoading(): ReadonlySignal<boolean> {
    return this.#isLoading;
  }

  get failure(): ReadonlySignal<Failure | undefined> {
    return this.#failure;
  }

  /** Starts a search, in place of the previous one. An empty query shows nothing. Never rejects. */
  async run(query: string, chatId?: number): Promise<void> {
    this.#current.abort();
    this.#current = new AbortController();
    this.#chatId = chatId;
    batch(() => {
      this.#query.value = query;
      this.#results.value = undefined;
      this.#next.value = null;
      this.#failure.value = undefined;
      this.#isLoading.value = false;
    });
    if (query.trim() !== "") await this.#read(undefined);
  }

  /** Reads on until there are more results, or the end. Never rejects. */
  async loadMore(): Promise<void> {
    const next = this.#next.peek();
    if (next !== null && !this.#isLoading.peek()) await this.#read(next);
  }

  close(): void {
    this.#current.abort();
  }

  async #read(from: string | undefined): Promise<void> {
    const { signal: ended } = this.#current;
    this.#isLoading.value = true;
    try {
      // A page can be empty although others follow, because the server bounds the work for each.
      for (let cursor = from; ;) {
        const { messages, next } = await this.#client.searchMessages(
          { q: this.#query.peek(), chat_id: this.#chatId, limit: PAGE_MESSAGES, cursor },
          { signal: ended },
        );
        if (ended.aborted) return;
        batch(() => {
          this.#results.value = [...(this.#results.peek() ?? []), ...messages];
          this.#next.value = next;
          this.#failure.value = undefined;
        });
        if (messages.length > 0 || next === null) return;
        cursor = next;
      }
    } catch (error) {
      if (!ended.aborted) this.#failure.value = toFailure(error);
    } finally {
      if (!ended.aborted) this.#isLoading.value = false;
    }
  }
}

import { batch, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { EMPTY_DRAFT, isEmptyDraft, type Draft } from "./draft.js";
import { keyOf, type Destination } from "./outbox-entry.js";
import type { Tabs } from "./tabs.js";
import type { UserStorage } from "./user-storage.js";

export { EMPTY_DRAFT, type Draft } from "./draft.js";

interface StoredDraft {
  readonly destination: Destination;
  readonly draft: Draft;
}

/** The drafts of all chats. They survive a reload, and are the same in all tabs. */
export class Drafts {
  readonly #storage: UserStorage;
  readonly #tabs: Tabs;
  readonly #drafts = new Map<string, Signal<Draft>>();
  readonly #destinations = signal<readonly Destination[]>([]);
  /** The drafts that are being written. A change meanwhile is written afterwards. */
  readonly #writing = new Set<string>();

  constructor(storage: UserStorage, tabs: Tabs) {
    this.#storage = storage;
    this.#tabs = tabs;
    tabs.on("draft", ({ destination, draft }) => {
      this.#assign(destination, draft);
    });
  }

  /** Reads the drafts of earlier pages. One that was changed meanwhile stays. */
  async load(): Promise<void> {
    for (const { destination, draft } of await this.#storage.list<StoredDraft>("drafts")) {
      if (this.#at(destination).peek() === EMPTY_DRAFT) this.#assign(destination, draft);
    }
  }

  /** Follows the draft of a chat. */
  of(destination: Destination): ReadonlySignal<Draft> {
    return this.#at(destination);
  }

  /** The destinations whose draft is not empty. */
  get destinations(): ReadonlySignal<readonly Destination[]> {
    return this.#destinations;
  }

  /** Changes parts of a draft, at once in memory and shortly after in the storage. */
  change(destination: Destination, part: Partial<Draft>): void {
    this.#set(destination, { ...this.#at(destination).peek(), ...part });
  }

  /** @param stored the draft stays in the storage until then, because its text is being stored elsewhere */
  clear(destination: Destination, stored?: Promise<void>): void {
    this.#set(destination, EMPTY_DRAFT, stored);
  }

  /** Moves each draft to a user into the chat with them, if there is one. An effect that calls it follows the drafts. */
  settle(chatWith: (username: string) => number | undefined): void {
    for (const from of this.#destinations.value) {
      const chatId = "username" in from ? chatWith(from.username) : undefined;
      if (chatId === undefined || !isEmptyDraft(this.of({ chatId }).peek())) continue;
      this.#set({ chatId }, this.of(from).peek());
      this.clear(from);
    }
  }

  #set(destination: Destination, draft: Draft, after?: Promise<void>): void {
    this.#assign(destination, draft);
    this.#tabs.post({ type: "draft", destination, draft });
    void this.#write(destination, after);
  }

  #assign(destination: Destination, draft: Draft): void {
    const key = keyOf(destination);
    const others = this.#destinations.peek().filter((each) => keyOf(each) !== key);
    const isListed = others.length < this.#destinations.peek().length;
    batch(() => {
      this.#at(destination).value = draft;
      if (isEmptyDraft(draft)) this.#destinations.value = others;
      else if (!isListed) this.#destinations.value = [...others, destination];
    });
  }

  async #write(destination: Destination, after?: Promise<void>): Promise<void> {
    await after;
    const key = keyOf(destination);
    if (this.#writing.has(key)) return;
    this.#writing.add(key);
    let written: Draft | undefined;
    while (written !== this.of(destination).peek()) {
      written = this.of(destination).peek();
      if (isEmptyDraft(written)) await this.#storage.delete("drafts", key);
      else await this.#storage.put("drafts", key, { destination, draft: written } satisfies StoredDraft);
    }
    this.#writing.delete(key);
  }

  #at(destination: Destination): Signal<Draft> {
    const key = keyOf(destination);
    const known = this.#drafts.get(key);
    if (known) return known;
    const draft = signal(EMPTY_DRAFT);
    this.#drafts.set(key, draft);
    return draft;
  }
}

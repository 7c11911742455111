import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { EMPTY_DRAFT, isEmptyDraft, type Draft } from "./draft.js";
import { keyOf, type Destination } from "./outbox-entry.js";
import type { Tabs } from "./tabs.js";
import type { UserStorage } from "./user-storage.js";

export { EMPTY_DRAFT, type Draft } from "./draft.js";

interface StoredDraft {
  readonly key: string;
  readonly draft: Draft;
}

/** The drafts of all chats. They survive a reload, and are the same in all tabs. */
export class Drafts {
  readonly #storage: UserStorage;
  readonly #tabs: Tabs;
  readonly #drafts = new Map<string, Signal<Draft>>();
  /** The drafts that are being written. A change meanwhile is written afterwards. */
  readonly #writing = new Set<string>();

  constructor(storage: UserStorage, tabs: Tabs) {
    this.#storage = storage;
    this.#tabs = tabs;
    tabs.on("draft", ({ key, draft }) => {
      this.#at(key).value = draft;
    });
  }

  /** Reads the drafts of earlier pages. One that was changed meanwhile stays. */
  async load(): Promise<void> {
    for (const { key, draft } of await this.#storage.list<StoredDraft>("drafts")) {
      const known = this.#at(key);
      if (known.peek() === EMPTY_DRAFT) known.value = draft;
    }
  }

  /** Follows the draft of a chat. */
  of(destination: Destination): ReadonlySignal<Draft> {
    return this.#at(keyOf(destination));
  }

  /** Changes parts of a draft, at once in memory and shortly after in the storage. */
  change(destination: Destination, part: Partial<Draft>): void {
    const key = keyOf(destination);
    this.#set(key, { ...this.#at(key).peek(), ...part });
  }

  /** @param stored the draft stays in the storage until then, because its text is being stored elsewhere */
  clear(destination: Destination, stored?: Promise<void>): void {
    this.#set(keyOf(destination), EMPTY_DRAFT, stored);
  }

  /** Moves the draft of a user to the chat with them, which has been created. */
  move(from: Destination, to: Destination): void {
    const draft = this.of(from).peek();
    if (isEmptyDraft(draft) || !isEmptyDraft(this.of(to).peek())) return;
    this.#set(keyOf(to), draft);
    this.clear(from);
  }

  #set(key: string, draft: Draft, after?: Promise<void>): void {
    this.#at(key).value = draft;
    this.#tabs.post({ type: "draft", key, draft });
    void this.#write(key, after);
  }

  async #write(key: string, after?: Promise<void>): Promise<void> {
    await after;
    if (this.#writing.has(key)) return;
    this.#writing.add(key);
    let written: Draft | undefined;
    while (written !== this.#at(key).peek()) {
      written = this.#at(key).peek();
      if (isEmptyDraft(written)) await this.#storage.delete("drafts", key);
      else await this.#storage.put("drafts", key, { key, draft: written } satisfies StoredDraft);
    }
    this.#writing.delete(key);
  }

  #at(key: string): Signal<Draft> {
    const draft = this.#drafts.get(key) ?? signal(EMPTY_DRAFT);
    this.#drafts.set(key, draft);
    return draft;
  }
}

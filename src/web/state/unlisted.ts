import { computed, type ReadonlySignal } from "@preact/signals";
import type { Chats } from "./chats.js";
import { newTextOf } from "./draft.js";
import type { Drafts } from "./drafts.js";
import type { Outbox } from "./outbox.js";
import { keyOf, type Destination } from "./outbox-entry.js";

/** What the user has written to a destination that is not in the list of chats. */
export interface Unlisted {
  readonly key: string;
  readonly destination: Destination;
  /** `rejected` if one of its messages is. `waiting` if its messages are on their way. */
  readonly state: "rejected" | "waiting" | "draft";
  /** The last message, or the draft. */
  readonly text: string;
}

export interface UnlistedDependencies {
  readonly chats: Chats;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
}

/**
 * The destinations without a chat that have unsent messages or a draft: users who have no chat with the user yet, and chats that
 * the user has left. The newest message comes first, and drafts come last. Empty until all chats have been read.
 */
export function unlistedOf({
  chats,
  outbox,
  drafts,
}: UnlistedDependencies): ReadonlySignal<readonly Unlisted[]> {
  return computed(() => {
    if (!chats.isComplete.value) return [];
    const found = new Map<string, Unlisted>();
    for (const { destination, state, text } of outbox.entries.value.toReversed()) {
      const key = keyOf(destination);
      const newer = found.get(key);
      if (newer && state !== "rejected") continue;
      const shown = state === "rejected" ? "rejected" : "waiting";
      found.set(key, { key, destination, text, ...newer, state: shown });
    }
    for (const destination of drafts.destinations.value) {
      const key = keyOf(destination);
      const text = newTextOf(drafts.of(destination).value);
      if (text !== "" && !found.has(key)) found.set(key, { key, destination, state: "draft", text });
    }
    return [...found.values()].filter(({ destination }) => !chats.at(destination));
  });
}

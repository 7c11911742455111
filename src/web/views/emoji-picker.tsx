import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { texts } from "../texts.js";
import { EMOJI_GROUPS } from "./emoji.js";

type Group = keyof typeof EMOJI_GROUPS;

const GROUPS = Object.keys(EMOJI_GROUPS) as Group[];
const MAX_FOUND = 80;

/** Emoji by group, and a search by name. The arrow keys move between them. */
export function EmojiPicker({ onChoose }: { readonly onChoose: (emoji: string) => void }) {
  const query = useSignal("");
  const group = useSignal<Group>("smileys");
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = words.length > 0 ? find(words) : EMOJI_GROUPS[group.value];
  return (
    <div class="emoji-picker">
      <input
        ref={field}
        type="search"
        class="emoji-search"
        aria-label={texts.findEmoji}
        placeholder={texts.findEmoji}
        value={query.value}
        onInput={(event) => (query.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || words.length === 0 || !shown[0]) return;
          event.preventDefault();
          onChoose(emojiOf(shown[0]));
        }}
      />
      {words.length === 0 && (
        <div class="emoji-groups">
          {GROUPS.map((each) => (
            <button
              key={each}
              type="button"
              class="emoji"
              aria-pressed={each === group.value}
              aria-label={texts.emojiGroups[each]}
              title={texts.emojiGroups[each]}
              onClick={() => (group.value = each)}
            >
              {emojiOf(EMOJI_GROUPS[each][0])}
            </button>
          ))}
        </div>
      )}
      <div class="emoji-grid" key={group.value} onKeyDown={moveInGrid}>
        {shown.map((entry, index) => (
          <button
            key={entry}
            type="button"
            class="emoji"
            tabIndex={index === 0 ? 0 : -1}
            aria-label={nameOfEmoji(entry)}
            title={nameOfEmoji(entry)}
            onClick={() => onChoose(emojiOf(entry))}
          >
            {emojiOf(entry)}
          </button>
        ))}
      </div>
      {shown.length === 0 && <p class="empty">{texts.noneFound}</p>}
    </div>
  );
}

/** The emoji whose names contain words that begin with all of the given ones. */
function find(words: readonly string[]): readonly string[] {
  const found = GROUPS.flatMap((group) =>
    EMOJI_GROUPS[group].filter((entry) => {
      const name = entry.toLowerCase().split(/[\s-]+/);
      return words.every((word) => name.some((part) => part.startsWith(word)));
    }),
  );
  return found.slice(0, MAX_FOUND);
}

function emojiOf(entry: string): string {
  return entry.slice(0, entry.indexOf(" "));
}

function nameOfEmoji(entry: string): string {
  return entry.slice(entry.indexOf(" ") + 1);
}

function moveInGrid(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const index = buttons.indexOf(document.activeElement as HTMLButtonElement);
  if (index < 0) return;
  // All have one width, so those of the first row tell how many there are in each.
  const columns = buttons.filter(({ offsetTop }) => offsetTop === buttons[0]!.offsetTop).length;
  const steps: Readonly<Record<string, number | undefined>> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
  };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  buttons[Math.max(0, Math.min(buttons.length - 1, index + step))]?.focus();
}

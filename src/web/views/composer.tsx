import { useSignal, useSignalEffect } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";
import type { Conversation } from "../state/conversation.js";
import { completeMention, unfinishedMention, type UnfinishedMention } from "../state/mentions.js";
import { texts } from "../texts.js";
import { Button, IconButton } from "./button.js";
import { useSession } from "./context.js";
import { EmojiPopup } from "./emoji-popup.js";
import { Icon } from "./icon.js";
import { MentionList, useCandidates, type Candidate } from "./mention-list.js";
import { nameOf } from "./name.js";
import { FailureText, useTask } from "./task.js";

const MAX_HEIGHT = 200;

/** The field for the next message, with the message to which it replies or which it changes. */
export function Composer({
  conversation,
  textRef,
}: {
  readonly conversation: Conversation;
  readonly textRef: RefObject<HTMLTextAreaElement>;
}) {
  const { user } = useSession();
  const draft = conversation.draft.value;
  const task = useTask();
  const picker = useSignal<{ readonly x: number; readonly y: number } | undefined>(undefined);
  const mention = useSignal<UnfinishedMention | undefined>(undefined);
  const chosen = useSignal(0);
  const candidates = useCandidates(conversation, mention.value);
  const isBlank = draft.text.trim() === "";

  useLayoutEffect(() => {
    // On a touch screen the focus would open the keyboard over the messages.
    if (matchMedia("(hover: hover)").matches) textRef.current?.focus();
  }, []);
  useLayoutEffect(() => fitHeight(textRef.current), [draft.text]);
  useSignalEffect(() => {
    if (mention.value) chosen.value = 0;
  });

  const place = (text: string, caret: number) => {
    conversation.changeDraft({ text });
    requestAnimationFrame(() => textRef.current?.setSelectionRange(caret, caret));
  };
  const complete = (candidate: Candidate) => {
    if (!mention.value) return;
    const { text, caret } = completeMention(draft.text, mention.value, candidate.username);
    const { user_id, username } = candidate;
    conversation.changeDraft({ mentions: [...draft.mentions, { user_id, username }] });
    place(text, caret);
    mention.value = undefined;
  };
  const insert = (emoji: string) => {
    const { selectionStart, selectionEnd } = textRef.current!;
    place(
      draft.text.slice(0, selectionStart) + emoji + draft.text.slice(selectionEnd),
      selectionStart + emoji.length,
    );
    picker.value = undefined;
  };
  const submit = () => {
    mention.value = undefined;
    // A send never fails, and need not wait for the one before.
    if (draft.editing === null) void conversation.submit();
    else void task.run(() => conversation.submit());
    textRef.current?.focus();
  };
  const findMention = () => {
    const { value, selectionStart, selectionEnd } = textRef.current!;
    mention.value = selectionStart === selectionEnd ? unfinishedMention(value, selectionStart) : undefined;
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const { key } = event;
    if (candidates.length > 0) {
      if (key === "ArrowDown" || key === "ArrowUp") {
        event.preventDefault();
        const step = key === "ArrowDown" ? 1 : candidates.length - 1;
        chosen.value = (chosen.value + step) % candidates.length;
        return;
      }
      if (key === "Enter" || key === "Tab") {
        event.preventDefault();
        complete(candidates[chosen.value] ?? candidates[0]!);
        return;
      }
      if (key === "Escape") {
        event.preventDefault();
        mention.value = undefined;
        return;
      }
    }
    if (key === "Escape" && (draft.replyTo !== null || draft.editing !== null)) {
      event.preventDefault();
      cancelContext(conversation);
    } else if (key === "ArrowUp" && draft.text === "") {
      event.preventDefault();
      editLast(conversation, user.user_id);
    } else if (key === "Enter" && !event.shiftKey && matchMedia("(hover: hover)").matches) {
      event.preventDefault();
      submit();
    }
  };

  if (!conversation.isComposing.value) {
    return (
      <div class="composer closed">
        <ClosureText conversation={conversation} />
      </div>
    );
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <MentionList candidates={candidates} chosen={chosen.value} onChoose={complete} />
      <DraftContext conversation={conversation} />
      <FailureText of={task.failure} />
      <ClosureText conversation={conversation} />
      <div class="composer-row">
        <IconButton
          icon="smile"
          label={texts.chooseEmoji}
          onClick={({ currentTarget }) => {
            const { left, top } = (currentTarget as HTMLElement).getBoundingClientRect();
            picker.value = { x: left, y: top };
          }}
        />
        <textarea
          ref={textRef}
          rows={1}
          value={draft.text}
          dir="auto"
          aria-label={texts.messageText}
          placeholder={texts.messageText}
          aria-autocomplete="list"
          aria-controls={candidates.length > 0 ? "mention-list" : undefined}
          aria-activedescendant={candidates.length > 0 ? `mention-${chosen.value}` : undefined}
          onInput={(event) => {
            conversation.changeDraft({ text: event.currentTarget.value });
            if (event.currentTarget.value !== "") conversation.showTyping();
            findMention();
          }}
          onKeyDown={onKeyDown}
          onClick={findMention}
          onBlur={() => (mention.value = undefined)}
        />
        <IconButton
          class="send"
          type="submit"
          icon={draft.editing === null ? "send" : "check"}
          label={draft.editing === null ? texts.send : texts.save}
          isDisabled={isBlank}
        />
      </div>
      {picker.value && (
        <EmojiPopup at={picker.value} onChoose={insert} onClose={() => (picker.value = undefined)} />
      )}
    </form>
  );
}

/** Why the user cannot write, and what to do. Empty where the user can. */
function ClosureText({ conversation }: { readonly conversation: Conversation }) {
  const { blocks, people } = useSession();
  const task = useTask();
  const closure = conversation.closure.value;
  const peer = conversation.peer.value ?? "";
  if (!closure) return null;
  if (closure !== "blocked") return <p>{texts.closures[closure]}</p>;
  return (
    <>
      <p>{texts.block.isBlocked(nameOf(people, peer))}</p>
      <Button isBusy={task.isBusy.value} onClick={() => void task.run(() => blocks.unblock(peer))}>
        {texts.block.unblock}
      </Button>
      <FailureText of={task.failure} />
    </>
  );
}

/** The message to which the draft replies, or which it changes. */
function DraftContext({ conversation }: { readonly conversation: Conversation }) {
  const { people } = useSession();
  const { replyTo, editing } = conversation.draft.value;
  const id = editing ?? replyTo;
  if (id === null) return null;
  const message = conversation.quoteOf(id).value;
  const name = message ? nameOf(people, message.sender_user_id, message.sender_username) : "";
  return (
    <div class="draft-context">
      <Icon name={editing === null ? "reply" : "edit"} />
      <span class="draft-context-texts">
        <span class="quote-name">{editing === null ? texts.replyTo(name) : texts.editing}</span>
        <span class="quote-text" dir="auto">
          {message?.message.slice(0, 300)}
        </span>
      </span>
      <IconButton icon="close" label={texts.cancel} onClick={() => cancelContext(conversation)} />
    </div>
  );
}

/** An edit ends with its text; a reply leaves the text as a new message. */
function cancelContext(conversation: Conversation): void {
  if (conversation.draft.peek().editing === null) conversation.changeDraft({ replyTo: null });
  else conversation.cancelDraft();
}

function editLast(conversation: Conversation, me: string): void {
  const last = conversation.messages
    .peek()
    .findLast(({ sender_user_id, deleted_at }) => sender_user_id === me && deleted_at === null);
  if (last) conversation.startEditing(last);
}

/** The field grows with its text. */
function fitHeight(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT)}px`;
}

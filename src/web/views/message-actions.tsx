import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Message } from "../../client/index.js";
import type { Conversation } from "../state/conversation.js";
import { texts } from "../texts.js";
import { useSession } from "./context.js";
import { Confirmation, Popup } from "./dialog.js";
import { EmojiPopup } from "./emoji-popup.js";
import { MenuItem } from "./menu.js";
import { FailureText, useTask } from "./task.js";

/** What the user wants to do with a message, and where the user has asked for it, in client coordinates. */
export interface ActionTarget {
  readonly message: Message;
  readonly view: "menu" | "emoji" | "reply" | "edit" | "delete";
  readonly x: number;
  readonly y: number;
}

const QUICK_EMOJI = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

/** The menu of a message, and what is chosen from it. */
export function MessageActions(props: {
  readonly conversation: Conversation;
  readonly target: ActionTarget;
  readonly onClose: () => void;
  readonly onCompose: () => void;
}) {
  const { conversation, target, onClose, onCompose } = props;
  const { message } = target;
  const { user } = useSession();
  const view = useSignal(target.view);
  const task = useTask();
  const isOwn = message.sender_user_id === user.user_id;

  // Replies and edits continue in the field for the next message.
  const isForComposer = view.value === "reply" || (view.value === "edit" && isOwn);
  const isNothing = !isOwn && (view.value === "edit" || view.value === "delete");
  useEffect(() => {
    if (view.value === "reply") conversation.changeDraft({ replyTo: message.id });
    else if (isForComposer) conversation.startEditing(message);
    if (isForComposer || isNothing) onClose();
    if (isForComposer) onCompose();
  }, [isForComposer, isNothing]);
  if (isForComposer || isNothing) return null;

  const react = (emoji: string) => {
    // The message may have other reactions since the menu was opened.
    const current = conversation.messages.peek().find(({ id }) => id === message.id) ?? message;
    const shown = conversation.reactions.of(current).find((reaction) => reaction.emoji === emoji);
    void conversation.reactions.set(message.id, emoji, !shown?.isOwn);
    onClose();
  };

  if (view.value === "emoji") {
    return <EmojiPopup at={target} onChoose={react} onClose={onClose} />;
  }
  if (view.value === "delete") {
    return (
      <Confirmation
        title={texts.deleteMessage}
        text={texts.deleteMessageText}
        action={texts.delete}
        onConfirm={(signal) => conversation.delete(message.id, signal)}
        onClose={onClose}
      />
    );
  }
  return (
    <Popup label={texts.messageActions} at={target} onClose={onClose} class="menu">
      <div class="quick-emoji">
        {QUICK_EMOJI.map((emoji) => (
          <button
            key={emoji}
            type="button"
            class="emoji"
            aria-label={texts.reactWith(emoji)}
            onClick={() => react(emoji)}
          >
            {emoji}
          </button>
        ))}
      </div>
      <MenuItem icon="smile" label={texts.otherEmoji} onClick={() => (view.value = "emoji")} />
      <MenuItem icon="reply" label={texts.reply} onClick={() => (view.value = "reply")} />
      <MenuItem
        icon="copy"
        label={texts.copyText}
        onClick={() =>
          void task
            .run(() => navigator.clipboard.writeText(message.message))
            .then((done) => done && onClose())
        }
      />
      {isOwn && <MenuItem icon="edit" label={texts.edit} onClick={() => (view.value = "edit")} />}
      {isOwn && (
        <MenuItem icon="trash" label={texts.delete} isDanger onClick={() => (view.value = "delete")} />
      )}
      <FailureText of={task.failure} />
    </Popup>
  );
}

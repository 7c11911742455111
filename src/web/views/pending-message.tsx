import type { Conversation } from "../state/conversation.js";
import type { OutboxEntry } from "../state/outbox-entry.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { useSession } from "./context.js";
import { Icon } from "./icon.js";
import { Quote } from "./message.js";

/** A message on its way, or one that the server has rejected, with what the user can do then. */
export function PendingMessage({
  entry,
  conversation,
  isFirst,
  onCompose,
}: {
  readonly entry: OutboxEntry;
  readonly conversation: Conversation;
  /** Whether it is the first of several by the user. */
  readonly isFirst: boolean;
  readonly onCompose: () => void;
}) {
  const { outbox } = useSession();
  const { key, failure } = entry;
  const isRejected = entry.state === "rejected";
  const hasDraft = conversation.draft.value.text !== "";
  const edit = () => void conversation.editRejected(key).then(onCompose);
  return (
    <article
      class={`message own pending ${isFirst ? "first" : ""} ${isRejected ? "rejected" : ""}`}
      tabIndex={-1}
      aria-label={texts.unsentMessage}
    >
      <div class="bubble">
        {entry.replyTo !== null && <Quote id={entry.replyTo} conversation={conversation} />}
        <div class="body" dir="auto">
          <span class="text">{entry.text}</span>
          <span class="meta">
            <span class="tick" title={isRejected ? texts.notSent : texts.sending}>
              <Icon name={isRejected ? "warning" : "clock"} />
              <span class="hidden">{isRejected ? texts.notSent : texts.sending}</span>
            </span>
          </span>
        </div>
      </div>
      {isRejected && (
        <div class="rejection" role="alert">
          <p>{texts.rejected(failure ? texts.failure(failure.code, failure.detail) : "")}</p>
          <div class="actions">
            <Button onClick={() => void outbox.retry(key)}>{texts.retry}</Button>
            <Button onClick={edit} isDisabled={hasDraft}>
              {texts.edit}
            </Button>
            <Button kind="danger" onClick={() => void outbox.discard(key)}>
              {texts.discard}
            </Button>
          </div>
          {hasDraft && <p>{texts.draftFirst}</p>}
        </div>
      )}
    </article>
  );
}

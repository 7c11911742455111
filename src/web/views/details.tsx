import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { goTo } from "../route.js";
import type { ChatState } from "../state/chats.js";
import type { Group } from "../state/group.js";
import { texts } from "../texts.js";
import { fullTimeOf } from "../times.js";
import { Button } from "./button.js";
import { ChatAvatar } from "./chat-avatar.js";
import { useSession } from "./context.js";
import { Confirmation } from "./dialog.js";
import { Choice, Field, Section, Switch } from "./field.js";
import { Invitations } from "./invitations.js";
import { nameOf, titleOf } from "./name.js";
import { Panel } from "./panel.js";
import { Participants } from "./participants.js";
import { FailureText, useFresh, useTask } from "./task.js";

/** What a chat is, who is in it, and its settings. */
export function DetailsPanel({ chatId }: { readonly chatId: number }) {
  const session = useSession();
  const group = useMemo(() => session.openGroup(chatId), [session, chatId]);
  useEffect(() => () => group.close(), [group]);
  const chat = session.chats.byId(chatId).value;
  if (!chat) return null;
  const title = titleOf(session.people, chat);
  return (
    <Panel title={texts.details} chatId={chatId}>
      <div class="card-head">
        <ChatAvatar chat={chat} size="large" />
        <h2 class="invited-title">
          <bdi>{title}</bdi>
        </h2>
        {chat.kind === "group" ? (
          <p class="muted">{texts.participantCount(chat.participant_count)}</p>
        ) : (
          chat.with_username !== null && (
            <p class="muted">
              @<bdi>{chat.with_username}</bdi>
            </p>
          )
        )}
      </div>
      <OwnSettings chat={chat} />
      {chat.kind === "group" ? (
        <>
          {group.mayRename.value && <Title chat={chat} group={group} />}
          <Participants group={group} />
          {group.mayAdd.value && <Invitations group={group} />}
          <PolicySection chat={chat} group={group} />
          <Leave group={group} />
        </>
      ) : (
        chat.with_username !== null && <Block username={chat.with_username} />
      )}
    </Panel>
  );
}

/** The user's own settings of the chat. */
function OwnSettings({ chat }: { readonly chat: ChatState }) {
  const { chats } = useSession();
  const { chat_id: id } = chat;
  const task = useTask();
  const isMuted = chats.isMuted(chat);
  const hasEnd = isMuted && chat.muted_until !== null && !chat.muted_until.startsWith("9999");
  return (
    <Section title={texts.yourSettings}>
      <Switch
        label={texts.muted}
        isOn={isMuted}
        onChange={(isOn) => void task.run(() => chats.mute(id, isOn ? Infinity : undefined))}
      />
      {!isMuted && (
        <div class="actions start">
          <Button onClick={() => void task.run(() => chats.mute(id, Date.now() + 3_600_000))}>
            {texts.muteHour}
          </Button>
          <Button onClick={() => void task.run(() => chats.mute(id, Date.now() + 8 * 3_600_000))}>
            {texts.muteHours}
          </Button>
        </div>
      )}
      {hasEnd && <p class="hint">{texts.mutedUntil(fullTimeOf(chat.muted_until))}</p>}
      <Switch
        label={texts.pinned}
        isOn={chat.pinned}
        onChange={(isOn) => void task.run(() => chats.pin(id, isOn))}
      />
      <Switch
        label={texts.archivedState}
        isOn={chat.archived}
        onChange={(isOn) => void task.run(() => chats.archive(id, isOn))}
      />
      <FailureText of={task.failure} />
    </Section>
  );
}

function Title({ chat, group }: { readonly chat: ChatState; readonly group: Group }) {
  const title = useSignal(chat.title ?? "");
  const task = useTask();
  const isChanged = title.value.trim() !== (chat.title ?? "");
  return (
    <Section title={texts.groupTitle}>
      <form
        class="inline"
        onSubmit={(event) => {
          event.preventDefault();
          void task.run(() => group.rename(title.value.trim() || null));
        }}
      >
        <Field
          label={texts.newGroup.name}
          value={title.value}
          onInput={(value) => (title.value = value)}
          maxLength={100}
        />
        <Button type="submit" isBusy={task.isBusy.value} isDisabled={!isChanged}>
          {texts.save}
        </Button>
      </form>
      <FailureText of={task.failure} />
    </Section>
  );
}

function PolicySection({ chat, group }: { readonly chat: ChatState; readonly group: Group }) {
  const task = useTask();
  const { policy } = chat;
  if (!policy) return null;
  const isFixed = !group.mayChangePolicy.value;
  return (
    <Section title={texts.policy.title}>
      {(["post", "add", "remove", "rename"] as const).map((right) => (
        <Choice
          key={right}
          label={texts.policy.rights[right]}
          value={policy[right]}
          options={texts.policy.whoMay}
          isDisabled={isFixed}
          onChange={(value) => void task.run(() => group.changePolicy({ [right]: value }))}
        />
      ))}
      <Choice
        label={texts.policy.history}
        value={policy.history}
        options={texts.policy.histories}
        isDisabled={isFixed}
        onChange={(history) => void task.run(() => group.changePolicy({ history }))}
      />
      <FailureText of={task.failure} />
    </Section>
  );
}

function Leave({ group }: { readonly group: Group }) {
  const isAsking = useSignal(false);
  return (
    <Section title={texts.leave.title}>
      <Button kind="danger" onClick={() => (isAsking.value = true)}>
        {texts.leave.action}
      </Button>
      {isAsking.value && (
        <Confirmation
          title={texts.leave.title}
          text={texts.leave.text}
          action={texts.leave.action}
          onConfirm={async (signal) => {
            await group.leave(signal);
            goTo({ view: "chats" });
          }}
          onClose={() => (isAsking.value = false)}
        />
      )}
    </Section>
  );
}

function Block({ username }: { readonly username: string }) {
  const { blocks, people } = useSession();
  const isAsking = useSignal(false);
  const task = useTask();
  useFresh(blocks.all);
  const name = nameOf(people, username);
  const isBlocked = blocks.has(username);
  return (
    <Section title={texts.block.title}>
      <p class="hint">{isBlocked ? texts.block.isBlocked(name) : texts.block.text}</p>
      <Button
        kind={isBlocked ? "plain" : "danger"}
        isBusy={task.isBusy.value}
        isDisabled={blocks.all.value.value === undefined}
        onClick={() => {
          if (isBlocked) void task.run(() => blocks.unblock(username));
          else isAsking.value = true;
        }}
      >
        {isBlocked ? texts.block.unblock : texts.block.block}
      </Button>
      <FailureText of={task.failure} />
      <FailureText of={blocks.all.failure} />
      {isAsking.value && (
        <Confirmation
          title={texts.block.ask(name)}
          text={texts.block.text}
          action={texts.block.block}
          onConfirm={(signal) => blocks.block(username, signal)}
          onClose={() => (isAsking.value = false)}
        />
      )}
    </Section>
  );
}

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Policy, Profile } from "../../client/index.js";
import { goTo } from "../route.js";
import { texts } from "../texts.js";
import { Button, IconButton } from "./button.js";
import { useSession } from "./context.js";
import { Dialog } from "./dialog.js";
import { Choice, Field } from "./field.js";
import { PersonButton, SearchState, usePeople } from "./people-search.js";
import { FailureText, useTask } from "./task.js";

/** Finds a person and opens the conversation with them. */
export function NewChatDialog({ onClose }: { readonly onClose: () => void }) {
  const { client } = useSession();
  const query = useSignal("");
  const task = useTask();
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const { found, failure } = usePeople(query.value);
  const open = (username: string) => {
    onClose();
    goTo({ view: "user", username });
  };
  // Without the directory, people can still be found by their exact username.
  const openExact = () =>
    void task.run(async () =>
      open((await client.getProfile({ user: query.value.trim().replace(/^@/, "") })).username),
    );
  return (
    <Dialog title={texts.newChat.title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          openExact();
        }}
      >
        <Field
          label={texts.newChat.find}
          value={query.value}
          onInput={(value) => {
            query.value = value;
            task.clear();
          }}
          inputRef={field}
          hint={texts.newChat.hint}
        />
        <FailureText of={task.failure} />
        {failure.value?.code !== "directory_off" && <FailureText of={failure} />}
        {failure.value ? (
          <Button kind="primary" type="submit">
            {texts.newChat.open}
          </Button>
        ) : (
          <SearchState found={found.value} query={query.value} />
        )}
      </form>
      <ul class="people">
        {found.value?.map((profile) => (
          <li key={profile.user_id}>
            <PersonButton profile={profile} onClick={() => open(profile.username)} />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

/** Makes a group of the user and others. */
export function NewGroupDialog({ onClose }: { readonly onClose: () => void }) {
  const { chats, client } = useSession();
  const title = useSignal("");
  const chosen = useSignal<readonly Profile[]>([]);
  const remove = useSignal<Policy["remove"]>("admins");
  /** The group that exists already, if only its rights could not be set. */
  const created = useRef<number | undefined>(undefined);
  const task = useTask();
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const create = async (event: Event) => {
    event.preventDefault();
    await task.run(async () => {
      const names = chosen.value.map(({ username }) => username);
      const chatId = (created.current ??= await chats.createGroup(title.value.trim() || null, names));
      // A new group lets everyone remove everyone.
      if (remove.value !== "everyone")
        await client.changeChat({ chat_id: chatId, policy: { remove: remove.value } });
      onClose();
      goTo({ view: "chat", chatId });
    });
  };
  return (
    <Dialog title={texts.newGroup.title} onClose={onClose}>
      <form onSubmit={(event) => void create(event)}>
        <Field
          label={texts.newGroup.name}
          value={title.value}
          onInput={(value) => (title.value = value)}
          maxLength={100}
          inputRef={field}
        />
        <PeopleField
          label={texts.newGroup.people}
          chosen={chosen.value}
          onChange={(profiles) => (chosen.value = profiles)}
        />
        <Choice
          label={texts.policy.rights.remove}
          value={remove.value}
          options={texts.policy.whoMay}
          onChange={(value) => (remove.value = value)}
        />
        <p class="hint">{texts.newGroup.rights}</p>
        <FailureText of={task.failure} />
        <div class="actions">
          <Button onClick={onClose}>{texts.cancel}</Button>
          <Button kind="primary" type="submit" isBusy={task.isBusy.value}>
            {texts.newGroup.create}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** A choice of several people. */
function PeopleField(props: {
  readonly label: string;
  readonly chosen: readonly Profile[];
  readonly onChange: (profiles: readonly Profile[]) => void;
}) {
  const { client } = useSession();
  const query = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  const task = useTask();
  const { found, failure } = usePeople(query.value);
  const add = (profile: Profile) => {
    const others = props.chosen.filter(({ user_id }) => user_id !== profile.user_id);
    props.onChange([...others, profile]);
    query.value = "";
    field.current?.focus();
  };
  const addExact = () => {
    const [first] = found.value ?? [];
    if (first) add(first);
    else if (query.value.trim() !== "")
      void task.run(async () => add(await client.getProfile({ user: query.value.trim().replace(/^@/, "") })));
  };
  return (
    <>
      <Field
        label={props.label}
        value={query.value}
        onInput={(value) => {
          query.value = value;
          task.clear();
        }}
        inputRef={field}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || query.value.trim() === "") return;
          event.preventDefault();
          addExact();
        }}
      />
      <FailureText of={task.failure} />
      {!failure.value && <SearchState found={found.value} query={query.value} />}
      {found.value && found.value.length > 0 && (
        <ul class="people">
          {found.value.map((profile) => (
            <li key={profile.user_id}>
              <PersonButton profile={profile} onClick={() => add(profile)} />
            </li>
          ))}
        </ul>
      )}
      {props.chosen.length > 0 && (
        <ul class="chips" aria-label={texts.newGroup.chosen}>
          {props.chosen.map(({ user_id, username, display_name }) => (
            <li key={user_id} class="chip">
              <bdi>{display_name ?? username}</bdi>
              <IconButton
                icon="close"
                label={texts.removePerson(display_name ?? username)}
                onClick={() => props.onChange(props.chosen.filter((each) => each.user_id !== user_id))}
              />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

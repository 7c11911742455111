import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Participant } from "../../client/index.js";
import { goTo } from "../route.js";
import type { Group } from "../state/group.js";
import { texts } from "../texts.js";
import { Avatar } from "./avatar.js";
import { Button, IconButton } from "./button.js";
import { useSession } from "./context.js";
import { Confirmation, Popup } from "./dialog.js";
import { Field, Section } from "./field.js";
import { MenuItem } from "./menu.js";
import { nameOf } from "./name.js";
import { PersonButton, SearchState, usePeople } from "./people-search.js";
import { FailureText, useTask } from "./task.js";

const PEOPLE_PER_PAGE = 50;

/** The people of a group, with their roles, and the field that adds others. */
export function Participants({ group }: { readonly group: Group }) {
  const shown = useSignal(PEOPLE_PER_PAGE);
  useEffect(() => void group.participants.load(), [group]);
  const participants = group.participants.value.value;
  return (
    <Section title={texts.people}>
      {group.mayAdd.value && <AddPerson group={group} />}
      <FailureText of={group.participants.failure} />
      {participants === undefined && <p class="hint">{texts.loading}</p>}
      <ul class="people">
        {participants?.slice(0, shown.value).map((participant) => (
          <Person key={participant.user_id} participant={participant} group={group} />
        ))}
      </ul>
      {participants && participants.length > shown.value && (
        <Button onClick={() => (shown.value += PEOPLE_PER_PAGE)}>{texts.more}</Button>
      )}
    </Section>
  );
}

function AddPerson({ group }: { readonly group: Group }) {
  const { client } = useSession();
  const query = useSignal("");
  const task = useTask();
  const { found } = usePeople(query.value);
  const inGroup = new Set(group.participants.value.value?.map(({ user_id }) => user_id));
  const others = found.value?.filter(({ user_id }) => !inGroup.has(user_id));
  const add = (name: string) =>
    void task.run(async () => {
      const { username } = await client.getProfile({ user: name.trim().replace(/^@/, "") });
      await group.add(username);
      query.value = "";
    });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        add(query.value);
      }}
    >
      <Field label={texts.addPerson} value={query.value} onInput={(value) => (query.value = value)} />
      <FailureText of={task.failure} />
      {query.value.trim() !== "" && <SearchState found={others} query={query.value} />}
      {others && others.length > 0 && (
        <ul class="people">
          {others.map((profile) => (
            <li key={profile.user_id}>
              <PersonButton
                profile={profile}
                action={texts.add(profile.display_name ?? profile.username)}
                onClick={() => add(profile.username)}
              />
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}

function Person({ participant, group }: { readonly participant: Participant; readonly group: Group }) {
  const { people, user } = useSession();
  const { user_id: id, username, role } = participant;
  const name = nameOf(people, id, username);
  const isSelf = id === user.user_id;
  const menu = useSignal<{ readonly x: number; readonly y: number } | undefined>(undefined);
  const asking = useSignal<"remove" | "owner" | undefined>(undefined);
  const task = useTask();
  const close = () => {
    menu.value = undefined;
  };
  return (
    <li class="participant" aria-busy={task.isBusy.value}>
      <Avatar id={id} name={name} size="small" />
      <span class="person-texts">
        <bdi>{isSelf ? texts.yourself(name) : name}</bdi>
        <span class="muted">
          @<bdi>{username}</bdi>
        </span>
      </span>
      {role !== null && role !== "member" && <span class="role">{texts.roles[role]}</span>}
      {!isSelf && (
        <IconButton
          icon="more"
          label={texts.personActions(name)}
          onClick={({ currentTarget }) => {
            const { left, bottom } = (currentTarget as HTMLElement).getBoundingClientRect();
            menu.value = { x: left, y: bottom };
          }}
        />
      )}
      {menu.value && (
        <PersonMenu
          participant={participant}
          group={group}
          at={menu.value}
          onClose={close}
          onAsk={(what) => {
            close();
            asking.value = what;
          }}
          onSetRole={(next) => {
            close();
            void task.run(() => group.setRole(id, next));
          }}
        />
      )}
      {task.failure.value && <FailureText of={task.failure} />}
      {asking.value === "remove" && (
        <Confirmation
          title={texts.removePerson(name)}
          text={texts.removePersonText}
          action={texts.remove}
          onConfirm={(signal) => group.remove(id, signal)}
          onClose={() => (asking.value = undefined)}
        />
      )}
      {asking.value === "owner" && (
        <Confirmation
          title={texts.makeOwner}
          text={texts.makeOwnerText(name)}
          action={texts.makeOwner}
          onConfirm={(signal) => group.setRole(id, "owner", signal)}
          onClose={() => (asking.value = undefined)}
        />
      )}
    </li>
  );
}

function PersonMenu(props: {
  readonly participant: Participant;
  readonly group: Group;
  readonly at: { readonly x: number; readonly y: number };
  readonly onClose: () => void;
  /** Called for what needs a confirmation. */
  readonly onAsk: (what: "remove" | "owner") => void;
  readonly onSetRole: (role: "admin" | "member") => void;
}) {
  const { participant, group, onClose, onSetRole } = props;
  const { user_id: id, username, role } = participant;
  const { people } = useSession();
  return (
    <Popup
      label={texts.personActions(nameOf(people, id, username))}
      at={props.at}
      onClose={onClose}
      class="menu"
    >
      <MenuItem
        icon="edit"
        label={texts.writeTo}
        onClick={() => {
          onClose();
          goTo({ view: "user", username });
        }}
      />
      {group.maySetRoles.value && role === "member" && (
        <MenuItem icon="add" label={texts.makeAdmin} onClick={() => onSetRole("admin")} />
      )}
      {group.maySetRoles.value && role === "admin" && (
        <MenuItem icon="person" label={texts.makeMember} onClick={() => onSetRole("member")} />
      )}
      {group.maySetRoles.value && (
        <MenuItem icon="group" label={texts.makeOwner} onClick={() => props.onAsk("owner")} />
      )}
      {group.mayRemove(participant) && (
        <MenuItem icon="leave" isDanger label={texts.remove} onClick={() => props.onAsk("remove")} />
      )}
    </Popup>
  );
}

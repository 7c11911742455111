import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Profile } from "../../client/index.js";
import { toFailure, type Failure } from "../state/failure.js";
import { texts } from "../texts.js";
import { Avatar } from "./avatar.js";
import { useSession } from "./context.js";

/** A search begins when nothing was typed for this long. */
const PAUSE_MS = 200;

/** The users whose names begin with a text, without the user. */
export function usePeople(prefix: string) {
  const { people, user } = useSession();
  const found = useSignal<readonly Profile[] | undefined>(undefined);
  const failure = useSignal<Failure | undefined>(undefined);
  const text = prefix.trim().replace(/^@/, "");
  useEffect(() => {
    found.value = undefined;
    failure.value = undefined;
    if (text === "") return undefined;
    let isCurrent = true;
    const timer = setTimeout(() => {
      people.find(text).then(
        (profiles) => {
          if (isCurrent) found.value = profiles.filter(({ user_id }) => user_id !== user.user_id);
        },
        (error: unknown) => {
          if (isCurrent) failure.value = toFailure(error);
        },
      );
    }, PAUSE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [people, text]);
  return { found, failure };
}

/** A person in a list, as a button. */
export function PersonButton(props: {
  readonly profile: Profile;
  readonly onClick: () => void;
  readonly action?: string;
}) {
  const { user_id, username, display_name } = props.profile;
  const name = display_name ?? username;
  return (
    <button type="button" class="person" onClick={props.onClick} aria-label={props.action}>
      <Avatar id={user_id} name={name} size="small" />
      <span class="person-texts">
        <bdi>{name}</bdi>
        {display_name !== null && (
          <span class="muted">
            @<bdi>{username}</bdi>
          </span>
        )}
      </span>
    </button>
  );
}

/** States that a search is in progress, or has found nothing. */
export function SearchState({
  found,
  query,
}: {
  readonly found: readonly unknown[] | undefined;
  readonly query: string;
}) {
  return (
    <p class="hint" role="status">
      {query.trim() !== "" && (found === undefined ? texts.searching : found.length === 0 && texts.noneFound)}
    </p>
  );
}

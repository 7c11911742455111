import type { Conversation } from "../state/conversation.js";
import type { UnfinishedMention } from "../state/mentions.js";
import { texts } from "../texts.js";
import { Avatar } from "./avatar.js";
import { useSession } from "./context.js";
import { nameOf } from "./name.js";

export interface Candidate {
  readonly user_id: string;
  readonly username: string;
}

const MAX_CANDIDATES = 8;

/** The users whose mention can be completed. */
export function useCandidates(
  conversation: Conversation,
  mention: UnfinishedMention | undefined,
): readonly Candidate[] {
  const session = useSession();
  const group = conversation.group.value;
  const prefix = mention?.prefix.toLowerCase();
  const participants = prefix === undefined ? [] : (group?.participants.value.value ?? []);
  return participants
    .filter(({ user_id }) => user_id !== session.user.user_id)
    .filter(({ username }) => username.toLowerCase().startsWith(prefix ?? ""))
    .slice(0, MAX_CANDIDATES);
}

/** The completion of a mention. The focus stays in the text; the field moves the choice. */
export function MentionList(props: {
  readonly candidates: readonly Candidate[];
  /** The index of the chosen one. */
  readonly chosen: number;
  readonly onChoose: (candidate: Candidate) => void;
}) {
  const { people } = useSession();
  if (props.candidates.length === 0) return null;
  return (
    <ul id="mention-list" class="mention-list" role="listbox" aria-label={texts.mentionList}>
      {props.candidates.map((candidate, index) => {
        const name = nameOf(people, candidate.user_id, candidate.username);
        return (
          <li
            key={candidate.user_id}
            id={`mention-${index}`}
            role="option"
            aria-selected={index === props.chosen}
            // A click would take the focus from the text before it counts.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => props.onChoose(candidate)}
          >
            <Avatar id={candidate.user_id} name={name} size="small" />
            <bdi>{name}</bdi> <span class="muted">@{candidate.username}</span>
          </li>
        );
      })}
    </ul>
  );
}

import type { ChatState } from "../state/chats.js";
import type { Destination } from "../state/outbox-entry.js";
import type { People } from "../state/people.js";
import { texts } from "../texts.js";
import { useSession } from "./context.js";

/** How people see a user: the display name, or the username. A deleted user has neither. */
export function nameOf(people: People, user: string, username = user): string {
  const profile = people.profileOf(user).value;
  if (profile?.state === "deleted") return texts.deletedUser;
  return profile?.display_name ?? profile?.username ?? username;
}

/** The name of a chat: its title, or the other user, or a text that stands for them. */
export function titleOf(people: People, chat: ChatState): string {
  if (chat.kind === "group") return chat.title ?? texts.untitledGroup(chat.participant_count);
  return chat.with_username === null ? texts.deletedUser : nameOf(people, chat.with_username);
}

/** The name of a destination without a chat: that of the user, or a text for a chat that the user has left. */
export function titleOfDestination(people: People, destination: Destination): string {
  return "chatId" in destination ? texts.formerChat : nameOf(people, destination.username);
}

/** The name of a user, isolated from the direction of the text around it. */
export function Name({ id, username }: { readonly id: string; readonly username: string }) {
  return <bdi title={`@${username}`}>{nameOf(useSession().people, id, username)}</bdi>;
}

import type { ChatState } from "../state/chats.js";
import type { Destination } from "../state/outbox-entry.js";
import { Avatar } from "./avatar.js";
import { useSession } from "./context.js";
import { titleOf, titleOfDestination } from "./name.js";

/** The avatar of a group, or of the other user of a p2p chat. */
export function ChatAvatar({ chat, size }: { readonly chat: ChatState; readonly size?: "small" | "large" }) {
  const { people } = useSession();
  const { chat_id, with_username, peer_user_id } = chat;
  const peer =
    peer_user_id ?? (with_username === null ? undefined : people.profileOf(with_username).value?.user_id);
  return (
    <Avatar
      id={peer ?? chat_id}
      name={titleOf(people, chat)}
      isGroup={chat.kind === "group"}
      {...(size && { size })}
    />
  );
}

/** The avatar of a destination without a chat. */
export function DestinationAvatar(props: {
  readonly destination: Destination;
  readonly size?: "small" | "large";
}) {
  const { destination, ...rest } = props;
  const { people } = useSession();
  const isGroup = "chatId" in destination;
  const id = isGroup ? destination.chatId : people.profileOf(destination.username).value?.user_id;
  const name = titleOfDestination(people, destination);
  return <Avatar id={id ?? name} name={name} isGroup={isGroup} {...rest} />;
}

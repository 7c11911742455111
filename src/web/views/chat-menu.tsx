import { texts } from "../texts.js";
import { useSession } from "./context.js";
import { Popup } from "./dialog.js";
import { MenuItem } from "./menu.js";
import { FailureText, useTask } from "./task.js";

/** What the user can do with a chat of the list. */
export function ChatMenu(props: {
  readonly chatId: number;
  readonly at: { readonly x: number; readonly y: number };
  readonly onClose: () => void;
}) {
  const { chats } = useSession();
  const { chatId, onClose } = props;
  const chat = chats.byId(chatId).value;
  const task = useTask();
  if (!chat) return null;
  const isMuted = chats.isMuted(chat);
  const act = async (work: () => Promise<void>) => {
    if (await task.run(work)) onClose();
  };
  return (
    <Popup label={texts.chatActions} at={props.at} onClose={onClose} class="menu">
      <MenuItem
        icon="pin"
        label={chat.pinned ? texts.unpin : texts.pin}
        onClick={() => void act(() => chats.pin(chatId, !chat.pinned))}
      />
      <MenuItem
        icon={isMuted ? "bell" : "muted"}
        label={isMuted ? texts.unmute : texts.mute}
        onClick={() => void act(() => chats.mute(chatId, isMuted ? undefined : Infinity))}
      />
      <MenuItem
        icon="archive"
        label={chat.archived ? texts.unarchive : texts.moveToArchive}
        onClick={() => void act(() => chats.archive(chatId, !chat.archived))}
      />
      <FailureText of={task.failure} />
    </Popup>
  );
}

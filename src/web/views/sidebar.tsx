import { useSignal } from "@preact/signals";
import { toHash } from "../route.js";
import { texts } from "../texts.js";
import { Avatar } from "./avatar.js";
import { IconButton, IconLink } from "./button.js";
import { ChatList } from "./chat-list.js";
import { useSurroundings } from "./context.js";
import { GlobalSearch } from "./global-search.js";
import { Icon } from "./icon.js";
import { nameOf } from "./name.js";
import { NewChatDialog, NewGroupDialog } from "./new-chat.js";

/** The chats of the user, and the ways to others. */
export function Sidebar() {
  const { session, route } = useSurroundings();
  const { chats, people, user } = session;
  const query = useSignal("");
  const dialog = useSignal<"chat" | "group" | undefined>(undefined);
  const isArchive = route.value.view === "archive";
  const name = nameOf(people, user.user_id, user.username);
  const archived = chats.archived.value;
  return (
    <nav class="sidebar" aria-label={texts.chats}>
      <header class="bar">
        {isArchive ? (
          <IconLink icon="back" label={texts.back} href={toHash({ view: "chats" })} />
        ) : (
          <a
            class="self"
            href={toHash({ view: "settings" })}
            aria-label={texts.settings.title}
            title={texts.settings.title}
          >
            <Avatar id={user.user_id} name={name} size="small" />
          </a>
        )}
        <h1 class="bar-title brand">{isArchive ? texts.archive : texts.product}</h1>
        <IconButton icon="group" label={texts.newGroup.title} onClick={() => (dialog.value = "group")} />
        <IconButton icon="edit" label={texts.newChat.title} onClick={() => (dialog.value = "chat")} />
      </header>
      <div class="search-box">
        <Icon name="search" />
        <input
          type="search"
          aria-label={texts.search.everywhere}
          placeholder={texts.search.placeholder}
          value={query.value}
          dir="auto"
          onInput={(event) => (query.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") query.value = "";
          }}
        />
      </div>
      {query.value.trim() === "" ? (
        <>
          <ChatList
            chats={isArchive ? archived : chats.main.value}
            unlisted={isArchive ? [] : session.unlisted.value}
            isLoaded={chats.all.value !== undefined}
          />
          {!isArchive && archived.length > 0 && (
            <a class="archive-link" href={toHash({ view: "archive" })}>
              <Icon name="archive" />
              {texts.archivedChats(archived.length)}
            </a>
          )}
        </>
      ) : (
        <GlobalSearch query={query.value} onChosen={() => (query.value = "")} />
      )}
      {dialog.value === "chat" && <NewChatDialog onClose={() => (dialog.value = undefined)} />}
      {dialog.value === "group" && <NewGroupDialog onClose={() => (dialog.value = undefined)} />}
    </nav>
  );
}

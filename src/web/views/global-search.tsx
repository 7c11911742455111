import { goTo } from "../route.js";
import type { ChatState } from "../state/chats.js";
import { texts } from "../texts.js";
import { ChatAvatar } from "./chat-avatar.js";
import { useSession } from "./context.js";
import { Section } from "./field.js";
import { FoundMessages, useMessageSearch } from "./found-message.js";
import { titleOf } from "./name.js";
import { PersonButton, SearchState, usePeople } from "./people-search.js";

const MAX_CHATS = 8;

/** Finds chats by their titles, people by their names, and messages of all chats. */
export function GlobalSearch({
  query,
  onChosen,
}: {
  readonly query: string;
  /** Called when a chat or a person is chosen. After a message the user may want the next one. */
  readonly onChosen: () => void;
}) {
  const { chats, people } = useSession();
  const { found, failure } = usePeople(query);
  const search = useMessageSearch(query);
  const text = query.trim().toLowerCase();
  const matches = (chat: ChatState) =>
    titleOf(people, chat).toLowerCase().includes(text) ||
    (chat.with_username ?? "").toLowerCase().includes(text);
  const shownChats = (chats.all.value ?? []).filter(matches).slice(0, MAX_CHATS);
  const open = (route: Parameters<typeof goTo>[0]) => {
    goTo(route);
    onChosen();
  };
  return (
    <div class="search-results">
      {shownChats.length > 0 && (
        <Section title={texts.chats}>
          <ul class="people">
            {shownChats.map((chat) => (
              <li key={chat.chat_id}>
                <button
                  type="button"
                  class="person"
                  onClick={() => open({ view: "chat", chatId: chat.chat_id })}
                >
                  <ChatAvatar chat={chat} size="small" />
                  <bdi>{titleOf(people, chat)}</bdi>
                </button>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {!failure.value && (
        <Section title={texts.people}>
          <SearchState found={found.value} query={query} />
          <ul class="people">
            {found.value?.map((profile) => (
              <li key={profile.user_id}>
                <PersonButton
                  profile={profile}
                  onClick={() => open({ view: "user", username: profile.username })}
                />
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title={texts.messages}>
        <FoundMessages
          search={search}
          query={query}
          titleFor={({ destination_chat_id }) => {
            const chat = chats.byId(destination_chat_id).value;
            return chat && titleOf(people, chat);
          }}
          onChoose={({ id, destination_chat_id: chatId }) => goTo({ view: "chat", chatId, messageId: id })}
        />
      </Section>
    </div>
  );
}

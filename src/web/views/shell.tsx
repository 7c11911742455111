import { useEffect, useRef } from "preact/hooks";
import { replaceRoute, type Route } from "../route.js";
import { texts } from "../texts.js";
import { Banner } from "./banner.js";
import { useSurroundings } from "./context.js";
import { ConversationPane } from "./conversation-pane.js";
import { InvitationView } from "./invitation.js";
import { SettingsView } from "./settings.js";
import { Sidebar } from "./sidebar.js";

/** The page of a user who is logged in: the chats, and beside them what the route names. Narrow screens show one of the two. */
export function Shell() {
  const { route, session } = useSurroundings();
  const current = route.value;
  const pane = paneOf(current);
  const ref = useRef<HTMLDivElement>(null);
  // A user who has a chat with the user is shown that chat.
  const known = current.view === "user" ? session.chats.withUser(current.username)?.chat_id : undefined;
  useEffect(() => {
    if (known !== undefined) replaceRoute({ view: "chat", chatId: known });
  }, [known]);
  useEffect(() => keepFocus(ref.current!), [pane]);
  return (
    <div class="shell" data-pane={pane} ref={ref}>
      <Banner />
      <Sidebar />
      <main class="main">
        <Main route={current} />
      </main>
    </div>
  );
}

function Main({ route }: { readonly route: Route }) {
  const { session } = useSurroundings();
  switch (route.view) {
    case "chat":
    case "user":
      // A conversation begins where the chat was read, so the chats come first.
      return session.chats.all.value ? (
        <ConversationPane route={route} />
      ) : (
        <p class="empty">{texts.loading}</p>
      );
    case "settings":
      return <SettingsView />;
    case "invitation":
      return <InvitationView code={route.code} />;
    default:
      return <p class="empty">{texts.chooseChat}</p>;
  }
}

/** What a narrow screen shows. */
function paneOf(route: Route): "list" | "main" | "panel" {
  if (route.view === "chats" || route.view === "archive") return "list";
  return route.view === "chat" && route.panel ? "panel" : "main";
}

/** A pane that disappears takes the focus with it. Then the shown one gets it. */
function keepFocus(shell: HTMLElement): void {
  const focused = document.activeElement;
  if (focused && focused !== document.body && focused.checkVisibility()) return;
  const current = shell.querySelectorAll<HTMLElement>("[data-focus]");
  [...current].find((element) => element.checkVisibility())?.focus();
}

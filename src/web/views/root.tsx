import type { ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { goTo, replaceRoute, type Route } from "../route.js";
import type { App } from "../state/app.js";
import { texts } from "../texts.js";
import { SurroundingsContext } from "./context.js";
import { Shell } from "./shell.js";
import { SignIn } from "./sign-in.js";

/** The whole page. */
export function Root({ app, route }: { readonly app: App; readonly route: ReadonlySignal<Route> }) {
  const { account } = app;
  const session = app.session.value;
  const current = account.current.value;
  useEffect(() => {
    session?.onOpenChat((chatId) => goTo({ view: "chat", chatId }));
  }, [session]);
  const isLeft = current.state === "anonymous" && /^(logged_out|erased)$/.test(current.reason);
  useEffect(() => {
    // Another user may log in next.
    if (isLeft) replaceRoute({ view: "chats" });
  }, [isLeft]);
  if (session) {
    return (
      <SurroundingsContext.Provider value={{ account, session, route }}>
        <Shell key={session.user.session_id} />
      </SurroundingsContext.Provider>
    );
  }
  if (current.state === "anonymous") {
    const isInvited = route.value.view === "invitation";
    return <SignIn account={account} reason={current.reason} isInvited={isInvited} />;
  }
  return (
    <main class="welcome">
      <h1 class="brand">{texts.product}</h1>
      <p class="late" role="status">
        {texts.connecting}
      </p>
    </main>
  );
}

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { InvitedChat } from "../../client/index.js";
import { replaceRoute, toHash } from "../route.js";
import { texts } from "../texts.js";
import { Avatar } from "./avatar.js";
import { Button, IconLink } from "./button.js";
import { useSession } from "./context.js";
import { FailureText, useTask } from "./task.js";

/** The group to which an invitation leads, and the choice to join it. */
export function InvitationView({ code }: { readonly code: string }) {
  const session = useSession();
  const chat = useSignal<InvitedChat | undefined>(undefined);
  const task = useTask();
  useEffect(() => {
    void task.run(async () => {
      chat.value = await session.readInvitation(code);
    });
  }, [session, code]);
  const join = async () => {
    await task.run(async () => replaceRoute({ view: "chat", chatId: await session.acceptInvitation(code) }));
    if (task.failure.value?.code === "unknown_invitation") chat.value = undefined;
  };
  const invited = chat.value;
  const title = invited && (invited.title ?? texts.untitledGroup(invited.participant_count));
  return (
    <section class="page" aria-labelledby="invitation-title">
      <header class="bar">
        <IconLink class="only-narrow" icon="back" label={texts.back} href={toHash({ view: "chats" })} />
        <h1 class="bar-title" id="invitation-title" tabIndex={-1} data-focus>
          {texts.invitation.title}
        </h1>
      </header>
      <div class="page-content center">
        {invited && title !== undefined && (
          <>
            {/* The colour of a group comes from its id, which an invitation does not have. */}
            <Avatar name={title} isGroup size="large" />
            <h2 class="invited-title">
              <bdi>{title}</bdi>
            </h2>
            <p class="muted">{texts.participantCount(invited.participant_count)}</p>
            <Button kind="primary" isBusy={task.isBusy.value} onClick={() => void join()}>
              {texts.invitation.join}
            </Button>
          </>
        )}
        {!invited && task.isBusy.value && <p class="empty">{texts.loading}</p>}
        <FailureText of={task.failure} />
      </div>
    </section>
  );
}

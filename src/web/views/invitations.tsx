import { useSignal } from "@preact/signals";
import { toHash } from "../route.js";
import type { Group } from "../state/group.js";
import { texts } from "../texts.js";
import { fullTimeOf } from "../times.js";
import { Button, IconButton } from "./button.js";
import { CopyField } from "./copy-field.js";
import { Choice, Section } from "./field.js";
import { FailureText, useFresh, useTask } from "./task.js";

/** How long an invitation works, in seconds. */
const LIFETIMES = { hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000 } as const;

/** The invitations of a group. */
export function Invitations({ group }: { readonly group: Group }) {
  const created = useSignal<{ readonly id: string; readonly link: string } | undefined>(undefined);
  const lifetime = useSignal<keyof typeof LIFETIMES>("week");
  const task = useTask();
  useFresh(group.invitations);
  const invite = () =>
    void task.run(async () => {
      const { invitation_id: id, code } = await group.invite(LIFETIMES[lifetime.value]);
      created.value = { id, link: new URL(toHash({ view: "invitation", code }), document.baseURI).href };
    });
  const revoke = (id: string) =>
    void task.run(async () => {
      await group.revoke(id);
      if (created.value?.id === id) created.value = undefined;
    });
  return (
    <Section title={texts.invitations.title}>
      <Choice
        label={texts.invitations.lifetime}
        value={lifetime.value}
        options={texts.invitations.lifetimes}
        onChange={(value) => (lifetime.value = value)}
      />
      <Button isBusy={task.isBusy.value} onClick={invite}>
        {texts.invitations.create}
      </Button>
      {created.value && (
        <CopyField label={texts.invitations.link} text={created.value.link} hint={texts.invitations.once} />
      )}
      <FailureText of={task.failure} />
      <FailureText of={group.invitations.failure} />
      <ul class="rows">
        {group.invitations.value.value?.map(
          ({ invitation_id, expires_at, uses, max_uses, inviter_username }) => (
            <li key={invitation_id}>
              <span class="person-texts">
                <bdi>{texts.invitations.by(inviter_username)}</bdi>
                <span class="muted">{texts.invitations.state(uses, max_uses, fullTimeOf(expires_at))}</span>
              </span>
              <IconButton
                icon="trash"
                label={texts.invitations.revoke}
                onClick={() => revoke(invitation_id)}
              />
            </li>
          ),
        )}
      </ul>
    </Section>
  );
}

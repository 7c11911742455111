import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { toHash } from "../route.js";
import type { Settings } from "../state/settings.js";
import { texts } from "../texts.js";
import { fullTimeOf } from "../times.js";
import { Avatar } from "./avatar.js";
import { Button, IconButton, IconLink } from "./button.js";
import { useSession, useSurroundings } from "./context.js";
import { CopyField } from "./copy-field.js";
import { Confirmation, Dialog } from "./dialog.js";
import { Field, Section } from "./field.js";
import { FailureText, useFresh, useTask } from "./task.js";

/** The account of the user. */
export function SettingsView() {
  const session = useSession();
  const settings = useMemo(() => session.openSettings(), [session]);
  return (
    <section class="page" aria-labelledby="settings-title">
      <header class="bar">
        <IconLink class="only-narrow" icon="back" label={texts.back} href={toHash({ view: "chats" })} />
        <h1 class="bar-title" id="settings-title" tabIndex={-1} data-focus>
          {texts.settings.title}
        </h1>
      </header>
      <div class="page-content">
        <ProfileSection settings={settings} />
        <NotificationSection />
        <PasswordSection settings={settings} />
        <Sessions settings={settings} />
        <Tokens settings={settings} />
        <BlockedPeople />
        <Ending />
        <p class="hint">
          <a href="docs">{texts.settings.api}</a>
        </p>
      </div>
    </section>
  );
}

interface SettingsProps {
  readonly settings: Settings;
}

function ProfileSection({ settings }: SettingsProps) {
  const { user, people } = useSession();
  const profile = people.profileOf(user.user_id).value;
  const edited = useSignal<string | undefined>(undefined);
  const task = useTask();
  const name = edited.value ?? profile?.display_name ?? "";
  const save = async (event: Event) => {
    event.preventDefault();
    if (await task.run(() => settings.setDisplayName(name.trim() || null))) edited.value = undefined;
  };
  return (
    <Section title={texts.settings.profile}>
      <div class="profile">
        <Avatar id={user.user_id} name={profile?.display_name ?? user.username} size="large" />
        <span class="person-texts">
          <bdi class="profile-name">{profile?.display_name ?? user.username}</bdi>
          <span class="muted">
            @<bdi>{user.username}</bdi>
          </span>
        </span>
      </div>
      <form class="inline" onSubmit={(event) => void save(event)}>
        <Field
          label={texts.settings.displayName}
          value={name}
          onInput={(value) => (edited.value = value)}
          autoComplete="name"
          maxLength={64}
        />
        <Button type="submit" isBusy={task.isBusy.value} isDisabled={edited.value === undefined}>
          {texts.save}
        </Button>
      </form>
      <FailureText of={task.failure} />
    </Section>
  );
}

function NotificationSection() {
  const { notifications } = useSession();
  const access = notifications.access.value;
  return (
    <Section title={texts.settings.notifications}>
      <p class="hint" role="status">
        {texts.settings.access[access]}
      </p>
      {access === "default" && (
        <Button onClick={() => void notifications.ask()}>{texts.settings.allow}</Button>
      )}
    </Section>
  );
}

function PasswordSection({ settings }: SettingsProps) {
  const { user } = useSession();
  const current = useSignal("");
  const next = useSignal("");
  const isDone = useSignal(false);
  const task = useTask();
  const change = async (event: Event) => {
    event.preventDefault();
    isDone.value = await task.run(() => settings.changePassword(current.value, next.value));
    if (!isDone.value) return;
    current.value = "";
    next.value = "";
  };
  return (
    <Section title={texts.password}>
      <form onSubmit={(event) => void change(event)}>
        {/* Password managers store the new password under it. */}
        <input
          class="hidden"
          type="text"
          autoComplete="username"
          value={user.username}
          readOnly
          tabIndex={-1}
          aria-hidden="true"
        />
        <Field
          label={texts.settings.currentPassword}
          type="password"
          autoComplete="current-password"
          value={current.value}
          onInput={(value) => (current.value = value)}
          isRequired
        />
        <Field
          label={texts.settings.newPassword}
          type="password"
          autoComplete="new-password"
          hint={texts.signIn.passwordHint}
          value={next.value}
          onInput={(value) => (next.value = value)}
          isRequired
        />
        <p class="hint" role="status">
          {isDone.value ? texts.settings.passwordChanged : texts.settings.passwordEffect}
        </p>
        <FailureText of={task.failure} />
        <Button type="submit" isBusy={task.isBusy.value}>
          {texts.settings.changePassword}
        </Button>
      </form>
    </Section>
  );
}

function Sessions({ settings }: SettingsProps) {
  const task = useTask();
  useFresh(settings.sessions);
  const sessions = settings.sessions.value.value;
  return (
    <Section title={texts.settings.sessions}>
      <ul class="rows">
        {sessions?.map(({ session_id, current, user_agent, last_seen_at }) => (
          <li key={session_id}>
            <span class="person-texts">
              <bdi class="one-line" title={user_agent ?? undefined}>
                {browserOf(user_agent)}
              </bdi>
              <span class="muted">
                {current ? texts.settings.thisBrowser : texts.settings.lastUsed(fullTimeOf(last_seen_at))}
              </span>
            </span>
            {!current && (
              <IconButton
                icon="close"
                label={texts.settings.endSession(browserOf(user_agent))}
                onClick={() => void task.run(() => settings.endSession(session_id))}
              />
            )}
          </li>
        ))}
      </ul>
      {sessions && sessions.length > 1 && (
        <Button onClick={() => void task.run(() => settings.endOtherSessions())}>
          {texts.settings.endOthers}
        </Button>
      )}
      <FailureText of={task.failure} />
      <FailureText of={settings.sessions.failure} />
    </Section>
  );
}

/** A browser and its system, as far as the `User-Agent` names a known one. */
function browserOf(userAgent: string | null): string {
  if (userAgent === null) return texts.settings.unknownBrowser;
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(userAgent)?.[1];
  const system = /(Windows|Android|iPhone|iPad|Macintosh|Linux)/.exec(userAgent)?.[1];
  if (!browser) return userAgent;
  return system ? `${browser} · ${system}` : browser;
}

function Tokens({ settings }: SettingsProps) {
  const name = useSignal("");
  const secret = useSignal<string | undefined>(undefined);
  const task = useTask();
  useFresh(settings.tokens);
  const create = async (event: Event) => {
    event.preventDefault();
    await task.run(async () => {
      secret.value = (await settings.createToken(name.value.trim())).token;
      name.value = "";
    });
  };
  return (
    <Section title={texts.settings.tokens}>
      <p class="hint">{texts.settings.tokensText}</p>
      <form class="inline" onSubmit={(event) => void create(event)}>
        <Field
          label={texts.settings.tokenName}
          value={name.value}
          onInput={(value) => (name.value = value)}
          maxLength={100}
          isRequired
        />
        <Button type="submit" isBusy={task.isBusy.value}>
          {texts.settings.createToken}
        </Button>
      </form>
      {secret.value !== undefined && (
        <CopyField label={texts.settings.secret} text={secret.value} hint={texts.settings.secretOnce} />
      )}
      <ul class="rows">
        {settings.tokens.value.value?.map(({ token_id, name: tokenName, created_at, last_seen_at }) => (
          <li key={token_id}>
            <span class="person-texts">
              <bdi>{tokenName ?? texts.settings.unnamedToken}</bdi>
              <span class="muted">
                {last_seen_at === created_at
                  ? texts.settings.created(fullTimeOf(created_at))
                  : texts.settings.lastUsed(fullTimeOf(last_seen_at))}
              </span>
            </span>
            <IconButton
              icon="trash"
              label={texts.settings.endToken(tokenName ?? texts.settings.unnamedToken)}
              onClick={() => void task.run(() => settings.endToken(token_id))}
            />
          </li>
        ))}
      </ul>
      <FailureText of={task.failure} />
      <FailureText of={settings.tokens.failure} />
    </Section>
  );
}

function BlockedPeople() {
  const { blocks } = useSession();
  const task = useTask();
  useFresh(blocks.all);
  const people = blocks.all.value.value;
  return (
    <Section title={texts.settings.blocks}>
      {people?.length === 0 && <p class="hint">{texts.settings.noBlocks}</p>}
      <ul class="rows">
        {people?.map(({ user_id, username, display_name }) => (
          <li key={user_id}>
            <Avatar id={user_id} name={display_name ?? username} size="small" />
            <span class="person-texts">
              <bdi>{display_name ?? username}</bdi>
            </span>
            <Button onClick={() => void task.run(() => blocks.unblock(user_id))}>
              {texts.block.unblock}
            </Button>
          </li>
        ))}
      </ul>
      <FailureText of={task.failure} />
      <FailureText of={blocks.all.failure} />
    </Section>
  );
}

/** Log out, or erase the account. */
function Ending() {
  const { account, session } = useSurroundings();
  const asking = useSignal<"logOut" | "erase" | undefined>(undefined);
  const unsent = session.outbox.entries.value.length;
  return (
    <Section title={texts.settings.ending}>
      <div class="actions start">
        <Button onClick={() => (asking.value = "logOut")}>{texts.settings.logOut}</Button>
        <Button kind="danger" onClick={() => (asking.value = "erase")}>
          {texts.settings.erase}
        </Button>
      </div>
      {asking.value === "logOut" && (
        <Confirmation
          title={texts.settings.logOut}
          text={texts.settings.logOutText(unsent)}
          action={texts.settings.logOut}
          onConfirm={(signal) => account.logOut(signal)}
          onClose={() => (asking.value = undefined)}
        />
      )}
      {asking.value === "erase" && <EraseDialog onClose={() => (asking.value = undefined)} />}
    </Section>
  );
}

function EraseDialog({ onClose }: { readonly onClose: () => void }) {
  const { account } = useSurroundings();
  const password = useSignal("");
  const task = useTask();
  return (
    <Dialog title={texts.settings.erase} onClose={onClose} class="small">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void task.run(() => account.eraseAccount(password.value));
        }}
      >
        <p>{texts.settings.eraseText}</p>
        <Field
          label={texts.password}
          type="password"
          autoComplete="current-password"
          value={password.value}
          onInput={(value) => (password.value = value)}
          isRequired
        />
        <FailureText of={task.failure} />
        <div class="actions">
          <Button onClick={onClose}>{texts.cancel}</Button>
          <Button kind="danger" type="submit" isBusy={task.isBusy.value}>
            {texts.settings.eraseForever}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

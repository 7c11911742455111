import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Account, SignOutReason } from "../state/account.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { Field } from "./field.js";
import { FailureText, useTask } from "./task.js";

/** Log in, or create an account. */
export function SignIn(props: {
  readonly account: Account;
  /** Why nobody is logged in. */
  readonly reason: SignOutReason;
  /** Whether the user has opened an invitation. */
  readonly isInvited: boolean;
}) {
  const isNew = useSignal(false);
  const username = useSignal("");
  const password = useSignal("");
  const task = useTask();
  const first = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => first.current?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const { account } = props;
    const name = username.value.trim();
    void task.run(() =>
      isNew.value ? account.register(name, password.value) : account.logIn(name, password.value),
    );
  };
  const switchTo = (toNew: boolean) => {
    isNew.value = toNew;
    task.clear();
    first.current?.focus();
  };
  return (
    <main class="welcome">
      <h1 class="brand">{texts.product}</h1>
      <p class="lead" role="status">
        {props.isInvited ? texts.signIn.invited : texts.signIn.reasons[props.reason]}
      </p>
      <form class="card" onSubmit={submit}>
        <h2>{isNew.value ? texts.signIn.register : texts.signIn.logIn}</h2>
        <Field
          label={texts.username}
          value={username.value}
          onInput={(value) => (username.value = value)}
          autoComplete="username"
          isRequired
          inputRef={first}
        />
        <Field
          label={texts.password}
          type="password"
          value={password.value}
          onInput={(value) => (password.value = value)}
          autoComplete={isNew.value ? "new-password" : "current-password"}
          hint={isNew.value ? texts.signIn.passwordHint : undefined}
          isRequired
        />
        <FailureText of={task.failure} />
        <Button kind="primary" type="submit" isBusy={task.isBusy.value}>
          {isNew.value ? texts.signIn.register : texts.signIn.logIn}
        </Button>
      </form>
      <p>
        {isNew.value ? texts.signIn.hasAccount : texts.signIn.hasNone}{" "}
        <button class="link" type="button" onClick={() => switchTo(!isNew.value)}>
          {isNew.value ? texts.signIn.logInInstead : texts.signIn.registerInstead}
        </button>
      </p>
    </main>
  );
}

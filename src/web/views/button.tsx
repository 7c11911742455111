import type { ComponentChildren, Ref } from "preact";
import { Icon, type IconName } from "./icon.js";

interface IconButtonProps {
  readonly icon: IconName;
  /** The name of the button, which is also its tooltip. */
  readonly label: string;
  readonly onClick?: ((event: MouseEvent) => void) | undefined;
  readonly class?: string;
  readonly type?: "button" | "submit";
  readonly isPressed?: boolean | undefined;
  readonly isDisabled?: boolean | undefined;
  /** Keeps it out of the order of the tab key, because another key does the same. */
  readonly isSkipped?: boolean | undefined;
  readonly buttonRef?: Ref<HTMLButtonElement>;
}

export function IconButton({ icon, label, onClick, type = "button", ...rest }: IconButtonProps) {
  return (
    <button
      class={`icon-button ${rest.class ?? ""}`}
      type={type}
      aria-label={label}
      aria-pressed={rest.isPressed}
      title={label}
      disabled={rest.isDisabled}
      tabIndex={rest.isSkipped ? -1 : undefined}
      ref={rest.buttonRef ?? null}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

/** A link that looks like an icon button. */
export function IconLink(props: {
  readonly icon: IconName;
  readonly label: string;
  readonly href: string;
  readonly class?: string;
}) {
  return (
    <a
      class={`icon-button ${props.class ?? ""}`}
      href={props.href}
      aria-label={props.label}
      title={props.label}
    >
      <Icon name={props.icon} />
    </a>
  );
}

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onClick?: (event: MouseEvent) => void;
  readonly kind?: "primary" | "danger" | "plain";
  readonly type?: "button" | "submit";
  readonly isBusy?: boolean;
  readonly isDisabled?: boolean;
}

/** @param isBusy keeps the button focusable, so that the focus does not get lost while it works */
export function Button({
  children,
  kind = "plain",
  type = "button",
  isBusy,
  isDisabled,
  onClick,
}: ButtonProps) {
  return (
    <button class={`button ${kind}`} type={type} aria-busy={isBusy} disabled={isDisabled} onClick={onClick}>
      {children}
    </button>
  );
}

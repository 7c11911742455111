import { Icon, type IconName } from "./icon.js";

/** A button of a menu. The arrow keys move between the buttons beside it. */
export function MenuItem(props: {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  readonly isDanger?: boolean;
}) {
  return (
    <button
      type="button"
      class={`menu-item ${props.isDanger ? "danger" : ""}`}
      onClick={props.onClick}
      onKeyDown={moveFocus}
    >
      <Icon name={props.icon} />
      {props.label}
    </button>
  );
}

function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const { key, currentTarget } = event;
  if (key !== "ArrowDown" && key !== "ArrowUp") return;
  event.preventDefault();
  const items = [...currentTarget.parentElement!.querySelectorAll<HTMLElement>(":scope > .menu-item")];
  const step = key === "ArrowDown" ? 1 : -1;
  items.at((items.indexOf(currentTarget) + step) % items.length)?.focus();
}

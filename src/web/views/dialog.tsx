import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { texts } from "../texts.js";
import { Button, IconButton } from "./button.js";
import { FailureText, useTask } from "./task.js";

interface DialogProps {
  readonly title: string;
  /** Called when the user closes the dialog. The owner then no longer renders it. */
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly class?: string;
}

/** A modal dialog, open as long as it is rendered. The focus returns to where it was. */
export function Dialog({ title, onClose, children, ...rest }: DialogProps) {
  const ref = useModal(onClose);
  const id = useId();
  return (
    <dialog
      ref={ref}
      class={`dialog ${rest.class ?? ""}`}
      aria-labelledby={id}
      onClick={(event) => closeOutside(event)}
    >
      <div class="dialog-content">
        <header class="dialog-header">
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={texts.close} onClick={() => ref.current?.close()} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** A dialog near a point: a menu, or a picker. On narrow screens it is at the bottom. */
export function Popup(props: {
  readonly label: string;
  /** Client coordinates, in CSS pixels. */
  readonly at: { readonly x: number; readonly y: number };
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly class?: string;
}) {
  const ref = useModal(props.onClose);
  const { x, y } = props.at;
  useLayoutEffect(() => {
    const popup = ref.current!;
    const place = () => {
      const { offsetWidth, offsetHeight } = popup;
      popup.style.setProperty("--x", `${Math.max(8, Math.min(x, innerWidth - offsetWidth - 8))}px`);
      popup.style.setProperty("--y", `${Math.max(8, Math.min(y, innerHeight - offsetHeight - 8))}px`);
    };
    place();
    // Its content may be loaded later.
    const observer = new ResizeObserver(place);
    observer.observe(popup);
    return () => observer.disconnect();
  }, [ref, x, y]);
  return (
    <dialog
      ref={ref}
      class={`popup ${props.class ?? ""}`}
      aria-label={props.label}
      onClick={(event) => closeOutside(event)}
    >
      <div class="popup-content">{props.children}</div>
    </dialog>
  );
}

/** Asks before something that cannot be undone. */
export function Confirmation(props: {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  /** The signal aborts when the dialog is closed, so that cancelled work is not done later. */
  readonly onConfirm: (signal: AbortSignal) => Promise<unknown>;
  readonly onClose: () => void;
}) {
  const task = useTask();
  const [closing] = useState(() => new AbortController());
  useEffect(() => () => closing.abort(), []);
  const confirm = async () => {
    if (await task.run(() => props.onConfirm(closing.signal))) props.onClose();
  };
  return (
    <Dialog title={props.title} onClose={props.onClose} class="small">
      <p>{props.text}</p>
      <FailureText of={task.failure} />
      <div class="actions">
        <Button onClick={props.onClose}>{texts.cancel}</Button>
        <Button kind="danger" isBusy={task.isBusy.value} onClick={() => void confirm()}>
          {props.action}
        </Button>
      </div>
    </Dialog>
  );
}

/** Opens a dialog as long as it is rendered. `onClose` is called when the user closes it, not when it is no longer rendered. */
function useModal(onClose: () => void) {
  const ref = useRef<HTMLDialogElement>(null);
  const latest = useRef(onClose);
  latest.current = onClose;
  useLayoutEffect(() => {
    const dialog = ref.current!;
    const listener = () => latest.current();
    dialog.addEventListener("close", listener);
    dialog.showModal();
    return () => {
      dialog.removeEventListener("close", listener);
      // Closing it returns the focus, which removing it would lose.
      dialog.close();
    };
  }, []);
  return ref;
}

/** The content covers the whole dialog, so a click on the dialog itself is one beside it. */
function closeOutside({ target, currentTarget }: MouseEvent & { currentTarget: HTMLDialogElement }): void {
  if (target === currentTarget) currentTarget.close();
}

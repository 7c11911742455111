import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { texts } from "../texts.js";
import { IconButton } from "./button.js";

/** A text to be copied, which is selected at once. */
export function CopyField(props: { readonly label: string; readonly text: string; readonly hint: string }) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const isCopied = useSignal(false);
  useEffect(() => {
    isCopied.value = false;
    field.current?.select();
  }, [props.text]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
      isCopied.value = true;
    } catch {
      // The browser forbids it; the text is selected, so that the user can copy it.
      field.current?.select();
    }
  };
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <div class="copy-row">
        <input
          id={id}
          ref={field}
          readOnly
          value={props.text}
          dir="ltr"
          onFocus={(event) => event.currentTarget.select()}
        />
        <IconButton icon="copy" label={texts.copy} onClick={() => void copy()} />
      </div>
      <p class="hint" role="status">
        {isCopied.value ? texts.copied : props.hint}
      </p>
    </div>
  );
}

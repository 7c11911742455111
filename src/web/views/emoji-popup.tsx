import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { texts } from "../texts.js";
import { Popup } from "./dialog.js";
import type { EmojiPicker } from "./emoji-picker.js";

/** A picker near a point. It is loaded when it is first opened. */
export function EmojiPopup(props: {
  readonly at: { readonly x: number; readonly y: number };
  readonly onChoose: (emoji: string) => void;
  readonly onClose: () => void;
}) {
  const picker = useSignal<typeof EmojiPicker | "failed" | undefined>(undefined);
  useEffect(() => {
    import("./emoji-picker.js").then(
      (loaded) => {
        picker.value = loaded.EmojiPicker;
      },
      () => {
        picker.value = "failed";
      },
    );
  }, []);
  const Picker = picker.value;
  return (
    <Popup label={texts.chooseEmoji} at={props.at} onClose={props.onClose} class="emoji-popup">
      {Picker === "failed" ? (
        <p class="failure" role="alert">
          {texts.notLoaded}
        </p>
      ) : Picker ? (
        <Picker onChoose={props.onChoose} />
      ) : (
        <p class="empty">{texts.loading}</p>
      )}
    </Popup>
  );
}

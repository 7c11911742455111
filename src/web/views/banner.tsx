import { texts } from "../texts.js";
import { useSession } from "./context.js";
import { Icon } from "./icon.js";

/** States that events do not arrive, or that the browser does not keep what was typed. */
export function Banner() {
  const { status, isUnsaved } = useSession();
  const isLate = status.value === "offline" || status.value === "reconnecting";
  return (
    <div class="banners" role="status">
      {isLate && (
        <p class={`banner ${status.value}`}>
          <Icon name="warning" />
          {status.value === "offline" ? texts.offline : texts.reconnecting}
        </p>
      )}
      {isUnsaved.value && (
        <p class="banner">
          <Icon name="warning" />
          {texts.unsaved}
        </p>
      )}
    </div>
  );
}

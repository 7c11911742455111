import type { ReadonlySignal } from "@preact/signals";
import type { NotificationAccess } from "./ports.js";

/** Desktop notifications of new messages. One tab shows them, while no tab of the browser is visible. */
export interface Notifications {
  readonly access: ReadonlySignal<NotificationAccess>;
  /** Asks the user for permission. Call it from a click. */
  ask(): Promise<void>;
}

import type { ReadonlySignal } from "@preact/signals";
import type { Presence, Profile } from "../../client/index.js";

/** The profiles and the presence of users, as far as something shows them. */
export interface People {
  /** Follows the profile of a user, by `user_id` or username. Reads it once. `undefined` until then, and if that fails. */
  profileOf(user: string): ReadonlySignal<Profile | undefined>;
  /** Follows the presence of the other user of a p2p chat. `undefined` if it is unknown, or presence is off. */
  presenceIn(chatId: number): ReadonlySignal<Presence | undefined>;
  /** Finds active users by the beginning of a name. @throws PalaverError `directory_off`, … */
  find(prefix: string): Promise<readonly Profile[]>;
}

import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import {
  PalaverError,
  type Client,
  type Presence,
  type PresenceSignal,
  type Profile,
  type UserEvent,
} from "../../client/index.js";

/** More requests at once would delay those that the user waits for. */
const MAX_REQUESTS = 4;

/** The profiles and the presence of users, as far as something shows them. */
export class People {
  readonly #client: Client;
  readonly #me: string;
  readonly #profiles = new Map<string, Signal<Profile | null | undefined>>();
  readonly #presences = new Map<number, Signal<Presence | undefined>>();
  /** The chats whose presence is shown. */
  readonly #watched = new Set<number>();
  readonly #closing = new AbortController();
  /** The users whose profiles are to be read. */
  #waiting: string[] = [];
  #requests = 0;

  constructor(client: Client, me: string) {
    this.#client = client;
    this.#me = me;
  }

  /**
   * Follows the profile of a user, by `user_id` or username. Reads it once. `undefined` until then, and if that fails; null if no
   * user has the name.
   */
  profileOf(user: string): ReadonlySignal<Profile | null | undefined> {
    const known = this.#profiles.get(user);
    if (known) return known;
    const profile = signal<Profile | null | undefined>(undefined);
    this.#profiles.set(user, profile);
    this.#waiting.push(user);
    this.#readProfiles();
    return profile;
  }

  /** Reads the profile again if no user had the name. */
  retry(user: string): void {
    if (this.#profiles.get(user)?.peek() !== null) return;
    this.#waiting.push(user);
    this.#readProfiles();
  }

  /**
   * Follows the presence of the other user of a p2p chat while something shows it. `undefined` if it is unknown, or presence is
   * off.
   */
  presenceIn(chatId: number): ReadonlySignal<Presence | undefined> {
    const known = this.#presences.get(chatId);
    if (known) return known;
    const presence = signal<Presence | undefined>(undefined, {
      watched: () => {
        this.#watched.add(chatId);
        void this.#readPresence(chatId);
      },
      unwatched: () => this.#watched.delete(chatId),
    });
    this.#presences.set(chatId, presence);
    return presence;
  }

  /** Finds active users by the beginning of a name. @throws PalaverError `directory_off`, … */
  async find(prefix: string): Promise<readonly Profile[]> {
    return this.#client.findUsers({ prefix, limit: 20 }, { signal: this.#closing.signal });
  }

  applyPresence({ user_id, username, online, offline_since }: PresenceSignal): void {
    for (const presence of this.#presences.values()) {
      if (presence.peek()?.user_id === user_id) presence.value = { user_id, username, online, offline_since };
    }
  }

  applyEvent({ type, user_id, username, display_name }: UserEvent): void {
    const state = type === "user.deleted" ? "deleted" : undefined;
    for (const profile of this.#profiles.values()) {
      const known = profile.peek();
      if (known?.user_id !== user_id) continue;
      profile.value = { ...known, username, display_name, state: state ?? known.state };
    }
  }

  /** Reads the presence again that is shown: signals may have been missed. */
  connected(): void {
    for (const chatId of this.#watched) void this.#readPresence(chatId);
  }

  /** Reads everything again: events were missed. */
  reset(): void {
    this.#waiting = [...this.#profiles.keys()];
    this.#readProfiles();
    this.connected();
  }

  close(): void {
    this.#closing.abort();
  }

  #readProfiles(): void {
    while (this.#requests < MAX_REQUESTS && !this.#closing.signal.aborted) {
      const user = this.#waiting.shift();
      if (user === undefined) return;
      void this.#readProfile(user);
    }
  }

  async #readProfile(user: string): Promise<void> {
    this.#requests += 1;
    try {
      const profile = await this.#client.getProfile({ user }, { signal: this.#closing.signal });
      this.#profiles.get(user)!.value = profile;
    } catch (error) {
      if (error instanceof PalaverError && error.code === "user_not_found")
        this.#profiles.get(user)!.value = null;
      // After any other error the name that is known stays shown.
    } finally {
      this.#requests -= 1;
      this.#readProfiles();
    }
  }

  async #readPresence(chatId: number): Promise<void> {
    const { signal: closing } = this.#closing;
    try {
      const all = await this.#client.getPresence({ chat_id: chatId }, { signal: closing });
      this.#presences.get(chatId)!.value = all.find(({ user_id }) => user_id !== this.#me);
    } catch {
      if (!closing.aborted) this.#presences.get(chatId)!.value = undefined;
    }
  }
}

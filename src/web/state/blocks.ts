import type { BlockedUser, Client } from "../../client/index.js";
import { usernameKey } from "../../client/username.js";
import { Loaded } from "./loaded.js";
import type { Tabs } from "./tabs.js";

const MAX_BLOCKS = 1_000;

/** The users whom the user has blocked. */
export class Blocks {
  readonly #client: Client;
  readonly #tabs: Tabs;
  readonly all: Loaded<readonly BlockedUser[]>;

  constructor(client: Client, tabs: Tabs) {
    this.#client = client;
    this.#tabs = tabs;
    this.all = new Loaded(() => client.listBlocks({ limit: MAX_BLOCKS }));
    tabs.on("blocks", () => void this.all.reload());
  }

  /** Whether a user is blocked, as far as it is known. A component that calls it follows the list. */
  has(username: string): boolean {
    const key = usernameKey(username);
    return this.all.value.value?.some((each) => usernameKey(each.username) === key) ?? false;
  }

  /** @param user a username or an id @param cancelling ends the request, if the server has not answered yet @throws PalaverError */
  async block(user: string, cancelling?: AbortSignal): Promise<void> {
    await this.#client.blockUser({ user }, { signal: cancelling });
    this.#tabs.post({ type: "blocks" });
    await this.all.load();
  }

  /** @param user a username or an id @throws PalaverError */
  async unblock(user: string): Promise<void> {
    await this.#client.unblockUser({ user });
    this.#tabs.post({ type: "blocks" });
    this.all.update((all) => all.filter(({ user_id, username }) => user_id !== user && username !== user));
  }
}

import type { Client, NewToken, Profile, Session, Token } from "../../client/index.js";
import { Loaded } from "./loaded.js";

/** What a user sees and changes of the own account. Each list is read by its `load`. Changes throw a `PalaverError`. */
export class Settings {
  readonly #client: Client;
  readonly profile: Loaded<Profile>;
  readonly sessions: Loaded<readonly Session[]>;
  readonly tokens: Loaded<readonly Token[]>;

  constructor(client: Client) {
    this.#client = client;
    this.profile = new Loaded(() => client.getProfile({ user: "me" }));
    this.sessions = new Loaded(() => client.listSessions());
    this.tokens = new Loaded(() => client.listTokens());
  }

  async setDisplayName(name: string | null): Promise<void> {
    const profile = await this.#client.updateProfile({ display_name: name });
    this.profile.update(() => profile);
  }

  /** Ends all other sessions and all tokens. */
  async changePassword(current: string, next: string): Promise<void> {
    await this.#client.changePassword({ current_password: current, new_password: next });
    await Promise.all([this.sessions.reload(), this.tokens.reload()]);
  }

  async endSession(sessionId: string): Promise<void> {
    await this.#client.endSession({ session_id: sessionId });
    this.sessions.update((all) => all.filter(({ session_id }) => session_id !== sessionId));
  }

  async endOtherSessions(): Promise<void> {
    await this.#client.endOtherSessions();
    this.sessions.update((all) => all.filter(({ current }) => current));
  }

  /** The secret is shown only once. */
  async createToken(name: string): Promise<NewToken> {
    const token = await this.#client.createToken({ name });
    await this.tokens.reload();
    return token;
  }

  async endToken(tokenId: string): Promise<void> {
    await this.#client.endToken({ token_id: tokenId });
    this.tokens.update((all) => all.filter(({ token_id }) => token_id !== tokenId));
  }
}

import { signal, type ReadonlySignal } from "@preact/signals";
import { createClient, PalaverError, type Client, type CurrentSession } from "../../client/index.js";
import { backoff } from "../../client/call.js";
import { isTransient } from "./failure.js";
import { pause } from "./pause.js";
import type { Channel, Ports } from "./ports.js";

/** Why nobody is logged in. */
export type SignOutReason = "never" | "logged_out" | "expired" | "erased";

/**
 * - `loading`: the browser asks the server who is logged in, for as long as the server does not answer.
 * - `anonymous`: nobody is logged in.
 * - `active`: `user` is logged in.
 */
export type AccountState =
  | { readonly state: "loading" }
  | { readonly state: "anonymous"; readonly reason: SignOutReason }
  | { readonly state: "active"; readonly user: CurrentSession };

/** What a tab tells the others about the session of the browser. */
interface AccountMessage {
  /** The reason for which it has ended; `undefined` if somebody has logged in. */
  readonly ended?: SignOutReason;
  /** The user whose records the tab has deleted. */
  readonly deleted?: string;
}

type AccountPorts = Pick<Ports, "url" | "fetch" | "storage" | "locks" | "openChannel">;

/** Held `shared` by requests of a user, and `exclusive` by whatever changes the session of the browser. */
const LOCK = "palaver-account";
const RECORD = { table: "account", owner: "", key: "current" } as const;
/** A user who logs out waits for it. */
const LOG_OUT_PATIENCE_MS = 10_000;

/**
 * Who is logged in in this browser. All tabs share one session cookie, so they follow a change in one of them.
 *
 * The id of the user is also a record in the storage. A request of a user checks it while it holds the lock, so it never goes
 * out with the cookie of another one. Where the browser stores nothing, each tab has a record in memory.
 */
export class Account {
  readonly #ports: AccountPorts;
  readonly #client: Client;
  readonly #channel: Channel;
  readonly #current = signal<AccountState>({ state: "loading" });
  readonly #closing = new AbortController();
  /** The record, while the browser could not store it. */
  #unsaved: { readonly userId: string | undefined } | undefined;
  #reading: Promise<void> | undefined;

  constructor(ports: AccountPorts) {
    this.#ports = ports;
    this.#client = createClient({ url: ports.url, fetch: ports.fetch });
    this.#channel = ports.openChannel("palaver-account");
    this.#channel.listen((message) => void this.#follow(message as AccountMessage));
  }

  get current(): ReadonlySignal<AccountState> {
    return this.#current;
  }

  /** Asks the server who is logged in, until it answers. */
  async start(): Promise<void> {
    await this.#read("never");
  }

  /** @throws PalaverError `wrong_credentials`, `account_disabled`, `too_many_requests`, … */
  async logIn(username: string, password: string): Promise<void> {
    await this.#changeSession(async () => {
      await this.#client.logIn({ username, password });
      const user = await this.#client.getSession();
      await this.#record(user.user_id);
      this.#current.value = { state: "active", user };
    });
    this.#channel.post({} satisfies AccountMessage);
  }

  /** Creates an account and logs in. @throws PalaverError `username_taken`, `invalid_username`, `registration_closed`, … */
  async register(username: string, password: string): Promise<void> {
    await this.#client.registerUser({ username, password });
    await this.logIn(username, password);
  }

  /**
   * Ends the session, and deletes drafts, unsent messages and all other data of the user from this browser.
   *
   * @param cancelling ends the request, if the server has not answered yet
   * @throws PalaverError `no_answer`: the server is not reachable, and nothing is changed
   */
  async logOut(cancelling?: AbortSignal): Promise<void> {
    await this.#end("logged_out", () =>
      this.#client.logOut({ patience: LOG_OUT_PATIENCE_MS, signal: cancelling }),
    );
  }

  /** Erases the account permanently, and its data from this browser. @throws PalaverError `wrong_password`, … */
  async eraseAccount(password: string): Promise<void> {
    await this.#end("erased", () => this.#client.eraseAccount({ password }));
  }

  /** Asks the server again: a request of the user was rejected because the session has ended. */
  async checkExpiry(): Promise<void> {
    await this.#read("expired");
  }

  /** Returns a `fetch` whose requests fail unless the user is logged in when they are sent and when they are answered. */
  fetchAs(userId: string): typeof globalThis.fetch {
    const { fetch, locks } = this.#ports;
    return async (input, init) => {
      const options = { mode: "shared" as const, ...(init?.signal && { signal: init.signal }) };
      const response = await locks.request(LOCK, options, async () => {
        await this.#assertCurrent(userId);
        return fetch(input, init);
      });
      // Without Web Locks, somebody may have logged in meanwhile.
      await this.#assertCurrent(userId);
      return response;
    };
  }

  close(): void {
    this.#closing.abort();
    this.#channel.close();
  }

  async #end(reason: "logged_out" | "erased", request: () => Promise<void>): Promise<void> {
    const current = this.#current.value;
    await this.#changeSession(async () => {
      await request().catch((error: unknown) => {
        if (!(error instanceof PalaverError && error.code === "not_signed_in")) throw error;
      });
      await this.#record(undefined);
      this.#current.value = { state: "anonymous", reason };
    });
    if (current.state !== "active") return;
    await this.#deleteRecords(current.user.user_id);
    this.#channel.post({ ended: reason, deleted: current.user.user_id } satisfies AccountMessage);
  }

  /** Another tab has changed the session. */
  async #follow({ ended, deleted }: AccountMessage): Promise<void> {
    this.#unsaved = undefined;
    if (ended !== undefined) {
      if (this.#current.value.state === "active") this.#current.value = { state: "anonymous", reason: ended };
    } else {
      await this.#read("expired");
    }
    // This tab may have written a record after the other one had deleted them.
    if (deleted !== undefined) await this.#deleteRecords(deleted);
  }

  async #read(reasonIfEnded: SignOutReason): Promise<void> {
    this.#reading ??= this.#readUntilAnswered(reasonIfEnded).finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #readUntilAnswered(reasonIfEnded: SignOutReason): Promise<void> {
    const { signal: closing } = this.#closing;
    for (let failures = 1; !closing.aborted; failures += 1) {
      if (await this.#readOnce(reasonIfEnded, closing)) return;
      await pause(backoff(failures), closing);
    }
  }

  /** Returns whether it has read the session. */
  async #readOnce(reasonIfEnded: SignOutReason, closing: AbortSignal): Promise<boolean> {
    try {
      let user = await this.#readSession(closing);
      if (user?.user_id !== (await this.#recorded())) {
        // A tab that crashed, or another program, has changed the session.
        user = await this.#ports.locks.request(LOCK, { signal: closing }, async () => {
          const now = await this.#readSession(closing);
          await this.#record(now?.user_id);
          return now;
        });
        this.#channel.post({} satisfies AccountMessage);
      }
      this.#become(user ? { state: "active", user } : { state: "anonymous", reason: reasonIfEnded });
      return true;
    } catch (error) {
      if (!closing.aborted && !isTransient(error)) throw error;
      // The server or a proxy failed.
      return false;
    }
  }

  #become(state: AccountState): void {
    const before = this.#current.value;
    const stays =
      before.state === state.state &&
      (before.state !== "active" ||
        state.state !== "active" ||
        before.user.session_id === state.user.session_id);
    if (!stays) this.#current.value = state;
  }

  /** Returns `undefined` if nobody is logged in. Retries until the server answers. @throws an error of a proxy or of the signal */
  async #readSession(closing: AbortSignal): Promise<CurrentSession | undefined> {
    try {
      return await this.#client.getSession({ patience: Infinity, signal: closing });
    } catch (error) {
      if (error instanceof PalaverError && !isTransient(error)) return undefined;
      throw error;
    }
  }

  /** Runs a change of the session alone, with no user recorded. Restores the record if it fails. */
  async #changeSession(change: () => Promise<void>): Promise<void> {
    await this.#ports.locks.request(LOCK, { signal: this.#closing.signal }, async () => {
      const before = await this.#recorded();
      await this.#record(undefined);
      try {
        await change();
      } catch (error) {
        await this.#record(before);
        throw error;
      }
    });
  }

  async #assertCurrent(userId: string): Promise<void> {
    const recorded = await this.#recorded(userId);
    if (recorded === userId) return;
    void this.#read("expired");
    throw new Error("Another user has logged in, or nobody is.");
  }

  /** @param ifUnknown the result if the storage cannot be read, and this tab has recorded nothing */
  async #recorded(ifUnknown?: string): Promise<string | undefined> {
    if (this.#unsaved) return this.#unsaved.userId;
    try {
      const [userId] = await this.#ports.storage.list(RECORD.table, RECORD.owner);
      return userId as string | undefined;
    } catch {
      return ifUnknown;
    }
  }

  async #record(userId: string | undefined): Promise<void> {
    const { storage } = this.#ports;
    const { table, owner, key } = RECORD;
    try {
      if (userId === undefined) await storage.delete(table, owner, key);
      else await storage.put(table, owner, key, userId);
      this.#unsaved = undefined;
    } catch {
      this.#unsaved = { userId };
    }
  }

  async #deleteRecords(userId: string): Promise<void> {
    // A browser that allows no storage has none of them.
    await this.#ports.storage.clear(userId).catch(() => {});
  }
}

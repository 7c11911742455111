import pg from "pg";
import {
  openPostgresStore,
  type PostgresOptions,
  type PostgresStore,
} from "../../src/adapters/postgres/store.js";
import { createDatabase, type TestDatabase } from "./postgres.js";

/** The tables of the schema with rows of users, without those that refer to others last. */
const TABLES =
  "outbox, events, sessions, invitations, read_markers, reactions, deleted_reactions, messages, participants, chats, blocks, user_words, users, settings, earlier_epochs, search_terms".split(
    ", ",
  );

const EMPTY = `
  ${TABLES.map((table) => `DELETE FROM ${table};`).join(" ")}
  ALTER SEQUENCE chat_ids RESTART; ALTER SEQUENCE message_ids RESTART; ALTER SEQUENCE event_numbers RESTART;
  UPDATE deleted_ids SET id = 0;
  UPDATE search_progress SET indexed_up_to = 0;
  DELETE FROM event_log;
  INSERT INTO event_log (epoch) VALUES (substr(md5(gen_random_uuid()::text), 1, 16));`;

/** Stores on one database, which is created when the first is opened. A suite drops it at its end. */
export class PostgresStores {
  #database: TestDatabase | undefined;
  /** Kept open for `execute`, since a new connection takes longer than most statements. */
  #client: pg.Client | undefined;

  /** Opens an empty store, of which no other may be open. */
  async openEmpty(options?: PostgresOptions): Promise<PostgresStore> {
    if (this.#database === undefined) this.#database = await createDatabase();
    else await this.execute(EMPTY);
    return this.open(options);
  }

  /** Opens the database once more, as another node does. */
  open(options?: PostgresOptions): Promise<PostgresStore> {
    return openPostgresStore(this.url, options);
  }

  get url(): string {
    if (this.#database === undefined) throw new Error("Open an empty store first.");
    return this.#database.url;
  }

  async execute(sql: string): Promise<readonly Record<string, unknown>[]> {
    return (await (await this.#connected()).query<Record<string, unknown>>(sql)).rows;
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new pg.Client(this.url);
    // A test can end all connections of the database.
    client.on("error", () => {});
    client.once("end", () => {
      if (this.#client === client) this.#client = undefined;
    });
    await client.connect();
    return (this.#client = client);
  }

  async drop(): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    await this.#client?.end();
    await database?.drop();
  }
}

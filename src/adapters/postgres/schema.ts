import { HAS_STORE, SCHEMA_ID, sqlState, type Connection, type Statements } from "./connection.js";

/**
 * The migrations from each version of the schema to the next; the first creates version 1. Released migrations must not be
 * changed. Times are epoch milliseconds. Texts that are compared or sorted use the collation "C", so that no locale changes
 * their order.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE users (
    id text COLLATE "C" PRIMARY KEY,
    username text NOT NULL,
    username_key text COLLATE "C" NOT NULL UNIQUE,
    password_digest text NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint,
    -- Since when the user is deleted; and since when nothing of them remains, null until then. A deleted user has the username
    -- "deleted", and as the key a keyed digest of the former one.
    deleted_at bigint,
    erased_at bigint,
    -- Null where the user has not chosen one.
    display_name text
  );

  -- The words by which the directory finds the users who are neither disabled nor deleted.
  CREATE TABLE user_words (
    word text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES users,
    PRIMARY KEY (word, user_id)
  );
  CREATE INDEX words_of_user ON user_words (user_id, word);

  CREATE TABLE blocks (
    user_id text COLLATE "C" NOT NULL REFERENCES users,
    blocked_id text COLLATE "C" NOT NULL REFERENCES users,
    blocked_at bigint NOT NULL,
    PRIMARY KEY (user_id, blocked_id),
    CHECK (user_id <> blocked_id)
  );
  CREATE INDEX users_to_erase ON users (id) WHERE deleted_at IS NOT NULL AND erased_at IS NULL;

  -- The key of those digests, in hexadecimal digits.
  CREATE TABLE digest_keys (name text COLLATE "C" PRIMARY KEY, key text NOT NULL);
  INSERT INTO digest_keys VALUES ('usernames', encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')), 'hex'));

  CREATE SEQUENCE chat_ids;
  CREATE TABLE chats (
    id bigint PRIMARY KEY DEFAULT nextval('chat_ids'),
    kind text NOT NULL CHECK (kind IN ('group', 'p2p')),
    title text,
    first_user_id text COLLATE "C" REFERENCES users,
    second_user_id text COLLATE "C" REFERENCES users,
    created_at bigint NOT NULL,
    participant_count integer NOT NULL DEFAULT 0,
    -- The last message id at the creation, or the last one that was deleted by age: the activity of the chat without messages.
    born_after bigint NOT NULL,
    -- The policy, which has no meaning in p2p chats.
    may_add text NOT NULL DEFAULT 'everyone' CHECK (may_add IN ('everyone', 'admins')),
    may_remove text NOT NULL DEFAULT 'everyone' CHECK (may_remove IN ('everyone', 'admins')),
    may_rename text NOT NULL DEFAULT 'everyone' CHECK (may_rename IN ('everyone', 'admins')),
    may_post text NOT NULL DEFAULT 'everyone' CHECK (may_post IN ('everyone', 'admins')),
    history text NOT NULL DEFAULT 'all' CHECK (history IN ('all', 'since_join')),
    -- JSON, with the fields in the order in which they were given.
    metadata text CHECK (kind = 'group' OR metadata IS NULL),
    -- The seq up to which messages were deleted by age.
    forgotten_seq bigint NOT NULL DEFAULT 0,
    -- The time of the message with that seq.
    forgotten_at bigint,
    UNIQUE (first_user_id, second_user_id),
    CHECK (first_user_id <= second_user_id),
    CHECK ((kind = 'p2p') = (first_user_id IS NOT NULL)),
    CHECK ((kind = 'p2p') = (second_user_id IS NOT NULL)),
    CHECK (kind = 'group' OR title IS NULL)
  );
  CREATE INDEX abandoned_chats ON chats (id) WHERE participant_count = 0;

  CREATE TABLE participants (
    user_id text COLLATE "C" NOT NULL REFERENCES users,
    chat_id bigint NOT NULL REFERENCES chats,
    joined_at bigint NOT NULL,
    -- Taken from event_numbers: the user receives the events of the chat with a greater number.
    joined_after bigint NOT NULL,
    -- The end of the log at that time. Those events are behind it.
    joined_position bigint NOT NULL,
    -- Null in p2p chats.
    role text CHECK (role IN ('owner', 'admin', 'member')),
    -- The user can read the messages of the chat with a greater id.
    history_start bigint NOT NULL DEFAULT 0,
    -- The participant's own settings. They go with the row.
    muted_until bigint,
    archived_seq bigint,
    pinned integer NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    PRIMARY KEY (user_id, chat_id)
  );
  CREATE INDEX participants_of_chat ON participants (chat_id, joined_at, user_id);
  CREATE INDEX participants_of_user ON participants (user_id, joined_after, chat_id);
  CREATE UNIQUE INDEX owners ON participants (chat_id) WHERE role = 'owner';
  CREATE INDEX admins ON participants (chat_id, joined_at, user_id) WHERE role = 'admin';

  -- Also of users who have left.
  CREATE TABLE read_markers (
    user_id text COLLATE "C" NOT NULL REFERENCES users,
    chat_id bigint NOT NULL REFERENCES chats,
    seq bigint NOT NULL,
    PRIMARY KEY (user_id, chat_id)
  );
  CREATE INDEX read_markers_of_chat ON read_markers (chat_id);

  CREATE SEQUENCE message_ids;
  CREATE TABLE messages (
    id bigint PRIMARY KEY,
    chat_id bigint NOT NULL REFERENCES chats,
    seq bigint NOT NULL,
    sender_id text COLLATE "C" NOT NULL REFERENCES users,
    text text NOT NULL,
    sent_at bigint NOT NULL,
    edited_at bigint,
    deleted_at bigint,
    idempotency_key text COLLATE "C",
    text_digest text,
    UNIQUE (chat_id, seq)
  );
  CREATE INDEX messages_of_chat ON messages (chat_id, id);
  CREATE UNIQUE INDEX messages_by_key ON messages (sender_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE INDEX deleted_messages ON messages (chat_id, seq) WHERE deleted_at IS NOT NULL;

  -- The greatest ids of deleted rows.
  CREATE TABLE deleted_ids (kind text PRIMARY KEY, id bigint NOT NULL);
  INSERT INTO deleted_ids VALUES ('message', 0);

  CREATE TABLE sessions (
    id text COLLATE "C" PRIMARY KEY,
    digest text COLLATE "C" NOT NULL UNIQUE,
    user_id text COLLATE "C" NOT NULL REFERENCES users,
    kind text NOT NULL CHECK (kind IN ('cookie', 'token')),
    name text,
    user_agent text,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    CHECK ((kind = 'token') = (name IS NOT NULL)),
    CHECK (kind = 'cookie' OR user_agent IS NULL)
  );
  CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id);

  CREATE TABLE invitations (
    id text COLLATE "C" PRIMARY KEY,
    digest text COLLATE "C" NOT NULL UNIQUE,
    chat_id bigint NOT NULL REFERENCES chats,
    inviter_id text COLLATE "C" NOT NULL REFERENCES users,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    max_uses integer,
    uses integer NOT NULL,
    CHECK (uses <= max_uses)
  );
  CREATE INDEX invitations_of_chat ON invitations (chat_id, id);
  CREATE INDEX invitations_of_inviter ON invitations (inviter_id, id);

  -- The events of committed transactions, until the relay moves them to the log. A number is taken under the lock of the chat, so
  -- that the numbers of one chat are in commit order. Those of different chats are not.
  CREATE SEQUENCE event_numbers;
  CREATE TABLE outbox (
    number bigint PRIMARY KEY DEFAULT nextval('event_numbers'),
    chat_id bigint,
    user_id text COLLATE "C",
    outside integer NOT NULL,
    at bigint NOT NULL,
    what text NOT NULL,
    message_id bigint
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

  -- The log. A row without a user is for all participants of its chat. A row without a chat is about its user where outside = 1, and
  -- otherwise the end of a session.
  CREATE TABLE events (
    id bigint PRIMARY KEY,
    number bigint NOT NULL,
    chat_id bigint,
    user_id text COLLATE "C",
    outside integer NOT NULL,
    at bigint NOT NULL,
    what text NOT NULL,
    message_id bigint
  );
  CREATE INDEX events_of_chat ON events (chat_id, id) WHERE user_id IS NULL;
  CREATE INDEX events_of_user ON events (user_id, id) WHERE chat_id IS NOT NULL AND user_id IS NOT NULL;
  CREATE INDEX events_about_user ON events (user_id, id) WHERE chat_id IS NULL AND outside = 1;
  CREATE INDEX events_of_participants ON events (chat_id) WHERE user_id IS NOT NULL AND outside = 0;

  CREATE TABLE event_log (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch text NOT NULL,
    -- The id of the last event.
    last bigint NOT NULL DEFAULT 0,
    -- The greatest id that was deleted because of its age.
    forgotten bigint NOT NULL DEFAULT 0,
    -- Every message id and event number up to these is of a transaction that has ended.
    settled_message bigint NOT NULL DEFAULT 0,
    settled_number bigint NOT NULL DEFAULT 0,
    -- What is settled next: once every transaction up to this one has ended.
    next_message bigint NOT NULL DEFAULT 0,
    next_number bigint NOT NULL DEFAULT 0,
    next_transaction xid8 NOT NULL DEFAULT '0'
  ) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
  INSERT INTO event_log (epoch) VALUES (substr(md5(gen_random_uuid()::text), 1, 16));

  -- How often limited requests were made. Unlogged, so that counting waits for no disk: after a crash, and on a standby that
  -- becomes the primary, every client has its whole quotas again. No index has the count, so an update stays within its page.
  CREATE UNLOGGED TABLE request_counts (
    key text COLLATE "C" PRIMARY KEY,
    count integer NOT NULL,
    ends_at bigint NOT NULL
  );
  CREATE INDEX request_counts_by_end ON request_counts (ends_at);

  -- The epochs of the stores that the log was copied from, oldest first, each with the greatest event id in it.
  CREATE TABLE earlier_epochs (id bigint PRIMARY KEY, epoch text NOT NULL UNIQUE, last bigint NOT NULL);

  CREATE TABLE settings (name text PRIMARY KEY, value text NOT NULL);

  -- PostgreSQL empties it when it recovers from a crash or becomes the primary. Before and after, one transaction id can name two
  -- transactions.
  CREATE UNLOGGED TABLE incarnation (single boolean PRIMARY KEY DEFAULT true CHECK (single), id uuid NOT NULL);
  `,
  `
  ALTER TABLE messages ADD COLUMN reply_to bigint;
  -- JSON: the ids of users, or null without mentions; and an object, with the fields in the order in which they were given.
  ALTER TABLE messages ADD COLUMN mentions text;
  ALTER TABLE messages ADD COLUMN metadata text;

  -- An index of messages.mentions, which triggers keep.
  CREATE TABLE mentions (
    user_id text COLLATE "C" NOT NULL,
    chat_id bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (user_id, chat_id, seq)
  );
  CREATE FUNCTION index_mentions() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP <> 'INSERT' THEN
      DELETE FROM mentions WHERE user_id IN (SELECT json_array_elements_text(OLD.mentions::json))
        AND chat_id = OLD.chat_id AND seq = OLD.seq;
    END IF;
    IF TG_OP <> 'DELETE' THEN
      INSERT INTO mentions SELECT value, NEW.chat_id, NEW.seq FROM json_array_elements_text(NEW.mentions::json);
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER mentions_of_new AFTER INSERT ON messages
    FOR EACH ROW WHEN (NEW.mentions IS NOT NULL) EXECUTE FUNCTION index_mentions();
  CREATE TRIGGER mentions_of_changed AFTER UPDATE OF mentions ON messages
    FOR EACH ROW WHEN (OLD.mentions IS DISTINCT FROM NEW.mentions) EXECUTE FUNCTION index_mentions();
  CREATE TRIGGER mentions_of_deleted AFTER DELETE ON messages
    FOR EACH ROW WHEN (OLD.mentions IS NOT NULL) EXECUTE FUNCTION index_mentions();
  `,
  `
  -- A summary of the reactions to the message, as JSON; null without one.
  ALTER TABLE messages ADD COLUMN reactions text;

  -- Without a reference to messages: the rows of a deleted message go in slices.
  CREATE TABLE reactions (
    message_id bigint NOT NULL,
    position bigint NOT NULL,
    emoji text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES users,
    at bigint NOT NULL,
    PRIMARY KEY (message_id, position)
  );
  CREATE UNIQUE INDEX reactions_of_user ON reactions (user_id, message_id, emoji);
  CREATE INDEX reactions_by_emoji ON reactions (message_id, emoji, position);

  -- The deleted messages, with or without a tombstone, that have rows in reactions.
  CREATE TABLE deleted_reactions (message_id bigint PRIMARY KEY);
  `,
  `
  -- The terms of each message with an id up to the one of search_progress, unless it has none. Derived from the texts.
  CREATE TABLE search_terms (
    message_id bigint PRIMARY KEY,
    terms tsvector NOT NULL
  );
  CREATE INDEX messages_by_term ON search_terms USING gin (terms);
  CREATE TABLE search_progress (single boolean PRIMARY KEY DEFAULT true CHECK (single), indexed_up_to bigint NOT NULL);
  INSERT INTO search_progress (indexed_up_to) VALUES (0);
  `,
];

/** The advisory lock under which one node at a time migrates, and a copy fills the database. */
const MIGRATION_LOCK = 72_526_861;

/** The advisory lock that each server shares, and that a copy into its store takes alone. The schema distinguishes stores. */
export const SERVERS_LOCK = `${MIGRATION_LOCK}, ${SCHEMA_ID}::int`;

/** The advisory lock that each change of a text shares, and that a node takes alone to index texts. */
export const SEARCH_LOCK = `72526864, ${SCHEMA_ID}::int`;

/** The SQLSTATE of a lock that was not free in time. */
const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Lets no other node migrate the database until the end of the transaction.
 *
 * @throws Error if another program keeps it locked.
 */
export async function lockSchema(connection: Pick<Connection, "row">): Promise<void> {
  try {
    await connection.row("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK);
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
    throw new SchemaError(
      "Another program migrates the database or copies into it. Try again when it has ended.",
      { cause: error },
    );
  }
}

/** The database is not one that this program can use. The message says why, and what to do. */
export class SchemaError extends Error {}

/** Any relation can have the name of one of ours. An extension owns its relations, but not the composite types among them. */
const INSPECT = `SELECT current_setting('server_encoding'), current_schema(), ${HAS_STORE},
  (SELECT relname FROM pg_class WHERE relnamespace = ${SCHEMA_ID} AND relkind NOT IN ('i', 'I', 'c') AND NOT EXISTS (
      SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
    ORDER BY relkind <> 'r', relname LIMIT 1)`;

/**
 * The version of the schema in a database, 0 if the database has nothing but extensions. Changes nothing.
 *
 * @throws SchemaError if the database has another encoding than UTF-8, tables of another program, or a version newer than this code.
 */
export async function schemaVersion(connection: Pick<Statements, "row">): Promise<number> {
  const [encoding, schema, hasStore, table] = (await connection.row(INSPECT))! as readonly [
    string,
    string | null,
    boolean,
    string | null,
  ];
  if (encoding !== "UTF8") {
    throw new SchemaError(
      `Its encoding is ${encoding}, which does not have all characters. Use a database that was created with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.`,
    );
  }
  if (schema === null) {
    throw new SchemaError("No schema of the search_path exists. Create one with: CREATE SCHEMA ….");
  }
  if (!hasStore) {
    if (table === null) return 0;
    throw new SchemaError(
      `Its schema ${JSON.stringify(schema)} has tables of another program, such as ${JSON.stringify(table)}. Use an empty database, or a schema for Palaver alone: run CREATE SCHEMA palaver, and add ?options=-csearch_path%3Dpalaver to the URL.`,
    );
  }
  const [version] = (await connection.row(
    "SELECT coalesce(max(version), 0) FROM schema_version",
  ))! as readonly [number];
  if (version > MIGRATIONS.length) {
    throw new SchemaError(
      `It has version ${version} of the schema, and this program supports versions up to ${MIGRATIONS.length}. Use the newer version of Palaver that migrated it, or restore a backup from before.`,
    );
  }
  return version;
}

/**
 * Migrates a database to the current version of the schema, in one transaction.
 *
 * @throws SchemaError if the database is not one that this program can use.
 */
export async function migrate(connection: Pick<Connection, "execute" | "row">): Promise<void> {
  await connection.execute("BEGIN");
  await lockSchema(connection);
  const version = await schemaVersion(connection);
  if (version === 0) await connection.execute("CREATE TABLE schema_version (version integer PRIMARY KEY)");
  for (const migration of MIGRATIONS.slice(version)) await connection.execute(migration);
  if (version < MIGRATIONS.length) {
    await connection.execute(`INSERT INTO schema_version VALUES (${MIGRATIONS.length})`);
  }
  await connection.execute("COMMIT");
}

import type { Database } from "./database.js";

const POLICY_OF_VERSION_9 =
  '{"add":"everyone","remove":"everyone","rename":"everyone","post":"everyone","history":"all"}';

/** Does nothing where the key exists. */
export const CREATE_DIGEST_KEY =
  "INSERT OR IGNORE INTO digest_keys VALUES ('usernames', lower(hex(randomblob(32))))";

/**
 * The migrations from each version of the schema to the next; the first creates version 1. Released migrations must not be
 * changed. Times are epoch milliseconds.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    password_digest TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('group', 'p2p')),
    title TEXT,
    first_user_id TEXT REFERENCES users,
    second_user_id TEXT REFERENCES users,
    created_at INTEGER NOT NULL,
    UNIQUE (first_user_id, second_user_id),
    CHECK (first_user_id <= second_user_id),
    CHECK ((kind = 'p2p') = (first_user_id IS NOT NULL)),
    CHECK ((kind = 'p2p') = (second_user_id IS NOT NULL)),
    CHECK (kind = 'group' OR title IS NULL)
  ) STRICT;

  CREATE TABLE participants (
    user_id TEXT NOT NULL REFERENCES users,
    chat_id INTEGER NOT NULL REFERENCES chats,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, chat_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chats,
    seq INTEGER NOT NULL,
    sender_id TEXT NOT NULL REFERENCES users,
    text TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    UNIQUE (chat_id, seq)
  ) STRICT;
  -- With the id, which every index ends with, this is the order in which a chat is read.
  CREATE INDEX messages_of_chat ON messages (chat_id);

  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_of_user ON sessions (user_id, expires_at);
  `,
  `
  ALTER TABLE chats ADD COLUMN participant_count INTEGER NOT NULL DEFAULT 0;
  UPDATE chats SET participant_count = (SELECT count(*) FROM participants WHERE chat_id = chats.id);
  -- The greatest id of a message there was when the chat was made. Until its first message, it was last active then.
  ALTER TABLE chats ADD COLUMN born_after INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX participants_of_chat ON participants (chat_id, joined_at, user_id);

  -- Of those who have left, too: when they come back they have not forgotten.
  CREATE TABLE read_markers (
    user_id TEXT NOT NULL REFERENCES users,
    chat_id INTEGER NOT NULL REFERENCES chats,
    seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, chat_id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO read_markers SELECT sender_id, chat_id, max(seq) FROM messages GROUP BY sender_id, chat_id;

  ALTER TABLE messages ADD COLUMN idempotency_key TEXT;
  ALTER TABLE messages ADD COLUMN text_digest TEXT;
  CREATE UNIQUE INDEX messages_by_key ON messages (sender_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE INDEX deleted_messages ON messages (chat_id, seq, deleted_at) WHERE deleted_at IS NOT NULL;
  `,
  `
  CREATE TABLE new_sessions (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users,
    kind TEXT NOT NULL CHECK (kind IN ('cookie', 'token')),
    name TEXT,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CHECK ((kind = 'token') = (name IS NOT NULL)),
    CHECK (kind = 'cookie' OR user_agent IS NULL)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO new_sessions
    SELECT id, digest, user_id, 'cookie', NULL, NULL, created_at, created_at, expires_at FROM sessions;
  DROP TABLE sessions;
  ALTER TABLE new_sessions RENAME TO sessions;
  -- With the id, which every index ends with, this is the order in which they are listed.
  CREATE INDEX sessions_of_user ON sessions (user_id, created_at);
  `,
  `
  -- Whose name no other database has: a cursor tells by it whether it is one of this log.
  CREATE TABLE identity (epoch TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  INSERT INTO identity VALUES (lower(hex(randomblob(8))));

  -- For a chat's participants where it names no user, for that one of them where it does, or, with outside = 1, for that
  -- user in the chat or not; for nobody where it names no chat.
  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER REFERENCES chats,
    user_id TEXT REFERENCES users,
    outside INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    message_id INTEGER REFERENCES messages
  ) STRICT;
  CREATE INDEX events_of_chat ON events (chat_id) WHERE user_id IS NULL;
  CREATE INDEX events_of_user ON events (user_id) WHERE chat_id IS NOT NULL AND user_id IS NOT NULL;

  -- The last event of the log when they joined: those behind it are for them.
  ALTER TABLE participants ADD COLUMN joined_after INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Since when the operator keeps them out; null where nobody does.
  ALTER TABLE users ADD COLUMN disabled_at INTEGER;
  `,
  `
  -- The greatest ids of deleted rows: of chats and messages, which are not assigned again, and of events deleted by age.
  CREATE TABLE deleted_ids (kind TEXT PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO deleted_ids
    SELECT 'chat', coalesce(max(id), 0) FROM chats
    UNION ALL SELECT 'message', coalesce(max(id), 0) FROM messages
    UNION ALL SELECT 'event', coalesce(min(id) - 1, 0) FROM events;

  -- Without references to chats and messages: the event of a removed user outlives the chat, and each deleted message would
  -- cost a scan.
  CREATE TABLE new_events (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER,
    user_id TEXT REFERENCES users,
    outside INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    message_id INTEGER
  ) STRICT;
  INSERT INTO new_events SELECT id, chat_id, user_id, outside, at, what, message_id FROM events;
  DROP TABLE events;
  ALTER TABLE new_events RENAME TO events;
  CREATE INDEX events_of_chat ON events (chat_id) WHERE user_id IS NULL;
  CREATE INDEX events_of_user ON events (user_id) WHERE chat_id IS NOT NULL AND user_id IS NOT NULL;
  CREATE INDEX events_of_participants ON events (chat_id) WHERE user_id IS NOT NULL AND outside = 0;
  CREATE INDEX read_markers_of_chat ON read_markers (chat_id);
  CREATE INDEX abandoned_chats ON chats (id) WHERE participant_count = 0;

  CREATE TEMP TABLE abandoned AS SELECT id FROM chats WHERE participant_count = 0 AND kind = 'group';
  DELETE FROM events WHERE outside = 0 AND chat_id IN (SELECT id FROM abandoned);
  DELETE FROM messages WHERE chat_id IN (SELECT id FROM abandoned);
  DELETE FROM read_markers WHERE chat_id IN (SELECT id FROM abandoned);
  DELETE FROM chats WHERE id IN (SELECT id FROM abandoned);
  DROP TABLE abandoned;
  `,
  `
  -- The epochs of the event log, each with the greatest event id before it. A run begins one with its first event.
  CREATE TABLE epochs (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, after INTEGER NOT NULL) STRICT;
  INSERT INTO epochs (epoch, after) SELECT epoch, 0 FROM identity;
  DROP TABLE identity;
  `,
  `
  -- With the chat, which the index ends with, this is the order in which the user joined.
  CREATE INDEX participants_of_user ON participants (user_id, joined_after);
  `,
  `
  -- The policy, which has no meaning in p2p chats, and the metadata as JSON.
  ALTER TABLE chats ADD COLUMN may_add TEXT NOT NULL DEFAULT 'everyone' CHECK (may_add IN ('everyone', 'admins'));
  ALTER TABLE chats ADD COLUMN may_remove TEXT NOT NULL DEFAULT 'everyone' CHECK (may_remove IN ('everyone', 'admins'));
  ALTER TABLE chats ADD COLUMN may_rename TEXT NOT NULL DEFAULT 'everyone' CHECK (may_rename IN ('everyone', 'admins'));
  ALTER TABLE chats ADD COLUMN may_post TEXT NOT NULL DEFAULT 'everyone' CHECK (may_post IN ('everyone', 'admins'));
  ALTER TABLE chats ADD COLUMN history TEXT NOT NULL DEFAULT 'all' CHECK (history IN ('all', 'since_join'));
  ALTER TABLE chats ADD COLUMN metadata TEXT CHECK (kind = 'group' OR metadata IS NULL);

  -- Null in p2p chats. The participant who joined a group first owns it.
  ALTER TABLE participants ADD COLUMN role TEXT CHECK (role IN ('owner', 'admin', 'member'));
  UPDATE participants SET role = 'member' WHERE (SELECT kind FROM chats WHERE id = chat_id) = 'group';
  UPDATE participants SET role = 'owner' WHERE (user_id, chat_id) IN (
    SELECT (SELECT user_id FROM participants WHERE chat_id = chats.id ORDER BY joined_at, user_id LIMIT 1), id
    FROM chats WHERE kind = 'group');
  CREATE UNIQUE INDEX owners ON participants (chat_id) WHERE role = 'owner';
  CREATE INDEX admins ON participants (chat_id, joined_at, user_id) WHERE role = 'admin';

  -- Events have no names, which are read from the users. They have roles and policies: the participants of a new chat their
  -- present ones.
  UPDATE events SET what = json_remove(what, '$.user.username') WHERE json_extract(what, '$.user.username') IS NOT NULL;
  UPDATE events SET what = json_set(
      what,
      '$.chat.policy', json(CASE json_extract(what, '$.chat.kind') WHEN 'group' THEN '${POLICY_OF_VERSION_9}' END),
      '$.chat.metadata', NULL,
      '$.participants', json((
        SELECT json_group_array(json_set(json_remove(value, '$.username'), '$.role', CASE json_extract(what, '$.chat.kind') WHEN 'group' THEN coalesce(
          (SELECT role FROM participants WHERE user_id = json_extract(value, '$.id') AND chat_id = events.chat_id), 'member'
        ) END))
        FROM json_each(what, '$.participants'))))
    WHERE json_extract(what, '$.type') = 'chat.created';
  UPDATE events SET what = json_set(
      what,
      '$.overview.role', 'member',
      '$.overview.chat.policy', json('${POLICY_OF_VERSION_9}'),
      '$.overview.chat.metadata', NULL)
    WHERE json_extract(what, '$.type') = 'participant.added' AND json_extract(what, '$.overview') IS NOT NULL;
  `,
  `
  -- The seq up to which messages were deleted by age. The last of them is born_after, which keeps the activity of the chat.
  ALTER TABLE chats ADD COLUMN forgotten_seq INTEGER NOT NULL DEFAULT 0;
  -- The time of the message with that seq.
  ALTER TABLE chats ADD COLUMN forgotten_at INTEGER;

  -- The user can read the messages of the chat with a greater id.
  ALTER TABLE participants ADD COLUMN history_start INTEGER NOT NULL DEFAULT 0;

  UPDATE events SET what = json_set(
      what,
      '$.overview.historyStart', 0,
      '$.overview.lastSeq', coalesce((SELECT seq FROM messages WHERE id = message_id), 0),
      '$.overview.lastSentAt', (SELECT sent_at FROM messages WHERE id = message_id))
    WHERE json_extract(what, '$.type') = 'participant.added' AND json_extract(what, '$.overview') IS NOT NULL;
  `,
  `
  -- Since when the user is deleted; and since when nothing of them remains, null until then. A deleted user has the username
  -- "deleted", and as the key a keyed digest of the former one.
  ALTER TABLE users ADD COLUMN deleted_at INTEGER;
  ALTER TABLE users ADD COLUMN erased_at INTEGER;
  CREATE INDEX users_to_erase ON users (id) WHERE deleted_at IS NOT NULL AND erased_at IS NULL;
  -- The key of those digests, in hexadecimal digits.
  CREATE TABLE digest_keys (name TEXT PRIMARY KEY, key TEXT NOT NULL) STRICT, WITHOUT ROWID;
  ${CREATE_DIGEST_KEY};
  `,
  `
  -- Null where the user has not chosen one.
  ALTER TABLE users ADD COLUMN display_name TEXT;

  -- A row of events without a chat and with outside = 1 is about its user.
  CREATE INDEX events_about_user ON events (user_id) WHERE chat_id IS NULL AND outside = 1;

  -- The words by which the directory finds the users who are not disabled.
  CREATE TABLE user_words (
    word TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users,
    PRIMARY KEY (word, user_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX words_of_user ON user_words (user_id, word);
  INSERT INTO user_words SELECT username_key, id FROM users WHERE disabled_at IS NULL;

  CREATE TABLE blocks (
    user_id TEXT NOT NULL REFERENCES users,
    blocked_id TEXT NOT NULL REFERENCES users,
    blocked_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id),
    CHECK (user_id <> blocked_id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    chat_id INTEGER NOT NULL REFERENCES chats,
    inviter_id TEXT NOT NULL REFERENCES users,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    max_uses INTEGER,
    uses INTEGER NOT NULL,
    CHECK (uses <= max_uses)
  ) STRICT, WITHOUT ROWID;
  -- With the id, which every index ends with, these are the orders in which they are listed.
  CREATE INDEX invitations_of_chat ON invitations (chat_id);
  CREATE INDEX invitations_of_inviter ON invitations (inviter_id);
  `,
  `
  -- The participant's own settings of the chat. They go with the row.
  ALTER TABLE participants ADD COLUMN muted_until INTEGER;
  ALTER TABLE participants ADD COLUMN archived_seq INTEGER;
  ALTER TABLE participants ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1));
  UPDATE events SET what = json_set(what, '$.overview.settings', json('{"mutedUntil":null,"archivedSeq":null,"pinned":false}'))
    WHERE json_extract(what, '$.type') = 'participant.added' AND json_extract(what, '$.overview') IS NOT NULL;
  `,
  `
  ALTER TABLE messages ADD COLUMN reply_to INTEGER;
  -- JSON: the ids of users, or null without mentions; and an object.
  ALTER TABLE messages ADD COLUMN mentions TEXT;
  ALTER TABLE messages ADD COLUMN metadata TEXT;

  -- An index of messages.mentions. Triggers keep it, except that append inserts the mentions of a new message: a trigger makes
  -- each insertion 4 µs slower. It refers to no other row, so that each message can be salvaged.
  CREATE TABLE mentions (
    user_id TEXT NOT NULL,
    chat_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, chat_id, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER mentions_of_changed AFTER UPDATE OF mentions ON messages WHEN OLD.mentions IS NOT NEW.mentions BEGIN
    DELETE FROM mentions WHERE user_id IN (SELECT value FROM json_each(OLD.mentions)) AND chat_id = OLD.chat_id AND seq = OLD.seq;
    INSERT INTO mentions SELECT value, NEW.chat_id, NEW.seq FROM json_each(NEW.mentions);
  END;
  CREATE TRIGGER mentions_of_deleted AFTER DELETE ON messages WHEN OLD.mentions IS NOT NULL BEGIN
    DELETE FROM mentions WHERE user_id IN (SELECT value FROM json_each(OLD.mentions)) AND chat_id = OLD.chat_id AND seq = OLD.seq;
  END;
  `,
  `
  -- A summary of the reactions to the message, as JSON; null without one.
  ALTER TABLE messages ADD COLUMN reactions TEXT;

  -- Without a reference to messages: the rows of a deleted message go in slices.
  CREATE TABLE reactions (
    message_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users,
    at INTEGER NOT NULL,
    PRIMARY KEY (message_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX reactions_of_user ON reactions (user_id, message_id, emoji);
  -- With the position, which every index ends with, this is the order of those with one emoji.
  CREATE INDEX reactions_by_emoji ON reactions (message_id, emoji);

  -- The deleted messages, with or without a tombstone, that have rows in reactions.
  CREATE TABLE deleted_reactions (message_id INTEGER PRIMARY KEY) STRICT;
  `,
];

/** Makes the index of mentions from the messages. */
export const INDEX_MENTIONS = `
  DELETE FROM mentions;
  INSERT INTO mentions SELECT value, chat_id, seq FROM messages CROSS JOIN json_each(messages.mentions)
    WHERE messages.mentions IS NOT NULL;`;

/** Gives each group chat an owner, by the rule of `successorOf`: a deleted user only if the others are deleted, too. */
export const APPOINT_OWNERS = `
  UPDATE participants SET role = 'owner' WHERE (user_id, chat_id) IN (
    SELECT (
      SELECT user_id FROM participants JOIN users ON users.id = user_id WHERE chat_id = chats.id
      ORDER BY deleted_at IS NOT NULL, role = 'admin' DESC, joined_at, user_id LIMIT 1
    ), id
    FROM chats WHERE kind = 'group'
      AND NOT EXISTS (SELECT 1 FROM participants WHERE chat_id = chats.id AND role = 'owner'))`;

/**
 * Migrates a database to the current version of the schema.
 *
 * @returns the version before; 0 for an empty database, undefined where the version was current.
 * @throws Error where the version is newer than this code.
 */
export function migrate(database: Database): number | undefined {
  const version = Number(database.row("PRAGMA user_version")?.[0]);
  if (version > MIGRATIONS.length) {
    throw new Error(
      `The data has version ${version} of the schema, and this program supports versions up to ${MIGRATIONS.length}. Run the newer program.`,
    );
  }
  if (version === MIGRATIONS.length) return undefined;
  database.execute("BEGIN");
  for (const migration of MIGRATIONS.slice(version)) database.execute(migration);
  database.execute(`PRAGMA user_version = ${MIGRATIONS.length}`);
  database.execute("COMMIT");
  return version;
}

/**
 * Gives a copy of a database another epoch. Its event log diverges from that of the original, so cursors of one must not be
 * valid for the other.
 */
export function renewEpoch(copy: Database): void {
  // A database before version 4 gets its epoch by the migration when it is opened.
  const has = (table: string) => copy.row("SELECT 1 FROM sqlite_schema WHERE name = ?", table) !== undefined;
  if (has("epochs")) {
    copy.execute(
      "DELETE FROM epochs; INSERT INTO epochs (epoch, after) VALUES (lower(hex(randomblob(8))), 0);",
    );
  } else if (has("identity")) {
    copy.execute("DELETE FROM identity; INSERT INTO identity VALUES (lower(hex(randomblob(8))));");
  }
}

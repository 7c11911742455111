// The store of Express and Fastify: better-sqlite3 in a file. A send that was answered survives a power cut.
import { join } from "node:path";
import Database from "better-sqlite3";
import { CHAT_ID, members, messageJson } from "./peer.mjs";

const database = new Database(join(process.env.DATA_DIR, "peer.sqlite"));
// WAL with FULL is one fsync per commit, and as durable as Palaver. No other process reads the file, so locking is exclusive.
database.pragma("locking_mode = EXCLUSIVE");
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.pragma("temp_store = MEMORY");
database.exec(`
  CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE) STRICT, WITHOUT ROWID;
  CREATE TABLE sessions (token TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users) STRICT, WITHOUT ROWID;
  CREATE TABLE participants (
    chat_id INTEGER NOT NULL, user_id TEXT NOT NULL REFERENCES users, PRIMARY KEY (chat_id, user_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, chat_id INTEGER NOT NULL, seq INTEGER NOT NULL, sender_id TEXT NOT NULL REFERENCES users,
    text TEXT NOT NULL, sent_at INTEGER NOT NULL, edited_at INTEGER, deleted_at INTEGER, UNIQUE (chat_id, seq)
  ) STRICT;
`);
for (const { id, username, token } of members) {
  database.prepare("INSERT INTO users VALUES (?, ?)").run(id, username);
  database.prepare("INSERT INTO sessions VALUES (?, ?)").run(token, id);
  database.prepare("INSERT INTO participants VALUES (?, ?)").run(CHAT_ID, id);
}

const userOf = database.prepare(
  "SELECT users.id, users.username FROM sessions JOIN users ON users.id = sessions.user_id WHERE token = ?",
);
// One statement checks the membership of the sender, assigns the next `seq` and inserts the message.
const insert = database.prepare(`
  INSERT INTO messages (chat_id, seq, sender_id, text, sent_at)
  SELECT chat_id, (SELECT coalesce(max(seq), 0) + 1 FROM messages WHERE chat_id = participants.chat_id), user_id, ?, ?
  FROM participants WHERE chat_id = ? AND user_id = ?
  RETURNING id, seq
`);

/** An error with the status of the response. */
class HttpError extends Error {
  constructor(statusCode) {
    super(`Rejected with status ${statusCode}.`);
    this.statusCode = statusCode;
  }
}

/** Stores and returns a message, within a transaction. */
function store(token, { group_chat_id: chatId, message: text }) {
  const sender = userOf.get(token);
  if (sender === undefined) throw new HttpError(401);
  const sentAt = Date.now();
  const stored = insert.get(text, sentAt, chatId, sender.id);
  if (stored === undefined) throw new HttpError(403);
  return messageJson(stored.id, chatId, stored.seq, sender, text, sentAt);
}

/** Stores and returns a message in its own transaction. */
export const send = database.transaction(store).immediate;

const commit = database.transaction((group) =>
  group.map(({ token, body }) => {
    try {
      return { message: store(token, body) };
    } catch (error) {
      // A failed send has changed nothing, so the others of the group can be committed.
      return { error };
    }
  }),
).immediate;

let waiting = [];

/** Stores and returns a message in one transaction with all others of the same turn of the event loop. */
export function sendInGroup(token, body) {
  return new Promise((resolve, reject) => {
    waiting.push({ token, body, resolve, reject });
    if (waiting.length === 1) setImmediate(commitGroup);
  });
}

function commitGroup() {
  const group = waiting;
  waiting = [];
  try {
    const results = commit(group);
    for (const [index, { resolve, reject }] of group.entries()) {
      const { message, error } = results[index];
      if (error) reject(error);
      else resolve(message);
    }
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
}

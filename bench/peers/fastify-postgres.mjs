// Fastify with pg, written by hand: a session lookup and a transaction per send, which stores the same rows as Palaver. Its
// arguments are the URL of an empty database and its kind:
//   pipelined   statements that do not depend on each other share a round trip
//   awaited     each statement waits for the one before it, as in most programs
import { createHash } from "node:crypto";
import pg from "pg";
import { createApp } from "./fastify-app.mjs";
import { CHAT_ID, members, messageJson, serve } from "./peer.mjs";

const [url, kind] = process.argv.slice(2);
const OWN_CHATS = 64;

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const pool = new pg.Pool({
  connectionString: url,
  max: 10,
  pipeline: kind === "pipelined",
});
await pool.query(`
  CREATE TABLE users (id text PRIMARY KEY, username text NOT NULL UNIQUE);
  CREATE TABLE sessions (digest text PRIMARY KEY, user_id text NOT NULL REFERENCES users, expires_at bigint NOT NULL);
  CREATE TABLE chats (id bigint PRIMARY KEY, title text, created_at bigint NOT NULL);
  CREATE TABLE participants (
    user_id text NOT NULL REFERENCES users, chat_id bigint NOT NULL REFERENCES chats, PRIMARY KEY (user_id, chat_id)
  );
  CREATE TABLE read_markers (
    user_id text NOT NULL REFERENCES users, chat_id bigint NOT NULL REFERENCES chats, seq bigint NOT NULL,
    PRIMARY KEY (user_id, chat_id)
  );
  CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, chat_id bigint NOT NULL REFERENCES chats, seq bigint NOT NULL,
    sender_id text NOT NULL REFERENCES users, text text NOT NULL, sent_at bigint NOT NULL, edited_at bigint,
    deleted_at bigint, idempotency_key text, UNIQUE (chat_id, seq)
  );
  CREATE UNIQUE INDEX ON messages (sender_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, chat_id bigint, user_id text, at bigint NOT NULL,
    what text NOT NULL, message_id bigint
  );
  CREATE INDEX ON events (chat_id, id);
`);
for (const { id, username, token } of members) {
  await pool.query("INSERT INTO users VALUES ($1, $2)", [id, username]);
  await pool.query("INSERT INTO sessions VALUES ($1, $2, $3)", [digestOf(token), id, Date.now() + 1e9]);
}
await addChat(CHAT_ID, members);
const ownChatIds = Array.from({ length: OWN_CHATS }, (_, index) => CHAT_ID + 1 + index);
for (const [index, id] of ownChatIds.entries()) await addChat(id, [members[index % members.length]]);

async function addChat(id, participants) {
  await pool.query("INSERT INTO chats VALUES ($1, NULL, $2)", [id, Date.now()]);
  for (const member of participants)
    await pool.query("INSERT INTO participants VALUES ($1, $2)", [member.id, id]);
}

function digestOf(token) {
  return createHash("sha256").update(token).digest("base64url");
}

const userOf = {
  name: "user-of",
  text: `SELECT users.id, users.username FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.digest = $1 AND sessions.expires_at > $2`,
};
const lockChat = { name: "lock-chat", text: "SELECT FROM chats WHERE id = $1 FOR NO KEY UPDATE" };
const participant = {
  name: "participant",
  text: "SELECT FROM participants WHERE user_id = $1 AND chat_id = $2",
};
const insertMessage = {
  name: "insert-message",
  text: `INSERT INTO messages (chat_id, seq, sender_id, text, sent_at)
    SELECT $1, coalesce((SELECT max(seq) FROM messages WHERE chat_id = $1), 0) + 1, $2, $3, $4 RETURNING id, seq`,
};
const setRead = {
  name: "set-read",
  text: `INSERT INTO read_markers (user_id, chat_id, seq) VALUES ($1, $2, $3)
    ON CONFLICT (user_id, chat_id) DO UPDATE SET seq = excluded.seq`,
};
const insertEvent = {
  name: "insert-event",
  text: "INSERT INTO events (chat_id, at, what, message_id) VALUES ($1, $2, $3, $4)",
};

/** An error with the status of the response. */
class HttpError extends Error {
  constructor(statusCode) {
    super(`Rejected with status ${statusCode}.`);
    this.statusCode = statusCode;
  }
}

/** Runs statements that do not depend on the results of each other. */
async function run(client, ...statements) {
  if (kind === "pipelined") return Promise.all(statements.map((statement) => client.query(statement)));
  const results = [];
  for (const statement of statements) results.push(await client.query(statement));
  return results;
}

async function send(token, { group_chat_id: chatId, message: text }) {
  const [sender] = (await pool.query({ ...userOf, values: [digestOf(token), Date.now()] })).rows;
  if (sender === undefined) throw new HttpError(401);
  const client = await pool.connect();
  try {
    const [, , found] = await run(
      client,
      "BEGIN",
      { ...lockChat, values: [chatId] },
      { ...participant, values: [sender.id, chatId] },
    );
    if (found.rowCount === 0) throw new HttpError(403);
    const sentAt = Date.now();
    const inserted = await client.query({ ...insertMessage, values: [chatId, sender.id, text, sentAt] });
    const { id, seq } = inserted.rows[0];
    await run(
      client,
      { ...setRead, values: [sender.id, chatId, seq] },
      { ...insertEvent, values: [chatId, sentAt, '{"type":"message.created"}', id] },
      "COMMIT",
    );
    return messageJson(id, chatId, seq, sender, text, sentAt);
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

const app = await createApp(send);

serve(app.server, undefined, ownChatIds);

// Shared by all peers. Each peer is a process that the benchmark starts, and exits with it.

/** The members of the chat, with their sessions. Peers have no login. */
export const members = Array.from({ length: 16 }, (_, index) => ({
  id: `00000000-0000-7000-8000-${String(index + 1).padStart(12, "0")}`,
  username: `member-${index + 1}`,
  token: String(index + 1).padStart(43, "0"),
}));

/** The group chat of the members. */
export const CHAT_ID = 1;

const COOKIE = "palaver_session=";

/** Returns the token of a request whose cookie header contains nothing else. */
export function tokenIn(cookie = "") {
  return cookie.startsWith(COOKIE) ? cookie.slice(COOKIE.length) : "";
}

/** A message in the format of Palaver. */
export function messageJson(id, chatId, seq, sender, text, sentAt) {
  return {
    id,
    destination_chat_id: chatId,
    seq,
    sender_username: sender.username,
    sender_user_id: sender.id,
    timestamp: new Date(sentAt).toISOString(),
    message: text,
    edited_at: null,
    deleted_at: null,
  };
}

let last = 0;

/** The message of a peer that stores nothing and authenticates nobody. */
export function unstoredMessage({ group_chat_id: chatId, message }) {
  last += 1;
  return messageJson(last, chatId, last, members[0], message, Date.now());
}

/** An event in the format of Palaver. */
export function eventJson(message) {
  const { id, destination_chat_id: chatId, timestamp } = message;
  return {
    cursor: `0123456789abcdef.${id}`,
    type: "message.created",
    chat_id: chatId,
    at: timestamp,
    message,
  };
}

/** Resolves with the body of a request as text. */
export function readBody(request) {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => resolve(text));
    request.on("error", reject);
  });
}

/** Responds with JSON over plain node:http. */
export function respond(response, json) {
  const text = JSON.stringify(json);
  response.writeHead(200, {
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

/**
 * Listens on a free port, and sends the benchmark the port and the cookies of the members.
 *
 * @param ownChatIds chats with one participant each, all members in turn
 */
export function serve(server, cookies = members.map(({ token }) => COOKIE + token), ownChatIds) {
  server.listen(0, "127.0.0.1", () =>
    process.send({ port: server.address().port, chatId: CHAT_ID, cookies, ownChatIds }),
  );
  process.once("disconnect", () => process.exit());
}

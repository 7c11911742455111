// What all peers have in common. Each is a program of its own, started by the benchmark, and ends with it.

/** Who may send. Their sessions are there from the start: a peer knows no login. */
export const members = Array.from({ length: 16 }, (_, index) => ({
  id: `00000000-0000-7000-8000-${String(index + 1).padStart(12, "0")}`,
  username: `member-${index + 1}`,
  token: String(index + 1).padStart(43, "0"),
}));

/** The group chat that they are in. */
export const CHAT_ID = 1;

const COOKIE = "palaver_session=";

/** The token of a request, which is all that stands in its cookie header. */
export function tokenIn(cookie = "") {
  return cookie.startsWith(COOKIE) ? cookie.slice(COOKIE.length) : "";
}

/** A message as Palaver answers it. */
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

/** The answer of a peer that keeps nothing and knows nobody. */
export function unstored({ group_chat_id: chatId, message }) {
  last += 1;
  return messageJson(last, chatId, last, members[0], message, Date.now());
}

/** An event as Palaver tells it. */
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

/** The body of a request, as text. */
export function bodyOf(request) {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => resolve(text));
    request.on("error", reject);
  });
}

/** Answers with JSON, as Node does it with nothing else. */
export function answer(response, json) {
  const text = JSON.stringify(json);
  response.writeHead(200, {
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** Listens on a free port, and tells the benchmark where, and by which cookies it knows its members. */
export function serve(server, cookies = members.map(({ token }) => COOKIE + token)) {
  server.listen(0, "127.0.0.1", () =>
    process.send({ port: server.address().port, chatId: CHAT_ID, cookies }),
  );
  process.once("disconnect", () => process.exit());
}

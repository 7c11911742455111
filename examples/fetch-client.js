// oxlint-disable unicorn/no-invalid-fetch-options -- a request without a body leaves it undefined
// A client on fetch alone, to translate into other languages. Needs a server and the users of first-conversation.sh.
//
//   node examples/fetch-client.js

// #region request
const server = process.env["PALAVER_URL"] ?? "http://127.0.0.1:12000";
let cookie = "";

// Returns the body of the response. Throws an Error with the `status`, the `code` and the `retryAfter` of a failure.
async function request(method, path, body, headers) {
  const response = await fetch(new URL(path, server), {
    method,
    headers: { "Content-Type": "application/json", Cookie: cookie, ...headers },
    body: body && JSON.stringify(body),
  });
  cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
  // A proxy may respond with HTML.
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  const json = isJson ? await response.json() : {};
  if (response.ok && isJson) return json;
  const { status } = response;
  // Palaver sends seconds. A proxy may send a date, which this client ignores.
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  const { code, detail = `The server responded with status ${status}.` } = json;
  throw Object.assign(new Error(detail), { status, code, retryAfter });
}

await request("POST", "/v1/auth/login", { username: "ana", password: "correct horse" });
// #endregion request

// #region send
async function withRetry(attempt) {
  for (let pause = 1; ; pause = Math.min(2 * pause, 60)) {
    try {
      return await attempt();
    } catch (error) {
      // No status: the network failed. 502 and 504: the network behind a proxy failed.
      if (![undefined, 429, 502, 503, 504].includes(error.status)) throw error;
      const seconds = Math.max(error.retryAfter || 0, pause * (0.5 + Math.random() / 2));
      await new Promise((resume) => setTimeout(resume, 1_000 * seconds));
    }
  }
}

function send(message) {
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  return withRetry(() => request("POST", "/v1/messages", message, headers));
}

const sent = await send({ dest_username: "bob", message: "Hello, Bob!" });
// #endregion send

// #region pages
async function* pagesBack(path) {
  let page = await withRetry(() => request("GET", `${path}?limit=100`));
  while (page.length > 0) {
    yield page;
    const [oldest] = page;
    page = await withRetry(() => request("GET", `${path}?limit=100&before=${oldest.id}`));
  }
}

for await (const page of pagesBack("/v1/messages/p2p/bob")) console.log(page);
// #endregion pages

// #region read
function markRead({ destination_chat_id, seq }) {
  return withRetry(() => request("PUT", `/v1/chats/${destination_chat_id}/read`, { seq }));
}

await markRead(sent);
for (const chat of await request("GET", "/v1/chats")) {
  console.log(chat.title ?? chat.with_username, chat.unread_count);
}
// #endregion read

// #region live
async function live(showChats, applyEvent) {
  for (;;) {
    let { chats, cursor } = await withRetry(() => request("GET", "/v1/sync"));
    showChats(chats);
    try {
      for (;;) {
        const page = await withRetry(() => request("GET", `/v1/events?after=${cursor}&wait=25`));
        page.events.forEach(applyEvent);
        cursor = page.cursor;
      }
    } catch (error) {
      // The log no longer reaches back to this cursor. Start again from a new snapshot.
      if (error.code !== "cursor_expired") throw error;
    }
  }
}

live(
  (chats) => console.log(`${chats.length} chats`),
  (event) => console.log(`${event.type} in chat ${event.chat_id}`),
).catch(console.error);
// #endregion live

export { live, markRead, pagesBack, send };

/** The people of one group chat, and what they ask of a server. */
export interface Members {
  readonly chatId: number;
  readonly userIds: readonly string[];
  readonly cookies: readonly string[];
  /** HTTP requests, one a member, each of which sends `MESSAGE` to the chat. */
  readonly sends: readonly string[];
  /** An HTTP request of the last member, which sends `MESSAGE` to themselves. */
  readonly note: string;
  /** HTTP requests, each of which logs in somebody who is no member. */
  readonly logins: readonly string[];
}

export const MESSAGE =
  "A message of a hundred characters, which is about as long as what people write to each other: hello.";

const MEMBERS = 16;
const PASSWORD = "correct horse battery staple";

/** Makes them on a server that has nobody yet. */
export async function signUp(port: number): Promise<Members> {
  const people: { readonly username: string; readonly userId: string; readonly cookie: string }[] = [];
  for (let member = 1; member <= MEMBERS; member++) {
    const credentials = { username: `member-${member}`, password: PASSWORD };
    await post(port, "/v1/auth/register", "", credentials);
    const { cookie, json } = await post(port, "/v1/auth/login", "", credentials);
    people.push({ username: credentials.username, userId: String(json["user_id"]), cookie });
    await post(port, "/v1/auth/register", "", { username: guest(member), password: PASSWORD });
  }
  const [founder, ...others] = people;
  const last = others.at(-1);
  const { json } = await post(port, "/v1/group_chat", founder!.cookie, {});
  const chatId = Number(json["chat_id"]);
  for (const { username } of others) {
    await post(port, `/v1/group_chat/${chatId}/participants`, founder!.cookie, { username });
  }
  const cookies = people.map(({ cookie }) => cookie);
  return {
    chatId,
    userIds: people.map(({ userId }) => userId),
    cookies,
    sends: sendRequests(cookies, chatId),
    note: requestText("/v1/messages", `Cookie: ${last!.cookie}`, {
      dest_username: last!.username,
      message: MESSAGE,
    }),
    logins: people.map((_, index) =>
      requestText("/v1/auth/login", "", { username: guest(index + 1), password: PASSWORD }),
    ),
  };
}

/** HTTP requests, one a cookie, each of which sends `MESSAGE` to the chat. */
export function sendRequests(cookies: readonly string[], chatId: number): readonly string[] {
  const message = { group_chat_id: chatId, message: MESSAGE };
  return cookies.map((cookie) => requestText("/v1/messages", `Cookie: ${cookie}`, message));
}

/** Somebody who only logs in, again and again, which ends the sessions that they have. */
function guest(number: number): string {
  return `guest-${number}`;
}

/** The header of a new session, for which no password is hashed. */
export async function makeToken(port: number, cookie: string): Promise<string> {
  const { json } = await post(port, "/v1/auth/tokens", cookie, { name: "benchmark" });
  return `Authorization: Bearer ${String(json["token"])}`;
}

async function post(port: number, path: string, cookie: string, body: object) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Cookie: cookie },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
  const json = (await response.json()) as Readonly<Record<string, unknown>>;
  return { json, cookie: response.headers.getSetCookie()[0]?.split(";")[0] ?? "" };
}

/**
 * A whole HTTP/1.1 request: a POST of that body, or a GET where there is none.
 *
 * @param credential the header that says who asks, if any.
 */
export function requestText(path: string, credential: string, body?: object): string {
  const json = body && JSON.stringify(body);
  return [
    `${json ? "POST" : "GET"} ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    ...(credential ? [credential] : []),
    ...(json ? ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(json)}`] : []),
    "",
    json ?? "",
  ].join("\r\n");
}

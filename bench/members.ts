/** The people of one group chat, and what they ask of a server. */
export interface Members {
  readonly chatId: number;
  readonly userIds: readonly string[];
  readonly usernames: readonly string[];
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
  const message = { group_chat_id: chatId, message: MESSAGE };
  return {
    chatId,
    userIds: people.map(({ userId }) => userId),
    usernames: people.map(({ username }) => username),
    sends: people.map(({ cookie }) => request("/v1/messages", cookie, message)),
    note: request("/v1/messages", last!.cookie, { dest_username: last!.username, message: MESSAGE }),
    logins: people.map((_, index) =>
      request("/v1/auth/login", "", { username: guest(index + 1), password: PASSWORD }),
    ),
  };
}

/** Somebody who only logs in, again and again, which ends the sessions that they have. */
function guest(number: number): string {
  return `guest-${number}`;
}

/** The cookie of a new session. */
export async function logIn(port: number, username: string): Promise<string> {
  return (await post(port, "/v1/auth/login", "", { username, password: PASSWORD })).cookie;
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

function request(path: string, cookie: string, body: object): string {
  const json = JSON.stringify(body);
  return [
    `POST ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    `Cookie: ${cookie}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    "",
    json,
  ].join("\r\n");
}

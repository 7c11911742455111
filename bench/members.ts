/** The members of one group chat, and their requests. Requests are complete HTTP/1.1 requests. */
export interface Members {
  readonly chatId: number;
  readonly userIds: readonly string[];
  readonly cookies: readonly string[];
  /** One per member, which sends `MESSAGE` to the chat. */
  readonly sends: readonly string[];
  /** Sends `MESSAGE` from the last member to the last member. */
  readonly sendToSelf: string;
  /** Each logs in a different user who is not a member. */
  readonly logins: readonly string[];
}

export const MESSAGE =
  "A message of a hundred characters, which is about as long as what people write to each other: hello.";

const MEMBERS = 16;
const PASSWORD = "correct horse battery staple";

/** Creates the members on a server without users. */
export async function createMembers(port: number, members = MEMBERS): Promise<Members> {
  const created: { readonly username: string; readonly userId: string; readonly cookie: string }[] = [];
  for (let member = 1; member <= members; member++) {
    const credentials = { username: `member-${member}`, password: PASSWORD };
    await post(port, "/v1/auth/register", "", credentials);
    const { cookie, json } = await post(port, "/v1/auth/login", "", credentials);
    created.push({ username: credentials.username, userId: String(json["user_id"]), cookie });
    await post(port, "/v1/auth/register", "", { username: nonMember(member), password: PASSWORD });
  }
  const [founder, ...others] = created;
  const last = others.at(-1);
  const { json } = await post(port, "/v1/group_chat", founder!.cookie, {});
  const chatId = Number(json["chat_id"]);
  for (const { username } of others) {
    await post(port, `/v1/group_chat/${chatId}/participants`, founder!.cookie, { username });
  }
  const cookies = created.map(({ cookie }) => cookie);
  return {
    chatId,
    userIds: created.map(({ userId }) => userId),
    cookies,
    sends: sendRequests(cookies, chatId),
    sendToSelf: requestText("/v1/messages", `Cookie: ${last!.cookie}`, {
      dest_username: last!.username,
      message: MESSAGE,
    }),
    logins: created.map((_, index) =>
      requestText("/v1/auth/login", "", { username: nonMember(index + 1), password: PASSWORD }),
    ),
  };
}

/** Returns one HTTP request per cookie, which sends `MESSAGE` to the chat. */
export function sendRequests(cookies: readonly string[], chatId: number): readonly string[] {
  const message = { group_chat_id: chatId, message: MESSAGE };
  return cookies.map((cookie) => requestText("/v1/messages", `Cookie: ${cookie}`, message));
}

/**
 * Creates chats with one participant each, all members in turn.
 *
 * @returns the ids of the chats
 */
export async function createOwnChats(
  port: number,
  cookies: readonly string[],
  chats: number,
): Promise<readonly number[]> {
  const ids: number[] = [];
  for (let chat = 0; chat < chats; chat++) {
    const { json } = await post(port, "/v1/group_chat", cookies[chat % cookies.length]!, {});
    ids.push(Number(json["chat_id"]));
  }
  return ids;
}

/** Returns one HTTP request per chat of `createOwnChats`, which sends a message to it. */
export function ownChatRequests(
  cookies: readonly string[],
  chatIds: readonly number[],
  message = MESSAGE,
): readonly string[] {
  return chatIds.map((id, index) =>
    requestText("/v1/messages", `Cookie: ${cookies[index % cookies.length]!}`, {
      group_chat_id: id,
      message,
    }),
  );
}

/** Logins have their own users, because a login may end an older session of the same user. */
function nonMember(number: number): string {
  return `guest-${number}`;
}

async function post(port: number, path: string, cookie: string, body: object) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Cookie: cookie },
    body: JSON.stringify(body),
  });
  if (!response.ok)
    throw new Error(`${path} responded with status ${response.status}: ${await response.text()}`);
  const json = (await response.json()) as Readonly<Record<string, unknown>>;
  return { json, cookie: response.headers.getSetCookie()[0]?.split(";")[0] ?? "" };
}

/**
 * Returns a complete HTTP/1.1 request: a POST of the body, or a GET if there is no body.
 *
 * @param credential the `Cookie` or `Authorization` header, or an empty string
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

import type { OperatorRequest } from "./operator-client.js";
import { jsonLines, listing, sentence, table, type OutputRow } from "./terminal.js";

/** A command of the operator: a request of the operator's API, and how its rows are printed. */
export interface OperatorCommand {
  /** The names of its arguments, optional ones in brackets. The last one can be repeated if it ends in an ellipsis. */
  readonly args: readonly string[];
  /** Whether it asks for a password, which `request` receives after the other arguments. */
  readonly password?: true;
  readonly purpose: string;
  /** A request that fails if the command would fail with any password. It is sent before the password is asked for. */
  readonly check?: (...args: string[]) => OperatorRequest;
  readonly request: (...args: string[]) => OperatorRequest;
  /** The text that people read. */
  readonly format: (rows: AsyncIterable<OutputRow>) => AsyncIterable<string>;
}

const users = "/v1/operator/users";

const pathOf = (user = "") => `${users}/${encodeURIComponent(user)}`;

const chatPathOf = (chat = "") => `/v1/operator/chats/${encodeURIComponent(chat)}`;

export const operatorCommands: Readonly<Record<string, OperatorCommand>> = {
  "user add": {
    args: ["USERNAME"],
    password: true,
    purpose: "create an account",
    check: (username) => ({ method: "POST", path: `${users}/check`, body: { username } }),
    request: (username, password) => ({ method: "POST", path: users, body: { username, password } }),
    format: sentence(
      ({ username, user_id }) => `Created the account ${username}, with the user_id ${user_id}.`,
    ),
  },
  "user list": {
    args: [],
    purpose: "list all accounts, the oldest first",
    request: () => ({ method: "GET", path: users }),
    format: table,
  },
  "user show": {
    args: ["USER"],
    purpose: "show an account, with its display name and state",
    request: (user) => ({ method: "GET", path: pathOf(user) }),
    format: listing,
  },
  "user disable": {
    args: ["USER"],
    purpose: "end all sessions and tokens of a user, and reject new ones",
    request: (user) => ({ method: "POST", path: `${pathOf(user)}/disable` }),
    format: sentence(({ username, disabled_at }) => `${username} is disabled since ${disabled_at}.`),
  },
  "user enable": {
    args: ["USER"],
    purpose: "let a user log in again",
    request: (user) => ({ method: "POST", path: `${pathOf(user)}/enable` }),
    format: sentence(({ username }) => `${username} can log in.`),
  },
  "user password": {
    args: ["USER"],
    password: true,
    purpose: "set the password of a user; ends all their sessions and tokens",
    check: (user) => ({ method: "GET", path: `${pathOf(user)}/check` }),
    request: (user, password) => ({ method: "PUT", path: `${pathOf(user)}/password`, body: { password } }),
    format: sentence(
      ({ username, disabled_at }) =>
        `${username} has a new password, and ${disabled_at === null ? "must log in with it" : "is still disabled"}.`,
    ),
  },
  "user erase": {
    args: ["USER"],
    purpose: "erase a user permanently: sessions, name, memberships and texts; see `palaver verify-erased`",
    request: (user) => ({ method: "POST", path: `${pathOf(user)}/erase` }),
    format: sentence(({ user_id, erasure }) =>
      erasure === "complete"
        ? `The user ${user_id} is erased.`
        : `The user ${user_id} is deleted. A server that runs or starts on the data erases the rest in the background.`,
    ),
  },
  "session list": {
    args: ["USER"],
    purpose: "list the sessions and tokens of a user, the oldest first",
    request: (user) => ({ method: "GET", path: `${pathOf(user)}/sessions` }),
    format: table,
  },
  "session revoke": {
    args: ["USER", "[SESSION]"],
    purpose: "end all sessions and tokens of a user, or the one with that id; lists those that ended",
    request: (user, session) => ({
      method: "DELETE",
      path: `${pathOf(user)}/sessions${session === undefined ? "" : `/${encodeURIComponent(session)}`}`,
    }),
    format: table,
  },
  "token create": {
    args: ["USER", "NAME"],
    purpose: "create a token of a user for a program, and print it; it cannot be shown again",
    request: (user, name) => ({
      method: "POST",
      path: `${pathOf(user)}/tokens`,
      body: { name },
      issuesSecret: true,
    }),
    format: sentence(({ token }) => String(token)),
  },
  "token list": {
    args: ["USER"],
    purpose: "list the tokens of a user, the oldest first",
    request: (user) => ({ method: "GET", path: `${pathOf(user)}/tokens` }),
    format: table,
  },
  "token revoke": {
    args: ["USER", "[TOKEN]"],
    purpose: "end all tokens of a user, or the one with that id; lists those that ended",
    request: (user, token) => ({
      method: "DELETE",
      path: `${pathOf(user)}/tokens${token === undefined ? "" : `/${encodeURIComponent(token)}`}`,
    }),
    format: table,
  },
  "chat list": {
    args: [],
    purpose: "list all chats, the oldest first",
    request: () => ({ method: "GET", path: "/v1/operator/chats" }),
    format: table,
  },
  "chat show": {
    args: ["CHAT"],
    purpose: "show a chat, its policy, and its first 100 participants with their roles",
    request: (chat) => ({ method: "GET", path: chatPathOf(chat) }),
    format: (rows) => listing(shownChats(rows)),
  },
  "chat policy": {
    args: ["CHAT", "[SETTING=VALUE…]"],
    purpose:
      "show the policy of a group chat, after changing settings: add, remove, rename, post to everyone or admins, history to all or since_join",
    request: (chat, ...settings) => ({
      method: "PATCH",
      path: `${chatPathOf(chat)}/policy`,
      body: Object.fromEntries(settings.map(settingIn)),
    }),
    format: listing,
  },
  "chat delete": {
    args: ["CHAT"],
    purpose:
      "remove all participants of a chat, and delete it with its messages; repeat it if it was interrupted",
    request: (chat) => ({ method: "DELETE", path: chatPathOf(chat) }),
    format: (rows) => sentence(({ chat_id }) => `Deleted the chat ${chat_id}.`)(ended(rows)),
  },
  "invitation list": {
    args: ["CHAT"],
    purpose: "list the invitations to a chat that are neither expired nor used up, the oldest first",
    request: (chat) => ({ method: "GET", path: `${chatPathOf(chat)}/invitations` }),
    format: table,
  },
  "invitation revoke": {
    args: ["INVITATION"],
    purpose: "revoke an invitation; users who have joined with it stay",
    request: (invitation = "") => ({
      method: "DELETE",
      path: `/v1/operator/invitations/${encodeURIComponent(invitation)}`,
    }),
    format: sentence(
      ({ invitation_id, chat_id }) => `Revoked the invitation ${invitation_id} to the chat ${chat_id}.`,
    ),
  },
  export: {
    args: ["USER"],
    purpose: "print all data held about a user, and nothing that others wrote, as JSON lines",
    request: (user) => ({ method: "GET", path: `${pathOf(user)}/export` }),
    format: jsonLines,
  },
  stats: {
    args: [],
    purpose: "count users, chats, messages, events and sessions",
    request: () => ({ method: "GET", path: "/v1/operator/stats" }),
    format: listing,
  },
};

/** A setting without a value has an empty one, which is invalid. */
function settingIn(text: string): [name: string, value: string] {
  const [name = "", ...values] = text.split("=");
  return [name, values.join("=")];
}

/** The last row of a deletion. */
async function* ended(rows: AsyncIterable<OutputRow>): AsyncGenerator<OutputRow> {
  for await (const row of rows) if (row["state"] === "deleted") yield row;
}

/** What a row of `chat show` has beside texts and numbers. */
interface ShownChat {
  readonly policy: Readonly<Record<string, string>> | null;
  readonly metadata: object | null;
  readonly participants: readonly { readonly username: string; readonly role: string | null }[];
}

/** The chats with their policies, metadata and participants as texts. */
async function* shownChats(rows: AsyncIterable<OutputRow>): AsyncGenerator<OutputRow> {
  for await (const row of rows) {
    const { policy, metadata, participants } = row as unknown as ShownChat;
    yield {
      ...row,
      policy: policy && Object.entries(policy).map(([name, value]) => `${name}=${value}`),
      metadata: metadata && JSON.stringify(metadata),
      participants: participants.map(({ username, role }) =>
        role === null ? username : `${username} (${role})`,
      ),
    };
  }
}

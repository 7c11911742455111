import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageJson } from "../adapters/http/json/message.js";
import { timeJson } from "../adapters/http/json/time.js";
import { registerUser } from "../application/accounts.js";
import {
  disableUser,
  enableUser,
  exportUser,
  listAllChats,
  listUsers,
  resetPassword,
  revokeSessions,
  sessionsOf,
  countStatistics,
  type OperatorPorts,
  type OwnChat,
  type UserRecord,
} from "../application/administration.js";
import { getUserByNameOrId } from "../application/users.js";
import type { ChatSummary } from "../domain/chat.js";
import type { Session } from "../domain/session.js";
import type { Account } from "../domain/user.js";
import type { OpenStore } from "./storage.js";
import { jsonLines, listing, sentence, table, type Row } from "./terminal.js";

/** The data that is administered: opened by the command itself, or by the server that runs on it. */
export interface Data extends OperatorPorts {
  readonly store: OpenStore;
  readonly directory: string;
}

/** A command of the operator. */
export interface AdministrativeCommand {
  /** The names of what it takes, optional ones in brackets. */
  readonly takes: readonly string[];
  /** Whether it asks for a password, which `run` is given behind the rest. */
  readonly password?: true;
  readonly purpose: string;
  /** Refuses what `run` would refuse whatever the password is, so that nobody is asked for one in vain. */
  readonly prepare?: (data: Data, ...args: string[]) => Promise<unknown>;
  readonly run: (data: Data, ...args: string[]) => AsyncIterable<Row>;
  /** What people read of it. */
  readonly shows: (rows: AsyncIterable<Row>) => AsyncIterable<string>;
}

/** By name. What stands here is all that can be asked of a server at its control socket. */
export const administration: Readonly<Record<string, AdministrativeCommand>> = {
  "user add": {
    takes: ["USERNAME"],
    password: true,
    purpose: "make an account",
    async *run(data, username, password) {
      yield accountRow({ user: await registerUser(data, { username, password }), disabledAt: null });
    },
    shows: sentence(({ username, user_id }) => `${username} has an account, with the user_id ${user_id}.`),
  },
  "user list": {
    takes: [],
    purpose: "list all accounts, the oldest first",
    async *run(data) {
      for await (const accounts of listUsers(data)) yield* accounts.map(accountRow);
    },
    shows: table,
  },
  "user disable": {
    takes: ["USER"],
    purpose: "end all sessions and tokens of a user, and let none begin",
    async *run(data, user) {
      yield accountRow(await disableUser(data, { user }));
    },
    shows: sentence(({ username, disabled_at }) => `${username} is disabled since ${disabled_at}.`),
  },
  "user enable": {
    takes: ["USER"],
    purpose: "let a user log in again",
    async *run(data, user) {
      yield accountRow(await enableUser(data, { user }));
    },
    shows: sentence(({ username }) => `${username} can log in.`),
  },
  "user password": {
    takes: ["USER"],
    password: true,
    purpose: "give a user another password; ends all their sessions and tokens",
    prepare: ({ store }, user) => store.read(({ users }) => getUserByNameOrId(users, user)),
    async *run(data, user, newPassword) {
      yield accountRow(await resetPassword(data, { user, newPassword }));
    },
    shows: sentence(
      ({ username, disabled_at }) =>
        `${username} has another password, and ${disabled_at === null ? "has to log in with it" : "is disabled still"}.`,
    ),
  },
  "session list": {
    takes: ["USER"],
    purpose: "list the sessions and tokens of a user, the oldest first",
    async *run(data, user) {
      yield* (await sessionsOf(data, { user })).map(sessionRow);
    },
    shows: table,
  },
  "session revoke": {
    takes: ["USER", "[SESSION]"],
    purpose: "end a session or token of a user, by its id, or all of them; lists those that ended",
    async *run(data, user, sessionId) {
      yield* (await revokeSessions(data, { user, sessionId })).map(sessionRow);
    },
    shows: table,
  },
  "chat list": {
    takes: [],
    purpose: "list all chats, the oldest first",
    async *run(data) {
      for await (const chats of listAllChats(data)) yield* chats.map(chatRow);
    },
    shows: table,
  },
  export: {
    takes: ["USER"],
    purpose: "print all that is held about a user, and nothing that others wrote, as JSON lines",
    async *run(data, user) {
      for await (const record of exportUser(data, { user })) yield recordRow(record);
    },
    shows: jsonLines,
  },
  stats: {
    takes: [],
    purpose: "count what there is",
    async *run(data) {
      yield await stockRow(data);
    },
    shows: listing,
  },
};

function accountRow({ user, disabledAt }: Account): Row {
  return {
    user_id: user.id,
    created_at: timeJson(user.createdAt),
    disabled_at: timeOrNull(disabledAt),
    username: user.username,
  };
}

function sessionRow({ id, kind, createdAt, lastSeenAt, expiresAt, name, userAgent }: Session): Row {
  return {
    session_id: id,
    kind,
    created_at: timeJson(createdAt),
    last_seen_at: timeJson(lastSeenAt),
    expires_at: timeJson(expiresAt),
    name,
    user_agent: userAgent,
  };
}

function chatRow(summary: ChatSummary): Row {
  const { chat, between, lastSentAt } = summary;
  return { ...beginningOf(summary), last_sent_at: timeOrNull(lastSentAt), between, title: chat.title };
}

function recordRow(record: UserRecord): Row {
  if ("account" in record) return { record: "account", ...accountRow(record.account) };
  if ("session" in record) return { record: "session", ...sessionRow(record.session) };
  if ("chat" in record) return { record: "chat", ...ownChatRow(record.chat) };
  return { record: "message", ...messageJson(record.message) };
}

function ownChatRow(own: OwnChat): Row {
  const { chat, withUsername, readSeq } = own;
  return { ...beginningOf(own), read_seq: readSeq, with_username: withUsername, title: chat.title };
}

/** What a row of a chat begins with, whoever looks at it. */
function beginningOf({ chat, participantCount, lastSeq }: ChatSummary | OwnChat): Row {
  return {
    chat_id: chat.id,
    kind: chat.kind,
    created_at: timeJson(chat.createdAt),
    participant_count: participantCount,
    last_seq: lastSeq,
  };
}

async function stockRow(data: Data): Promise<Row> {
  const stock = await countStatistics(data);
  return {
    users: stock.users,
    disabled_users: stock.disabledUsers,
    group_chats: stock.groupChats,
    p2p_chats: stock.p2pChats,
    messages: stock.messages,
    events: stock.events,
    sessions: stock.sessions,
    tokens: stock.tokens,
    transactions: (data.store.opening?.last ?? 0) + data.store.status().transactions,
    bytes_on_disk: bytesIn(data.directory),
  };
}

function bytesIn(directory: string): number {
  const files = readdirSync(directory).map((name) =>
    statSync(join(directory, name), { throwIfNoEntry: false }),
  );
  return files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}

function timeOrNull(time: number | null): string | null {
  return time === null ? null : timeJson(time);
}

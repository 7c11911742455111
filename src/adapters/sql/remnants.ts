import { DELETED_USERNAME, type UserId } from "../../domain/user.js";
import type { SqlValue } from "./columns.js";
import { columnsOf, keyOf, TABLE_NAMES, type CopySource, type TableName } from "./copy.js";
import { isReservedKey, USERNAMES_KEY } from "./usernames.js";

type Row = Readonly<Record<string, SqlValue>>;

/** What a store has of a user, apart from what others wrote. */
export interface UserRows {
  readonly state: "unknown" | "not deleted" | "being erased" | "erased";
  /** A sentence for each kind of rows that an erasure does not leave, with their number. */
  readonly remnants: readonly string[];
}

/** The keyed digest of the key of a deleted user, and the key of the digest. */
export interface ReservedName {
  readonly digestKey: string;
  readonly reserved: string;
}

/**
 * The rows of a user that must not remain, by table: a name for them, or undefined for a row that may. A table of a new kind of
 * personal data has its rule here.
 *
 * @param p2p the p2p chats of the user with others, which remain.
 */
const RULES: {
  readonly [Table in TableName]?: (row: Row, id: UserId, p2p: ReadonlySet<SqlValue>) => string | undefined;
} = {
  users: (row, id) =>
    row["id"] === id && !hasNoName(row) ? "rows with a name, its key or a password" : undefined,
  user_words: ({ user_id: user }, id) => (user === id ? "words of the directory" : undefined),
  blocks: ({ user_id: user }, id) => (user === id ? "blocks" : undefined),
  invitations: ({ inviter_id: inviter }, id) => (inviter === id ? "invitations" : undefined),
  chats: ({ first_user_id: first, second_user_id: second }, id) =>
    first === id && second === id ? "chats with themselves" : undefined,
  participants: (row, id, p2p) => {
    if (row["user_id"] !== id) return undefined;
    if (!p2p.has(row["chat_id"]!)) return "memberships in chats that end";
    return hasDefaultSettings(row) ? undefined : "settings of chats";
  },
  read_markers: ({ user_id: user }, id) => (user === id ? "read markers" : undefined),
  sessions: ({ user_id: user }, id) => (user === id ? "sessions or tokens" : undefined),
  reactions: ({ user_id: user }, id) => (user === id ? "reactions" : undefined),
  messages: (row, id) => {
    if (String(row["reactions"]).includes(JSON.stringify(id))) return "messages that count reactions";
    if (row["sender_id"] !== id) return undefined;
    if (row["text"] !== "" || row["deleted_at"] === null) return "messages that are not deleted";
    if (row["mentions"] !== null || row["metadata"] !== null) return "mentions or metadata of messages";
    return row["idempotency_key"] !== null || row["text_digest"] !== null
      ? "idempotency keys or digests of texts"
      : undefined;
  },
};

function hasDefaultSettings(row: Row): boolean {
  return row["muted_until"] === null && row["archived_seq"] === null && row["pinned"] === 0;
}

function hasNoName(row: Row): boolean {
  return (
    row["username"] === DELETED_USERNAME &&
    row["display_name"] === null &&
    isReservedKey(String(row["username_key"])) &&
    row["password_digest"] === ""
  );
}

/**
 * Reads all rows of a store, and finds those of a user.
 *
 * @param onText called with each text that is not of such a row, and its table and column.
 */
export async function readUserRows(
  source: CopySource,
  id: UserId,
  onText: (text: string, column: string) => void,
): Promise<UserRows> {
  let state: UserRows["state"] = "unknown";
  const p2p = new Set<SqlValue>();
  const counts = new Map<string, number>();
  for await (const [table, row] of rowsOf(source)) {
    if (table === "users" && row["id"] === id) state = stateOf(row);
    if (table === "chats" && row["kind"] === "p2p" && row["first_user_id"] !== row["second_user_id"]) {
      if (row["first_user_id"] === id || row["second_user_id"] === id) p2p.add(row["id"]!);
    }
    const remnant = RULES[table]?.(row, id, p2p);
    if (remnant !== undefined) {
      counts.set(remnant, (counts.get(remnant) ?? 0) + 1);
      continue;
    }
    for (const [column, value] of Object.entries(row)) {
      if (typeof value !== "string") continue;
      if (column !== "what") onText(value, `${table}.${column}`);
      else {
        onText(withoutTitles(value), EVENTS);
        onText(value, "events with titles");
      }
    }
  }
  const remnants = Array.from(counts, ([name, count]) => `The store has ${name} of the user: ${count}.`);
  return { state, remnants };
}

/** Where events have what they refer to: ids, and no names. */
export const EVENTS = "events";

/** The JSON of an event without what participants have called their chats. */
function withoutTitles(what: string): string {
  return JSON.stringify(JSON.parse(what), (field, value: unknown) =>
    field === "title" || field === "metadata" ? undefined : value,
  );
}

function stateOf({ deleted_at: deletedAt, erased_at: erasedAt }: Row): UserRows["state"] {
  if (deletedAt === null) return "not deleted";
  return erasedAt === null ? "being erased" : "erased";
}

/** The name of a deleted user as the store has it; undefined without such a user. */
export async function readReservedName(source: CopySource, id: UserId): Promise<ReservedName | undefined> {
  let digestKey: string | undefined;
  let reserved: string | undefined;
  for await (const [table, row] of rowsOf(source, ["users", "digest_keys"])) {
    if (table === "users" && row["id"] === id) reserved = String(row["username_key"]);
    if (table === "digest_keys" && row["name"] === USERNAMES_KEY) digestKey = String(row["key"]);
  }
  if (digestKey === undefined || reserved === undefined || !isReservedKey(reserved)) return undefined;
  return { digestKey, reserved };
}

async function* rowsOf(
  source: CopySource,
  tables: readonly TableName[] = TABLE_NAMES,
): AsyncGenerator<readonly [TableName, Row]> {
  for (const table of tables) {
    const columns = columnsOf(table);
    for await (const slice of source.rows(table, keyOf(table))) {
      for (const row of slice) {
        yield [table, Object.fromEntries(columns.map((column, index) => [column, row[index]!]))];
      }
    }
  }
}

import {
  compareRows,
  copyRows,
  TABLE_NAMES,
  type CopyProgress,
  type CopySource,
  type CopyTarget,
  type TableName,
} from "../../adapters/sql/copy.js";
import { assertOwnFiles } from "../owner.js";
import { readSessionKey, SESSION_KEY_FILES, writeSessionKey } from "../session-key.js";
import type { Report } from "./maintenance.js";

type Source = CopySource & { sessionKey(): Promise<string | undefined> };
type Target = CopyTarget & { setSessionKey(key: string): Promise<void> };

/**
 * Copies a store, with its session key, into an empty one, compares the two, and commits the copy if they are equal.
 *
 * @param from a data directory or the URL of a PostgreSQL database.
 * @param to likewise. At least one of the two is a database.
 * @throws Error if one of them cannot be opened or is in use, or the target is not empty.
 */
export async function copyStore(
  from: string,
  to: string,
  onProgress: (progress: CopyProgress) => void,
): Promise<Report> {
  if (!isDatabase(from) && !isDatabase(to)) {
    throw new Error("Neither FROM nor TO is a PostgreSQL database. Use `palaver backup FROM TO`.");
  }
  const names = [await nameOf(from).catch(rejectAs("FROM")), await nameOf(to).catch(rejectAs("TO"))] as const;
  const source = await openSource(from).catch(rejectAs("FROM"));
  try {
    const target = await openTarget(to).catch(rejectAs("TO"));
    try {
      return await copyBetween(source, target, names, onProgress).catch(
        rejectAs(`The copy of ${names[0]} to ${names[1]} has failed. Run the command again`),
      );
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Tables of the store itself. Their rows say nothing to an operator. */
const UNCOUNTED_TABLES: ReadonlySet<TableName> = new Set([
  "deleted_reactions",
  "digest_keys",
  "epochs",
  "greatest_ids",
]);

async function copyBetween(
  source: Source,
  target: Target,
  [from, to]: readonly [string, string],
  onProgress: (progress: CopyProgress) => void,
): Promise<Report> {
  await copyRows(source, target, onProgress);
  const { rows, differences } = await compareRows(source, target, onProgress);
  const sound = differences.length === 0;
  const key = await source.sessionKey();
  if (sound) {
    if (key !== undefined) await target.setSessionKey(key);
    await target.commit();
  }
  const counted = TABLE_NAMES.filter((table) => !UNCOUNTED_TABLES.has(table));
  const counts = counted.map((table) => `${table.replace("_", " ")} ${rows[table]}`);
  const keyNote =
    key === undefined
      ? `There is no session key in ${from}. Set SESSION_SECRET for ${to} to the same value as before.`
      : "The session key is copied.";
  return {
    lines: sound
      ? [`Copied ${from} to ${to}, and compared them. Rows: ${counts.join(", ")}.`, keyNote]
      : [...differences, `The copy differs, and was discarded. Nothing is in ${to}.`],
    fields: { from, to, sound, rows, session_key: key !== undefined, differences },
    sound,
  };
}

/** Names what an error is about, such as an argument. The error keeps its class and its code. */
function rejectAs(what: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof Error) error.message = `${what}: ${error.message}`;
    throw error;
  };
}

function isDatabase(place: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(place);
}

/** The name of a place in texts, without a password. */
async function nameOf(place: string): Promise<string> {
  if (!isDatabase(place)) return place;
  const { describeDatabase, problemOfUrl } = await import("../../adapters/postgres/database-url.js");
  const problem = problemOfUrl(place);
  if (problem !== undefined) {
    throw new Error(`Invalid URL of PostgreSQL: ${problem}. Use postgres://user@host/database.`);
  }
  return `the database ${describeDatabase(place)}`;
}

async function openSource(place: string): Promise<Source> {
  if (isDatabase(place)) {
    const { openPostgresSource } = await import("../../adapters/postgres/copy.js");
    return openPostgresSource(place);
  }
  assertOwnFiles(place);
  const { openSqliteSource } = await import("../../adapters/sqlite/copy.js");
  return { ...(await openSqliteSource(place)), sessionKey: async () => readSessionKey(place) };
}

async function openTarget(place: string): Promise<Target> {
  if (isDatabase(place)) {
    const { openPostgresTarget } = await import("../../adapters/postgres/copy.js");
    return openPostgresTarget(place);
  }
  assertOwnFiles(place);
  const { openSqliteTarget } = await import("../../adapters/sqlite/copy.js");
  const target = await openSqliteTarget(place, SESSION_KEY_FILES);
  return { ...target, setSessionKey: async (key) => writeSessionKey(place, key) };
}

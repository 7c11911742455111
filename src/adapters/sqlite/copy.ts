import { readdirSync } from "node:fs";
import { columnsOf, slicesOf, type CopySource, type CopyTarget } from "../sql/copy.js";
import { openDatabase, type Database } from "./database.js";
import { diskOf } from "./existing-store.js";
import { checkStore } from "./inspection.js";
import { INDEX_MENTIONS, migrate } from "./schema.js";
import { createDirectory } from "./store.js";
import { nodeDisk } from "./wal/disk.js";
import { filesOn, LOCK, UNFINISHED_SNAPSHOT } from "./wal/files.js";
import { lockDirectory } from "./wal/lock.js";
import { recover } from "./wal/recovery.js";
import { writeSnapshot } from "./wal/snapshot.js";

const VIEWS: Readonly<Record<string, string>> = {
  epochs: `(SELECT id, epoch, coalesce(lead(after) OVER (ORDER BY id), (SELECT max(id) FROM events), 0) AS last FROM epochs)`,
  greatest_ids: `(
    SELECT 'chat' AS kind, max(id, coalesce((SELECT max(id) FROM chats), 0)) AS id FROM deleted_ids WHERE kind = 'chat'
    UNION ALL SELECT 'event', coalesce(max(id), 0) FROM events
    UNION ALL SELECT 'forgotten', id FROM deleted_ids WHERE kind = 'event'
    UNION ALL SELECT 'message', max(id, coalesce((SELECT max(id) FROM messages), 0)) FROM deleted_ids WHERE kind = 'message'
  )`,
};

/** The kinds of `greatest_ids` as those of the table `deleted_ids`. The event log itself has the greatest id of an event. */
const DELETED_KINDS: Readonly<Record<string, string>> = {
  chat: "chat",
  forgotten: "event",
  message: "message",
};

export function sourceOf(database: Database, unlock: () => void): CopySource {
  return {
    rows: (table, order) => slicesOf(database, table, order, VIEWS[table]),
    async close() {
      database.close();
      unlock();
    },
  };
}

/**
 * Reads the store in a directory, which is left unchanged, and locks the directory until `close`.
 *
 * @throws NoStoreError
 * @throws DirectoryInUseError where a process uses the store.
 * @throws DamageError
 */
export async function openSqliteSource(directory: string): Promise<CopySource> {
  const disk = diskOf(directory);
  const unlock = lockDirectory(directory);
  try {
    const { database } = await recover(disk, filesOn(disk));
    migrate(database);
    return sourceOf(database, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * Builds a store in memory, and writes it to a directory when it is committed. Locks the directory until `close`.
 *
 * @param directory does not exist, or is empty, apart from what an interrupted copy left.
 * @param keyFiles the names of files that the caller writes before the commit.
 * @throws DirectoryInUseError
 * @throws Error where the directory is not empty.
 */
export async function openSqliteTarget(
  directory: string,
  keyFiles: readonly string[] = [],
): Promise<CopyTarget> {
  createDirectory(directory);
  const leftovers = [LOCK, UNFINISHED_SNAPSHOT, ...keyFiles];
  if (readdirSync(directory).some((name) => !leftovers.includes(name))) {
    throw new Error(`The directory ${directory} is not empty. Name a new one.`);
  }
  const unlock = lockDirectory(directory);
  const database = await openDatabase();
  migrate(database);
  database.execute("DELETE FROM epochs; DELETE FROM digest_keys");
  let lastOfEpoch = 0;
  return {
    ...sourceOf(database, unlock),
    async write(table, rows) {
      const columns = columnsOf(table);
      const marks = columns.map((_, index) => `$${index + 1}`).join(", ");
      const insert = `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`;
      database.execute("BEGIN");
      for (const row of rows) {
        if (table === "epochs") {
          const [id, epoch, last] = row;
          database.change("INSERT INTO epochs (id, epoch, after) VALUES (?, ?, ?)", id!, epoch!, lastOfEpoch);
          lastOfEpoch = last as number;
        } else if (table === "greatest_ids") {
          const [kind, id] = row;
          const deleted = DELETED_KINDS[kind as string];
          if (deleted !== undefined) {
            database.change("UPDATE deleted_ids SET id = ? WHERE kind = ?", id!, deleted);
          }
        } else {
          database.change(insert, ...row);
        }
      }
      database.execute("COMMIT");
    },
    async commit() {
      database.execute(INDEX_MENTIONS);
      writeSnapshot(nodeDisk(directory), 1, database.toFile());
      const { faults } = await checkStore(directory);
      if (faults.length > 0) {
        throw new Error(`The copy in ${directory} is damaged: ${faults.join(" ")} Delete it, and try again.`);
      }
    },
  };
}

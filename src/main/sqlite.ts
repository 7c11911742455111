export { DamageError } from "../adapters/sqlite/wal/damage.js";
export { backUpStore, checkStore, type Backup, type Inspection } from "../adapters/sqlite/inspection.js";
export { salvageStore, type Salvage } from "../adapters/sqlite/salvage.js";
export {
  openSqliteStore,
  type Opening,
  type SqliteOptions,
  type SqliteStore,
} from "../adapters/sqlite/store.js";
export type { TornTail } from "../adapters/sqlite/wal/segment.js";

export { inspectDatabase, replaceEpoch, type DatabaseInspection } from "../adapters/postgres/inspection.js";
export {
  openPostgresStore,
  type PostgresOptions,
  type PostgresStore,
  type SharedCounter,
} from "../adapters/postgres/store.js";

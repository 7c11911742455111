export { inspectDatabase, replaceEpoch, type DatabaseInspection } from "../adapters/postgres/inspection.js";
export { openPostgresStore, type PostgresOptions, type PostgresStore } from "../adapters/postgres/store.js";

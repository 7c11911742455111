import { openPostgresStore } from "../../../src/adapters/postgres/store.js";
import { openNodes, type TestNodes } from "../../support/postgres-nodes.js";
import { RACES } from "../../support/postgres-races.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";

describe("Two nodes on one PostgreSQL database", () => {
  let database: TestDatabase;
  let nodes: TestNodes;
  before(async () => {
    database = await createDatabase();
    nodes = await openNodes(openPostgresStore, database.url);
  });
  after(async () => {
    await nodes.close();
    await database.drop();
  });

  for (const [behaviour, race] of Object.entries(RACES)) it(behaviour, () => race(nodes));
});

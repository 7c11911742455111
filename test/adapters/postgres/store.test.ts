import { storeContract } from "../../contract/index.js";
import { PostgresStores } from "../../support/postgres-stores.js";

describe("openPostgresStore", () => {
  const stores = new PostgresStores();
  after(() => stores.drop());

  storeContract(
    { describe, it, beforeEach, afterEach },
    { open: () => stores.openEmpty(), reopen: () => stores.open() },
  );
});

import { expect } from "chai";
import pg from "pg";
import { createDatabase } from "./postgres.js";

/** Runs `work` on a connection that the end of the database may close. */
async function connected<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client(url);
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

describe("createDatabase", () => {
  it("creates databases that do not share tables", async () => {
    const [one, other] = await Promise.all([createDatabase(), createDatabase()]);
    try {
      await connected(one.url, (client) => client.query("CREATE TABLE notes (text text)"));
      await connected(other.url, async (client) => {
        const { rows } = await client.query("SELECT to_regclass('notes') AS notes");
        expect(rows).to.deep.equal([{ notes: null }]);
      });
    } finally {
      await Promise.all([one.drop(), other.drop()]);
    }
  });

  it("sorts text by language, unlike the bytes", async () => {
    const database = await createDatabase();
    try {
      const { rows } = await connected(database.url, (client) => client.query("SELECT 'a' < 'B' AS sorted"));
      expect(rows).to.deep.equal([{ sorted: true }]);
    } finally {
      await database.drop();
    }
  });

  it("drops a database with open connections", async () => {
    const database = await createDatabase();
    await connected(database.url, async () => {
      await database.drop();
      const failure = await connected(database.url, () => Promise.resolve("connected")).catch(
        (error: { code?: string }) => error.code,
      );
      expect(failure).to.equal("3D000");
    });
  });
});

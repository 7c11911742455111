import { expect } from "chai";
import { Client } from "pg";
import { isConnectionError, Pool } from "../../../src/adapters/postgres/connection.js";
import { createDatabase } from "../../support/postgres.js";

describe("Pool", () => {
  it("rejects the statements of a connection in use that the server ends, and continues with another", async () => {
    const database = await createDatabase();
    const other = new Client(database.url);
    await other.connect();
    const pool = new Pool(database.url, 1, () => {});
    const connection = await pool.acquire();
    const [pid] = (await connection.row("SELECT pg_backend_pid()"))!;
    // Sent together. The second one is never read.
    const statements = ["SELECT pg_sleep(3600)", "SELECT 1"].map((sql) => connection.row(sql));
    const outcomes = Promise.allSettled(statements);
    await other.query("SELECT pg_terminate_backend($1)", [pid]);
    for (const outcome of await outcomes) {
      expect(outcome.status).to.equal("rejected");
      expect(outcome).to.have.property("reason").that.satisfies(isConnectionError);
    }
    connection.release(true);
    const next = await pool.acquire();
    expect(await next.row("SELECT 2")).to.deep.equal([2]);
    next.release(false);
    await pool.end();
    await other.end();
    await database.drop();
  });

  it("opens connections to the server of several that can be reached, also many at once", async () => {
    const database = await createDatabase();
    const { host } = new URL(database.url);
    for (const hosts of [`127.0.0.1:1,${host}`, `${host},127.0.0.1:1`, `127.0.0.1:1,127.0.0.1:2,${host}`]) {
      const pool = new Pool(database.url.replace(`${host}/`, `${hosts}/`), 4, () => {});
      const connections = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
      for (const connection of connections) connection.release(false);
      await pool.end();
    }
    await database.drop();
  });

  it("rejects with `store_unavailable` and the cause if no server can be reached", async () => {
    const pool = new Pool("postgres://127.0.0.1:1,127.0.0.1:2/palaver", 4, () => {});
    const failure: unknown = await pool.acquire().catch((error: unknown) => error);
    expect(failure).to.include({ code: "store_unavailable" });
    expect(failure).to.have.nested.property("cause.message", "connect ECONNREFUSED 127.0.0.1:2");
    await pool.end();
  });
});

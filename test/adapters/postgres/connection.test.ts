import { expect } from "chai";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Client } from "pg";
import { isConnectionError, Pool, Servers } from "../../../src/adapters/postgres/connection.js";
import { LogListener } from "../../../src/adapters/postgres/listener.js";
import { CHANNEL, Relay } from "../../../src/adapters/postgres/relay.js";
import { runTransaction } from "../../../src/adapters/postgres/transaction.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";

describe("Servers", () => {
  function addresses(url: string): readonly string[] {
    const servers = new Servers(url);
    return Array.from({ length: servers.count }, () => {
      const { host, port } = servers.client();
      servers.leave(servers.current);
      return `${host} ${port}`;
    });
  }

  for (const [url, expected] of [
    ["postgres://me@one/palaver", ["one 5432"]],
    ["postgresql://one,two:6000,three/palaver", ["one 5432", "two 6000", "three 5432"]],
    ["postgres://me@[2001:db8::1]:6000,[::1]/palaver", ["2001:db8::1 6000", "::1 5432"]],
    ["postgres://me:p%40s%2Cs%2F@10.0.0.1:1,10.0.0.2:2/palaver", ["10.0.0.1 1", "10.0.0.2 2"]],
  ] as const) {
    it(`finds the hosts and ports of ${url}`, () => {
      expect(addresses(url)).to.deep.equal(expected);
    });
  }

  it("uses the user, password, database and parameters of the URL for each server", () => {
    const servers = new Servers("postgres://me%40home:p%40s%2Cs%2F@one,two/chat?application_name=node-1");
    for (let n = 0; n < 2; n += 1) {
      const client = servers.client();
      expect(client).to.include({ user: "me@home", password: "p@s,s/", database: "chat" });
      expect(client).to.have.nested.property("connectionParameters.application_name", "node-1");
      servers.leave(servers.current);
    }
  });

  it("uses the next server once if several callers leave the same one, and returns to the first after the last", () => {
    const servers = new Servers("postgres://one,two/palaver");
    for (let n = 0; n < 4; n += 1) servers.leave(0);
    expect(servers.current).to.equal(1);
    servers.leave(1);
    expect(servers.current).to.equal(0);
  });

  for (const url of [
    "",
    "one/palaver",
    "mysql://one/palaver",
    "postgres://one:port/palaver",
    "postgres://one:65536/palaver",
    "postgres://one",
    "postgres://me@[::1/palaver",
  ]) {
    it(`rejects ${JSON.stringify(url)}`, () => {
      expect(() => new Servers(url)).to.throw(TypeError, "postgres://user@host/database");
    });
  }
});

/** A server in front of a database. */
class Proxy {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#forward(client));
  readonly #target: URL;
  readonly #rename: readonly [string, string] | undefined;
  connections = 0;

  /** @param database if given, clients get this one, whose name has as many characters. */
  constructor(target: string, database?: string) {
    this.#target = new URL(target);
    if (database !== undefined)
      this.#rename = [this.#target.pathname.slice(1), new URL(database).pathname.slice(1)];
  }

  async listen(): Promise<string> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all connections, and refuses others. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Forwards nothing more on the connections that are open. */
  silence(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.resume();
    }
  }

  #forward(client: Socket): void {
    this.connections += 1;
    const server = connect(Number(this.#target.port), this.#target.hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => {}).on("close", () => to.destroy());
    }
    client.once("data", (start) => {
      const [before, after] = this.#rename ?? ["", ""];
      server.write(start.toString("latin1").replace(before, after), "latin1");
      client.pipe(server);
    });
    server.pipe(client);
  }
}

function withHosts(url: string, ...hosts: string[]): string {
  return url.replace(/@[^/]*/, `@${hosts.join(",")}`);
}

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

  describe("of several servers", () => {
    let database: TestDatabase;
    let readOnly: TestDatabase;
    const proxies: Proxy[] = [];
    let pool: Pool | undefined;

    async function proxy(target?: string): Promise<Proxy & { readonly host: string }> {
      const opened = new Proxy(database.url, target);
      proxies.push(opened);
      return Object.assign(opened, { host: await opened.listen() });
    }

    before(async () => {
      database = await createDatabase();
      readOnly = await createDatabase();
      const client = new Client(readOnly.url);
      await client.connect();
      const name = new URL(readOnly.url).pathname.slice(1);
      await client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      await client.end();
    });
    afterEach(async () => {
      for (const opened of proxies.splice(0)) opened.close();
      await pool?.end();
      pool = undefined;
    });
    after(async () => {
      await database.drop();
      await readOnly.drop();
    });

    it("passes over a server that refuses connections, and one that is read-only", async () => {
      const refusing = await proxy();
      refusing.close();
      const standby = await proxy(readOnly.url);
      pool = new Pool(
        withHosts(database.url, refusing.host, standby.host, new URL(database.url).host),
        2,
        () => {},
      );
      const connection = await pool.acquire();
      const [name] = (await connection.row("SELECT current_database()"))!;
      connection.release(false);
      expect(`/${name as string}`).to.equal(new URL(database.url).pathname);
      expect(standby.connections).to.equal(1);
    });

    it("throws store_unavailable if no server is writable", async () => {
      const standby = await proxy(readOnly.url);
      pool = new Pool(withHosts(database.url, standby.host, standby.host), 2, () => {});
      const error = await pool.acquire().catch((reason: unknown) => reason);
      expect(error).to.include({ code: "store_unavailable" });
      expect(standby.connections).to.equal(2);
    });

    it("gives all callers a connection to the other server after all connections have failed at once", async () => {
      const primary = await proxy();
      const opened = new Pool(withHosts(database.url, primary.host, new URL(database.url).host), 4, () => {});
      pool = opened;
      const connections = await Promise.all(Array.from({ length: 4 }, () => opened.acquire()));
      expect(primary.connections).to.equal(4);
      primary.close();
      for (const connection of connections) {
        await connection.row("SELECT 1").catch(() => {});
        connection.release(true);
      }
      const callers = Array.from({ length: 40 }, async () => {
        const connection = await opened.acquire();
        const found = await connection.row("SELECT 2");
        connection.release(false);
        return found;
      });
      expect(await Promise.all(callers)).to.deep.equal(Array.from({ length: 40 }, () => [2]));
    });

    it("runs a transaction again on another connection if the server has become read-only", async () => {
      pool = new Pool(database.url, 1, () => {});
      const connection = await pool.acquire();
      await connection.execute("SET default_transaction_read_only = on");
      connection.release(false);
      let attempts = 0;
      const relay = new Relay(pool, () => {});
      await runTransaction(
        pool,
        relay,
        async (scope) => {
          attempts += 1;
          await scope.change("CREATE TABLE written ()");
        },
        () => {},
      );
      expect(attempts).to.equal(2);
    });

    it("listens on another connection after a failed poll, since the old one can be silent", async () => {
      const primary = await proxy();
      let isGone = true;
      const relay = {
        run: () => (isGone ? Promise.reject(new Error("The server is gone.")) : Promise.resolve()),
      };
      let last: number | undefined;
      const listened = new Pool(database.url, 1, () => {});
      pool = listened;
      const listener = new LogListener({
        url: withHosts(database.url, primary.host),
        relay,
        row: (sql, ...values) => listened.run((connection) => connection.row(sql, ...values)),
        onLast: (position) => (last = position),
        onTrouble: () => (isGone = false),
        onRecovery() {},
      });
      await listener.start();
      primary.silence();
      const client = new Client(database.url);
      await client.connect();
      // Until the new connection listens.
      while (last === undefined) await client.query(`SELECT pg_notify(${CHANNEL}, '7'), pg_sleep(0.01)`);
      expect(last).to.equal(7);
      expect(primary.connections).to.equal(2);
      await client.end();
      primary.close();
      await listener.stop();
    });
  });
});

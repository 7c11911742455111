import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** A PostgreSQL server of a `PostgresPair`. */
interface Server {
  readonly port: number;
  readonly data: string;
}

/**
 * A primary of PostgreSQL and its synchronous standby, in a temporary folder. As root, they run as the user `nobody`.
 *
 * npm has no PostgreSQL with `pg_basebackup`, so this needs an installed one.
 */
export class PostgresPair {
  readonly #binaries: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "palaver-failover-"));
  readonly #user = process.getuid?.() === 0 ? { uid: idOfNobody("-u"), gid: idOfNobody("-g") } : undefined;
  readonly #servers: readonly [Server, Server];
  #primary = 0;

  private constructor(binaries: string, ports: readonly [number, number]) {
    this.#binaries = binaries;
    if (this.#user !== undefined) chownSync(this.#folder, this.#user.uid, this.#user.gid);
    const server = (port: number): Server => ({ port, data: join(this.#folder, String(port)) });
    this.#servers = [server(ports[0]), server(ports[1])];
  }

  /**
   * Starts both servers with the empty database `palaver`.
   *
   * @param binaries the folder of `initdb`, `pg_ctl` and `pg_basebackup`.
   */
  static async start(binaries: string): Promise<PostgresPair> {
    const pair = new PostgresPair(binaries, await freePorts());
    try {
      await pair.#start();
    } catch (error) {
      pair.close();
      throw error;
    }
    return pair;
  }

  async #start(): Promise<void> {
    const { data, port } = this.#servers[0];
    this.#run("initdb", "--pgdata", data, "--username", "palaver", "--auth", "trust", "--encoding", "UTF8");
    this.#startServer(this.#servers[0]);
    await query(port, "postgres", "CREATE DATABASE palaver");
    await this.addStandby();
  }

  /** With both servers, the first one first. */
  get url(): string {
    const [one, two] = this.#servers;
    return `postgres://palaver@127.0.0.1:${one.port},127.0.0.1:${two.port}/palaver`;
  }

  /** Builds the server that is not the primary as a standby, and lets each commit wait for it. */
  async addStandby(): Promise<void> {
    const primary = this.#servers[this.#primary]!;
    const standby = this.#servers[1 - this.#primary]!;
    rmSync(standby.data, { recursive: true, force: true });
    const source = ["--host", "127.0.0.1", "--port", String(primary.port), "--username", "palaver"];
    this.#run(
      "pg_basebackup",
      ...source,
      "--pgdata",
      standby.data,
      "--write-recovery-conf",
      "--checkpoint=fast",
    );
    this.#startServer(standby);
    await query(primary.port, "palaver", "ALTER SYSTEM SET synchronous_standby_names = '*'");
    await query(primary.port, "palaver", "SELECT pg_reload_conf()");
    const synchronous = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
    while ((await query(primary.port, "palaver", synchronous)).length === 0) await sleep(50);
  }

  /** Sends a signal to all processes of the primary: SIGKILL, as if it crashed, or SIGSTOP, as if its machine vanished. */
  signalPrimary(signal: "SIGKILL" | "SIGSTOP"): void {
    const server = this.#servers[this.#primary]!;
    for (const pid of processesOf(server)) signalProcess(pid, signal);
  }

  /** Makes the standby the primary. It waits for no standby until one is added. */
  promote(): void {
    const standby = this.#servers[1 - this.#primary]!;
    appendFileSync(join(standby.data, "postgresql.auto.conf"), "synchronous_standby_names = ''\n");
    this.#run("pg_ctl", "reload", "--silent", "--pgdata", standby.data);
    this.#run("pg_ctl", "promote", "--silent", "--wait", "--pgdata", standby.data);
    this.#primary = 1 - this.#primary;
  }

  /** Kills the server that is not the primary. */
  killOther(): void {
    for (const pid of processesOf(this.#servers[1 - this.#primary]!)) signalProcess(pid, "SIGKILL");
  }

  /** Kills both servers and deletes their data. */
  close(): void {
    for (const server of this.#servers) for (const pid of processesOf(server)) signalProcess(pid, "SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #startServer({ data, port }: Server): void {
    const settings = `-c port=${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c wal_keep_size=256`;
    this.#run(
      "pg_ctl",
      "start",
      "--silent",
      "--wait",
      "--pgdata",
      data,
      "--log",
      `${data}.log`,
      "--options",
      settings,
    );
  }

  #run(program: string, ...args: string[]): void {
    // `pg_ctl` hands its pipes to the server, so that only an ignored output ends with it.
    execFileSync(join(this.#binaries, program), args, { ...this.#user, cwd: this.#folder, stdio: "ignore" });
  }
}

async function query(port: number, database: string, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client(`postgres://palaver@127.0.0.1:${port}/${database}`);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The first process of a server and its children; empty if it does not run. */
function processesOf({ data }: Server): readonly number[] {
  try {
    const first = Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]);
    const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(first)], { encoding: "utf8" });
    return [first, ...children.trim().split(/\s+/).map(Number)];
  } catch {
    return [];
  }
}

function signalProcess(pid: number, signal: "SIGKILL" | "SIGSTOP"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** Two ports that are free at this moment. */
async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server.listen(0, "127.0.0.1"), "listening");
      return (server.address() as AddressInfo).port;
    }),
  );
  for (const server of servers) server.close();
  return [ports[0]!, ports[1]!];
}

function idOfNobody(option: string): number {
  return Number(execFileSync("id", [option, "nobody"]));
}

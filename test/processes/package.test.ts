import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect } from "chai";
import { createDatabase, type TestDatabase } from "../support/postgres.js";

const run = promisify(execFile);
const project = join(import.meta.dirname, "../../..");
/** Another version is checked with the path of its package. */
const compiler = join(process.env["TYPESCRIPT"] ?? join(project, "node_modules/typescript"), "bin/tsc");

interface Entry {
  /** The packages without which it cannot be imported. */
  readonly loads: readonly string[];
  /** Uses the entry, in JavaScript that is also TypeScript. Throws if it does not work. */
  readonly program: string;
}

/** The result of each entry: `done` or the stack of an error. */
type Outcomes = Readonly<Record<string, string>>;

/** Stands in the programs for the URL of a database. */
const DATABASE_URL = "postgres://user:password@host/database";

const entries: Readonly<Record<string, Entry>> = {
  palaver: {
    loads: ["lru-cache", "uuid"],
    program: `
      import { MessagingError, openMessaging } from "palaver";
      const messaging = await openMessaging({ storage: { sqlite: "data" } });
      const { id: by } = await messaging.registerUser({ username: "ana", password: "correct horse" });
      const events = messaging.events({ by });
      const { message } = await messaging.sendMessage({ by, to: { username: "ana" }, text: "hello" });
      const { id: bo } = await messaging.registerUser({ username: "bo", password: "correct horse" });
      const refusal = await messaging.editMessage({ by: bo, id: message.id, text: "hi" }).catch((error) => error);
      if (!(refusal instanceof MessagingError) || refusal.code !== "not_your_message") throw refusal;
      for await (const event of events) {
        if (event.type === "message.created" && event.message.id === message.id) break;
      }
      await messaging.close();`,
  },
  "palaver/http": {
    loads: ["@koa/router", "koa", "koa-bodyparser", "koa-session", "prom-client", "zod"],
    program: `
      import { openMessaging } from "palaver";
      import { listen, mount } from "palaver/http";
      const messaging = await openMessaging({ storage: "memory" });
      const server = await listen(messaging, { port: 0 });
      for (const path of ["/docs", "/openapi.json", "/readyz"]) {
        const answer = await fetch(server.url + path);
        if (!answer.ok) throw new Error(await answer.text());
      }
      const page = await fetch(server.url, { headers: { Accept: "text/html" } });
      const [script] = /assets\\/[^"]+\\.js/.exec(await page.text()) ?? [];
      if (!(await fetch(server.url + "/" + script)).ok) throw new Error("The web client lacks its script.");
      mount(messaging, { path: "/chat" }).close();
      await server.close(0);
      await messaging.close();`,
  },
  "palaver/sqlite": {
    loads: ["fs-native-extensions", "lru-cache", "sql.js"],
    program: `
      import { backUpStore, checkStore, openSqliteStore } from "palaver/sqlite";
      const store = await openSqliteStore("store");
      if (store.status().fault !== undefined) throw new Error(store.status().fault);
      await store.close();
      await backUpStore("store", "backup");
      const { faults } = await checkStore("backup");
      if (faults.length > 0) throw new Error(faults.join());`,
  },
  "palaver/postgres": {
    loads: ["lru-cache", "pg"],
    program: `
      import { inspectDatabase, openPostgresStore, replaceEpoch } from "palaver/postgres";
      const url = "${DATABASE_URL}";
      const store = await openPostgresStore(url, { poolSize: 2, onTrouble: (trouble) => { throw trouble; } });
      if (store.status().fault !== undefined) throw new Error(store.status().fault);
      const key = await store.sessionKey();
      if (key.length < 16) throw new Error("The session key is short.");
      await store.close();
      const epoch = await replaceEpoch(url);
      const { faults } = await inspectDatabase(url);
      if (faults.length > 0 || epoch.length !== 16) throw new Error(faults.join());`,
  },
  "palaver/memory": {
    loads: ["p-limit"],
    program: `
      import { openMemoryStore } from "palaver/memory";
      const store = openMemoryStore();
      if ((await store.read(({ messages }) => messages.lastId())) !== 0) throw new Error("It is not empty.");
      await store.close();`,
  },
  "palaver/operator": {
    loads: [],
    program: `
      import { openMessaging } from "palaver";
      import { createAdministration } from "palaver/operator";
      const messaging = await openMessaging({ storage: "memory" });
      const operator = createAdministration(messaging.ports);
      const { id } = await operator.addUser({ username: "admin", password: "correct horse" });
      const { secret } = await operator.createUserToken({ user: "admin", name: "reports" });
      if ((await messaging.authenticate({ secret })).user.id !== id) throw new Error("The token is of another user.");
      await operator.disableUser({ user: "admin" });
      for await (const accounts of operator.listUsers()) {
        if (accounts.some(({ disabledAt }) => disabledAt === null)) throw new Error("The user is not disabled.");
      }
      const { users } = await operator.countStatistics();
      if (users !== 1) throw new Error("There are " + users + " users.");
      await messaging.close();`,
  },
  "palaver/testing": {
    loads: ["p-limit"],
    program: `
      import { openTestMessaging } from "palaver/testing";
      const messaging = openTestMessaging();
      const { ana, bob } = await messaging.users("ana", "bob");
      messaging.failNextCommit();
      const chat = await messaging.group(ana, bob).catch(() => messaging.group(ana, bob));
      const server = await messaging.listen();
      const { url, token } = await server.access("bob");
      const answer = await fetch(url + "/v1/chats/" + chat.id, { headers: { Authorization: "Bearer " + token } });
      if (!answer.ok) throw new Error(await answer.text());
      messaging.clock.advance(1_000);
      await messaging.close();`,
  },
  "palaver/client": {
    loads: [],
    program: `
      import { createClient, PalaverError } from "palaver/client";
      import { openTestMessaging } from "palaver/testing";
      const messaging = openTestMessaging();
      await messaging.users("ana");
      const { url } = await messaging.listen();
      const client = createClient({ url });
      await client.logIn({ username: "ana", password: "password of ana" });
      const { cursor } = await client.sync();
      const { id } = await client.sendMessage({ dest_username: "ana", message: "hello" });
      for await (const event of client.events({ after: cursor })) {
        if (event.type === "message.created" && event.message.id === id) break;
      }
      const refusal = await client.deleteMessage({ id: 99 }).catch((error) => error);
      if (!(refusal instanceof PalaverError) || refusal.code !== "not_your_message") throw refusal;
      await messaging.close();`,
  },
  "palaver/contract": {
    loads: [],
    program: `
      import { idsContract, secretsContract, storeContract } from "palaver/contract";
      import { openMemoryStore } from "palaver/memory";
      const cases = [];
      const hook = () => {};
      const runner = { describe: hook, beforeEach: hook, afterEach: hook, it: hook };
      storeContract(
        { ...runner, describe: (title, body) => body(), it: (title) => cases.push(title) },
        { open: async () => openMemoryStore() },
      );
      if (cases.length < 50) throw new Error("There are " + cases.length + " cases.");
      for (const contract of [idsContract, secretsContract]) {
        contract(runner, () => ({ next: () => "", generate: () => "", generateCode: () => "", digests: () => [""] }));
      }`,
  },
};

describe("The npm package", () => {
  let folder: string;
  let tarball: string;
  let database: TestDatabase;
  let programs: Outcomes;
  let imports: Outcomes;
  let manifest: {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly exports: Readonly<Record<string, string>>;
    readonly bin: Readonly<Record<string, string>>;
  };

  /** Creates an installation of the tarball with only these packages. */
  async function install(name: string, packages: readonly string[]): Promise<string> {
    const home = join(folder, name);
    const modules = join(home, "node_modules");
    await mkdir(modules, { recursive: true });
    await writeFile(join(home, "package.json"), `{ "type": "module" }`);
    await mkdir(join(modules, "palaver"));
    await run("tar", ["-xzf", tarball, "-C", join(modules, "palaver"), "--strip-components=1"]);
    for (const each of packages) {
      await mkdir(dirname(join(modules, each)), { recursive: true });
      await symlink(join(project, "node_modules", each), join(modules, each), "junction");
    }
    return home;
  }

  /** Imports the files one after the other in one process. It must end with the last one. */
  async function outcomes(files: Readonly<Record<string, string>>, cwd: string): Promise<Outcomes> {
    const importing = `
      for (const [name, file] of Object.entries(${JSON.stringify(files)})) {
        const outcome = await import(file).then(() => "done", (error) => error.stack);
        console.log(JSON.stringify([name, outcome]));
      }`;
    const file = join(cwd, "outcomes.mjs");
    await writeFile(file, importing);
    const child = spawn(process.execPath, [file], { cwd, stdio: ["ignore", "pipe", "inherit"] });
    const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, "exit")]);
    const ended = output.split("\n").slice(0, -1);
    if (code !== 0) throw new Error(`The programs ended with ${code ?? signal} after: ${ended.join()}`);
    return Object.fromEntries(ended.map((line) => JSON.parse(line) as [string, string]));
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "palaver-"));
    database = await createDatabase();
    const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
    const { stdout } = await run("npm", pack, { cwd: project });
    const [{ filename }] = JSON.parse(stdout) as [{ readonly filename: string }];
    tarball = join(folder, filename);
    await run("tar", ["-xzf", tarball, "-C", folder]);
    manifest = JSON.parse(await readFile(join(folder, "package/package.json"), "utf8")) as typeof manifest;
    const whole = await install("whole", Object.keys(manifest.dependencies));
    const using: Record<string, string> = {};
    const importing: Record<string, string> = {};
    for (const [name, { loads, program }] of Object.entries(entries)) {
      const file = `${name.replace("/", "-")}.js`;
      using[name] = join(whole, file);
      importing[name] = join(await install(`only-${name.replace("/", "-")}`, loads), file);
      await writeFile(using[name], program.replaceAll(DATABASE_URL, database.url));
      await writeFile(importing[name], `import ${JSON.stringify(name)};`);
    }
    [programs, imports] = await Promise.all([outcomes(using, whole), outcomes(importing, folder)]);
  });

  after(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  it("exports the entries tested here, and its manifest", () => {
    const exported = Object.keys(manifest.exports).map((path) => path.replace(/^\./, "palaver"));
    expect(exported).to.have.members([...Object.keys(entries), "palaver/package.json"]);
  });

  for (const [name, { loads }] of Object.entries(entries)) {
    it(`runs a program that uses ${name}`, () => expect(programs[name]).to.equal("done"));

    it(`loads for ${name} no packages but ${loads.join(", ") || "itself"}`, () =>
      expect(imports[name]).to.equal("done"));
  }

  it("runs the example of embedding it, twice in the same directory", async () => {
    const file = join(folder, "whole/embedding.mjs");
    await writeFile(file, await readFile(join(project, "examples/embedding.js")));
    // The second run finds the users and messages of the first.
    for (let count = 0; count < 2; count += 1) {
      const { stdout } = await run(process.execPath, [file], { cwd: dirname(file) });
      expect(stdout).to.equal("ana: Hello, Bob!\n");
    }
  });

  it("has types for each entry, which need no other package and reject wrong uses", async () => {
    const home = await install("typed", []);
    for (const [name, { program }] of Object.entries(entries)) {
      await writeFile(join(home, `${name.replace("/", "-")}.ts`), program);
    }
    const wrong = `
      import { MessagingError, openMessaging, type Chat, type Store } from "palaver";
      const messaging = await openMessaging({ storage: "memory" });
      const chat: Promise<Chat> = messaging.createGroupChat({ by: "ana" });
      export const isCode = (error: MessagingError) => error.code === "no such code";
      export const store: Store = { close: async () => {} };`;
    await writeFile(join(home, "wrong.ts"), wrong);
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      module: "nodenext",
      target: "es2022",
      lib: ["es2022", "dom"],
      types: [],
    };
    await writeFile(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    const args = [compiler, "--pretty", "false", "-p", home];
    const { stdout } = await run(process.execPath, args, { cwd: home }).catch(
      (error: { readonly stdout: string }) => error,
    );
    const faults = Array.from(stdout.matchAll(/^(\S+)\((\d+),\d+\): error/gm), ([, file, line]) => [
      file,
      line,
    ]);
    expect(faults, stdout).to.deep.equal([
      ["wrong.ts", "4"],
      ["wrong.ts", "5"],
      ["wrong.ts", "6"],
    ]);
  });

  it("exports no other path", async () => {
    const paths = ["palaver/dist/src/main/index.js", "palaver/domain/user.js", "palaver/nothing"];
    const program = `
      const attempt = (path) => import(path).then(() => "open", ({ code }) => code);
      console.log(JSON.stringify(await Promise.all(${JSON.stringify(paths)}.map(attempt))));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], {
      cwd: join(folder, "whole"),
    });
    expect(JSON.parse(stdout)).to.deep.equal(paths.map(() => "ERR_PACKAGE_PATH_NOT_EXPORTED"));
  });

  it("contains the command", async () => {
    const command = join(folder, "whole/node_modules/palaver", manifest.bin["palaver"] ?? "");
    const { stdout } = await run(process.execPath, [command, "--version"]);
    expect(stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  /** The paths of all files in the tarball. */
  async function contents(): Promise<readonly string[]> {
    const listed = await readdir(join(folder, "package"), { recursive: true, withFileTypes: true });
    return listed
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).slice(join(folder, "package/").length));
  }

  it("contains the files that its documents link to", async () => {
    const files = await contents();
    const links = [];
    for (const document of files.filter((file) => file.endsWith(".md"))) {
      const markdown = await readFile(join(folder, "package", document), "utf8");
      for (const [, link] of markdown.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        links.push({ document, path: join(dirname(document), link!) });
      }
    }
    expect(links.length).to.be.greaterThan(20);
    const missing = links.filter(({ path }) => !files.some((file) => `${file}/`.startsWith(`${path}/`)));
    expect(missing).to.deep.equal([]);
  });

  it("refers to no source map, which it does not contain", async () => {
    const referring = [];
    for (const file of (await contents()).filter((path) => /\.[jt]s$/.test(path))) {
      const code = await readFile(join(folder, "package", file), "utf8");
      if (/^\/\/# sourceMappingURL=/m.test(code)) referring.push(file);
    }
    expect(referring).to.deep.equal([]);
  });

  it("is built when npm installs it from git, by scripts that need no certain shell", async () => {
    const { scripts } = JSON.parse(await readFile(join(project, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    expect(scripts).to.have.property("prepare");
    // With `exec`, a SIGTERM to npm reaches the server. Without it, npm ends the shell alone.
    const { start, ...others } = scripts;
    expect(start).to.equal("exec node dist/src/main/cli.js serve");
    const needShell = Object.values(others).filter((script) =>
      /\bexec\b|(?<!&)&(?!&)|['$]|(?:^|\s)\w+=\S/.test(script.replaceAll(/"[^"]*"/g, "")),
    );
    expect(needShell).to.deep.equal([]);
  });

  it("contains only files that its users need", async () => {
    const files = await contents();
    const expected =
      /^(?:package\.json|LICENSE|[A-Z]+\.md|(?:docs|examples)\/[^/]+|dist\/(?:src(?!\/web\/)|test\/contract)\/.*(?:\.js|\.d\.ts|\.LICENSE\.txt)|dist\/web\/(?:(?:index\.html|assets\/.*)(?:\.br|\.gz)?|licenses\.md))$/;
    const unexpected = files.filter(
      (file) => !expected.test(file) || (/\.test\.|broken/.test(file) && !file.startsWith("examples/")),
    );
    expect(unexpected).to.deep.equal([]);
    expect(files.length).to.be.greaterThan(100);
  });
});

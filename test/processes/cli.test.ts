import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { expect } from "chai";
import { lockDirectory } from "../../src/adapters/sqlite/wal/lock.js";
import { sendRequest } from "../../src/main/cli/operator-client.js";
import { operatorCommands } from "../../src/main/cli/operator-commands.js";
import { readConfig, variables } from "../../src/main/config.js";
import { Client, PASSWORD, signedIn } from "../support/client.js";
import { openStream } from "../support/event-stream.js";
import { collected } from "../support/operator.js";
import { cli, run, runServer } from "../support/process.js";

/** Permissions do not restrict root. */
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

const README = new URL("../../../docs/operating.md", import.meta.url);

describe("palaver, commands of the operator", () => {
  let dataDir: string;
  let server: Awaited<ReturnType<typeof runServer>>;

  const palaver = async (line: string, input = "", env: Readonly<Record<string, string>> = {}) => {
    const ran = run(line.split(" "), { DATA_DIR: dataDir, ...env }, input);
    return { status: await ran.ended, output: ran.output() };
  };

  /** The rows of a command when this process opens the data, as the command does. */
  const rows = (command: string, ...args: string[]) =>
    collected(
      sendRequest(readConfig({ DATA_DIR: dataDir }), operatorCommands[command]!.request(...args), (error) => {
        throw error;
      }),
    );

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    server = await runServer(dataDir);
  });

  after(async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    await rm(dataDir, { recursive: true });
  });

  it("work on a running server as the README shows", async () => {
    const [, section = ""] = readFileSync(README, "utf8").split("\n## Administration\n");
    const snippet = /```sh\n(.*?)```/s.exec(section)![1]!.replace("ana.jsonl", '"$DATA_DIR/export"');
    const lines = snippet.trim().split("\n");
    // A pipe replaces the password prompt.
    const typed = lines.map((line) =>
      / user (add|password) /.test(line) ? `echo "${PASSWORD}" | ${line}` : line,
    );
    const script = ["set -e", `npx() { shift; "${process.execPath}" "${cli}" "$@"; }`, ...typed].join("\n");
    await (await signedIn(server.url)).post("/v1/group_chat");
    const env = { PATH: process.env["PATH"], DATA_DIR: dataDir };
    const { stdout, stderr } = await promisify(execFile)("sh", ["-c", script], { env });
    // Two lists of sessions and one of invitations are empty.
    expect(stderr).to.equal("No results.\n".repeat(3));
    expect(stdout.split("\n")[0]).to.match(/^Created the account ana, with the user_id [0-9a-f-]{36}\.$/);
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1)!)).to.deep.include({ users: 2, sessions: 1 });
    const [account] = readFileSync(join(dataDir, "export"), "utf8").split("\n");
    expect(JSON.parse(account!)).to.deep.include({ record: "account", username: "ana", disabled_at: null });
    const login = await new Client(server.url).post("/v1/auth/login", {
      username: "ana",
      password: PASSWORD,
    });
    expect(login.status).to.equal(200);
    const audited = server.output().match(/"audit":"administration"/g);
    expect(audited).to.have.length(lines.length);
    expect(server.output()).not.to.include(PASSWORD);
  });

  it("end the open streams of a user at a running server", async () => {
    const client = new Client(server.url);
    await client.post("/v1/auth/login", { username: "ana", password: PASSWORD });
    const stream = await openStream(client);
    expect(await palaver("user disable ana")).to.include({ status: 0 });
    expect(await stream.ended).to.equal(true);
    expect((await client.get("/v1/messages")).status).to.equal(401);
  });

  it("report a rejection by their exit status, and as JSON with --json", async () => {
    const [plain, json] = await Promise.all([palaver("user add bo"), palaver("user disable nobody --json")]);
    const detail = "Unknown user. Check the username or id.";
    expect(plain).to.deep.equal({
      status: 1,
      output: "palaver: No password was given. Nothing was changed.\n",
    });
    expect(json.status).to.equal(1);
    expect(JSON.parse(json.output)).to.deep.equal({ code: "unknown_user", detail });
  });

  it("report every error as JSON with --json, also errors before a request is sent", async () => {
    const cases: readonly [string, string, Readonly<Record<string, string>>?][] = [
      ["user add --json", "wrong_usage"],
      ["user fly --json", "wrong_usage"],
      ["token create ana  --json", "invalid_token_name"],
      ["token create  backup --json", "wrong_usage"],
      ["user list --json --wrong", "wrong_usage"],
      ["user add bo --json", "failed"],
      ["user list --json --data /nowhere", "failed"],
      ["user list --json --data /etc/passwd", "failed"],
      ["user list --json", "failed", { DATABASE_URL: "memory:" }],
      ["user list --json", "failed", { DATABASE_URL: "postgres:" }],
    ];
    const ran = await Promise.all(cases.map(([line, , env]) => palaver(line, "", env)));
    for (const [n, [line, code]] of cases.entries()) {
      const { status, output } = ran[n]!;
      expect(status, line).to.equal(code === "wrong_usage" ? 2 : 1);
      expect(output.split("\n"), line).to.have.length(2);
      const error = JSON.parse(output) as Readonly<Record<string, string>>;
      expect(error, line).to.have.keys("code", "detail");
      expect(error["code"], line).to.equal(code);
      expect(error["detail"], line).not.to.include("Set DATA_DIR");
    }
  });

  it("ask for no password if the command would fail with any", async () => {
    const lines = ["user password nobody", "user add a!b", "user add ana", "user add bo --data /nowhere"];
    const [password, invalid, taken, nowhere] = await Promise.all(lines.map((line) => palaver(line)));
    expect(password).to.deep.equal({
      status: 1,
      output: "palaver: Unknown user. Check the username or id.\n",
    });
    expect(invalid!.output).to.include("The username has invalid characters.");
    expect(taken!.output).to.include("Username already taken.");
    expect(nowhere!.output).to.include("There is no store").and.include("palaver serve");
  });

  it("ignore invalid variables that only the server needs", async () => {
    const env = { PORT: "abc", SESSION_SECRET: "short", PASSWORD_DENYLIST: "/nowhere" };
    expect(await palaver("stats", "", env)).to.include({ status: 0 });
    expect(await palaver("user password ana", PASSWORD, env)).to.include({ status: 0 });
  });

  it("report output that cannot be written, and print a note on standard error where there are no results", async () => {
    const to = (output: string, line: string) =>
      promisify(execFile)("sh", ["-c", `"${process.execPath}" "${cli}" ${line} > ${output}`], {
        env: { PATH: process.env["PATH"], DATA_DIR: dataDir },
      }).catch((error: { readonly stderr: string }) => error);
    const empty = ["session list ana", "session list ana --json"].map((line) => to("/dev/null", line));
    expect((await Promise.all(empty)).map(({ stderr }) => stderr)).to.deep.equal(["No results.\n", ""]);
    if (process.platform !== "linux") return;
    const full = ["user list", "help", `check "$DATA_DIR"`].map((line) => to("/dev/full", line));
    for (const { stderr } of await Promise.all(full)) {
      expect(stderr).to.match(/^palaver: The output could not be written: ENOSPC.*\n$/);
    }
  });

  it("exit with status 2 for an unknown command or wrong arguments", async () => {
    const lines = [
      "user fly",
      "user add",
      "serve --json",
      "check x --data y",
      "backup --data=",
      "chat policy",
      "chat show 1 2",
    ];
    const ran = await Promise.all(lines.map((line) => palaver(line)));
    expect(ran.map(({ status }) => status)).to.deep.equal(lines.map(() => 2));
    const [fly, add, serve, check, backup, policy, show] = ran.map(({ output }) => output);
    expect(fly)
      .to.include("Unknown command `user fly`")
      .and.include("add, list, show, disable, enable, password");
    expect(add).to.include("takes USERNAME");
    expect(policy).to.include("takes CHAT [SETTING=VALUE…]");
    expect(show).to.include("takes CHAT.");
    expect(serve).to.include("neither --json nor --data");
    expect(check).to.include("given twice");
    expect(backup).to.include("--data needs a directory");
  });

  it("have help for each command and for each first word", async () => {
    const lines = ["user add --help", "help user", "help serve", "help salvage", "help backup"];
    const ran = await Promise.all(lines.map((line) => palaver(line)));
    expect(ran.map(({ status }) => status)).to.deep.equal(lines.map(() => 0));
    const [add, user, serve, salvage, backup] = ran.map(({ output }) => output);
    expect(add).to.match(/^Usage: palaver user add USERNAME \[--data DIR\] \[--json\]\n/);
    expect(add).to.include("first line of the standard input").and.include("Exit status: 0");
    expect(user).to.match(/^Usage: palaver user COMMAND\n/);
    expect(user).to.include("user disable USER").and.not.include("stats");
    const listed = Array.from(serve!.matchAll(/^  ([A-Z_]+) /gm), ([, setting]) => setting);
    expect(listed).to.deep.equal(Object.keys(variables));
    expect(salvage).to.match(/^Usage: palaver salvage \[DIR\] NEWDIR \[--data DIR\] \[--json\]\n/);
    expect(salvage).to.include("A single argument is NEWDIR");
    expect(backup).to.match(/^Usage: palaver backup \[\[DIR\] NEWDIR\] \[--data DIR\] \[--json\]\n/);
  });

  it("fail with advice for a user who may not write to the data", async () => {
    const { mode } = await stat(dataDir);
    await chmod(dataDir, 0);
    const refused = run(["user", "list"], { DATA_DIR: dataDir }, "", isRoot ? NOBODY : undefined);
    expect(await refused.ended).to.equal(1);
    expect(refused.output())
      .to.include("EACCES")
      .and.include("as the user that the server runs as")
      .and.not.include("PORT");
    await chmod(dataDir, mode);
  });

  it("work after a server was killed and left its socket behind, also two commands at once", async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    expect((await stat(join(dataDir, "control"))).isSocket()).to.equal(true);
    const both = await Promise.all(["bo", "cy"].map((name) => palaver(`user add ${name}`, PASSWORD)));
    expect(both.map(({ status }) => status)).to.deep.equal([0, 0]);
    const names = (await rows("user list")).map(({ username }) => username);
    expect(names).to.include.members(["ana", "bo", "cy"]);
  });

  it("set a password where no server runs, and close the data after each step", async () => {
    expect(await palaver("user password ana", PASSWORD)).to.deep.equal({
      status: 0,
      output: "ana has a new password, and is still disabled.\n",
    });
  });

  it("create a token where no server runs, under the key that the server uses", async () => {
    await palaver("user enable ana");
    const under = async (env: Readonly<Record<string, string>>) => {
      const { status, output } = await palaver("token create ana backup", "", env);
      expect(status, output).to.equal(0);
      const over = await runServer(dataDir, env);
      const { status: answered } = await fetch(`${over.url}/v1/chats`, {
        headers: { Authorization: `Bearer ${output.trim()}` },
      });
      over.child.kill("SIGTERM");
      await over.ended;
      return answered;
    };
    expect(await under({})).to.equal(200);
    expect(await under({ SESSION_SECRET: "a key of the environment" })).to.equal(200);
    await rename(join(dataDir, "session-secret"), join(dataDir, "another-name"));
    const unknown = await palaver("token create ana backup");
    await rename(join(dataDir, "another-name"), join(dataDir, "session-secret"));
    expect(unknown.status).to.equal(1);
    expect(unknown.output).to.include("Set SESSION_SECRET");
  });

  it("report that they wait for a locked directory", async () => {
    const unlock = lockDirectory(dataDir);
    const waiting = run(["user", "list", "--json"], { DATA_DIR: dataDir });
    while (waiting.output() === "") await delay(5);
    unlock();
    expect(await waiting.ended).to.equal(0);
    const [notice, row] = waiting.output().split("\n");
    expect(JSON.parse(notice!)).to.include({ code: "waiting" }).and.have.property("detail");
    expect(JSON.parse(row!)).to.have.property("username");
  });

  it("add little to the data directory where no server runs", async () => {
    const size = async () => Number((await rows("stats"))[0]!["bytes_on_disk"]);
    server.child.kill("SIGTERM");
    await server.ended;
    await rows("user enable", "ana");
    const before = await size();
    for (const verb of ["disable", "enable"]) await rows(`user ${verb}`, "ana");
    expect((await size()) - before).to.be.below(8 * 2 ** 20);
  });

  it("write no files of root into a directory of another user", async () => {
    if (!isRoot) return;
    const directory = await mkdtemp(join(tmpdir(), "palaver-"));
    try {
      await chown(directory, NOBODY, NOBODY);
      const serve = run(["serve"], { DATA_DIR: directory, PORT: "0" }, "", NOBODY);
      while (!serve.output().includes("listens on")) await delay(5);
      const asRoot = async () => {
        const ran = run(["user", "add", "ana"], { DATA_DIR: directory }, PASSWORD);
        return { status: await ran.ended, output: ran.output() };
      };
      expect(await asRoot()).to.include({ status: 0 });
      serve.child.kill("SIGTERM");
      await serve.ended;
      const before = await readdir(directory);
      const refused = await asRoot();
      expect(refused.status).to.equal(1);
      expect(refused.output).to.include(`sudo -u '#${NOBODY}' palaver`);
      expect(await readdir(directory)).to.deep.equal(before);
      const servedAsRoot = run(["serve"], { DATA_DIR: directory, PORT: "0" });
      expect(await servedAsRoot.ended).to.equal(1);
      expect(servedAsRoot.output()).to.include(`sudo -u '#${NOBODY}' palaver`);
      expect(await readdir(directory)).to.deep.equal(before);
      const asOwner = run(["user", "list"], { DATA_DIR: directory }, "", NOBODY);
      expect(await asOwner.ended).to.equal(0);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

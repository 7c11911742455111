import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { Client, PASSWORD } from "../support/client.js";
import { openStream } from "../support/event-stream.js";
import { cli, run, runServer } from "../support/process.js";

/** Whether this process may do everything, so that permissions stop it nowhere. */
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

const README = new URL("../../../README.md", import.meta.url);

describe("The commands of administration", () => {
  let dataDir: string;
  let server: Awaited<ReturnType<typeof runServer>>;

  const palaver = async (line: string, input = "") => {
    const ran = run(line.split(" "), { DATA_DIR: dataDir }, input);
    return { status: await ran.ended, output: ran.output() };
  };

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    server = await runServer(dataDir);
  });

  after(async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    await rm(dataDir, { recursive: true });
  });

  it("do what the README says, on a server that runs", async () => {
    const [, section = ""] = readFileSync(README, "utf8").split("\n## Administration\n");
    const snippet = /```sh\n(.*?)```/s.exec(section)![1]!.replace("ana.jsonl", '"$DATA_DIR/export"');
    const lines = snippet.trim().split("\n");
    // A password is typed in once, or comes from a pipe.
    const typed = lines.map((line) =>
      / user (add|password) /.test(line) ? `echo "${PASSWORD}" | ${line}` : line,
    );
    const script = ["set -e", `npx() { shift; "${process.execPath}" "${cli}" "$@"; }`, ...typed].join("\n");
    const env = { PATH: process.env["PATH"], DATA_DIR: dataDir };
    const { stdout, stderr } = await promisify(execFile)("sh", ["-c", script], { env });
    expect(stderr).to.equal("");
    expect(stdout.split("\n")[0]).to.match(/^ana has an account, with the user_id [0-9a-f-]{36}\.$/);
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1)!)).to.deep.include({ users: 1, sessions: 0 });
    const [account] = readFileSync(join(dataDir, "export"), "utf8").split("\n");
    expect(JSON.parse(account!)).to.deep.include({ record: "account", username: "ana", disabled_at: null });
    const login = await new Client(server.url).post("/v1/auth/login", {
      username: "ana",
      password: PASSWORD,
    });
    expect(login.status).to.equal(200);
    const told = server.output().match(/"audit":"administration"/g);
    expect(told).to.have.length(lines.length);
    expect(server.output()).not.to.include(PASSWORD);
  });

  it("end what a user has open at a server that runs", async () => {
    const client = new Client(server.url);
    await client.post("/v1/auth/login", { username: "ana", password: PASSWORD });
    const stream = await openStream(client);
    expect(await palaver("user disable ana")).to.include({ status: 0 });
    expect(await stream.ended).to.equal(true);
    expect((await client.get("/v1/messages")).status).to.equal(401);
  });

  it("tell by their status, and as JSON if told so, that they were refused", async () => {
    const [plain, json] = await Promise.all([palaver("user add bo"), palaver("user disable nobody --json")]);
    const detail = "There is no such user.";
    expect(plain).to.deep.equal({
      status: 1,
      output: "palaver: No password was given, so nothing was done.\n",
    });
    expect(json.status).to.equal(1);
    expect(JSON.parse(json.output)).to.deep.equal({ code: "unknown_user", detail });
  });

  it("are told from what is no command, or not called rightly, by status 2", async () => {
    const lines = ["user fly", "user add", "check x --json"];
    const ran = await Promise.all(lines.map((line) => palaver(line)));
    expect(ran.map(({ status }) => status)).to.deep.equal(lines.map(() => 2));
    const [fly, add, check] = ran.map(({ output }) => output);
    expect(fly).to.include("no command `user fly`").and.include("add, list, disable, enable, password");
    expect(add).to.include("takes USERNAME");
    expect(check).to.include("neither --json nor --data");
  });

  it("have their help, each of them and each kind of them", async () => {
    const lines = ["user add --help", "help user"];
    const ran = await Promise.all(lines.map((line) => palaver(line)));
    expect(ran.map(({ status }) => status)).to.deep.equal(lines.map(() => 0));
    const [add, user] = ran.map(({ output }) => output);
    expect(add).to.match(/^Usage: palaver user add USERNAME \[--data DIR\] \[--json\]\n/);
    expect(add).to.include("first line of the standard input").and.include("Exit status: 0");
    expect(user).to.match(/^Usage: palaver user COMMAND\n/);
    expect(user).to.include("user disable USER").and.not.include("stats");
  });

  it("are kept from who may not write to the data, and say so", async () => {
    const { mode } = await stat(dataDir);
    await chmod(dataDir, 0);
    const refused = run(["user", "list"], { DATA_DIR: dataDir }, "", isRoot ? NOBODY : undefined);
    expect(await refused.ended).to.equal(1);
    expect(refused.output()).to.include("EACCES").and.include("as another user");
    await chmod(dataDir, mode);
  });

  it("go on where a server was killed, of which a socket stays, also two of them at once", async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    expect((await stat(join(dataDir, "control"))).isSocket()).to.equal(true);
    const both = await Promise.all(["bo", "cy"].map((name) => palaver(`user add ${name}`, PASSWORD)));
    expect(both.map(({ status }) => status)).to.deep.equal([0, 0]);
    const { output } = await palaver("user list --json");
    const names = output
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { readonly username: string }).username);
    expect(names).to.have.members(["ana", "bo", "cy"]);
  });
});

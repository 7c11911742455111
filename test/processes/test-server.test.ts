import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { cli, run } from "../support/process.js";

const examples = join(import.meta.dirname, "../../../examples");

describe("palaver test-server", () => {
  let directory: string;

  /** Starts a test server, and waits for the line that it prints. */
  const start = async (stdin: "pipe" | "ignore") => {
    const child = spawn(process.execPath, [cli, "test-server"], { stdio: [stdin, "pipe", "inherit"] });
    const ended = once(child, "close").then(([status]) => status as number | null);
    const [line] = (await once(child.stdout!, "data")) as [Buffer];
    return { child, ended, line: line.toString() };
  };
  const urlsIn = (line: string) => JSON.parse(line) as { readonly url: string; readonly control_url: string };

  /** Runs an example with this build as `npx palaver`. */
  const converse = async (command: string, name: string) => {
    const npx = join(directory, "npx");
    await writeFile(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${cli}" "$@"\n`);
    await chmod(npx, 0o755);
    const env = { PATH: `${directory}:${process.env["PATH"]}` };
    const child = spawn(command, [join(examples, name)], {
      cwd: directory,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [status] = (await once(child, "close")) as [number | null];
    return { status, output };
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "palaver-"));
  });

  afterEach(() => rm(directory, { recursive: true }));

  it("prints its addresses in one line, and ends when its standard input closes", async () => {
    const { child, ended, line } = await start("pipe");
    expect(line).to.match(
      /^\{"url":"http:\/\/127\.0\.0\.1:\d+","control_url":"http:\/\/127\.0\.0\.1:\d+"\}\n$/,
    );
    const { url, control_url } = urlsIn(line);
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    expect((await fetch(`${control_url}/clock`)).status).to.equal(200);
    child.stdin!.end();
    expect(await ended).to.equal(0);
  });

  it("runs without a standard input until SIGTERM", async () => {
    const { child, ended, line } = await start("ignore");
    const { url } = urlsIn(line);
    for (let count = 0; count < 5; count += 1) expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    child.kill("SIGTERM");
    expect(await ended).to.equal(0);
  });

  it("has help, and takes no options", async () => {
    const help = run(["help", "test-server"]);
    expect(await help.ended).to.equal(0);
    expect(help.output())
      .to.match(/^Usage: palaver test-server\n/)
      .and.include("control_url");
    const wrong = run(["test-server", "--data", "x"]);
    expect(await wrong.ended).to.equal(2);
    expect(wrong.output()).to.equal(
      "palaver: `palaver test-server` takes neither --json nor --data. Run `palaver --help` for the commands.\n",
    );
  });

  it("is used by test-server.sh, as the guide shows", async () => {
    const { output } = await converse("sh", "test-server.sh");
    const [before, rejections, rejected, sent, event] = output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as unknown);
    expect(before).to.have.nested.property("[0].message", "Lunch?");
    expect(before).to.have.nested.property("[0].timestamp", "2026-11-16T09:00:00.000Z");
    expect(rejections).to.deep.equal({});
    expect(rejected).to.include({ status: 429, code: "too_many_requests" });
    expect(sent).to.include({ sender_username: "bob", message: "Yes!" });
    expect(event).to.have.nested.property("message.message", "Yes!");
  });

  it("is used by test_server.py, as the guide shows, where there is Python", async () => {
    if (spawnSync("python3", ["--version"]).status !== 0) return;
    expect(await converse("python3", "test_server.py")).to.deep.equal({ status: 0, output: "passed 0\n" });
  });
});

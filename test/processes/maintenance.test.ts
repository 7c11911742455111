import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readConfig } from "../../src/main/config.js";
import { backUp, checkDirectory } from "../../src/main/cli/maintenance.js";
import { serve, type RunningServer } from "../../src/main/server.js";
import { Client, signedIn } from "../support/client.js";
import { run } from "../support/process.js";

describe("palaver check, backup and salvage", () => {
  let scratch: string;
  let dataDir: string;
  let server: RunningServer | undefined;
  let ana: Client;
  let messages: string;

  const palaver = async (...args: string[]) => {
    const ran = run(args);
    return { status: await ran.ended, output: ran.output() };
  };

  /** In this process: it is the commands that are tried here. */
  const start = (directory: string) =>
    serve(readConfig({ DATA_DIR: directory, PORT: "0", LOG_LEVEL: "silent" }), (error) => {
      throw error;
    });

  const stop = async () => {
    await server?.close();
    server = undefined;
  };

  /** What a server over that directory answers ana. */
  const listed = async (directory: string) => {
    const over = await start(directory);
    const client = new Client(over.url);
    client.cookie = ana.cookie;
    const { text } = await client.get("/v1/messages");
    await over.close();
    return text;
  };

  const flipBit = async (file: string, offset: number) => {
    const handle = await open(join(dataDir, file), "r+");
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, offset);
    await handle.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, offset);
    await handle.close();
  };

  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), "palaver-"));
    dataDir = join(scratch, "data");
    server = await start(dataDir);
    ana = await signedIn(server.url);
    for (const message of ["one", "two", "three"]) {
      await ana.post("/v1/messages", { dest_username: ana.username, message });
    }
    messages = (await ana.get("/v1/messages")).text;
  });

  afterEach(async () => {
    await stop();
    await rm(scratch, { recursive: true });
  });

  it("check reports the data of a running server as sound, and changes nothing", async () => {
    // The server creates its spare segment later.
    const files = async () => (await readdir(dataDir)).filter((name) => name !== "spare.palaver");
    const before = await files();
    const { status, output } = await palaver("check", dataDir);
    expect([status, output]).to.deep.equal([0, `${dataDir} is sound, up to transaction 5.\n`]);
    expect(await files()).to.deep.equal(before);
  });

  it("backup copies the data of a running server, and the copy can be served", async () => {
    const target = join(scratch, "copy");
    expect(await palaver("backup", dataDir, target)).to.include({ status: 0 });
    await ana.post("/v1/messages", { dest_username: ana.username, message: "later" });
    expect(await listed(target)).to.equal(messages);
    const backupError = async (directory: string) =>
      String(await backUp(dataDir, directory).catch((error: unknown) => error));
    expect(await backupError(join(dataDir, "copy"))).to.include("is within");
    expect(await backupError(target)).to.include("is not empty");
  });

  it("backup chooses a name for the copy if none is given", async () => {
    const { lines, sound } = await backUp(`${dataDir}/`);
    expect(sound).to.equal(true);
    const target = lines[0]!.split(" ")[0]!;
    expect(target).to.match(/data-backup-\d{4}-/);
    expect(await checkDirectory(target)).to.include({ sound: true });
  });

  it("serve and check report a damaged log by file and offset, and salvage saves the rest", async () => {
    await stop();
    const log = (await readdir(dataDir)).find((name) => name.startsWith("log-"))!;
    await flipBit(log, (await readFile(join(dataDir, log))).indexOf('"two"') + 1);
    const failure: unknown = await start(dataDir).catch((error: unknown) => error);
    expect(String(failure)).to.match(new RegExp(`${log} is damaged at byte \\d+: .*palaver salvage`));
    const checked = await palaver("check", dataDir);
    expect(checked.status).to.equal(1);
    expect(checked.output).to.include(log).and.include(`${dataDir} is damaged.`);
    const target = join(scratch, "saved");
    const saved = await palaver("salvage", dataDir, target);
    expect(saved.status).to.equal(1);
    expect(saved.output).to.include("Transaction 4 is missing.");
    const texts = JSON.parse(await listed(target)) as { readonly message: string }[];
    expect(texts.map(({ message }) => message)).to.deep.equal(["one", "three"]);
  });

  it("use the directory of --data or DATA_DIR, and print one JSON object with --json", async () => {
    const env = { DATA_DIR: dataDir };
    const target = join(scratch, "copy");
    const json = async (line: string, environment: Readonly<Record<string, string>>) => {
      const ran = run([...line.split(" "), "--json"], environment);
      const status = await ran.ended;
      return { ...(JSON.parse(ran.output()) as Readonly<Record<string, unknown>>), status };
    };
    const sound = { directory: dataDir, sound: true, last_transaction: 5, status: 0 };
    expect(await json("check", env)).to.deep.equal({ ...sound, incomplete_commit: null, faults: [] });
    expect(await json(`check --data ${dataDir}`, { DATA_DIR: "/nowhere" })).to.include(sound);
    expect(await json("check", { DATABASE_URL: "memory:", ...env })).to.include({
      code: "failed",
      status: 1,
    });
    const { bytes, ...copy } = (await json(`backup ${target}`, env)) as Record<string, unknown>;
    expect(copy).to.deep.equal({ ...sound, target });
    expect(bytes).to.be.a("number").and.greaterThan(0);
    await stop();
    const saved = join(scratch, "saved");
    expect(await json(`salvage ${saved} --data ${target}`, {})).to.deep.equal({
      ...sound,
      directory: target,
      target: saved,
      faults: [],
      missing_transactions: [],
      left_out_transactions: [],
      left_out_rows: 0,
    });
  });

  it("fail for a missing directory and for wrong arguments", async () => {
    expect(await palaver("check", join(scratch, "nowhere"))).to.include({ status: 1 });
    expect(await palaver("check", dataDir, scratch)).to.include({ status: 2 });
    expect(await palaver("salvage")).to.include({ status: 2 });
  });
});

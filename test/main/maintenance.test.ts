import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Client, signedIn } from "../support/client.js";
import { run, runServer } from "../support/process.js";

describe("palaver check, backup, salvage", () => {
  let scratch: string;
  let dataDir: string;
  let server: Awaited<ReturnType<typeof runServer>> | undefined;
  let ana: Client;
  let messages: string;

  const palaver = async (...args: string[]) => {
    const ran = run(args);
    return { status: await ran.ended, output: ran.output() };
  };

  const stop = async () => {
    server?.child.kill("SIGTERM");
    await server?.ended;
    server = undefined;
  };

  /** What a server over that directory answers ana. */
  const listed = async (directory: string) => {
    const over = await runServer(directory);
    const client = new Client(over.url);
    client.cookie = ana.cookie;
    const { text } = await client.get("/v1/messages");
    over.child.kill("SIGTERM");
    await over.ended;
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
    server = await runServer(dataDir);
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

  it("check finds a running service's data sound, and changes nothing", async () => {
    const before = await readdir(dataDir);
    const { status, output } = await palaver("check", dataDir);
    expect([status, output]).to.deep.equal([0, `${dataDir} is sound, up to transaction 5.\n`]);
    expect(await readdir(dataDir)).to.deep.equal(before);
  });

  it("backup copies a running service's data, which then can be served", async () => {
    const target = join(scratch, "copy");
    expect(await palaver("backup", dataDir, target)).to.include({ status: 0 });
    await ana.post("/v1/messages", { dest_username: ana.username, message: "later" });
    expect(await listed(target)).to.equal(messages);
    const within = await palaver("backup", dataDir, join(dataDir, "copy"));
    expect(within.status).to.equal(1);
    expect(within.output).to.include("is within");
    const again = await palaver("backup", dataDir, target);
    expect(again.status).to.equal(1);
    expect(again.output).to.include("is not empty");
  });

  it("backup names the copy itself where it is given no name", async () => {
    const { status, output } = await palaver("backup", `${dataDir}/`);
    expect(status).to.equal(0);
    const target = output.split(" ")[0]!;
    expect(target).to.match(/data-backup-\d{4}-/);
    expect(await palaver("check", target)).to.include({ status: 0 });
  });

  it("a damaged log is refused by serve and check with its name and place, and salvage saves the rest", async () => {
    await stop();
    const log = (await readdir(dataDir)).find((name) => name.startsWith("log-"))!;
    await flipBit(log, (await readFile(join(dataDir, log))).indexOf('"two"') + 1);
    const start = run(["serve"], { DATA_DIR: dataDir, PORT: "0" });
    expect(await start.ended).to.equal(1);
    expect(start.output()).to.match(new RegExp(`${log} is damaged at byte \\d+: .*palaver salvage`));
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

  it("say where there is nothing, and what they take", async () => {
    expect(await palaver("check", join(scratch, "nowhere"))).to.include({ status: 1 });
    expect(await palaver("check")).to.include({ status: 2 });
    expect(await palaver("salvage", dataDir)).to.include({ status: 2 });
  });
});

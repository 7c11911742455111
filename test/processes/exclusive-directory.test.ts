import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { run, runServer, type Process } from "../support/process.js";

describe("palaver serve, on a directory in use", function () {
  this.timeout(30_000);
  const processes: Process[] = [];
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "palaver-"));
  });

  afterEach(async () => {
    for (const { child, ended } of processes.splice(0)) {
      child.kill("SIGKILL");
      await ended;
    }
    await rm(directory, { recursive: true });
  });

  it("exits with the reason, and starts once the other process is killed", async () => {
    const first = await runServer(directory);
    processes.push(first);

    const second = run(["serve"], { DATA_DIR: directory, PORT: "0" });
    processes.push(second);
    expect(await second.ended).to.equal(1);
    expect(second.output()).to.include(`The directory ${directory} is in use by another process.`);

    first.child.kill("SIGKILL");
    await first.ended;
    processes.push(await runServer(directory));
  });
});

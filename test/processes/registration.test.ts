import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { addUser } from "../../src/application/administration.js";
import { openMessaging } from "../../src/main/index.js";
import { createMessaging } from "../../src/application/messaging.js";
import { expectProblem } from "../support/api/scene.js";
import { Client, PASSWORD } from "../support/client.js";
import { testPorts } from "../support/ports.js";
import { errorCodeOf } from "../support/error-code.js";
import { run, runServer } from "../support/process.js";

const ana = { username: "ana", password: PASSWORD };

describe("REGISTRATION=closed", () => {
  it("rejects registrations, and lets the operator create accounts that can log in", async () => {
    const directory = await mkdtemp(join(tmpdir(), "palaver-"));
    const server = await runServer(directory, { REGISTRATION: "closed" });
    const client = new Client(server.url);
    expectProblem(await client.post("/v1/auth/register", ana), 403, "registration_closed");
    expectProblem(await client.post("/v1/auth/register", { username: "ana" }), 400, "invalid_request");
    const adding = run(["user", "add", "ana"], { DATA_DIR: directory }, PASSWORD);
    expect(await adding.ended, adding.output()).to.equal(0);
    expect(await client.post("/v1/auth/login", ana)).to.include({ status: 200 });
    expectProblem(await client.post("/v1/auth/register", ana), 403, "registration_closed");
    server.child.kill();
    await server.ended;
    await rm(directory, { recursive: true });
  });
});

describe("closed registration", () => {
  it("rejects registerUser before it reads anything, but not the operator's addUser or ensureUser", async () => {
    const ports = { ...testPorts(), registration: "closed" } as const;
    const messaging = createMessaging(ports);
    expect(await errorCodeOf(messaging.registerUser({ username: "!", password: "" }))).to.equal(
      "registration_closed",
    );
    expect(await addUser(ports, ana)).to.include({ username: "ana" });
    expect(await messaging.ensureUser({ username: "bo" })).to.include({ username: "bo" });
  });

  it("is an option of openMessaging, which is open by default", async () => {
    const { passwords } = testPorts();
    const outcomes = [];
    for (const registration of ["closed", "open", undefined] as const) {
      const messaging = await openMessaging({ storage: "memory", passwords, registration });
      outcomes.push(await errorCodeOf(messaging.registerUser(ana)));
      await messaging.close();
    }
    expect(outcomes).to.deep.equal(["registration_closed", undefined, undefined]);
    const misspelt = "Closed" as "closed";
    const attempt = openMessaging({ storage: "memory", passwords, registration: misspelt });
    expect(await attempt.catch((error: Error) => error)).to.be.instanceOf(TypeError);
  });
});

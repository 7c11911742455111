import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Client, freshName } from "../support/client.js";
import { runServer } from "../support/process.js";

const PASSWORD = "canary one 1 of 2";
const NEW_PASSWORD = "canary two 2 of 2";
const KEY = "canary key of sixteen and more";

describe("Secrets", () => {
  it("appear neither in the log nor in the data, also when a request with them fails", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    const server = await runServer(dataDir, { SESSION_SECRET: KEY, LOG_LEVEL: "debug", RATE_LIMITS: "on" });
    const ana = new Client(server.url);
    const username = freshName("ana");
    const credentials = { username, password: PASSWORD };
    await ana.post("/v1/auth/register", credentials);
    await ana.post("/v1/auth/register", credentials);
    await ana.post("/v1/auth/login", credentials);
    const first = ana.cookie.split("=")[1]!;
    await ana.post("/v1/auth/login", credentials);
    const second = ana.cookie.split("=")[1]!;
    const { json } = await ana.post("/v1/auth/tokens", { name: "bot" });
    const token = String(json["token"]);

    // In a place where it does not belong, or in a request that fails: a username, a field, bad JSON, a long body, a path.
    const nobody = new Client(server.url);
    const wrong = JSON.stringify({ username, password: [PASSWORD] });
    for (const raw of [
      JSON.stringify({ username: PASSWORD, password: username }),
      JSON.stringify({ username, password: `${PASSWORD}!` }),
      JSON.stringify({ username, [PASSWORD]: 1, password: PASSWORD }),
      wrong,
      wrong.slice(0, -1),
      wrong + PASSWORD.repeat(5_000),
    ]) {
      expect((await nobody.request("POST", "/v1/auth/login", { raw })).status).to.be.within(400, 499);
    }
    const form = { raw: wrong, headers: { "Content-Type": "application/x-www-form-urlencoded" } };
    await nobody.request("POST", "/v1/auth/login", form);
    await nobody.request("POST", "/v1/auth/login", { raw: wrong, headers: { "Content-Encoding": "gzip" } });
    const inAddress = encodeURIComponent(PASSWORD);
    await ana.get(`/v1/messages?password=${inAddress}`);
    await ana.get(`/v1/messages/p2p/${inAddress}`);
    await ana.get(`/${inAddress}`);
    for (const headers of [
      { Authorization: `Bearer ${PASSWORD}` },
      { Authorization: `Bearer ${token}x` },
      { Cookie: `palaver_session=${PASSWORD}` },
      { "X-Request-Id": PASSWORD },
      { Origin: `https://${inAddress}.example`, Referer: `https://x.example/${inAddress}` },
    ]) {
      await nobody.post("/v1/messages", {}, { headers });
    }
    await ana.put("/v1/auth/password", { current_password: NEW_PASSWORD, new_password: PASSWORD });
    await ana.put("/v1/auth/password", { current_password: PASSWORD, new_password: NEW_PASSWORD });
    expect((await ana.get("/v1/auth/session")).json["username"]).to.equal(username);

    server.child.kill("SIGTERM");
    expect(await server.ended).to.equal(0);
    const files = await Promise.all(
      (await readdir(dataDir)).map(async (name) => (await readFile(join(dataDir, name))).toString("latin1")),
    );
    const data = files.join("\n");
    await rm(dataDir, { recursive: true });
    expect(data).to.include(username).and.include("$argon2id$");
    expect(server.output()).to.include('"audit":"password_changed"').and.include('"audit":"login_failed"');
    for (const secret of ["canary", inAddress, first, second, token]) {
      expect(data.includes(secret), `the data holds ${secret}`).to.equal(false);
      expect(server.output().includes(secret), `the log holds ${secret}`).to.equal(false);
    }
  });
});

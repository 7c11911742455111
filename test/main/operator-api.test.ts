import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import type { Store } from "../../src/application/ports.js";
import { createControlApp, serveControl } from "../../src/main/control.js";
import { openLog } from "../../src/main/log.js";
import { askSocket, type SocketResponse } from "../support/operator.js";
import { testPorts, type TestPorts } from "../support/ports.js";

const PASSWORD = "correct horse";

describe("/v1/operator over the control socket", () => {
  let directory: string;
  let ports: TestPorts;
  let stop: () => Promise<void>;

  const socketPath = () => join(directory, "control");
  const ask = (method: string, path: string, body?: string, type?: string) =>
    askSocket(socketPath(), method, `/v1/operator/${path}`, body, type);
  const rowsOf = ({ status, type, text }: SocketResponse) => {
    expect({ status, type }).to.deep.equal({ status: 200, type: "application/jsonl" });
    return text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  };
  const expectProblem = ({ status, type, text }: SocketResponse, expected: number, code: string) => {
    expect(JSON.parse(text)).to.include({ status: expected, code });
    expect({ status, type }).to.deep.equal({
      status: expected,
      type: "application/problem+json; charset=utf-8",
    });
  };
  const addUser = async (username: string) => {
    const { text } = await ask("POST", "users", JSON.stringify({ username, password: PASSWORD }));
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
    ports = testPorts();
    await serveOver(ports.store);
  });

  afterEach(async () => {
    await stop();
    rmSync(directory, { recursive: true });
  });

  async function serveOver(store: Store): Promise<void> {
    const log = openLog("silent");
    stop = await serveControl(createControlApp({ ...ports, store }, directory, log), directory, log);
  }

  it("responds to a change with the account", async () => {
    const ana = await addUser("ana");
    expect(ana).to.include({ username: "ana", disabled_at: null });
    const disabled = await ask("POST", "users/ana/disable");
    expect(disabled).to.include({ status: 200, type: "application/json; charset=utf-8" });
    expect(JSON.parse(disabled.text)).to.include({ user_id: ana["user_id"] }).and.not.include(ana);
    const enabled = await ask("POST", `users/${String(ana["user_id"])}/enable`, "{}");
    expect(JSON.parse(enabled.text)).to.deep.equal(ana);
    expect(JSON.parse((await ask("GET", "users/ANA")).text)).to.deep.equal(ana);
  });

  it("responds to a list with JSON Lines, also to an empty one", async () => {
    expect(rowsOf(await ask("GET", "users"))).to.deep.equal([]);
    const users = [await addUser("ana"), await addUser("bo")];
    expect(rowsOf(await ask("GET", "users"))).to.deep.equal(users);
    expect(rowsOf(await ask("GET", "users/ana/sessions"))).to.deep.equal([]);
    expect(rowsOf(await ask("GET", "users/ana/export"))).to.deep.equal([{ record: "account", ...users[0] }]);
  });

  it("decodes a user in a path, whatever characters it has", async () => {
    for (const user of ["..", "a/b", "%", "a?b=c", "ä\u2028\u0000"]) {
      expectProblem(await ask("GET", `users/${encodeURIComponent(user)}/export`), 400, "unknown_user");
    }
  });

  it("rejects invalid requests with problems", async () => {
    await addUser("ana");
    expectProblem(
      await ask("POST", "users", '{"username":"ana","password":"correct horse"}'),
      400,
      "username_taken",
    );
    expectProblem(await ask("POST", "users", '{"username":"bo"}'), 400, "invalid_request");
    expectProblem(await ask("POST", "users", "{"), 400, "invalid_json");
    expectProblem(await ask("POST", "users", "{}", "text/plain"), 415, "unsupported_media_type");
    expectProblem(await ask("GET", "users?limit=1"), 400, "invalid_request");
    expectProblem(await ask("PUT", "users/ana/password", '{"password":"short"}'), 400, "invalid_password");
    expectProblem(await ask("DELETE", "users/ana/sessions/none"), 404, "unknown_session");
    expectProblem(await ask("GET", "nothing"), 404, "not_found");
    expectProblem(await ask("PATCH", "users"), 405, "method_not_allowed");
  });

  it("offers no operation of users", async () => {
    expectProblem(await askSocket(socketPath(), "GET", "/v1/chats"), 404, "not_found");
    expectProblem(await askSocket(socketPath(), "POST", "/v1/auth/login", "{}"), 404, "not_found");
  });

  it("rejects a body of 300 MB, and goes on", async () => {
    const MEBIBYTE = 2 ** 20;
    const chunk = Buffer.alloc(MEBIBYTE, "x");
    const sent = request({
      socketPath: socketPath(),
      method: "POST",
      path: "/v1/operator/users",
      headers: { "Content-Type": "application/json" },
      agent: false,
    });
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    // The server may close the connection before it has read all of it.
    sent.on("error", () => {});
    const body = Readable.from(
      (function* () {
        for (let n = 0; n < 300; n += 1) {
          peak = Math.max(peak, process.memoryUsage().arrayBuffers);
          yield chunk;
        }
      })(),
    );
    body.pipe(sent);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    expect(response.statusCode).to.equal(413);
    response.resume();
    await once(response, "end");
    body.destroy();
    sent.destroy();
    expect(peak - before).to.be.below(64 * MEBIBYTE);
    expect(rowsOf(await ask("GET", "users"))).to.deep.equal([]);
  });

  it("reads rows from the store only as fast as the client reads them", async () => {
    await ports.store.transaction(async ({ chats }) => {
      for (let n = 0; n < 20_000; n += 1) await chats.addGroup("x".repeat(1_000), 1);
    });
    await stop();
    let reads = 0;
    await serveOver({
      ...ports.store,
      read(work) {
        reads += 1;
        return ports.store.read(work);
      },
    });
    const sent = request({ socketPath: socketPath(), path: "/v1/operator/chats", agent: false }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    let seen = -1;
    while (reads > seen) {
      seen = reads;
      await delay(200);
    }
    // All of it takes 41 reads of 500 chats.
    expect(reads).to.be.below(20);
    let text = "";
    for await (const part of response.setEncoding("utf8")) text += String(part);
    expect(text.split("\n")).to.have.length(20_001);
    expect(reads).to.be.at.least(41);
  });
});

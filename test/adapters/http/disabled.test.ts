import { expect } from "chai";
import { disableUser, enableUser } from "../../../src/application/administration.js";
import { expectProblem } from "../../support/api/scene.js";
import { Client, PASSWORD } from "../../support/client.js";
import { openStream } from "../../support/event-stream.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("disableUser over HTTP", () => {
  let server: TestServer;
  const logIn = (username: string, password: string) =>
    new Client(server.url).post("/v1/auth/login", { username, password });

  beforeEach(async () => {
    server = await openTestServer({ rateLimits: true });
  });
  afterEach(() => server.close());

  it("rejects a login with the password as account_disabled, and with a wrong one as usual", async () => {
    const { user } = await server.signIn("ana");
    await disableUser(server.ports, { user: "ana" });
    expectProblem(await logIn("ana", PASSWORD), 403, "account_disabled");
    const [wrong, unknown] = [await logIn("ana", "wrong password"), await logIn("dora", "wrong password")];
    expectProblem(wrong, 400, "wrong_credentials");
    expect(wrong.text).to.equal(unknown.text);
    const [disabled, failed] = server.audit;
    expect(disabled).to.include({ audit: "login_failed", account_id: user.id, code: "account_disabled" });
    expect(failed).to.include({ audit: "login_failed", account_id: user.id, code: "wrong_credentials" });
    await enableUser(server.ports, { user: "ana" });
    expect(await logIn("ana", PASSWORD)).to.include({ status: 200 });
  });

  it("does not count logins with the right password as failed", async () => {
    await server.signIn("ana");
    await disableUser(server.ports, { user: "ana" });
    for (let n = 0; n < 12; n += 1) expectProblem(await logIn("ana", PASSWORD), 403, "account_disabled");
  });

  it("rejects messages to the user, and adding the user to a group, as user_unavailable", async () => {
    const [{ client: ana }] = [await server.signIn("ana"), await server.signIn("bo")];
    const { json } = await ana.post("/v1/messages", { dest_username: "bo", message: "hello" });
    const { json: chat } = await ana.post("/v1/group_chat");
    await disableUser(server.ports, { user: "bo" });
    for (const to of [{ dest_username: "bo" }, { group_chat_id: json["destination_chat_id"] }]) {
      expectProblem(await ana.post("/v1/messages", { ...to, message: "hello" }), 400, "user_unavailable");
    }
    const path = `/v1/group_chat/${String(chat["chat_id"])}/participants`;
    expectProblem(await ana.post(path, { username: "bo" }), 400, "user_unavailable");
  });

  it("ends streams, sessions and tokens of the user immediately", async () => {
    const { client } = await server.signIn("ana");
    const { json } = await client.post("/v1/auth/tokens", { name: "bot" });
    const stream = await openStream(client);
    await disableUser(server.ports, { user: "ana" });
    expect(await stream.ended).to.equal(true);
    expectProblem(await client.get("/v1/messages"), 401, "not_signed_in");
    const headers = { Authorization: `Bearer ${String(json["token"])}` };
    expectProblem(await new Client(server.url).get("/v1/messages", { headers }), 401, "not_signed_in");
  });
});

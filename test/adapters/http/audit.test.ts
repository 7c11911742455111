import { expect } from "chai";
import { Client, PASSWORD, freshName, signedIn } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

const FIELDS = [
  "level",
  "time",
  "audit",
  "request_id",
  "method",
  "route",
  "address",
  "user_id",
  "session_id",
  "account_id",
  "account_ids",
  "ended_id",
  "chat_id",
  "code",
];

describe("createAudit", () => {
  let server: TestServer;
  let ana: Client;
  let anaId: string;

  beforeEach(async () => {
    server = await openTestServer({ trustProxy: true, rateLimits: true });
    ana = await signedIn(server.url, "ana");
    anaId = String((await ana.get("/v1/auth/session")).json["user_id"]);
  });

  afterEach(() => server.close());

  const actions = () => server.audit.map(({ audit }) => audit);
  const last = () => server.audit.at(-1)!;

  it("records registrations, logins, logouts and ended sessions by id", async () => {
    const { json: session } = await ana.get("/v1/auth/session");
    const { json: token } = await ana.post("/v1/auth/tokens", { name: "bot" });
    await ana.delete(`/v1/auth/tokens/${String(token["token_id"])}`);
    const other = new Client(server.url);
    await other.post("/v1/auth/login", { username: ana.username, password: PASSWORD });
    const { json: theirs } = await other.get("/v1/auth/session");
    await ana.delete(`/v1/auth/sessions/${String(theirs["session_id"])}`);
    expect(last()).to.include({ audit: "session_ended", ended_id: theirs["session_id"] });
    await ana.delete("/v1/auth/sessions/canary");
    expect(last()).to.include({ audit: "session_ended", ended_id: theirs["session_id"] });
    await ana.delete("/v1/auth/sessions");
    await ana.put("/v1/auth/password", { current_password: PASSWORD, new_password: "another password" });
    await ana.post("/v1/auth/logout");
    expect(actions()).to.deep.equal([
      "register",
      "login",
      "token_created",
      "token_ended",
      "login",
      "session_ended",
      "other_sessions_ended",
      "password_changed",
      "logout",
    ]);
    for (const line of server.audit) expect(line["user_id"]).to.equal(anaId);
    expect(last()).to.include({ session_id: session["session_id"], route: "/v1/auth/logout" });
  });

  it("records the account of a failed login if it exists, and never the input", async () => {
    const options = { headers: { "X-Forwarded-For": "203.0.113.7", "X-Request-Id": "try" } };
    const tried = { username: ana.username, password: "canary password" };
    await new Client(server.url).post("/v1/auth/login", tried, options);
    expect(last()).to.include({
      audit: "login_failed",
      account_id: anaId,
      address: "203.0.113.7",
      request_id: "try",
      code: "wrong_credentials",
    });
    expect(last()).to.not.have.property("user_id");
    await new Client(server.url).post("/v1/auth/login", { ...tried, username: "canary name" });
    expect(last()).to.include({ audit: "login_failed" }).and.not.have.property("account_id");
    const change = { current_password: "canary password", new_password: "another password" };
    await ana.put("/v1/auth/password", change);
    expect(last()).to.include({ audit: "password_check_failed", account_id: anaId, user_id: anaId });
    expect(JSON.stringify([server.audit, server.lines])).to.not.include("canary");
  });

  it("records changes of participants, and denied access", async () => {
    const bob = await signedIn(server.url, "bob");
    const chatId = String((await ana.post("/v1/group_chat")).json["chat_id"]);
    const bobId = (await bob.get("/v1/auth/session")).json["user_id"];
    await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
    const line = { user_id: anaId, account_id: bobId, chat_id: chatId };
    expect(last()).to.include({ audit: "participant_added", ...line });
    await ana.delete(`/v1/group_chat/${chatId}/participants/${bob.username}`);
    expect(last()).to.include({ audit: "participant_removed", ...line });
    await bob.get(`/v1/messages/group/${chatId}`);
    expect(last()).to.include({ audit: "forbidden", code: "not_a_participant", chat_id: chatId });
    await ana.post("/v1/group_chat", {}, { headers: { Origin: "https://evil.example" } });
    expect(last()).to.include({ audit: "forbidden", code: "cross_site" });
  });

  it("records exceeded rate limits", async () => {
    for (let n = 0; n < 11; n += 1) {
      await new Client(server.url).post("/v1/auth/login", { username: "nobody", password: "12345678" });
    }
    expect(last()).to.include({ audit: "rate_limited", code: "too_many_requests", address: "127.0.0.1" });
  });

  it("records only the listed fields, and no other requests", async () => {
    await ana.get("/v1/messages");
    await ana.post("/v1/messages", { dest_username: freshName(), message: "hello" });
    await ana.get("/nothing");
    expect(actions()).to.deep.equal(["register", "login"]);
    await ana.get("/v1/messages/group/99");
    for (const line of server.audit) expect(FIELDS).to.include.members(Object.keys(line));
  });

  it("records the creation of a group chat with its id and the users added with it", async () => {
    const bob = await signedIn(server.url, "bob");
    const { json: session } = await bob.get("/v1/auth/session");
    const { json: chat } = await ana.post("/v1/group_chat", { participants: [bob.username] });
    expect(last()).to.deep.include({
      audit: "chat_created",
      user_id: anaId,
      chat_id: String(chat["chat_id"]),
      account_ids: [session["user_id"]],
    });
  });
});

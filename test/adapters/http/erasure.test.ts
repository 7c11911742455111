import { expect } from "chai";
import { Client, PASSWORD } from "../../support/client.js";
import { expectFieldErrors, expectProblem, p2p, texts } from "../../support/api/scene.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("DELETE /v1/users/me", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await openTestServer({ rateLimits: true });
  });
  afterEach(() => server.close());

  const erase = (client: Client, password: unknown) =>
    client.request("DELETE", "/v1/users/me", { body: { password } });

  it("erases the account, and answers everything later as if it had never had the name", async () => {
    const { client: ana, user } = await server.signIn("ana");
    const { client: bob } = await server.signIn("bob");
    const chatId = await p2p(ana, bob);
    await bob.post("/v1/messages", { dest_username: "ana", message: "hello, you" });
    const copy = ana.cookie;
    const erased = await erase(ana, PASSWORD);
    expect(erased).to.deep.include({ status: 200, json: {} });
    expect(String(erased.headers["set-cookie"])).to.match(/palaver_session=;.*expires=Thu, 01 Jan 1970/);
    ana.cookie = copy;
    expectProblem(await ana.get("/v1/auth/session"), 401, "not_signed_in");

    const history = await bob.get(`/v1/group_chat/messages/group/${chatId}`);
    expect(texts(history)).to.deep.equal(["", "hello, you"]);
    expect(history.text).to.include('"sender_username":"deleted"').and.not.include('"ana"');
    const chat = await bob.get(`/v1/chats/${chatId}`);
    expect(chat.json).to.include({
      with_username: "deleted",
      participant_count: 2,
      peer_read_seq: null,
    });
    expect(chat.text).to.not.include('"ana"');
    const events = await bob.get("/v1/events?after=" + String((await bob.get("/v1/sync")).json["cursor"]));
    expect(events.text).to.not.include('"ana"');

    const hello = { message: "hello" };
    expectProblem(
      await bob.post("/v1/messages", { group_chat_id: chatId, ...hello }),
      400,
      "user_unavailable",
    );
    expectProblem(await bob.post("/v1/messages", { dest_username: "ana", ...hello }), 400, "unknown_user");
    const { json: group } = await bob.post("/v1/group_chat");
    const participants = `/v1/group_chat/${String(group["chat_id"])}/participants`;
    expectProblem(await bob.post(participants, { username: "ana" }), 400, "unknown_user");

    const [wrong, unknown] = [
      await new Client(server.url).post("/v1/auth/login", { username: "ana", password: PASSWORD }),
      await new Client(server.url).post("/v1/auth/login", { username: "nobody", password: PASSWORD }),
    ];
    expect([wrong.status, wrong.text]).to.deep.equal([unknown.status, unknown.text]);
    const register = (username: string) =>
      new Client(server.url).post("/v1/auth/register", { username, password: PASSWORD });
    const taken = await register("bob");
    for (const spelling of ["ana", "ANA", "ａｎａ"]) {
      const response = await register(spelling);
      expectProblem(response, 400, "username_taken");
      expect(response.text).to.equal(taken.text);
    }
    expect(server.audit).to.deep.include.members([
      { ...server.audit.find((line) => line["audit"] === "account_erased"), user_id: user.id },
    ]);
  });

  it("takes a token of the account, too", async () => {
    const { client: ana } = await server.signIn("ana");
    const { json } = await ana.post("/v1/auth/tokens", { name: "bot" });
    const headers = { Authorization: `Bearer ${String(json["token"])}` };
    const bot = new Client(server.url);
    const response = await bot.request("DELETE", "/v1/users/me", { headers, body: { password: PASSWORD } });
    expect(response.status).to.equal(200);
    expectProblem(await bot.get("/v1/auth/session", { headers }), 401, "not_signed_in");
    expectProblem(await ana.get("/v1/auth/session"), 401, "not_signed_in");
  });

  it("rejects a wrong or missing password, and limits guesses as those of a login", async () => {
    const { client: ana } = await server.signIn("ana");
    expectProblem(await ana.delete("/v1/users/me"), 400, "invalid_request");
    const wrong = await erase(ana, "wrong password");
    expectProblem(wrong, 400, "wrong_password");
    expectFieldErrors(wrong, "password");
    for (let n = 1; n < 10; n += 1) {
      expectProblem(await erase(ana, "wrong password"), 400, "wrong_password");
    }
    expectProblem(await erase(ana, PASSWORD), 429, "too_many_requests");
    expect((await ana.get("/v1/auth/session")).status).to.equal(200);
  });

  it("ends the open event streams of the account, and of no other", async () => {
    const { client: ana } = await server.signIn("ana");
    const { client: bob } = await server.signIn("bob");
    await p2p(ana, bob);
    const cursor = String((await bob.get("/v1/sync")).json["cursor"]);
    const waiting = ana.get(`/v1/events?after=${cursor}&wait=20`);
    const received = bob.get(`/v1/events?after=${cursor}&wait=20`);
    await erase(ana, PASSWORD);
    expectProblem(await waiting, 401, "not_signed_in");
    const { json } = await received;
    const events = json["events"] as readonly { readonly type: string; readonly message?: object }[];
    expect(events[0]).to.include({ type: "user.deleted", username: "deleted", display_name: null });
    const rest = await bob.get(`/v1/events?after=${String(json["cursor"])}`);
    const [event] = [...events.slice(1), ...(rest.json["events"] as typeof events)];
    expect(event?.type).to.equal("message.deleted");
    expect(event?.message).to.include({ message: "", sender_username: "deleted" });
  });
});

import { expect } from "chai";
import { describeChats } from "./api/chats.js";
import { describeGroupChats } from "./api/group-chats.js";
import { describeLists } from "./api/lists.js";
import { describeMessageFields } from "./api/message-fields.js";
import { describeMessages } from "./api/messages.js";
import { expectFieldErrors, expectProblem, expectSessionRequired } from "./api/scene.js";
import { Client, PASSWORD, freshName, signedIn } from "./client.js";

/**
 * Defines tests of every operation of the contract with every status. Each test creates the chats that it needs, so the
 * tests can run repeatedly on one server.
 *
 * @param at returns the URL of the server
 */
export function describeApi(at: () => string): void {
  describeAccounts(at);
  describeGroupChats(at);
  describeChats(at);
  describeMessages(at);
  describeMessageFields(at);
  describeLists(at);
}

function describeAccounts(at: () => string): void {
  describe("POST /v1/auth/register", () => {
    it("creates an account without logging in", async () => {
      const client = new Client(at());
      const username = freshName("Zoë");
      const response = await client.post("/v1/auth/register", { username, password: PASSWORD });
      expect(response.status).to.equal(200);
      expect(response.json).to.have.all.keys("user_id", "username");
      expect(response.json["username"]).to.equal(username);
      expect(String(response.json["user_id"]).length).to.be.greaterThan(32);
      expect(response.headers["set-cookie"]).to.equal(undefined);
    });

    it("rejects a username that is taken, also in another case or compatibility form", async () => {
      const client = new Client(at());
      const username = freshName("ana");
      await client.post("/v1/auth/register", { username, password: PASSWORD });
      const wide = username.replace("ana", "Ａｎａ");
      for (const taken of [username, username.toUpperCase(), wide]) {
        const response = await client.post("/v1/auth/register", { username: taken, password: PASSWORD });
        expectProblem(response, 400, "username_taken");
      }
    });

    it("rejects an invalid username or password and names the field", async () => {
      const client = new Client(at());
      for (const username of ["", "a b", ".a", "a-", "a\u200bb", "a".repeat(33)]) {
        const response = await client.post("/v1/auth/register", { username, password: PASSWORD });
        expectProblem(response, 400, "invalid_username");
        expectFieldErrors(response, "username");
      }
      const reserved = await client.post("/v1/auth/register", { username: "Ａdmin", password: PASSWORD });
      expectProblem(reserved, 400, "username_reserved");
      expectFieldErrors(reserved, "username");
      for (const password of ["", "1234567", "x".repeat(257)]) {
        const response = await client.post("/v1/auth/register", { username: freshName(), password });
        expectProblem(response, 400, "invalid_password");
        expectFieldErrors(response, "password");
      }
    });
  });

  describe("POST /v1/auth/login", () => {
    it("starts a new session and ends the session of the request", async () => {
      const client = await signedIn(at());
      const first = client.cookie;
      const response = await client.post("/v1/auth/login", { username: client.username, password: PASSWORD });
      expect(response.status).to.equal(200);
      expect(response.json).to.have.all.keys("user_id", "username");
      expect(client.cookie).to.not.equal(first);
      expect((await client.get("/v1/messages")).status).to.equal(200);
      expectProblem(
        await new Client(at()).get("/v1/messages", { headers: { Cookie: first } }),
        401,
        "not_signed_in",
      );
    });

    it("accepts the username in any case, and returns it as registered", async () => {
      const client = await signedIn(at(), "Ana");
      const username = client.username.toUpperCase();
      const { json } = await new Client(at()).post("/v1/auth/login", { username, password: PASSWORD });
      expect(json["username"]).to.equal(client.username);
    });

    it("sets a cookie that is HttpOnly and SameSite", async () => {
      const { username } = await signedIn(at());
      const { headers } = await new Client(at()).post("/v1/auth/login", { username, password: PASSWORD });
      const cookies = headers["set-cookie"] ?? [];
      expect(cookies).to.have.length(1);
      expect(cookies[0]).to.match(/^palaver_session=[\w-]{43};/);
      expect(cookies[0])
        .to.match(new RegExp(`; path=${new URL(at()).pathname}(;|$)`))
        .and.match(/; httponly/i)
        .and.match(/; samesite=lax/i);
    });

    it("responds with the same 400 to an unknown user and a wrong password", async () => {
      const { username } = await signedIn(at());
      const responses = await Promise.all([
        new Client(at()).post("/v1/auth/login", { username, password: "wrong password" }),
        new Client(at()).post("/v1/auth/login", { username: freshName(), password: PASSWORD }),
      ]);
      for (const response of responses) expectProblem(response, 400, "wrong_credentials");
      expect(responses[0].text).to.equal(responses[1].text);
      expect(responses[0].headers["set-cookie"]).to.equal(undefined);
    });

    it("rejects missing fields and fields of the wrong type", async () => {
      const client = new Client(at());
      expectFieldErrors(await client.post("/v1/auth/login", {}), "username", "password");
      expectFieldErrors(
        await client.post("/v1/auth/login", { username: "ana", password: 12345678 }),
        "password",
      );
    });
  });

  describe("POST /v1/auth/logout", () => {
    it("ends the session, so that a copy of its cookie is invalid", async () => {
      const client = await signedIn(at());
      const copy = client.cookie;
      const response = await client.post("/v1/auth/logout");
      expect(response.status).to.equal(200);
      expect(response.json).to.deep.equal({});
      expect(client.cookie).to.equal("");
      expectProblem(await client.get("/v1/messages", { headers: { Cookie: copy } }), 401, "not_signed_in");
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => anonymous.post("/v1/auth/logout")));
  });
}

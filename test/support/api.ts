import { expect } from "chai";
import { describeChats } from "./api/chats.js";
import { describeGroupChats } from "./api/group-chats.js";
import { describeLists } from "./api/lists.js";
import { describeMessages } from "./api/messages.js";
import { expectFieldErrors, expectProblem, expectSignedInOnly } from "./api/scene.js";
import { Client, PASSWORD, freshName, signedIn } from "./client.js";

/**
 * Every row of the contract in every status, as a stranger would ask for it. Each case makes the chats it needs, so that it
 * can run again and again over one server.
 *
 * @param at the URL of the server
 */
export function describeApi(at: () => string): void {
  describeAccounts(at);
  describeGroupChats(at);
  describeChats(at);
  describeMessages(at);
  describeLists(at);
}

function describeAccounts(at: () => string): void {
  describe("POST /v1/auth/register", () => {
    it("200: makes an account, and does not log in", async () => {
      const client = new Client(at());
      const username = freshName("Zoë");
      const answer = await client.post("/v1/auth/register", { username, password: PASSWORD });
      expect(answer.status).to.equal(200);
      expect(answer.json).to.have.all.keys("user_id", "username");
      expect(answer.json["username"]).to.equal(username);
      expect(String(answer.json["user_id"]).length).to.be.greaterThan(32);
      expect(answer.headers["set-cookie"]).to.equal(undefined);
    });

    it("400: a username in use, in another case and another form too", async () => {
      const client = new Client(at());
      const username = freshName("ana");
      await client.post("/v1/auth/register", { username, password: PASSWORD });
      const wide = username.replace("ana", "Ａｎａ");
      for (const taken of [username, username.toUpperCase(), wide]) {
        const answer = await client.post("/v1/auth/register", { username: taken, password: PASSWORD });
        expectProblem(answer, 400, "username_taken");
      }
    });

    it("400: a malformed username or password, named", async () => {
      const client = new Client(at());
      for (const username of ["", "a b", ".a", "a-", "a\u200bb", "a".repeat(33)]) {
        const answer = await client.post("/v1/auth/register", { username, password: PASSWORD });
        expectProblem(answer, 400, "invalid_username");
        expectFieldErrors(answer, "username");
      }
      for (const password of ["", "1234567", "x".repeat(257)]) {
        const answer = await client.post("/v1/auth/register", { username: freshName(), password });
        expectProblem(answer, 400, "invalid_password");
        expectFieldErrors(answer, "password");
      }
    });
  });

  describe("POST /v1/auth/login", () => {
    it("200: starts a session, always a new one, and ends the one it came with", async () => {
      const client = await signedIn(at());
      const first = client.cookie;
      const answer = await client.post("/v1/auth/login", { username: client.username, password: PASSWORD });
      expect(answer.status).to.equal(200);
      expect(answer.json).to.have.all.keys("user_id", "username");
      expect(client.cookie).to.not.equal(first);
      expect((await client.get("/v1/messages")).status).to.equal(200);
      expectProblem(
        await new Client(at()).get("/v1/messages", { headers: { Cookie: first } }),
        401,
        "not_signed_in",
      );
    });

    it("200: takes the username in any case, and shows it as it was first written", async () => {
      const client = await signedIn(at(), "Ana");
      const username = client.username.toUpperCase();
      const { json } = await new Client(at()).post("/v1/auth/login", { username, password: PASSWORD });
      expect(json["username"]).to.equal(client.username);
    });

    it("gives a cookie that scripts and other sites do not get", async () => {
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

    it("400: an unknown user and a wrong password, alike", async () => {
      const { username } = await signedIn(at());
      const answers = await Promise.all([
        new Client(at()).post("/v1/auth/login", { username, password: "wrong password" }),
        new Client(at()).post("/v1/auth/login", { username: freshName(), password: PASSWORD }),
      ]);
      for (const answer of answers) expectProblem(answer, 400, "wrong_credentials");
      expect(answers[0].text).to.equal(answers[1].text);
      expect(answers[0].headers["set-cookie"]).to.equal(undefined);
    });

    it("400: a malformed request", async () => {
      const client = new Client(at());
      expectFieldErrors(await client.post("/v1/auth/login", {}), "username", "password");
      expectFieldErrors(
        await client.post("/v1/auth/login", { username: "ana", password: 12345678 }),
        "password",
      );
    });
  });

  describe("POST /v1/auth/logout", () => {
    it("200: the session is dead, and so is a copy of its cookie", async () => {
      const client = await signedIn(at());
      const copy = client.cookie;
      const answer = await client.post("/v1/auth/logout");
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({});
      expect(client.cookie).to.equal("");
      expectProblem(await client.get("/v1/messages", { headers: { Cookie: copy } }), 401, "not_signed_in");
    });

    it("401: nobody is signed in", () =>
      expectSignedInOnly(at(), (nobody) => nobody.post("/v1/auth/logout")));
  });
}

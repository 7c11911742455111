import { expect } from "chai";
import { expectFieldErrors, expectProblem, threePeople } from "./api/scene.js";
import { Client, PASSWORD, freshName, signedIn, type HttpResponse } from "./client.js";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Defines tests of the session and token operations with every status; see `describeApi`. */
export function describeSessionApi(at: () => string): void {
  const expectUnauthorized = async (call: (anonymous: Client) => Promise<HttpResponse>) =>
    expectProblem(await call(new Client(at())), 401, "not_signed_in");
  const logInAgain = async ({ username }: Client) => {
    const client = Object.assign(new Client(at()), { username });
    await client.post("/v1/auth/login", { username, password: PASSWORD });
    return client;
  };
  const list = async (client: Client, path: string) =>
    (await client.get(path)).json as unknown as Readonly<Record<string, unknown>>[];
  const makeToken = async (client: Client, name = "bot") =>
    (await client.post("/v1/auth/tokens", { name })).json as {
      readonly token: string;
      readonly token_id: string;
    };
  const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

  describe("GET /v1/auth/session", () => {
    it("returns the session and its user", async () => {
      const [ana] = await threePeople(at());
      const { status, json } = await ana.get("/v1/auth/session");
      expect(status).to.equal(200);
      expect(json).to.have.all.keys("user_id", "username", "session_id", "expires_at");
      expect(json["username"]).to.equal(ana.username);
      expect(json["expires_at"]).to.match(TIME);
      expect(ana.cookie).to.not.include(String(json["session_id"]));
    });

    it("responds with 401 and WWW-Authenticate without a session", async () => {
      const response = await new Client(at()).get("/v1/auth/session");
      expectProblem(response, 401, "not_signed_in");
      expect(response.headers["www-authenticate"]).to.equal("Bearer");
    });
  });

  describe("GET /v1/auth/sessions", () => {
    it("returns the caller's sessions and marks the current one", async () => {
      const ana = await signedIn(at(), "ana");
      const other = Object.assign(new Client(at()), { username: ana.username });
      const login = { username: ana.username, password: PASSWORD };
      await other.post("/v1/auth/login", login, { headers: { "User-Agent": "Firefox" } });
      const sessions = await list(other, "/v1/auth/sessions");
      expect(sessions).to.have.length(2);
      for (const session of sessions) {
        const keys = ["session_id", "current", "created_at", "last_seen_at", "user_agent"];
        expect(session).to.have.all.keys(keys);
        expect(session["created_at"]).to.match(TIME).and.equal(session["last_seen_at"]);
      }
      expect(sessions.map((session) => [session["current"], session["user_agent"]])).to.deep.equal([
        [false, null],
        [true, "Firefox"],
      ]);
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.get("/v1/auth/sessions")));
  });

  describe("DELETE /v1/auth/sessions/{session_id}", () => {
    it("ends only that session", async () => {
      const [ana] = await threePeople(at());
      const other = await logInAgain(ana);
      const { json } = await other.get("/v1/auth/session");
      const response = await ana.delete(`/v1/auth/sessions/${String(json["session_id"])}`);
      expect([response.status, response.json]).to.deep.equal([200, {}]);
      expectProblem(await other.get("/v1/messages"), 401, "not_signed_in");
      expect((await ana.get("/v1/messages")).status).to.equal(200);
    });

    it("responds with 404 to a session of another user, an unknown id and a token", async () => {
      const [ana, bob] = await threePeople(at());
      const { json } = await bob.get("/v1/auth/session");
      const { token_id } = await makeToken(ana);
      for (const id of [String(json["session_id"]), "none", "%00", token_id]) {
        expectProblem(await ana.delete(`/v1/auth/sessions/${id}`), 404, "unknown_session");
      }
      expect((await bob.get("/v1/messages")).status).to.equal(200);
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.delete("/v1/auth/sessions/x")));
  });

  describe("DELETE /v1/auth/sessions", () => {
    it("ends all other sessions and no tokens", async () => {
      const ana = await signedIn(at(), "ana");
      const others = [await logInAgain(ana), await logInAgain(ana)];
      const { token } = await makeToken(ana);
      const response = await ana.delete("/v1/auth/sessions");
      expect([response.status, response.json]).to.deep.equal([200, {}]);
      for (const other of others) expectProblem(await other.get("/v1/messages"), 401, "not_signed_in");
      expect(await list(ana, "/v1/auth/sessions")).to.have.length(1);
      expect((await new Client(at()).get("/v1/messages", bearer(token))).status).to.equal(200);
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.delete("/v1/auth/sessions")));
  });

  describe("PUT /v1/auth/password", () => {
    const change = (client: Client, current_password: string, new_password: string) =>
      client.put("/v1/auth/password", { current_password, new_password });

    it("changes the password and ends all other sessions and tokens", async () => {
      const ana = await signedIn(at(), "ana");
      const other = await logInAgain(ana);
      const { token } = await makeToken(ana);
      const response = await change(ana, PASSWORD, "another password");
      expect([response.status, response.json]).to.deep.equal([200, {}]);
      expect((await ana.get("/v1/messages")).status).to.equal(200);
      expectProblem(await other.get("/v1/messages"), 401, "not_signed_in");
      expectProblem(await new Client(at()).get("/v1/messages", bearer(token)), 401, "not_signed_in");
      const login = (password: string) =>
        new Client(at()).post("/v1/auth/login", { username: ana.username, password });
      expectProblem(await login(PASSWORD), 400, "wrong_credentials");
      expect((await login("another password")).status).to.equal(200);
    });

    it("rejects a wrong current password and an invalid new one, and names the field", async () => {
      const [ana] = await threePeople(at());
      for (const wrong of ["wrong password", "short"]) {
        const response = await change(ana, wrong, "another password");
        expectProblem(response, 400, "wrong_password");
        expectFieldErrors(response, "current_password");
      }
      const response = await change(ana, PASSWORD, "short");
      expectProblem(response, 400, "invalid_password");
      expectFieldErrors(response, "new_password");
      expectFieldErrors(await ana.put("/v1/auth/password", {}), "current_password", "new_password");
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => change(anonymous, PASSWORD, "another password")));
  });

  describe("POST /v1/auth/tokens", () => {
    it("creates a token that authenticates like the cookie", async () => {
      const [ana] = await threePeople(at());
      const { status, json } = await ana.post("/v1/auth/tokens", { name: "bot" });
      expect(status).to.equal(200);
      expect(json).to.have.all.keys("token_id", "name", "created_at", "last_seen_at", "expires_at", "token");
      expect(json["token"]).to.match(/^[\w-]{43}$/);
      const program = new Client(at());
      const withToken = bearer(String(json["token"]));
      const body = { dest_username: ana.username, message: "from a program" };
      expect((await program.post("/v1/messages", body, withToken)).json["sender_username"]).to.equal(
        ana.username,
      );
      const session = await program.get("/v1/auth/session", withToken);
      expect(session.json).to.include({ username: ana.username, session_id: json["token_id"] });
      expect(program.cookie).to.equal("");
    });

    it("accepts the scheme in any case, and ignores other schemes", async () => {
      const [ana] = await threePeople(at());
      const { token } = await makeToken(ana);
      const getSession = (Authorization: string) =>
        new Client(at()).get("/v1/auth/session", { headers: { Authorization } });
      for (const header of [`bearer ${token}`, `BEARER  ${token}`]) {
        expect((await getSession(header)).status).to.equal(200);
      }
      for (const header of ["Bearer", `Bearer ${token} x`, `Basic ${token}`, token, `Bearer${token}`]) {
        expectProblem(await getSession(header), 401, "not_signed_in");
      }
      const basic = { headers: { Authorization: "Basic YTpi" } };
      expect((await ana.get("/v1/auth/session", basic)).status).to.equal(200);
    });

    it("rejects an invalid name, and more than 50 tokens", async () => {
      const ana = await signedIn(at(), "ana");
      for (const name of ["", " ", "x".repeat(101)]) {
        const response = await ana.post("/v1/auth/tokens", { name });
        expectProblem(response, 400, "invalid_token_name");
        expectFieldErrors(response, "name");
      }
      for (let n = 0; n < 50; n += 1) await makeToken(ana, `bot ${n}`);
      expectProblem(await ana.post("/v1/auth/tokens", { name: "bot" }), 400, "too_many_tokens");
    });

    it("rejects a cookie together with a token, valid or not", async () => {
      const [ana] = await threePeople(at());
      const { token } = await makeToken(ana);
      for (const value of [token, "no token"]) {
        expectProblem(await ana.get("/v1/messages", bearer(value)), 400, "two_credentials");
      }
    });

    it("responds with 401 without a session, to a cookie as token and to a token as cookie", async () => {
      await expectUnauthorized((anonymous) => anonymous.post("/v1/auth/tokens", { name: "bot" }));
      const [ana] = await threePeople(at());
      const [name, secret] = ana.cookie.split("=") as [string, string];
      const { token } = await makeToken(ana);
      await expectUnauthorized((anonymous) => anonymous.get("/v1/messages", bearer(secret)));
      const cookie = { headers: { Cookie: `${name}=${token}` } };
      await expectUnauthorized((anonymous) => anonymous.get("/v1/messages", cookie));
      // A login with the token as cookie does not end the token either.
      await new Client(at()).post("/v1/auth/login", { username: ana.username, password: PASSWORD }, cookie);
      expect((await new Client(at()).get("/v1/messages", bearer(token))).status).to.equal(200);
    });
  });

  describe("GET /v1/auth/tokens", () => {
    it("returns the caller's tokens without their secrets", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob] = await threePeople(at());
      await makeToken(bob);
      const made = [await makeToken(ana, "one"), await makeToken(ana, "two")];
      const expected = made.map((token) => ({ ...token, token: undefined }));
      const listed = await list(ana, "/v1/auth/tokens");
      expect(listed.map((token) => ({ ...token, token: undefined }))).to.deep.equal(expected);
      for (const token of listed) expect(token).to.not.have.property("token");
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.get("/v1/auth/tokens")));
  });

  describe("DELETE /v1/auth/tokens/{token_id}", () => {
    it("ends the token, as a logout with it does", async () => {
      const [ana] = await threePeople(at());
      const [one, two] = [await makeToken(ana), await makeToken(ana)];
      const response = await ana.delete(`/v1/auth/tokens/${one.token_id}`);
      expect([response.status, response.json]).to.deep.equal([200, {}]);
      await new Client(at()).post("/v1/auth/logout", undefined, bearer(two.token));
      for (const { token } of [one, two]) {
        expectProblem(await new Client(at()).get("/v1/messages", bearer(token)), 401, "not_signed_in");
      }
      expect((await ana.get("/v1/messages")).status).to.equal(200);
    });

    it("responds with 404 to a token of another user, an unknown id and a session", async () => {
      const [ana, bob] = await threePeople(at());
      const { token_id } = await makeToken(bob);
      const { json } = await ana.get("/v1/auth/session");
      for (const id of [token_id, freshName(), String(json["session_id"])]) {
        expectProblem(await ana.delete(`/v1/auth/tokens/${id}`), 404, "unknown_token");
      }
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.delete("/v1/auth/tokens/x")));
  });
}

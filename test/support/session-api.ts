import { expect } from "chai";
import { expectFieldErrors, expectProblem, threePeople } from "./api/scene.js";
import { Client, PASSWORD, freshName, signedIn, type HttpAnswer } from "./client.js";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** "Sessions and tokens" of the API, in every status, as `describeApi` has the rest. */
export function describeSessionApi(at: () => string): void {
  const refused = async (call: (nobody: Client) => Promise<HttpAnswer>) =>
    expectProblem(await call(new Client(at())), 401, "not_signed_in");
  const again = async ({ username }: Client) => {
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
    it("200: who am I", async () => {
      const [ana] = await threePeople(at());
      const { status, json } = await ana.get("/v1/auth/session");
      expect(status).to.equal(200);
      expect(json).to.have.all.keys("user_id", "username", "session_id", "expires_at");
      expect(json["username"]).to.equal(ana.username);
      expect(json["expires_at"]).to.match(TIME);
      expect(ana.cookie).to.not.include(String(json["session_id"]));
    });

    it("401: nobody is signed in, and how to sign in", async () => {
      const answer = await new Client(at()).get("/v1/auth/session");
      expectProblem(answer, 401, "not_signed_in");
      expect(answer.headers["www-authenticate"]).to.equal("Bearer");
    });
  });

  describe("GET /v1/auth/sessions", () => {
    it("200: the caller's sessions, and which one asks", async () => {
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

    it("401: nobody is signed in", () => refused((nobody) => nobody.get("/v1/auth/sessions")));
  });

  describe("DELETE /v1/auth/sessions/{session_id}", () => {
    it("200: that one is dead, and no other", async () => {
      const [ana] = await threePeople(at());
      const other = await again(ana);
      const { json } = await other.get("/v1/auth/session");
      const answer = await ana.delete(`/v1/auth/sessions/${String(json["session_id"])}`);
      expect([answer.status, answer.json]).to.deep.equal([200, {}]);
      expectProblem(await other.get("/v1/messages"), 401, "not_signed_in");
      expect((await ana.get("/v1/messages")).status).to.equal(200);
    });

    it("404: somebody else's, one that is dead, none, a token", async () => {
      const [ana, bob] = await threePeople(at());
      const { json } = await bob.get("/v1/auth/session");
      const { token_id } = await makeToken(ana);
      for (const id of [String(json["session_id"]), "none", "%00", token_id]) {
        expectProblem(await ana.delete(`/v1/auth/sessions/${id}`), 404, "unknown_session");
      }
      expect((await bob.get("/v1/messages")).status).to.equal(200);
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.delete("/v1/auth/sessions/x")));
  });

  describe("DELETE /v1/auth/sessions", () => {
    it("200: all but this one are dead; tokens live on", async () => {
      const ana = await signedIn(at(), "ana");
      const others = [await again(ana), await again(ana)];
      const { token } = await makeToken(ana);
      const answer = await ana.delete("/v1/auth/sessions");
      expect([answer.status, answer.json]).to.deep.equal([200, {}]);
      for (const other of others) expectProblem(await other.get("/v1/messages"), 401, "not_signed_in");
      expect(await list(ana, "/v1/auth/sessions")).to.have.length(1);
      expect((await new Client(at()).get("/v1/messages", bearer(token))).status).to.equal(200);
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.delete("/v1/auth/sessions")));
  });

  describe("PUT /v1/auth/password", () => {
    const change = (client: Client, current_password: string, new_password: string) =>
      client.put("/v1/auth/password", { current_password, new_password });

    it("200: the new one counts, the old one does not, and all other sessions and tokens are dead", async () => {
      const ana = await signedIn(at(), "ana");
      const other = await again(ana);
      const { token } = await makeToken(ana);
      const answer = await change(ana, PASSWORD, "another password");
      expect([answer.status, answer.json]).to.deep.equal([200, {}]);
      expect((await ana.get("/v1/messages")).status).to.equal(200);
      expectProblem(await other.get("/v1/messages"), 401, "not_signed_in");
      expectProblem(await new Client(at()).get("/v1/messages", bearer(token)), 401, "not_signed_in");
      const login = (password: string) =>
        new Client(at()).post("/v1/auth/login", { username: ana.username, password });
      expectProblem(await login(PASSWORD), 400, "wrong_credentials");
      expect((await login("another password")).status).to.equal(200);
    });

    it("400: a wrong current password, and a new one that breaks the rules, named", async () => {
      const [ana] = await threePeople(at());
      for (const wrong of ["wrong password", "short"]) {
        const answer = await change(ana, wrong, "another password");
        expectProblem(answer, 400, "wrong_password");
        expectFieldErrors(answer, "current_password");
      }
      const answer = await change(ana, PASSWORD, "short");
      expectProblem(answer, 400, "invalid_password");
      expectFieldErrors(answer, "new_password");
      expectFieldErrors(await ana.put("/v1/auth/password", {}), "current_password", "new_password");
    });

    it("401: nobody is signed in", () => refused((nobody) => change(nobody, PASSWORD, "another password")));
  });

  describe("POST /v1/auth/tokens", () => {
    it("200: a token, told once, that serves wherever the cookie does", async () => {
      const [ana] = await threePeople(at());
      const { status, json } = await ana.post("/v1/auth/tokens", { name: "bot" });
      expect(status).to.equal(200);
      expect(json).to.have.all.keys("token_id", "name", "created_at", "last_seen_at", "expires_at", "token");
      expect(json["token"]).to.match(/^[\w-]{43}$/);
      const program = new Client(at());
      const asked = bearer(String(json["token"]));
      const body = { dest_username: ana.username, message: "from a program" };
      expect((await program.post("/v1/messages", body, asked)).json["sender_username"]).to.equal(
        ana.username,
      );
      const session = await program.get("/v1/auth/session", asked);
      expect(session.json).to.include({ username: ana.username, session_id: json["token_id"] });
      expect(program.cookie).to.equal("");
    });

    it("200: the scheme in any case; another scheme counts for nothing", async () => {
      const [ana] = await threePeople(at());
      const { token } = await makeToken(ana);
      const ask = (Authorization: string) =>
        new Client(at()).get("/v1/auth/session", { headers: { Authorization } });
      for (const header of [`bearer ${token}`, `BEARER  ${token}`]) {
        expect((await ask(header)).status).to.equal(200);
      }
      for (const header of ["Bearer", `Bearer ${token} x`, `Basic ${token}`, token, `Bearer${token}`]) {
        expectProblem(await ask(header), 401, "not_signed_in");
      }
      const basic = { headers: { Authorization: "Basic YTpi" } };
      expect((await ana.get("/v1/auth/session", basic)).status).to.equal(200);
    });

    it("400: a name that is none, and more than 50", async () => {
      const ana = await signedIn(at(), "ana");
      for (const name of ["", " ", "x".repeat(101)]) {
        const answer = await ana.post("/v1/auth/tokens", { name });
        expectProblem(answer, 400, "invalid_token_name");
        expectFieldErrors(answer, "name");
      }
      for (let n = 0; n < 50; n += 1) await makeToken(ana, `bot ${n}`);
      expectProblem(await ana.post("/v1/auth/tokens", { name: "bot" }), 400, "too_many_tokens");
    });

    it("400: a cookie and a token at once, whatever they are worth", async () => {
      const [ana] = await threePeople(at());
      const { token } = await makeToken(ana);
      for (const value of [token, "no token"]) {
        expectProblem(await ana.get("/v1/messages", bearer(value)), 400, "two_credentials");
      }
    });

    it("401: nobody is signed in; a cookie's secret is no token, and a token no cookie's secret", async () => {
      await refused((nobody) => nobody.post("/v1/auth/tokens", { name: "bot" }));
      const [ana] = await threePeople(at());
      const [name, secret] = ana.cookie.split("=") as [string, string];
      const { token } = await makeToken(ana);
      await refused((nobody) => nobody.get("/v1/messages", bearer(secret)));
      const cookie = { headers: { Cookie: `${name}=${token}` } };
      await refused((nobody) => nobody.get("/v1/messages", cookie));
      // Nor does a login or a logout with it end the token.
      await new Client(at()).post("/v1/auth/login", { username: ana.username, password: PASSWORD }, cookie);
      expect((await new Client(at()).get("/v1/messages", bearer(token))).status).to.equal(200);
    });
  });

  describe("GET /v1/auth/tokens", () => {
    it("200: the caller's tokens, without what gives access", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob] = await threePeople(at());
      await makeToken(bob);
      const made = [await makeToken(ana, "one"), await makeToken(ana, "two")];
      const expected = made.map((token) => ({ ...token, token: undefined }));
      const listed = await list(ana, "/v1/auth/tokens");
      expect(listed.map((token) => ({ ...token, token: undefined }))).to.deep.equal(expected);
      for (const token of listed) expect(token).to.not.have.property("token");
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.get("/v1/auth/tokens")));
  });

  describe("DELETE /v1/auth/tokens/{token_id}", () => {
    it("200: the token is dead; so it is after a logout with it", async () => {
      const [ana] = await threePeople(at());
      const [one, two] = [await makeToken(ana), await makeToken(ana)];
      const answer = await ana.delete(`/v1/auth/tokens/${one.token_id}`);
      expect([answer.status, answer.json]).to.deep.equal([200, {}]);
      await new Client(at()).post("/v1/auth/logout", undefined, bearer(two.token));
      for (const { token } of [one, two]) {
        expectProblem(await new Client(at()).get("/v1/messages", bearer(token)), 401, "not_signed_in");
      }
      expect((await ana.get("/v1/messages")).status).to.equal(200);
    });

    it("404: somebody else's, none, a session", async () => {
      const [ana, bob] = await threePeople(at());
      const { token_id } = await makeToken(bob);
      const { json } = await ana.get("/v1/auth/session");
      for (const id of [token_id, freshName(), String(json["session_id"])]) {
        expectProblem(await ana.delete(`/v1/auth/tokens/${id}`), 404, "unknown_token");
      }
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.delete("/v1/auth/tokens/x")));
  });
}

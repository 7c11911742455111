import { expect } from "chai";
import { Client, PASSWORD, freshName, signedIn, type HttpAnswer } from "./client.js";

const MESSAGE_FIELDS = [
  "id",
  "destination_chat_id",
  "seq",
  "sender_username",
  "sender_user_id",
  "timestamp",
  "message",
  "edited_at",
  "deleted_at",
];

/** Each list is served at two paths. */
const lists = ["/v1/group_chat/messages", "/v1/messages"];

/** What an error answer must be, whatever the error. */
export function expectProblem(answer: HttpAnswer, status: number, code: string): void {
  expect(answer.text).to.include(`"code":"${code}"`);
  expect(answer.status).to.equal(status);
  expect(answer.headers["content-type"]).to.equal("application/problem+json; charset=utf-8");
  expect(answer.json).to.include.all.keys("type", "title", "status", "detail", "code");
  expect(answer.json["status"]).to.equal(status);
  expect(answer.text).to.not.include("    at ");
}

export function expectFieldErrors(answer: HttpAnswer, ...fields: string[]): void {
  const errors = answer.json["errors"] as { readonly field: string; readonly detail: string }[];
  expect(errors.map(({ field }) => field)).to.have.members(fields);
}

/**
 * Every row of the original specification in every status, as a stranger would ask for it. Each case makes the users it
 * needs, so that it can run again and again over one server.
 *
 * @param at the URL of the server
 */
export function describeApi(at: () => string): void {
  const refused = async (call: (nobody: Client) => Promise<HttpAnswer>) =>
    expectProblem(await call(new Client(at())), 401, "not_signed_in");
  const group = async (owner: Client, ...others: Client[]) => {
    const chatId = (await owner.post("/v1/group_chat")).json["chat_id"] as number;
    for (const { username } of others)
      await owner.post(`/v1/group_chat/${chatId}/participants`, { username });
    return chatId;
  };
  const p2p = async (one: Client, other: Client) => {
    const { json } = await one.post("/v1/messages", { dest_username: other.username, message: "hello" });
    return json["destination_chat_id"] as number;
  };
  const texts = (answer: HttpAnswer) =>
    (answer.json as unknown as { readonly message: string }[]).map(({ message }) => message);

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
        .to.match(/; path=\/(;|$)/)
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

    it("401: nobody is signed in", () => refused((nobody) => nobody.post("/v1/auth/logout")));
  });

  describe("POST /v1/group_chat", () => {
    it("200: without a body, with an empty one, with a title", async () => {
      const ana = await signedIn(at());
      for (const body of [undefined, {}, { title: "Plans" }, { title: null }]) {
        const answer = await ana.post("/v1/group_chat", body);
        expect(answer.status).to.equal(200);
        expect(answer.json).to.have.all.keys("chat_id");
        const chatId = answer.json["chat_id"];
        expect(chatId).to.be.a("number").and.greaterThan(0);
        const sent = await ana.post("/v1/messages", { group_chat_id: chatId, message: "first" });
        expect(sent.status).to.equal(200);
      }
    });

    it("400: a title that is too long, or none", async () => {
      const ana = await signedIn(at());
      for (const title of ["", " ", "x".repeat(101)]) {
        expectProblem(await ana.post("/v1/group_chat", { title }), 400, "invalid_title");
      }
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.post("/v1/group_chat")));
  });

  describe("POST /v1/group_chat/{chat_id}/participants", () => {
    it("200: who joins sees the whole history", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const chatId = await group(ana);
      await ana.post("/v1/messages", { group_chat_id: chatId, message: "before" });
      const answer = await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({});
      expect(texts(await bob.get(`/v1/messages/group/${chatId}`))).to.deep.equal(["before"]);
    });

    it("400: malformed, no such user, a p2p chat, a participant already", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const chatId = await group(ana, bob);
      const add = (id: number, body: unknown) => ana.post(`/v1/group_chat/${id}/participants`, body);
      expectProblem(await add(chatId, {}), 400, "invalid_request");
      expectProblem(await add(chatId, { username: freshName() }), 400, "unknown_user");
      expectProblem(await add(await p2p(ana, bob), { username: bob.username }), 400, "p2p_chat");
      expectProblem(await add(chatId, { username: bob.username.toUpperCase() }), 400, "already_participant");
    });

    it("400: nobody can be added to a chat with oneself", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const chatId = await p2p(ana, ana);
      const answer = await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      expectProblem(answer, 400, "p2p_chat");
    });

    it("401: nobody is signed in", () =>
      refused((nobody) => nobody.post("/v1/group_chat/1/participants", { username: "ana" })));

    it("403: not a participant, and no such chat, alike", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const chatId = await group(ana);
      const add = (id: number) => bob.post(`/v1/group_chat/${id}/participants`, { username: bob.username });
      const [theirs, nobodys] = [await add(chatId), await add(2 ** 53 - 1)];
      expectProblem(theirs, 403, "not_a_participant");
      expect(theirs.text).to.equal(nobodys.text);
    });
  });

  describe("DELETE /v1/group_chat/{chat_id}/participants/{user}", () => {
    it("200: who is removed, by name or by id, sees nothing from then on", async () => {
      const ana = await signedIn(at(), "ana");
      for (const by of ["username", "user_id"]) {
        const bob = await signedIn(at(), "bob");
        const login = await bob.post("/v1/auth/login", { username: bob.username, password: PASSWORD });
        const chatId = await group(ana, bob);
        await ana.post("/v1/messages", { group_chat_id: chatId, message: "secret" });
        const answer = await ana.delete(`/v1/group_chat/${chatId}/participants/${String(login.json[by])}`);
        expect(answer.status).to.equal(200);
        expect(answer.json).to.deep.equal({});
        expectProblem(await bob.get(`/v1/messages/group/${chatId}`), 403, "not_a_participant");
        expect(texts(await bob.get("/v1/messages"))).to.deep.equal([]);
      }
    });

    it("200: one's own name means leave", async () => {
      const ana = await signedIn(at());
      const chatId = await group(ana);
      expect((await ana.delete(`/v1/group_chat/${chatId}/participants/${ana.username}`)).status).to.equal(
        200,
      );
      expectProblem(await ana.get(`/v1/messages/group/${chatId}`), 403, "not_a_participant");
    });

    it("400: no such user, not a participant, a p2p chat", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const chatId = await group(ana);
      const remove = (id: number, user: string) => ana.delete(`/v1/group_chat/${id}/participants/${user}`);
      expectProblem(await remove(chatId, freshName()), 400, "unknown_user");
      expectProblem(await remove(chatId, bob.username), 400, "user_not_in_chat");
      expectProblem(await remove(await p2p(ana, bob), bob.username), 400, "p2p_chat");
    });

    it("401: nobody is signed in", () =>
      refused((nobody) => nobody.delete("/v1/group_chat/1/participants/ana")));

    it("403: not a participant", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const chatId = await group(ana);
      const answer = await bob.delete(`/v1/group_chat/${chatId}/participants/${ana.username}`);
      expectProblem(answer, 403, "not_a_participant");
    });
  });

  describe("POST /v1/messages", () => {
    it("200: the message, as every list shows it afterwards", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const chatId = await group(ana, bob);
      const message = ' "quoted" \\ \u{1f9a6} é\r\n\tﷺ ';
      const sent = await ana.post("/v1/messages", { group_chat_id: chatId, message });
      expect(sent.status).to.equal(200);
      expect(Object.keys(sent.json)).to.deep.equal(MESSAGE_FIELDS);
      expect(sent.json).to.include({
        destination_chat_id: chatId,
        seq: 1,
        sender_username: ana.username,
        message,
        edited_at: null,
        deleted_at: null,
      });
      expect(sent.json["timestamp"]).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      for (const list of lists) {
        for (const path of [list, `${list}/group/${chatId}`]) {
          expect((await bob.get(path)).json).to.deep.equal([sent.json]);
        }
      }
    });

    it("200: the chat id as a string of digits", async () => {
      const ana = await signedIn(at());
      const chatId = await group(ana);
      const sent = await ana.post("/v1/messages", { group_chat_id: String(chatId), message: "hello" });
      expect(sent.json["destination_chat_id"]).to.equal(chatId);
    });

    it("200: to a user, in one chat from both sides, however many first messages race", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          n % 2 === 0
            ? ana.post("/v1/messages", { dest_username: bob.username, message: `${n}` })
            : bob.post("/v1/messages", { dest_username: ana.username.toUpperCase(), message: `${n}` }),
        ),
      );
      expect(new Set(answers.map(({ json }) => json["destination_chat_id"])).size).to.equal(1);
      const seqs = answers.map(({ json }) => Number(json["seq"])).toSorted((a, b) => a - b);
      expect(seqs).to.deep.equal(Array.from({ length: 20 }, (_, n) => n + 1));
    });

    it("200: to oneself, which nobody else reads", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      await p2p(ana, bob);
      await ana.post("/v1/messages", { dest_username: ana.username, message: "note" });
      expect(texts(await ana.get(`/v1/messages/p2p/${ana.username}`))).to.deep.equal(["note"]);
      expect(texts(await bob.get("/v1/messages"))).to.deep.equal(["hello"]);
    });

    it("400: malformed", async () => {
      const ana = await signedIn(at());
      const send = (body: unknown) => ana.post("/v1/messages", body);
      const group_chat_id = await group(ana);
      expectFieldErrors(await send({ message: "hello" }), "group_chat_id", "dest_username");
      expectFieldErrors(
        await send({ message: "hello", group_chat_id, dest_username: ana.username }),
        "group_chat_id",
        "dest_username",
      );
      expectFieldErrors(await send({ group_chat_id }), "message");
      for (const message of ["", " \n\t\u3000", "a\0b", "x".repeat(10_001)]) {
        expectProblem(await send({ group_chat_id, message }), 400, "invalid_message");
      }
      expectProblem(
        await ana.post("/v1/messages", undefined, {
          raw: `{"group_chat_id":${group_chat_id},"message":"\\ud800"}`,
        }),
        400,
        "invalid_message",
      );
      for (const id of [0, -1, 1.5, 2 ** 53, "", "x", "1.0", null, [group_chat_id], true]) {
        const answer = await send({ group_chat_id: id, message: "hello" });
        expectProblem(answer, 400, "invalid_request");
        expectFieldErrors(answer, "group_chat_id");
      }
      expect(texts(await ana.get("/v1/messages"))).to.deep.equal([]);
    });

    it("400: no such user, and a p2p chat of the caller's", async () => {
      const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
      const unknown = await ana.post("/v1/messages", { dest_username: freshName(), message: "hello" });
      expectProblem(unknown, 400, "unknown_user");
      const group_chat_id = await p2p(ana, bob);
      expectProblem(await ana.post("/v1/messages", { group_chat_id, message: "hello" }), 400, "p2p_chat");
    });

    it("401: nobody is signed in, whatever the body", async () => {
      await refused((nobody) => nobody.post("/v1/messages", { dest_username: "ana", message: "hello" }));
      await refused((nobody) => nobody.post("/v1/messages", { nonsense: true }));
    });

    it("403: not a participant, of somebody's p2p chat neither; a malformed message comes first", async () => {
      const [ana, bob, eve] = [await signedIn(at()), await signedIn(at()), await signedIn(at())];
      for (const group_chat_id of [await group(ana, bob), await p2p(ana, bob), 2 ** 53 - 1]) {
        const send = (message: string) => eve.post("/v1/messages", { group_chat_id, message });
        expectProblem(await send("hello"), 403, "not_a_participant");
        expectProblem(await send(""), 400, "invalid_message");
      }
    });
  });

  for (const list of lists) {
    describe(`GET ${list}`, () => {
      it("200: every message of all the caller's chats, oldest first", async () => {
        const [ana, bob, eve] = [await signedIn(at()), await signedIn(at()), await signedIn(at())];
        const first = await group(ana, bob);
        await ana.post("/v1/messages", { group_chat_id: first, message: "1" });
        await bob.post("/v1/messages", { dest_username: ana.username, message: "2" });
        await eve.post("/v1/messages", { dest_username: bob.username, message: "not for ana" });
        await ana.post("/v1/messages", { dest_username: ana.username, message: "3" });
        await bob.post("/v1/messages", { group_chat_id: first, message: "4" });
        expect(texts(await ana.get(list))).to.deep.equal(["1", "2", "3", "4"]);
      });

      it("200: an empty list", async () => {
        const answer = await (await signedIn(at())).get(list);
        expect(answer.status).to.equal(200);
        expect(answer.text).to.equal("[]");
        expect(answer.headers["content-type"]).to.equal("application/json; charset=utf-8");
      });

      it("401: nobody is signed in", () => refused((nobody) => nobody.get(list)));
    });

    describe(`GET ${list}/group/{chat_id}`, () => {
      it("200: the messages of that chat alone", async () => {
        const ana = await signedIn(at());
        const [one, other] = [await group(ana), await group(ana)];
        await ana.post("/v1/messages", { group_chat_id: one, message: "one" });
        await ana.post("/v1/messages", { group_chat_id: other, message: "other" });
        expect(texts(await ana.get(`${list}/group/${one}`))).to.deep.equal(["one"]);
      });

      it("400: a p2p chat of the caller's", async () => {
        const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
        expectProblem(await ana.get(`${list}/group/${await p2p(ana, bob)}`), 400, "p2p_chat");
      });

      it("401: nobody is signed in", () => refused((nobody) => nobody.get(`${list}/group/1`)));

      it("403: not a participant", async () => {
        const [ana, eve] = [await signedIn(at(), "ana"), await signedIn(at(), "eve")];
        expectProblem(await eve.get(`${list}/group/${await group(ana)}`), 403, "not_a_participant");
      });

      it("404: no id", async () => {
        const ana = await signedIn(at());
        for (const id of ["0", "-1", "abc", "1.5", "01", "9007199254740992", "%00", "1e3"]) {
          expectProblem(await ana.get(`${list}/group/${id}`), 404, "not_found");
        }
      });
    });

    describe(`GET ${list}/p2p/{username}`, () => {
      it("200: what the two have said, from both sides", async () => {
        const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
        await p2p(ana, bob);
        await bob.post("/v1/messages", { dest_username: ana.username, message: "hello yourself" });
        const expected = ["hello", "hello yourself"];
        expect(texts(await ana.get(`${list}/p2p/${bob.username.toUpperCase()}`))).to.deep.equal(expected);
        expect(texts(await bob.get(`${list}/p2p/${ana.username}`))).to.deep.equal(expected);
      });

      it("200: an empty list where nothing was ever said, and nothing is made by asking", async () => {
        const [ana, bob] = [await signedIn(at(), "ana"), await signedIn(at(), "bob")];
        const asked = await ana.get(`${list}/p2p/${bob.username}`);
        expect([asked.status, asked.text]).to.deep.equal([200, "[]"]);
        const chat = await group(ana);
        const first = await p2p(ana, bob);
        expect(first).to.equal(chat + 1);
      });

      it("400: no such user", async () => {
        const ana = await signedIn(at());
        for (const name of [freshName(), "%zz", "%00", "a%20b"]) {
          expectProblem(await ana.get(`${list}/p2p/${name}`), 400, "unknown_user");
        }
      });

      it("401: nobody is signed in", () => refused((nobody) => nobody.get(`${list}/p2p/ana`)));
    });
  }
}

import { expect } from "chai";
import { Client, PASSWORD, freshName, signedIn, type HttpResponse } from "../client.js";
import {
  expectFieldErrors,
  expectProblem,
  expectSessionRequired,
  group,
  p2p,
  say,
  texts,
  threePeople,
} from "./scene.js";

const MESSAGE_FIELDS = [
  "id",
  "destination_chat_id",
  "seq",
  "sender_username",
  "sender_user_id",
  "timestamp",
  "message",
  "reply_to",
  "mentions",
  "metadata",
  "edited_at",
  "deleted_at",
  "reactions",
];

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Defines tests of sending, editing and deleting messages. */
export function describeMessages(at: () => string): void {
  describe("POST /v1/messages", () => {
    it("returns the message as all lists return it afterwards", async () => {
      const [ana] = await threePeople(at());
      const bob = await signedIn(at(), "bob");
      const chatId = await group(ana, bob);
      const message = ' "quoted" \\ \u{1f9a6} é\r\n\tﷺ ';
      const sent = await ana.post("/v1/messages", { group_chat_id: chatId, message });
      expect(sent.status).to.equal(200);
      expect(Object.keys(sent.json)).to.deep.equal(MESSAGE_FIELDS);
      expect(sent.json).to.deep.include({
        destination_chat_id: chatId,
        seq: 1,
        sender_username: ana.username,
        message,
        reply_to: null,
        mentions: [],
        metadata: null,
        edited_at: null,
        deleted_at: null,
      });
      expect(sent.json["timestamp"]).to.match(TIME);
      for (const list of ["/v1/group_chat/messages", "/v1/messages"]) {
        for (const path of [list, `${list}/group/${chatId}`]) {
          expect((await bob.get(path)).json).to.deep.equal([sent.json]);
        }
      }
    });

    it("accepts the chat id as a string of digits", async () => {
      const [ana] = await threePeople(at());
      const chatId = await group(ana);
      const sent = await ana.post("/v1/messages", { group_chat_id: String(chatId), message: "hello" });
      expect(sent.json["destination_chat_id"]).to.equal(chatId);
    });

    it("creates one p2p chat for concurrent first messages of both users", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob] = await threePeople(at());
      const responses = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          n % 2 === 0
            ? ana.post("/v1/messages", { dest_username: bob.username, message: `${n}` })
            : bob.post("/v1/messages", { dest_username: ana.username.toUpperCase(), message: `${n}` }),
        ),
      );
      expect(new Set(responses.map(({ json }) => json["destination_chat_id"])).size).to.equal(1);
      const seqs = responses.map(({ json }) => Number(json["seq"])).toSorted((a, b) => a - b);
      expect(seqs).to.deep.equal(Array.from({ length: 20 }, (_, n) => n + 1));
    });

    it("delivers a message to oneself to no other user", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob] = await threePeople(at());
      await p2p(ana, bob);
      await ana.post("/v1/messages", { dest_username: ana.username, message: "note" });
      expect(texts(await ana.get(`/v1/messages/p2p/${ana.username}`))).to.deep.equal(["note"]);
      expect(texts(await bob.get("/v1/messages")).slice(-1)).to.deep.equal(["hello"]);
    });

    it("accepts the longest text however its JSON is escaped", async () => {
      const ana = await signedIn(at());
      const group_chat_id = await group(ana);
      const escaped = (text: string) =>
        Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))
          .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
          .join("");
      for (const message of ["\u{1f600}".repeat(10_000), "\n".repeat(9_999) + "a"]) {
        const raw = `{"group_chat_id":${group_chat_id},"message":"${escaped(message)}"}`;
        const response = await ana.post("/v1/messages", undefined, { raw });
        expect(response.status).to.equal(200);
        expect(response.json["message"]).to.equal(message);
      }
    });

    it("rejects an invalid destination or text", async () => {
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
      for (const message of ["", " \n\t\u3000", "a\0b", "a\u0007b", "\u2800", "x".repeat(10_001)]) {
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
        const response = await send({ group_chat_id: id, message: "hello" });
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, "group_chat_id");
      }
      expect(texts(await ana.get("/v1/messages"))).to.deep.equal([]);
    });

    it("rejects an unknown user", async () => {
      const [ana] = await threePeople(at());
      const unknown = await ana.post("/v1/messages", { dest_username: freshName(), message: "hello" });
      expectProblem(unknown, 400, "unknown_user");
    });

    it("sends to a p2p chat by its id, as a number or digits, but not to one of others", async () => {
      const [ana, bob, eve] = await threePeople(at());
      const id = await p2p(ana, bob);
      for (const group_chat_id of [id, String(id)]) {
        const { status, json } = await bob.post("/v1/messages", { group_chat_id, message: "answer" });
        expect([status, json["destination_chat_id"]]).to.deep.equal([200, id]);
      }
      const ofEve = await eve.post("/v1/messages", { group_chat_id: id, message: "hello" });
      expectProblem(ofEve, 403, "not_a_participant");
    });

    it("responds with 401 without a session, also to an invalid body", async () => {
      await expectSessionRequired(at(), (anonymous) =>
        anonymous.post("/v1/messages", { dest_username: "ana", message: "hello" }),
      );
      await expectSessionRequired(at(), (anonymous) => anonymous.post("/v1/messages", { nonsense: true }));
    });

    it("responds with 403 to a user who is not a participant, after validating the text", async () => {
      const [ana, bob, eve] = await threePeople(at());
      for (const group_chat_id of [await group(ana, bob), await p2p(ana, bob), 2 ** 53 - 1]) {
        const send = (message: string) => eve.post("/v1/messages", { group_chat_id, message });
        expectProblem(await send("hello"), 403, "not_a_participant");
        expectProblem(await send(""), 400, "invalid_message");
      }
    });
  });

  describe("POST /v1/messages with an Idempotency-Key", () => {
    const send = (from: Client, key: string | string[], body: Readonly<Record<string, unknown>>) =>
      from.post("/v1/messages", body, { headers: { "Idempotency-Key": key } });

    it("returns the first message for a repeat from any session, and stores nothing", async () => {
      const [ana] = await threePeople(at());
      const body = { group_chat_id: await group(ana), message: "hello" };
      const first = await send(ana, "key-of-a-repeat", body);
      expect(first.status).to.equal(200);
      expect(first.headers["idempotency-replayed"]).to.equal(undefined);
      const elsewhere = new Client(at());
      await elsewhere.post("/v1/auth/login", { username: ana.username, password: PASSWORD });
      for (const repeat of [
        await send(ana, "key-of-a-repeat", body),
        await send(elsewhere, "key-of-a-repeat", body),
      ]) {
        expect(repeat.status).to.equal(200);
        expect(repeat.headers["idempotency-replayed"]).to.equal("true");
        expect(repeat.json).to.deep.equal(first.json);
      }
      expect((await ana.get(`/v1/messages/group/${body.group_chat_id}`)).json).to.deep.equal([first.json]);
    });

    it("stores concurrent repeats to a user once", async () => {
      const [ana, bob] = await threePeople(at());
      const responses = await Promise.all(
        Array.from({ length: 20 }, () =>
          send(ana, "key-of-20", { dest_username: bob.username, message: "once" }),
        ),
      );
      expect(new Set(responses.map(({ text }) => text)).size).to.equal(1);
      const replayed = responses.filter(({ headers }) => headers["idempotency-replayed"] === "true");
      expect(replayed).to.have.length(19);
      const list = await ana.get(`/v1/messages/p2p/${bob.username}`);
      expect(texts(list).filter((text) => text === "once")).to.have.length(1);
    });

    it("treats the same key of another sender as another key", async () => {
      const [ana, bob] = await threePeople(at());
      const body = { group_chat_id: await group(ana, bob), message: "hello" };
      // The maximum length, and the first and last allowed characters.
      const key = "!~".repeat(32);
      const [one, other] = [await send(ana, key, body), await send(bob, key, body)];
      expect([one.json["seq"], other.json["seq"]]).to.deep.equal([1, 2]);
      expect(other.headers["idempotency-replayed"]).to.equal(undefined);
    });

    it("returns the current state of an edited or deleted message for a repeat", async () => {
      const [ana] = await threePeople(at());
      const body = { group_chat_id: await group(ana), message: "hello" };
      const { json } = await send(ana, "key-of-a-changed-one", body);
      const path = `/v1/messages/${String(json["id"])}`;
      for (const change of [() => ana.patch(path, { message: "goodbye" }), () => ana.delete(path)]) {
        const changed = await change();
        const repeat = await send(ana, "key-of-a-changed-one", body);
        expect(repeat.headers["idempotency-replayed"]).to.equal("true");
        expect(repeat.json).to.deep.equal(changed.json);
      }
    });

    it("rejects an empty, overlong, malformed or repeated key", async () => {
      const [ana] = await threePeople(at());
      const group_chat_id = await group(ana);
      for (const key of ["", "x".repeat(65), "a b", "a\tb", "é", ["a", "b"], ["a", ""], ["", ""]]) {
        const response = await send(ana, key, { group_chat_id, message: "hello" });
        expectProblem(response, 400, "invalid_idempotency_key");
      }
      expect(texts(await ana.get(`/v1/messages/group/${group_chat_id}`))).to.deep.equal([]);
    });

    it("rejects the same key with another text or destination", async () => {
      const [ana, bob] = await threePeople(at());
      const [group_chat_id, other] = [await group(ana), await group(ana)];
      await send(ana, "key-of-another", { group_chat_id, message: "hello" });
      for (const body of [
        { group_chat_id, message: "Hello" },
        { group_chat_id: other, message: "hello" },
        { dest_username: bob.username, message: "hello" },
      ]) {
        expectProblem(await send(ana, "key-of-another", body), 422, "idempotency_key_reused");
      }
      expect(texts(await ana.get(`/v1/messages/group/${group_chat_id}`))).to.deep.equal(["hello"]);
      expect(texts(await ana.get(`/v1/messages/group/${other}`))).to.deep.equal([]);
    });
  });

  /** Defines the access tests that editing and deleting have in common. */
  function describeAccess(call: (client: Client, id: number | string) => Promise<HttpResponse>): void {
    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => call(anonymous, 1)));

    it("responds with the same 403 to a message of another user, of a left chat, and to an unknown one", async () => {
      const [ana, bob, eve] = await threePeople(at());
      const chatId = await group(ana, bob);
      const [[bobs], [left]] = [await say(bob, chatId, "1"), await say(eve, await group(eve), "2")];
      const [own] = await say(ana, chatId, "3");
      await bob.delete(`/v1/group_chat/${chatId}/participants/${ana.username}`);
      const responses = [];
      for (const id of [bobs!.id, left!.id, own!.id, 2 ** 53 - 1]) {
        const response = await call(ana, id);
        expectProblem(response, 403, "not_your_message");
        responses.push(response.text);
      }
      expect(new Set(responses).size).to.equal(1);
      expect(texts(await bob.get(`/v1/messages/group/${chatId}`))).to.deep.equal(["1", "3"]);
    });

    it("responds with 404 to an invalid id", async () => {
      const [ana] = await threePeople(at());
      for (const id of ["0", "x", "-1", "01", "9007199254740992"]) {
        expectProblem(await call(ana, id), 404, "not_found");
      }
    });
  }

  describe("PATCH /v1/messages/{id}", () => {
    it("changes the text in its position, and ignores an edit with the same text", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      const [first, last] = await say(ana, chatId, "helo", "goodbye");
      const edited = await ana.patch(`/v1/messages/${first!.id}`, { message: "hello" });
      expect(edited.status).to.equal(200);
      expect(edited.json["edited_at"]).to.match(TIME);
      expect(edited.json).to.deep.equal({ ...first, message: "hello", edited_at: edited.json["edited_at"] });
      expect((await bob.get(`/v1/messages/group/${chatId}`)).json).to.deep.equal([edited.json, last]);
      const again = await ana.patch(`/v1/messages/${first!.id}`, { message: "hello" });
      expect(again.json).to.deep.equal(edited.json);
    });

    it("rejects an invalid text, and a deleted message", async () => {
      const [ana] = await threePeople(at());
      const chatId = await group(ana);
      const [{ id } = { id: 0 }] = await say(ana, chatId, "hello");
      const edit = (body: unknown) => ana.patch(`/v1/messages/${id}`, body);
      for (const message of ["", " ", "a\0b", "a\u0007b", "\u2800", "x".repeat(10_001)]) {
        expectProblem(await edit({ message }), 400, "invalid_message");
      }
      expectFieldErrors(await edit({}), "message");
      expectFieldErrors(await edit({ message: "hello", group_chat_id: chatId }), "group_chat_id");
      expect(texts(await ana.get(`/v1/messages/group/${chatId}`))).to.deep.equal(["hello"]);
      await ana.delete(`/v1/messages/${id}`);
      expectProblem(await edit({ message: "hello again" }), 400, "message_deleted");
    });

    describeAccess((client, id) => client.patch(`/v1/messages/${id}`, { message: "changed" }));
  });

  describe("DELETE /v1/messages/{id}", () => {
    it("removes the text, leaves a tombstone, and can be repeated", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      const [first, secret, last] = await say(ana, chatId, "1", "secret", "3");
      const deleted = await ana.delete(`/v1/messages/${secret!.id}`);
      expect(deleted.status).to.equal(200);
      expect(deleted.json["deleted_at"]).to.match(TIME);
      expect(deleted.json).to.deep.equal({ ...secret, message: "", deleted_at: deleted.json["deleted_at"] });
      expect((await ana.delete(`/v1/messages/${secret!.id}`)).json).to.deep.equal(deleted.json);
      const list = await bob.get(`/v1/messages/group/${chatId}`);
      expect(list.json).to.deep.equal([first, deleted.json, last]);
    });

    it("rejects a body", async () => {
      const [ana] = await threePeople(at());
      const [message] = await say(ana, await group(ana), "hello");
      const response = await ana.delete(`/v1/messages/${message!.id}`, { body: { force: true } });
      expectFieldErrors(response, "force");
    });

    describeAccess((client, id) => client.delete(`/v1/messages/${id}`));
  });
}

import { expect } from "chai";
import { PASSWORD, freshName, signedIn } from "../client.js";
import {
  expectFieldErrors,
  expectProblem,
  expectSessionRequired,
  group,
  p2p,
  texts,
  threePeople,
} from "./scene.js";

/** Defines tests of creating and renaming group chats and of their participants. */
export function describeGroupChats(at: () => string): void {
  describe("POST /v1/group_chat", () => {
    it("creates a chat with and without a body or a title", async () => {
      const [ana] = await threePeople(at());
      for (const body of [undefined, {}, { title: "Plans" }, { title: null }]) {
        const response = await ana.post("/v1/group_chat", body);
        expect(response.status).to.equal(200);
        expect(response.json).to.deep.include({
          kind: "group",
          title: body?.title ?? null,
          participant_count: 1,
          last_seq: 0,
          unread_count: 0,
          last_message: null,
          participants_next: null,
        });
        const chatId = response.json["chat_id"];
        expect(chatId).to.be.a("number").and.greaterThan(0);
        const sent = await ana.post("/v1/messages", { group_chat_id: chatId, message: "first" });
        expect(sent.status).to.equal(200);
      }
    });

    it("adds the named users, who have nothing unread, and responds with the chat as getChat does", async () => {
      const [ana, bob, eve] = await threePeople(at());
      const participants = [bob.username, eve.username.toUpperCase()];
      const response = await ana.post("/v1/group_chat", { title: "Plans", participants });
      expect(response.status).to.equal(200);
      expect(response.json).to.include({ title: "Plans", participant_count: 3 });
      const path = `/v1/chats/${String(response.json["chat_id"])}`;
      for (const each of [ana, bob, eve]) {
        const { json } = await each.get(path);
        expect(json).to.deep.equal({ ...response.json, role: each === ana ? "owner" : "member" });
      }
    });

    it("creates nothing if a named user is unknown, and lists each rejected name", async () => {
      const [ana, bob] = await threePeople(at());
      const unknown = freshName();
      const before = await bob.get("/v1/chats");
      const participants = [bob.username, unknown, freshName()];
      const response = await ana.post("/v1/group_chat", { participants });
      expectProblem(response, 400, "unknown_user");
      expectFieldErrors(response, "participants.1", "participants.2");
      expect(response.text).to.include(unknown).and.not.to.include(bob.username);
      expect((await bob.get("/v1/chats")).text).to.equal(before.text);
    });

    it("rejects more than 100 names, and values that are no list of names", async () => {
      const [ana] = await threePeople(at());
      for (const participants of [Array.from({ length: 101 }, () => "bob"), "bob", null, {}]) {
        const response = await ana.post("/v1/group_chat", { participants });
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, "participants");
      }
      const mixed = await ana.post("/v1/group_chat", { participants: ["bob", 1] });
      expectFieldErrors(mixed, "participants.1");
    });

    it("rejects an empty or overlong title", async () => {
      const [ana] = await threePeople(at());
      for (const title of ["", " ", "x".repeat(101)]) {
        expectProblem(await ana.post("/v1/group_chat", { title }), 400, "invalid_title");
      }
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => anonymous.post("/v1/group_chat")));
  });

  describe("POST /v1/group_chat/{chat_id}/participants", () => {
    it("gives the added user the whole history", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      await ana.post("/v1/messages", { group_chat_id: chatId, message: "before" });
      const response = await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      expect(response.status).to.equal(200);
      expect(response.json).to.deep.equal({});
      expect(texts(await bob.get(`/v1/messages/group/${chatId}`))).to.deep.equal(["before"]);
    });

    it("rejects a missing username, an unknown user, a p2p chat and a participant", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      const add = (id: number, body: unknown) => ana.post(`/v1/group_chat/${id}/participants`, body);
      expectProblem(await add(chatId, {}), 400, "invalid_request");
      expectProblem(await add(chatId, { username: freshName() }), 400, "unknown_user");
      expectProblem(await add(await p2p(ana, bob), { username: bob.username }), 400, "p2p_chat");
      expectProblem(await add(chatId, { username: bob.username.toUpperCase() }), 400, "already_participant");
    });

    it("rejects adding a user to a chat with oneself", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await p2p(ana, ana);
      const response = await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      expectProblem(response, 400, "p2p_chat");
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) =>
        anonymous.post("/v1/group_chat/1/participants", { username: "ana" }),
      ));

    it("responds with the same 403 to an unknown chat and a chat of other users", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      const add = (id: number) => bob.post(`/v1/group_chat/${id}/participants`, { username: bob.username });
      const [theirs, nobodys] = [await add(chatId), await add(2 ** 53 - 1)];
      expectProblem(theirs, 403, "not_a_participant");
      expect(theirs.text).to.equal(nobodys.text);
    });
  });

  describe("DELETE /v1/group_chat/{chat_id}/participants/{user}", () => {
    it("removes a user by name or id, who then has no access", async () => {
      const [ana] = await threePeople(at());
      const bob = await signedIn(at(), "bob");
      const login = await bob.post("/v1/auth/login", { username: bob.username, password: PASSWORD });
      for (const by of ["username", "user_id"]) {
        const chatId = await group(ana, bob);
        await ana.post("/v1/messages", { group_chat_id: chatId, message: "secret" });
        const response = await ana.delete(`/v1/group_chat/${chatId}/participants/${String(login.json[by])}`);
        expect(response.status).to.equal(200);
        expect(response.json).to.deep.equal({});
        expectProblem(await bob.get(`/v1/messages/group/${chatId}`), 403, "not_a_participant");
        expect(texts(await bob.get("/v1/messages"))).to.deep.equal([]);
      }
    });

    it("lets a user leave by removing themselves", async () => {
      const [ana] = await threePeople(at());
      const chatId = await group(ana);
      expect((await ana.delete(`/v1/group_chat/${chatId}/participants/${ana.username}`)).status).to.equal(
        200,
      );
      expectProblem(await ana.get(`/v1/messages/group/${chatId}`), 403, "not_a_participant");
    });

    it("rejects an unknown user, a user who is not a participant, and a p2p chat", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      const remove = (id: number, user: string) => ana.delete(`/v1/group_chat/${id}/participants/${user}`);
      expectProblem(await remove(chatId, freshName()), 400, "unknown_user");
      expectProblem(await remove(chatId, bob.username), 400, "user_not_in_chat");
      expectProblem(await remove(await p2p(ana, bob), bob.username), 400, "p2p_chat");
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => anonymous.delete("/v1/group_chat/1/participants/ana")));

    it("responds with 403 to a user who is not a participant", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      const response = await bob.delete(`/v1/group_chat/${chatId}/participants/${ana.username}`);
      expectProblem(response, 403, "not_a_participant");
    });
  });

  describe("PATCH /v1/group_chat/{chat_id}", () => {
    it("changes or removes the title for all participants", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      for (const title of ["Plans", "x".repeat(100), null]) {
        const response = await bob.patch(`/v1/group_chat/${chatId}`, { title });
        expect([response.status, response.json]).to.deep.equal([200, {}]);
        expect((await ana.get(`/v1/chats/${chatId}`)).json["title"]).to.equal(title);
      }
    });

    it("rejects a missing, empty or overlong title, and a p2p chat", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      for (const title of ["", " ", "x".repeat(101)]) {
        const response = await ana.patch(`/v1/group_chat/${chatId}`, { title });
        expectProblem(response, 400, "invalid_title");
        expectFieldErrors(response, "title");
      }
      for (const body of [{}, { title: 1 }]) {
        const response = await ana.patch(`/v1/group_chat/${chatId}`, body);
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, "title");
      }
      const response = await ana.patch(`/v1/group_chat/${await p2p(ana, bob)}`, { title: "Plans" });
      expectProblem(response, 400, "p2p_chat");
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => anonymous.patch("/v1/group_chat/1", { title: "Plans" })));

    it("responds with the same 403 to an unknown chat and a chat of other users", async () => {
      const [ana, bob, eve] = await threePeople(at());
      for (const chatId of [await group(ana), await p2p(ana, bob), 2 ** 53 - 1]) {
        const response = await eve.patch(`/v1/group_chat/${chatId}`, { title: "Plans" });
        expectProblem(response, 403, "not_a_participant");
      }
    });

    it("responds with 404 to an invalid id", async () => {
      const [ana] = await threePeople(at());
      for (const id of ["0", "messages", "9007199254740992"]) {
        expectProblem(await ana.patch(`/v1/group_chat/${id}`, { title: "Plans" }), 404, "not_found");
      }
    });
  });
}

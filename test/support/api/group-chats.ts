import { expect } from "chai";
import { PASSWORD, freshName, signedIn } from "../client.js";
import {
  expectFieldErrors,
  expectProblem,
  expectSignedInOnly,
  group,
  p2p,
  texts,
  threePeople,
} from "./scene.js";

/** Group chats, what they are called and who is in them. */
export function describeGroupChats(at: () => string): void {
  describe("POST /v1/group_chat", () => {
    it("200: without a body, with an empty one, with a title", async () => {
      const [ana] = await threePeople(at());
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
      const [ana] = await threePeople(at());
      for (const title of ["", " ", "x".repeat(101)]) {
        expectProblem(await ana.post("/v1/group_chat", { title }), 400, "invalid_title");
      }
    });

    it("401: nobody is signed in", () => expectSignedInOnly(at(), (nobody) => nobody.post("/v1/group_chat")));
  });

  describe("POST /v1/group_chat/{chat_id}/participants", () => {
    it("200: who joins sees the whole history", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      await ana.post("/v1/messages", { group_chat_id: chatId, message: "before" });
      const answer = await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({});
      expect(texts(await bob.get(`/v1/messages/group/${chatId}`))).to.deep.equal(["before"]);
    });

    it("400: malformed, no such user, a p2p chat, a participant already", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      const add = (id: number, body: unknown) => ana.post(`/v1/group_chat/${id}/participants`, body);
      expectProblem(await add(chatId, {}), 400, "invalid_request");
      expectProblem(await add(chatId, { username: freshName() }), 400, "unknown_user");
      expectProblem(await add(await p2p(ana, bob), { username: bob.username }), 400, "p2p_chat");
      expectProblem(await add(chatId, { username: bob.username.toUpperCase() }), 400, "already_participant");
    });

    it("400: nobody can be added to a chat with oneself", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await p2p(ana, ana);
      const answer = await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      expectProblem(answer, 400, "p2p_chat");
    });

    it("401: nobody is signed in", () =>
      expectSignedInOnly(at(), (nobody) =>
        nobody.post("/v1/group_chat/1/participants", { username: "ana" }),
      ));

    it("403: not a participant, and no such chat, alike", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      const add = (id: number) => bob.post(`/v1/group_chat/${id}/participants`, { username: bob.username });
      const [theirs, nobodys] = [await add(chatId), await add(2 ** 53 - 1)];
      expectProblem(theirs, 403, "not_a_participant");
      expect(theirs.text).to.equal(nobodys.text);
    });
  });

  describe("DELETE /v1/group_chat/{chat_id}/participants/{user}", () => {
    it("200: who is removed, by name or by id, sees nothing from then on", async () => {
      const [ana] = await threePeople(at());
      const bob = await signedIn(at(), "bob");
      const login = await bob.post("/v1/auth/login", { username: bob.username, password: PASSWORD });
      for (const by of ["username", "user_id"]) {
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
      const [ana] = await threePeople(at());
      const chatId = await group(ana);
      expect((await ana.delete(`/v1/group_chat/${chatId}/participants/${ana.username}`)).status).to.equal(
        200,
      );
      expectProblem(await ana.get(`/v1/messages/group/${chatId}`), 403, "not_a_participant");
    });

    it("400: no such user, not a participant, a p2p chat", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      const remove = (id: number, user: string) => ana.delete(`/v1/group_chat/${id}/participants/${user}`);
      expectProblem(await remove(chatId, freshName()), 400, "unknown_user");
      expectProblem(await remove(chatId, bob.username), 400, "user_not_in_chat");
      expectProblem(await remove(await p2p(ana, bob), bob.username), 400, "p2p_chat");
    });

    it("401: nobody is signed in", () =>
      expectSignedInOnly(at(), (nobody) => nobody.delete("/v1/group_chat/1/participants/ana")));

    it("403: not a participant", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      const answer = await bob.delete(`/v1/group_chat/${chatId}/participants/${ana.username}`);
      expectProblem(answer, 403, "not_a_participant");
    });
  });

  describe("PATCH /v1/group_chat/{chat_id}", () => {
    it("200: another title, or none, for everyone in it", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      for (const title of ["Plans", "x".repeat(100), null]) {
        const answer = await bob.patch(`/v1/group_chat/${chatId}`, { title });
        expect([answer.status, answer.json]).to.deep.equal([200, {}]);
        expect((await ana.get(`/v1/chats/${chatId}`)).json["title"]).to.equal(title);
      }
    });

    it("400: a title that is too long, or none, or not given, and a p2p chat", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana);
      for (const title of ["", " ", "x".repeat(101)]) {
        const answer = await ana.patch(`/v1/group_chat/${chatId}`, { title });
        expectProblem(answer, 400, "invalid_title");
        expectFieldErrors(answer, "title");
      }
      for (const body of [{}, { title: 1 }]) {
        const answer = await ana.patch(`/v1/group_chat/${chatId}`, body);
        expectProblem(answer, 400, "invalid_request");
        expectFieldErrors(answer, "title");
      }
      const answer = await ana.patch(`/v1/group_chat/${await p2p(ana, bob)}`, { title: "Plans" });
      expectProblem(answer, 400, "p2p_chat");
    });

    it("401: nobody is signed in", () =>
      expectSignedInOnly(at(), (nobody) => nobody.patch("/v1/group_chat/1", { title: "Plans" })));

    it("403: not a participant, and no such chat, alike", async () => {
      const [ana, bob, eve] = await threePeople(at());
      for (const chatId of [await group(ana), await p2p(ana, bob), 2 ** 53 - 1]) {
        const answer = await eve.patch(`/v1/group_chat/${chatId}`, { title: "Plans" });
        expectProblem(answer, 403, "not_a_participant");
      }
    });

    it("404: no id", async () => {
      const [ana] = await threePeople(at());
      for (const id of ["0", "messages", "9007199254740992"]) {
        expectProblem(await ana.patch(`/v1/group_chat/${id}`, { title: "Plans" }), 404, "not_found");
      }
    });
  });
}

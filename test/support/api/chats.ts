import { expect } from "chai";
import { signedIn, type Client } from "../client.js";
import {
  expectFieldErrors,
  expectProblem,
  expectSignedInOnly,
  group,
  linked,
  p2p,
  say,
  threePeople,
} from "./scene.js";

/** The list of one's chats, each of them, and how far they are read. */
export function describeChats(at: () => string): void {
  describe("GET /v1/chats", () => {
    it("200: the caller's chats as they see them, last active first", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob] = await threePeople(at());
      const empty = await group(ana);
      const { json } = await ana.post("/v1/group_chat", { title: "Plans" });
      const plans = json["chat_id"] as number;
      await bob.post("/v1/messages", { dest_username: ana.username, message: "hello" });
      await ana.post(`/v1/group_chat/${plans}/participants`, { username: bob.username });
      await say(ana, plans, "one");
      const [, last] = await say(bob, plans, "two", "three");
      const answer = await ana.get("/v1/chats");
      expect(answer.status).to.equal(200);
      expect(answer.headers["link"]).to.equal(undefined);
      const chats = answer.json as unknown as Record<string, unknown>[];
      expect(chats[0]).to.deep.equal({
        chat_id: plans,
        kind: "group",
        title: "Plans",
        with_username: null,
        participant_count: 2,
        last_message: last,
        last_seq: 3,
        read_seq: 1,
        unread_count: 2,
      });
      expect(chats[1]).to.deep.include({
        kind: "p2p",
        title: null,
        with_username: bob.username,
        participant_count: 2,
        last_seq: 1,
        read_seq: 0,
        unread_count: 1,
      });
      expect(chats[2]).to.deep.equal({
        chat_id: empty,
        kind: "group",
        title: null,
        with_username: null,
        participant_count: 1,
        last_message: null,
        last_seq: 0,
        read_seq: 0,
        unread_count: 0,
      });
      expect(chats).to.have.length(3);
    });

    it("200: page by page, each chat once, while messages arrive", async () => {
      const ana = await signedIn(at(), "ana");
      expect((await ana.get("/v1/chats")).text).to.equal("[]");
      const chatIds: number[] = [];
      for (let n = 0; n < 5; n += 1) {
        chatIds.push(await group(ana));
        await say(ana, chatIds[n]!, "hello");
      }
      const met: unknown[] = [];
      for (let path: string | undefined = "/v1/chats?limit=2"; path !== undefined;) {
        const answer = await ana.get(path);
        const page = answer.json as unknown as { readonly chat_id: number }[];
        expect(page.length).to.be.within(1, 2);
        met.push(...page.map(({ chat_id }) => chat_id));
        await say(ana, chatIds[0]!, "again");
        path = linked(answer, path, "next");
      }
      expect(met).to.deep.equal(chatIds.toReversed());
    });

    it("400: a parameter that does not exist, is out of range, or is given twice; no cursor", async () => {
      const [ana] = await threePeople(at());
      for (const query of ["limit=0", "limit=1001", "limit=ten", "limit=", "limit=01", "limit=1&limit=1"]) {
        const answer = await ana.get(`/v1/chats?${query}`);
        expectProblem(answer, 400, "invalid_request");
        expectFieldErrors(answer, "limit");
      }
      expectFieldErrors(await ana.get("/v1/chats?before=1"), "before");
      expectFieldErrors(await ana.get("/v1/chats?cursor=1.2.3&cursor=1.2.3"), "cursor");
      for (const cursor of ["", "x", "1.2", "1.2.3.4", "-1.2.3", "1.2.9007199254740992", "%ff", "%00"]) {
        const answer = await ana.get(`/v1/chats?cursor=${cursor}`);
        expectProblem(answer, 400, "invalid_cursor");
        expectFieldErrors(answer, "cursor");
      }
    });

    it("401: nobody is signed in", () => expectSignedInOnly(at(), (nobody) => nobody.get("/v1/chats")));
  });

  describe("GET /v1/chats/{chat_id}", () => {
    it("200: the chat as the list shows it, and who is in it, in the order in which they joined", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob, eve] = await threePeople(at());
      const chatId = await group(ana, eve, bob);
      await say(bob, chatId, "hello");
      const { status, json } = await ana.get(`/v1/chats/${chatId}`);
      expect(status).to.equal(200);
      const { participants, ...overview } = json;
      expect((await ana.get("/v1/chats")).json).to.deep.equal([overview]);
      const people = participants as readonly Readonly<Record<string, string>>[];
      expect(people.map(({ username }) => username)).to.have.members([ana, eve, bob].map((p) => p.username));
      for (const person of people) {
        expect(person).to.have.all.keys("user_id", "username", "joined_at");
        expect(person["joined_at"]).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }
    });

    it("200: a chat between two names the other one, from both sides, and oneself where one is alone", async () => {
      const [ana, bob] = await threePeople(at());
      const withWhom = async (who: Client, chatId: number) =>
        (await who.get(`/v1/chats/${chatId}`)).json["with_username"];
      const chatId = await p2p(ana, bob);
      expect(await withWhom(ana, chatId)).to.equal(bob.username);
      expect(await withWhom(bob, chatId)).to.equal(ana.username);
      expect(await withWhom(ana, await p2p(ana, ana))).to.equal(ana.username);
    });

    it("401: nobody is signed in", () => expectSignedInOnly(at(), (nobody) => nobody.get("/v1/chats/1")));

    it("403: not a participant, and no such chat, alike", async () => {
      const [ana, bob, eve] = await threePeople(at());
      const answers = [];
      for (const chatId of [await group(ana), await p2p(ana, bob), 2 ** 53 - 1]) {
        const answer = await eve.get(`/v1/chats/${chatId}`);
        expectProblem(answer, 403, "not_a_participant");
        answers.push(answer.text);
      }
      expect(new Set(answers).size).to.equal(1);
    });

    it("404: no id", async () => {
      const [ana] = await threePeople(at());
      for (const id of ["0", "x", "01", "9007199254740992"]) {
        expectProblem(await ana.get(`/v1/chats/${id}`), 404, "not_found");
      }
    });
  });

  describe("PUT /v1/chats/{chat_id}/read", () => {
    it("200: reads up to there, never back and never past the last message", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      await say(ana, chatId, "1", "2", "3", "4");
      for (const [seq, read_seq, unread_count] of [
        [0, 0, 4],
        [1, 1, 3],
        [3, 3, 1],
        [2, 3, 1],
        [2 ** 53 - 1, 4, 0],
      ]) {
        const answer = await bob.put(`/v1/chats/${chatId}/read`, { seq });
        expect([answer.status, answer.json]).to.deep.equal([200, { read_seq, unread_count }]);
        expect((await bob.get(`/v1/chats/${chatId}`)).json).to.include({ read_seq, unread_count });
      }
    });

    it("counts what others have sent and not deleted since; sending reads up to one's own message", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      const unread = async () => (await bob.get(`/v1/chats/${chatId}`)).json["unread_count"];
      const [, second] = await say(ana, chatId, "1", "2", "3");
      await ana.delete(`/v1/messages/${second!.id}`);
      expect(await unread()).to.equal(2);
      await say(bob, chatId, "4");
      expect(await unread()).to.equal(0);
      await say(ana, chatId, "5");
      expect(await unread()).to.equal(1);
    });

    it("200: where there is no message yet", async () => {
      const [ana] = await threePeople(at());
      const { json } = await ana.put(`/v1/chats/${await group(ana)}/read`, { seq: 1 });
      expect(json).to.deep.equal({ read_seq: 0, unread_count: 0 });
    });

    it("400: no `seq`, or none that there can be", async () => {
      const [ana] = await threePeople(at());
      const chatId = await group(ana);
      for (const body of [{}, { seq: -1 }, { seq: 0.5 }, { seq: 2 ** 53 }, { seq: "1" }, { seq: null }]) {
        const answer = await ana.put(`/v1/chats/${chatId}/read`, body);
        expectProblem(answer, 400, "invalid_request");
        expectFieldErrors(answer, "seq");
      }
    });

    it("401: nobody is signed in", () =>
      expectSignedInOnly(at(), (nobody) => nobody.put("/v1/chats/1/read", { seq: 1 })));

    it("403: not a participant, and no such chat, alike", async () => {
      const [ana, bob, eve] = await threePeople(at());
      for (const chatId of [await group(ana), await p2p(ana, bob), 2 ** 53 - 1]) {
        expectProblem(await eve.put(`/v1/chats/${chatId}/read`, { seq: 1 }), 403, "not_a_participant");
      }
    });

    it("404: no id", async () => {
      const [ana] = await threePeople(at());
      expectProblem(await ana.put("/v1/chats/0/read", { seq: 1 }), 404, "not_found");
    });
  });
}

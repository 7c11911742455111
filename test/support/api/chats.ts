import { expect } from "chai";
import { DEFAULT_POLICY } from "../../../src/domain/policy.js";
import { signedIn, type Client } from "../client.js";
import {
  expectFieldErrors,
  expectProblem,
  expectSessionRequired,
  group,
  linked,
  p2p,
  say,
  threePeople,
} from "./scene.js";

/** Defines tests of listing, showing and reading chats. */
export function describeChats(at: () => string): void {
  describe("GET /v1/chats", () => {
    it("returns the caller's chats, most recently active first", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob] = await threePeople(at());
      const empty = await group(ana);
      const { json } = await ana.post("/v1/group_chat", { title: "Plans" });
      const plans = json["chat_id"] as number;
      await bob.post("/v1/messages", { dest_username: ana.username, message: "hello" });
      await ana.post(`/v1/group_chat/${plans}/participants`, { username: bob.username });
      await say(ana, plans, "one");
      const [, last] = await say(bob, plans, "two", "three");
      const response = await ana.get("/v1/chats");
      expect(response.status).to.equal(200);
      expect(response.headers["link"]).to.equal(undefined);
      const chats = response.json as unknown as Record<string, unknown>[];
      expect(chats[0]).to.deep.equal({
        chat_id: plans,
        kind: "group",
        title: "Plans",
        policy: DEFAULT_POLICY,
        metadata: null,
        role: "owner",
        with_username: null,
        participant_count: 2,
        last_message: last,
        last_seq: 3,
        read_seq: 1,
        peer_read_seq: null,
        unread_count: 2,
        mention_count: 0,
        muted_until: null,
        archived: false,
        pinned: false,
      });
      expect(chats[1]).to.deep.include({
        kind: "p2p",
        title: null,
        with_username: bob.username,
        participant_count: 2,
        last_seq: 1,
        read_seq: 0,
        peer_read_seq: 1,
        unread_count: 1,
      });
      expect(chats[2]).to.deep.equal({
        chat_id: empty,
        kind: "group",
        title: null,
        policy: DEFAULT_POLICY,
        metadata: null,
        role: "owner",
        with_username: null,
        participant_count: 1,
        last_message: null,
        last_seq: 0,
        read_seq: 0,
        peer_read_seq: null,
        unread_count: 0,
        mention_count: 0,
        muted_until: null,
        archived: false,
        pinned: false,
      });
      expect(chats).to.have.length(3);
    });

    it("returns each chat once over all pages while messages arrive", async () => {
      const ana = await signedIn(at(), "ana");
      expect((await ana.get("/v1/chats")).text).to.equal("[]");
      const chatIds: number[] = [];
      for (let n = 0; n < 5; n += 1) {
        chatIds.push(await group(ana));
        await say(ana, chatIds[n]!, "hello");
      }
      const met: unknown[] = [];
      for (let path: string | undefined = "/v1/chats?limit=2"; path !== undefined;) {
        const response = await ana.get(path);
        const page = response.json as unknown as { readonly chat_id: number }[];
        expect(page.length).to.be.within(1, 2);
        met.push(...page.map(({ chat_id }) => chat_id));
        await say(ana, chatIds[0]!, "again");
        path = linked(response, path, "next");
      }
      expect(met).to.deep.equal(chatIds.toReversed());
    });

    it("rejects an unknown, out-of-range or repeated parameter, and an invalid cursor", async () => {
      const [ana] = await threePeople(at());
      for (const query of ["limit=0", "limit=1001", "limit=ten", "limit=", "limit=01", "limit=1&limit=1"]) {
        const response = await ana.get(`/v1/chats?${query}`);
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, "limit");
      }
      expectFieldErrors(await ana.get("/v1/chats?before=1"), "before");
      expectFieldErrors(await ana.get("/v1/chats?cursor=1.2.3&cursor=1.2.3"), "cursor");
      for (const cursor of ["", "x", "1.2", "1.2.3.4", "-1.2.3", "1.2.9007199254740992", "%ff", "%00"]) {
        const response = await ana.get(`/v1/chats?cursor=${cursor}`);
        expectProblem(response, 400, "invalid_cursor");
        expectFieldErrors(response, "cursor");
      }
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => anonymous.get("/v1/chats")));
  });

  describe("GET /v1/chats/{chat_id}", () => {
    it("returns the chat as listed, with all its participants", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob, eve] = await threePeople(at());
      const chatId = await group(ana, eve, bob);
      await say(bob, chatId, "hello");
      const { status, json } = await ana.get(`/v1/chats/${chatId}`);
      expect(status).to.equal(200);
      const { participants, participants_next: next, ...overview } = json;
      expect(next).to.equal(null);
      expect((await ana.get("/v1/chats")).json).to.deep.equal([overview]);
      const people = participants as readonly Readonly<Record<string, string>>[];
      expect(people.map(({ username }) => username)).to.have.members([ana, eve, bob].map((p) => p.username));
      for (const person of people) {
        expect(person).to.have.all.keys("user_id", "username", "joined_at", "role");
        expect(person["joined_at"]).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }
    });

    it("rejects an invalid cursor of participants, and hides them from other users", async () => {
      const ana = await signedIn(at(), "ana");
      const [, bob] = await threePeople(at());
      const path = `/v1/chats/${await group(ana)}/participants`;
      for (const cursor of ["", "x", "1", "1.", ".a", "-1.a", "1.a.b", "%ff", "%00"]) {
        const response = await ana.get(`${path}?cursor=${cursor}`);
        expectProblem(response, 400, "invalid_cursor");
        expectFieldErrors(response, "cursor");
      }
      expectProblem(await bob.get(path), 403, "not_a_participant");
      await expectSessionRequired(at(), (anonymous) => anonymous.get(path));
    });

    it("names the other user of a p2p chat to both, and the caller in a chat with oneself", async () => {
      const [ana, bob] = await threePeople(at());
      const withUsername = async (user: Client, chatId: number) =>
        (await user.get(`/v1/chats/${chatId}`)).json["with_username"];
      const chatId = await p2p(ana, bob);
      expect(await withUsername(ana, chatId)).to.equal(bob.username);
      expect(await withUsername(bob, chatId)).to.equal(ana.username);
      expect(await withUsername(ana, await p2p(ana, ana))).to.equal(ana.username);
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => anonymous.get("/v1/chats/1")));

    it("responds with the same 403 to an unknown chat and a chat of other users", async () => {
      const [ana, bob, eve] = await threePeople(at());
      const responses = [];
      for (const chatId of [await group(ana), await p2p(ana, bob), 2 ** 53 - 1]) {
        const response = await eve.get(`/v1/chats/${chatId}`);
        expectProblem(response, 403, "not_a_participant");
        responses.push(response.text);
      }
      expect(new Set(responses).size).to.equal(1);
    });

    it("responds with 404 to an invalid id", async () => {
      const [ana] = await threePeople(at());
      for (const id of ["0", "x", "01", "9007199254740992"]) {
        expectProblem(await ana.get(`/v1/chats/${id}`), 404, "not_found");
      }
    });
  });

  describe("PUT /v1/chats/{chat_id}/read", () => {
    it("moves the mark forward only, and at most to the last message", async () => {
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
        const response = await bob.put(`/v1/chats/${chatId}/read`, { seq });
        expect([response.status, response.json]).to.deep.equal([
          200,
          { read_seq, unread_count, mention_count: 0 },
        ]);
        expect((await bob.get(`/v1/chats/${chatId}`)).json).to.include({ read_seq, unread_count });
      }
    });

    it("shows the other user of a p2p chat how far the caller has read, wherever the chat is returned", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await p2p(ana, bob);
      const [second, third] = await say(ana, chatId, "2", "3");
      const seen = async (client: typeof ana) => {
        const { json } = await client.get("/v1/sync");
        const listed = [
          ...((await client.get("/v1/chats")).json as unknown as Record<string, unknown>[]),
          ...(json["chats"] as Record<string, unknown>[]),
          (await client.get(`/v1/chats/${chatId}`)).json,
        ];
        return listed.filter(({ chat_id }) => chat_id === chatId).map(({ peer_read_seq }) => peer_read_seq);
      };
      const thrice = (seq: unknown) => [seq, seq, seq];
      const [before] = await seen(ana);
      expect(await seen(ana)).to.deep.equal(thrice(before));
      expect(before).to.be.below(second!.seq);
      await bob.put(`/v1/chats/${chatId}/read`, { seq: second!.seq });
      expect(await seen(ana)).to.deep.equal(thrice(second!.seq));
      expect(await seen(bob)).to.deep.equal(thrice(third!.seq));
    });

    it("counts undeleted messages of other users as unread, and marks the chat read when the caller sends", async () => {
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

    it("accepts a chat without messages", async () => {
      const [ana] = await threePeople(at());
      const { json } = await ana.put(`/v1/chats/${await group(ana)}/read`, { seq: 1 });
      expect(json).to.deep.equal({ read_seq: 0, unread_count: 0, mention_count: 0 });
    });

    it("rejects a missing or invalid `seq`", async () => {
      const [ana] = await threePeople(at());
      const chatId = await group(ana);
      for (const body of [{}, { seq: -1 }, { seq: 0.5 }, { seq: 2 ** 53 }, { seq: "1" }, { seq: null }]) {
        const response = await ana.put(`/v1/chats/${chatId}/read`, body);
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, "seq");
      }
    });

    it("responds with 401 without a session", () =>
      expectSessionRequired(at(), (anonymous) => anonymous.put("/v1/chats/1/read", { seq: 1 })));

    it("responds with the same 403 to an unknown chat and a chat of other users", async () => {
      const [ana, bob, eve] = await threePeople(at());
      for (const chatId of [await group(ana), await p2p(ana, bob), 2 ** 53 - 1]) {
        expectProblem(await eve.put(`/v1/chats/${chatId}/read`, { seq: 1 }), 403, "not_a_participant");
      }
    });

    it("responds with 404 to an invalid id", async () => {
      const [ana] = await threePeople(at());
      expectProblem(await ana.put("/v1/chats/0/read", { seq: 1 }), 404, "not_found");
    });
  });
}

import { expect } from "chai";
import { expectFieldErrors, expectProblem, threePeople } from "./api/scene.js";
import { Client, signedIn, type HttpAnswer } from "./client.js";
import { cursorOf, openStream, until, type EventJson } from "./event-stream.js";

/** Shaped like a cursor, and of no database that there is. */
const FOREIGN = "0000000000000000-1";

const MESSAGE_TYPES = ["message.created", "message.edited", "message.deleted"];

/** The rows of the contract that are about events, in every status; see `describeApi`. */
export function describeEvents(at: () => string): void {
  const refused = async (call: (nobody: Client) => Promise<HttpAnswer>) =>
    expectProblem(await call(new Client(at())), 401, "not_signed_in");
  /** Ana is new, so that they have not written to each other. */
  const two = async () => {
    const [, bob] = await threePeople(at());
    return [await signedIn(at(), "ana"), bob] as const;
  };
  const eventsOf = ({ json }: HttpAnswer) => json["events"] as readonly EventJson[];

  /** Every type of event, each in the eyes of both who were there; bob comes and goes in between. */
  async function everyType(ana: Client, bob: Client): Promise<number> {
    const chatId = (await ana.post("/v1/group_chat", { title: "Plans" })).json["chat_id"] as number;
    await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
    await ana.ask("PATCH", `/v1/group_chat/${chatId}`, { body: { title: "Lunch" } });
    const { json } = await ana.post("/v1/messages", { group_chat_id: chatId, message: "hello" });
    await bob.ask("PUT", `/v1/chats/${chatId}/read`, { body: { seq: 1 } });
    await ana.ask("PATCH", `/v1/messages/${String(json["id"])}`, { body: { message: "hello!" } });
    await ana.delete(`/v1/messages/${String(json["id"])}`);
    await bob.delete(`/v1/group_chat/${chatId}/participants/${bob.username}`);
    return chatId;
  }

  describe("GET /v1/events", () => {
    it("200: without a cursor no events, and the cursor of now", async () => {
      const [ana, bob] = await threePeople(at());
      await ana.post("/v1/messages", { dest_username: bob.username, message: "before" });
      const answer = await ana.get("/v1/events");
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({ events: [], cursor: answer.json["cursor"], has_more: false });
      expect(answer.json["cursor"]).to.be.a("string");
    });

    it("200: everything that happens in a chat, to those who are in it, with what each type has", async () => {
      const [ana, bob] = await threePeople(at());
      const cursor = await cursorOf(ana);
      const chatId = await everyType(ana, bob);
      const byAna = eventsOf(await ana.get(`/v1/events?after=${cursor}`));
      const common = ["cursor", "type", "chat_id", "at"];
      const fields: Readonly<Record<string, readonly string[]>> = {
        "chat.created": ["kind", "title", "participants"],
        "participant.added": ["user_id", "username", "participant_count"],
        "chat.renamed": ["title"],
        "participant.removed": ["user_id", "username", "participant_count"],
      };
      for (const event of byAna) {
        expect(event).to.have.all.keys(...common, ...(fields[event.type] ?? ["message"]));
        expect(event.chat_id).to.equal(chatId);
        expect(event.at).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }
      expect(byAna.map(({ type }) => type)).to.deep.equal([
        "chat.created",
        "participant.added",
        "chat.renamed",
        ...MESSAGE_TYPES,
        "participant.removed",
      ]);
      expect(byAna[0]).to.deep.include({ kind: "group", title: "Plans" });
      expect(byAna[2]).to.include({ title: "Lunch" });
      const [mine] = eventsOf(await bob.get(`/v1/events?after=${cursor}`)).slice(-1);
      expect(mine).to.include({ type: "participant.removed", username: bob.username, participant_count: 1 });
    });

    it("200: who is added is told the chat as it was then", async () => {
      const [ana, bob] = await threePeople(at());
      const cursor = await cursorOf(bob);
      const chatId = String((await ana.post("/v1/group_chat", { title: "Plans" })).json["chat_id"]);
      await ana.post("/v1/messages", { group_chat_id: chatId, message: "hello" });
      await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
      const [added, ...others] = eventsOf(await bob.get(`/v1/events?after=${cursor}`));
      expect(others).to.deep.equal([]);
      const { json } = await bob.get("/v1/sync");
      expect(added).to.deep.include({
        type: "participant.added",
        username: bob.username,
        participant_count: 2,
        chat: (json["chats"] as unknown[])[0],
      });
    });

    it("200: what one has read oneself, and in a p2p chat what the other has", async () => {
      const [ana, bob] = await two();
      const { json } = await ana.post("/v1/messages", { dest_username: bob.username, message: "hello" });
      const [mine, theirs] = [await cursorOf(bob), await cursorOf(ana)];
      await bob.ask("PUT", `/v1/chats/${String(json["destination_chat_id"])}/read`, { body: { seq: 1 } });
      for (const answer of [
        await bob.get(`/v1/events?after=${mine}`),
        await ana.get(`/v1/events?after=${theirs}`),
      ]) {
        expect(eventsOf(answer)).to.have.length(1);
        expect(eventsOf(answer)[0]).to.include({ type: "chat.read", username: bob.username, read_seq: 1 });
      }
    });

    it("200: as many as were asked for, and whether there are more", async () => {
      const [ana, bob] = await two();
      const cursor = await cursorOf(ana);
      for (const message of ["1", "2"])
        await bob.post("/v1/messages", { dest_username: ana.username, message });
      const first = await ana.get(`/v1/events?after=${cursor}&limit=2`);
      expect(eventsOf(first).map(({ type }) => type)).to.deep.equal(["chat.created", "message.created"]);
      expect(first.json["has_more"]).to.equal(true);
      const second = await ana.get(`/v1/events?after=${String(first.json["cursor"])}&limit=2`);
      expect(eventsOf(second).map(({ message }) => message?.message)).to.deep.equal(["2"]);
      expect(second.json["has_more"]).to.equal(false);
    });

    it("200: as soon as something happens", async () => {
      const [ana, bob] = await two();
      const waiting = ana.get(`/v1/events?after=${await cursorOf(ana)}&wait=60`);
      await bob.post("/v1/messages", { dest_username: ana.username, message: "hello" });
      expect(eventsOf(await waiting)[0]).to.include({ type: "chat.created" });
    });

    it("400: a parameter out of range, mistyped, unknown or given twice", async () => {
      const [ana] = await threePeople(at());
      for (const [query, field] of [
        ["limit=0", "limit"],
        ["limit=1001", "limit"],
        ["limit=x", "limit"],
        ["wait=-1", "wait"],
        ["wait=61", "wait"],
        ["wait=1.5", "wait"],
        ["wait=1&wait=1", "wait"],
        ["after=a&after=b", "after"],
        ["since=1", "since"],
      ] as const) {
        const answer = await ana.get(`/v1/events?${query}`);
        expectProblem(answer, 400, "invalid_request");
        expectFieldErrors(answer, field);
      }
    });

    it("400: a cursor that is none", async () => {
      const [ana] = await threePeople(at());
      for (const after of ["", "x", "1", `${FOREIGN}x`, "-1", "%00"]) {
        expectProblem(await ana.get(`/v1/events?after=${after}`), 400, "invalid_cursor");
      }
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.get("/v1/events")));

    it("410: a cursor of another database, or of a time that has not been", async () => {
      const [ana] = await threePeople(at());
      for (const after of [FOREIGN, `${await cursorOf(ana)}999`]) {
        expectProblem(await ana.get(`/v1/events?after=${after}&wait=60`), 410, "cursor_expired");
      }
    });
  });

  describe("GET /v1/events/stream", () => {
    it("200: what happened since, then what happens", async () => {
      const [ana, bob] = await two();
      const after = await cursorOf(ana);
      await bob.post("/v1/messages", { dest_username: ana.username, message: "before" });
      const stream = await openStream(ana, { after });
      await stream.received(2);
      await bob.post("/v1/messages", { dest_username: ana.username, message: "now" });
      await stream.received(3);
      stream.leave();
      expect(stream.events).to.deep.equal(eventsOf(await ana.get(`/v1/events?after=${after}`)));
      expect(stream.headers["content-type"]).to.equal("text/event-stream; charset=utf-8");
    });

    it("200: a resync, where the cursor is of another database", async () => {
      const [ana] = await threePeople(at());
      const stream = await openStream(ana, { after: FOREIGN });
      await until(() => stream.frames.length > 0);
      stream.leave();
      const cursor = stream.frames[0]?.id;
      expect(stream.frames[0]).to.include({ event: "resync", data: JSON.stringify({ cursor }) });
      expect((await ana.get(`/v1/events?after=${String(cursor)}`)).status).to.equal(200);
    });

    it("400: a cursor that is none, in the URL or in the header; another parameter", async () => {
      const [ana] = await threePeople(at());
      const path = "/v1/events/stream";
      expectProblem(await ana.get(`${path}?after=x`), 400, "invalid_cursor");
      const headers = { "Last-Event-ID": "x" };
      expectProblem(await ana.get(path, { headers }), 400, "invalid_cursor");
      const answer = await ana.get(`${path}?wait=1`);
      expectProblem(answer, 400, "invalid_request");
      expectFieldErrors(answer, "wait");
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.get("/v1/events/stream")));
  });

  describe("GET /v1/sync", () => {
    it("200: the caller's chats as they are, and the cursor at which they are so", async () => {
      const [ana, bob] = await two();
      for (const message of ["1", "2"])
        await bob.post("/v1/messages", { dest_username: ana.username, message });
      await everyType(bob, ana);
      const { status, json } = await ana.get("/v1/sync");
      expect(status).to.equal(200);
      expect(json).to.have.all.keys("chats", "cursor");
      expect(json["chats"]).to.deep.equal((await ana.get("/v1/chats")).json);
      expect((json["chats"] as unknown[])[0]).to.include({ last_seq: 2, read_seq: 0, unread_count: 2 });
      expect(eventsOf(await ana.get(`/v1/events?after=${String(json["cursor"])}`))).to.deep.equal([]);
    });

    it("400: a parameter", async () => {
      const [ana] = await threePeople(at());
      const answer = await ana.get("/v1/sync?limit=1");
      expectProblem(answer, 400, "invalid_request");
      expectFieldErrors(answer, "limit");
    });

    it("401: nobody is signed in", () => refused((nobody) => nobody.get("/v1/sync")));
  });
}

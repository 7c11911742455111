import { expect } from "chai";
import { expectFieldErrors, expectProblem, threePeople } from "./api/scene.js";
import { Client, signedIn, type HttpResponse } from "./client.js";
import { cursorOf, openStream, until, type EventJson } from "./event-stream.js";

/** A well-formed cursor of another database. */
const FOREIGN = "0000000000000000-1";

const MESSAGE_TYPES = ["message.created", "message.edited", "message.deleted"];

/** Defines tests of the event operations with every status; see `describeApi`. */
export function describeEvents(at: () => string): void {
  const expectUnauthorized = async (call: (anonymous: Client) => Promise<HttpResponse>) =>
    expectProblem(await call(new Client(at())), 401, "not_signed_in");
  /** Ana is a new user, so the two have no chat yet. */
  const twoStrangers = async () => {
    const [, bob] = await threePeople(at());
    return [await signedIn(at(), "ana"), bob] as const;
  };
  const eventsOf = ({ json }: HttpResponse) => json["events"] as readonly EventJson[];

  /** Causes an event of every type, with bob as a participant for part of the time, and returns the id of the chat. */
  async function everyType(ana: Client, bob: Client): Promise<number> {
    const chatId = (await ana.post("/v1/group_chat", { title: "Plans" })).json["chat_id"] as number;
    await ana.post(`/v1/group_chat/${chatId}/participants`, { username: bob.username });
    const body = { title: "Lunch", policy: { post: "admins" }, metadata: { topic: "lunch" } };
    await ana.request("PATCH", `/v1/group_chat/${chatId}`, { body });
    const role = `/v1/group_chat/${chatId}/participants/${bob.username}/role`;
    await ana.request("PUT", role, { body: { role: "admin" } });
    const { json } = await ana.post("/v1/messages", { group_chat_id: chatId, message: "hello" });
    await bob.request("PUT", `/v1/chats/${chatId}/read`, { body: { seq: 1 } });
    await ana.request("PATCH", `/v1/messages/${String(json["id"])}`, { body: { message: "hello!" } });
    await ana.delete(`/v1/messages/${String(json["id"])}`);
    await bob.delete(`/v1/group_chat/${chatId}/participants/${bob.username}`);
    return chatId;
  }

  describe("GET /v1/events", () => {
    it("returns no events and the current cursor without `after`", async () => {
      const [ana, bob] = await threePeople(at());
      await ana.post("/v1/messages", { dest_username: bob.username, message: "before" });
      const response = await ana.get("/v1/events");
      expect(response.status).to.equal(200);
      expect(response.json).to.deep.equal({ events: [], cursor: response.json["cursor"], has_more: false });
      expect(response.json["cursor"]).to.be.a("string");
    });

    it("returns all events of a chat to its participants, with the fields of each type", async () => {
      const [ana, bob] = await threePeople(at());
      const cursor = await cursorOf(ana);
      const chatId = await everyType(ana, bob);
      const byAna = eventsOf(await ana.get(`/v1/events?after=${cursor}`));
      const common = ["cursor", "type", "chat_id", "chat_kind", "at"];
      const fields: Readonly<Record<string, readonly string[]>> = {
        "chat.created": ["kind", "title", "policy", "metadata", "participants"],
        "chat.changed": ["policy", "metadata"],
        "participant.role_changed": ["user_id", "username", "role"],
        "participant.added": ["user_id", "username", "participant_count"],
        "chat.renamed": ["title"],
        "participant.removed": ["user_id", "username", "participant_count"],
      };
      for (const event of byAna) {
        expect(event).to.have.all.keys(...common, ...(fields[event.type] ?? ["message"]));
        expect(event).to.include({ chat_id: chatId, chat_kind: "group" });
        expect(event.at).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }
      expect(byAna.map(({ type }) => type)).to.deep.equal([
        "chat.created",
        "participant.added",
        "chat.renamed",
        "chat.changed",
        "participant.role_changed",
        ...MESSAGE_TYPES,
        "participant.removed",
      ]);
      expect(byAna[0]).to.deep.include({ kind: "group", title: "Plans" });
      expect(byAna[2]).to.include({ title: "Lunch" });
      expect(byAna[3]).to.deep.include({ metadata: { topic: "lunch" } });
      expect(byAna[3]).to.have.nested.property("policy.post", "admins");
      expect(byAna[4]).to.include({ username: bob.username, role: "admin" });
      const [mine] = eventsOf(await bob.get(`/v1/events?after=${cursor}`)).slice(-1);
      expect(mine).to.include({ type: "participant.removed", username: bob.username, participant_count: 1 });
    });

    it("returns the chat to an added user as it was then", async () => {
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

    it("returns `chat.read` for the caller and for the other user of a p2p chat", async () => {
      const [ana, bob] = await twoStrangers();
      const { json } = await ana.post("/v1/messages", { dest_username: bob.username, message: "hello" });
      const [mine, theirs] = [await cursorOf(bob), await cursorOf(ana)];
      await bob.request("PUT", `/v1/chats/${String(json["destination_chat_id"])}/read`, { body: { seq: 1 } });
      for (const response of [
        await bob.get(`/v1/events?after=${mine}`),
        await ana.get(`/v1/events?after=${theirs}`),
      ]) {
        expect(eventsOf(response)).to.have.length(1);
        expect(eventsOf(response)[0]).to.include({
          type: "chat.read",
          chat_kind: "p2p",
          username: bob.username,
          read_seq: 1,
        });
      }
    });

    it("returns at most `limit` events, and whether more follow", async () => {
      const [ana, bob] = await twoStrangers();
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

    it("responds to a long poll as soon as an event occurs", async () => {
      const [ana, bob] = await twoStrangers();
      const waiting = ana.get(`/v1/events?after=${await cursorOf(ana)}&wait=50`);
      await bob.post("/v1/messages", { dest_username: ana.username, message: "hello" });
      expect(eventsOf(await waiting)[0]).to.include({ type: "chat.created" });
    });

    it("rejects an out-of-range, malformed, unknown or repeated parameter", async () => {
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
        const response = await ana.get(`/v1/events?${query}`);
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, field);
      }
    });

    it("rejects an invalid cursor", async () => {
      const [ana] = await threePeople(at());
      for (const after of ["", "x", "1", `${FOREIGN}x`, "-1", "%00"]) {
        expectProblem(await ana.get(`/v1/events?after=${after}`), 400, "invalid_cursor");
      }
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.get("/v1/events")));

    it("responds with 410 to a cursor of another database or beyond the end of the log", async () => {
      const [ana] = await threePeople(at());
      for (const after of [FOREIGN, `${await cursorOf(ana)}999`]) {
        expectProblem(await ana.get(`/v1/events?after=${after}&wait=50`), 410, "cursor_expired");
      }
    });
  });

  describe("GET /v1/events/stream", () => {
    it("sends the events since the cursor, then new ones", async () => {
      const [ana, bob] = await twoStrangers();
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

    it("sends `resync` for a cursor of another database", async () => {
      const [ana] = await threePeople(at());
      const stream = await openStream(ana, { after: FOREIGN });
      await until(() => stream.frames.length > 0);
      stream.leave();
      const cursor = stream.frames[0]?.id;
      expect(stream.frames[0]).to.include({ event: "resync", data: JSON.stringify({ cursor }) });
      expect((await ana.get(`/v1/events?after=${String(cursor)}`)).status).to.equal(200);
    });

    it("rejects an invalid cursor in the URL or in the header, and an unknown parameter", async () => {
      const [ana] = await threePeople(at());
      const path = "/v1/events/stream";
      expectProblem(await ana.get(`${path}?after=x`), 400, "invalid_cursor");
      const headers = { "Last-Event-ID": "x" };
      expectProblem(await ana.get(path, { headers }), 400, "invalid_cursor");
      const response = await ana.get(`${path}?wait=1`);
      expectProblem(response, 400, "invalid_request");
      expectFieldErrors(response, "wait");
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.get("/v1/events/stream")));
  });

  describe("GET /v1/sync", () => {
    it("returns the caller's chats and their cursor", async () => {
      const [ana, bob] = await twoStrangers();
      for (const message of ["1", "2"])
        await bob.post("/v1/messages", { dest_username: ana.username, message });
      await everyType(bob, ana);
      const { status, json } = await ana.get("/v1/sync");
      expect(status).to.equal(200);
      expect(json).to.have.all.keys("chats", "cursor", "more");
      expect(json["more"]).to.equal(false);
      expect(json["chats"]).to.deep.equal((await ana.get("/v1/chats")).json);
      expect((json["chats"] as unknown[])[0]).to.include({ last_seq: 2, read_seq: 0, unread_count: 2 });
      expect(eventsOf(await ana.get(`/v1/events?after=${String(json["cursor"])}`))).to.deep.equal([]);
    });

    it("rejects a parameter", async () => {
      const [ana] = await threePeople(at());
      const response = await ana.get("/v1/sync?limit=1");
      expectProblem(response, 400, "invalid_request");
      expectFieldErrors(response, "limit");
    });

    it("responds with 401 without a session", () =>
      expectUnauthorized((anonymous) => anonymous.get("/v1/sync")));
  });
}

import { expect } from "chai";
import { openTestServer, type RunningTestServer } from "../../src/main/test-server.js";
import { Client } from "../support/client.js";

describe("openTestServer", () => {
  let server: RunningTestServer;
  let control: Client;
  let token: string;

  const api = (method: string, path: string, body?: unknown) =>
    new Client(server.url).request(method, path, {
      ...(body === undefined ? {} : { body }),
      headers: { Authorization: `Bearer ${token}` },
    });
  const say = (message: string, to = "bob") => api("POST", "/v1/messages", { dest_username: to, message });
  const waitFor = (body: Readonly<Record<string, unknown>>) => control.post("/events/wait", body);

  beforeEach(async () => {
    server = await openTestServer();
    control = new Client(server.controlUrl);
    const { json } = await control.post("/users", { usernames: ["ana", "bob"] });
    [{ token }] = json["users"] as [{ token: string }];
  });

  afterEach(() => server.close());

  it("listens on this machine alone, with the API and the calls of the harness apart", async () => {
    expect(server.url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(server.controlUrl).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await new Client(server.url).get("/clock")).json).to.include({ status: 404, code: "not_found" });
    expect((await control.get("/v1/chats")).json).to.include({ status: 404, code: "not_found" });
  });

  it("answers mistakes with problems", async () => {
    const answers = await Promise.all([
      control.post("/users", { usernames: "ana" }),
      control.post("/users", { usernames: ["ana"] }),
      control.post("/groups", { participants: ["nobody"] }),
      control.post("/groups", { participants: [] }),
      control.post("/seed", { messages: [{ from: "ana", to: "nobody", text: "a" }] }),
      control.post("/clock/advance", { milliseconds: -1 }),
      control.put("/faults/offline", {}),
      control.request("DELETE", "/clock"),
    ]);
    expect(answers.map(({ json }) => json["code"])).to.deep.equal([
      "invalid_request",
      "username_taken",
      "unknown_user",
      "invalid_request",
      "invalid_request",
      "invalid_request",
      "invalid_request",
      "method_not_allowed",
    ]);
    expect(answers[4]?.json["errors"]).to.deep.equal([
      { field: "messages[0]", detail: 'Unknown user "nobody".' },
    ]);
  });

  it("rejects calls of pages of other sites", async () => {
    const headers = { Origin: "https://example.org" };
    const { json } = await control.request("POST", "/faults/cut_streams", { headers });
    expect(json).to.include({ status: 403, code: "cross_site" });
  });

  it("creates users with tokens, and groups", async () => {
    expect((await api("GET", "/v1/auth/session")).json).to.include({ username: "ana" });
    const { json } = await control.post("/groups", { participants: ["bob", "ana"] });
    const chat = await api("GET", `/v1/chats/${String(json["chat_id"])}`);
    expect(chat.json).to.include({ participant_count: 2, role: "member" });
  });

  it("seeds a world with past times", async () => {
    const at = "2026-11-20T08:00:00.000Z";
    const { status, json } = await control.post("/seed", {
      users: ["cy", { username: "dora", display_name: "Dora D.", at }],
      chats: [{ name: "team", title: "Team", participants: ["cy", "dora"] }],
      messages: [
        { from: "dora", to: "team", text: "a", mentions: ["cy"], metadata: { n: 1 } },
        { from: "cy", to: "team", text: "b", reply_to: 0, at: Date.parse(at) + 1 },
      ],
    });
    expect(status).to.equal(200);
    const seeded = json as {
      readonly users: Readonly<Record<string, { readonly token: string }>>;
      readonly chats: Readonly<Record<string, { readonly chat_id: number }>>;
      readonly messages: readonly { readonly timestamp: string; readonly message: string }[];
    };
    expect(seeded.messages.map(({ timestamp, message }) => [message, timestamp])).to.deep.equal([
      ["a", at],
      ["b", "2026-11-20T08:00:00.001Z"],
    ]);
    expect(json).to.have.nested.property("messages[0].mentions").with.length(1);
    expect(json).to.have.deep.nested.property("messages[0].metadata", { n: 1 });
    expect(json).to.have.nested.property("messages[1].reply_to", 1);
    token = seeded.users["cy"]!.token;
    const chat = await api("GET", `/v1/chats/${seeded.chats["team"]!.chat_id}`);
    expect(chat.json).to.include({ title: "Team", last_seq: 2 });
    expect((await api("GET", "/v1/users/dora")).json).to.include({ display_name: "Dora D." });
  });

  it("moves the clock", async () => {
    const start = { now: "2026-11-23T10:15:00.123Z" };
    expect((await control.get("/clock")).json).to.deep.equal(start);
    const moved = await control.post("/clock/advance", { milliseconds: 60_000 });
    expect(moved.json).to.deep.equal({ now: "2026-11-23T10:16:00.123Z" });
    expect((await say("a")).json).to.include({ timestamp: "2026-11-23T10:16:00.123Z" });
  });

  it("waits for an event that has the given fields", async () => {
    const waiting = waitFor({
      username: "bob",
      match: { type: "message.created", message: { message: "b" } },
    });
    await say("a");
    await say("b");
    expect((await waiting).json).to.deep.include({ type: "message.created", chat_kind: "p2p" });
    await say("c");
    expect((await waitFor({ username: "bob" })).json).to.have.nested.property("message.message", "c");
    const { json } = await waitFor({ username: "bob", match: { message: null }, timeout_ms: 20 });
    expect(json).to.deep.include({ status: 404, code: "not_found" });
    expect(json["detail"]).to.match(/^No event of bob matched within 20 ms\. /);
  });

  it("makes the faults of the store", async () => {
    await control.post("/faults/fail_next_commit");
    expect((await say("a")).json).to.include({ status: 503, code: "store_unavailable" });
    await control.post("/faults/lose_next_answer");
    expect(
      await say("b").then(
        () => "answered",
        () => "cut",
      ),
    ).to.equal("cut");
    expect((await control.post("/settled")).json).to.deep.equal({});
    expect(
      await waitFor({ username: "bob", match: { message: {} } }).then(({ json }) => json),
    ).to.have.nested.property("message.message", "b");
  });

  it("makes the faults of the network, and ends them", async () => {
    const { json } = await say("a");
    const { cursor } = (await api("GET", "/v1/sync")).json as { readonly cursor: string };
    const waiting = api("GET", `/v1/events?wait=50&after=${cursor}`).then(
      () => "answered",
      () => "cut",
    );
    await api("GET", "/v1/chats");
    await control.post("/faults/cut_streams");
    expect(await waiting).to.equal("cut");
    await control.put("/faults/offline", { offline: true, username: "ana" });
    expect(
      await api("GET", "/v1/chats").then(
        () => "answered",
        () => "cut",
      ),
    ).to.equal("cut");
    await control.put("/faults/offline", { offline: false });
    await control.put("/faults/rejections", { count: 1, retry_after: 3 });
    expect((await api("GET", "/v1/chats")).headers).to.include({ "retry-after": "3" });
    await control.put("/faults/latency", { milliseconds: 60_000, username: "ana" });
    const delayed = api("GET", "/v1/chats").then(
      () => "answered",
      () => "cut",
    );
    expect((await new Client(server.url).get("/healthz")).status).to.equal(200);
    await control.put("/faults/offline", { offline: true });
    expect(await delayed).to.equal("cut");
    await control.put("/faults/offline", { offline: false });
    await control.put("/faults/latency", { milliseconds: 0, username: "ana" });
    expect((await say("b")).json).to.include({ destination_chat_id: json["destination_chat_id"] });
  });

  it("closes while a call waits", async () => {
    const waiting = waitFor({ username: "bob", timeout_ms: 60_000 }).then(
      ({ status }) => status,
      () => "cut",
    );
    await control.post("/settled");
    await server.close();
    expect(await waiting).to.be.oneOf([404, "cut"]);
    expect(
      await control.get("/clock").then(
        () => "answered",
        () => "closed",
      ),
    ).to.equal("closed");
  });
});

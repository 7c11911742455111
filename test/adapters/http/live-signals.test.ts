import { expect } from "chai";
import { createClient, type ClientEvent, type ClientSignal } from "../../../src/client/index.js";
import { openTestMessaging } from "../../../src/main/testing.js";
import { expectProblem } from "../../support/api/scene.js";
import type { Client } from "../../support/client.js";
import { openStream, until, type EventStream } from "../../support/event-stream.js";
import { openTestServer, type TestServer } from "../../support/server.js";

/** The frames of signals, without their data parsed. */
const signalsIn = ({ frames }: EventStream) =>
  frames.filter(({ event }) => event === "typing" || event === "presence");

describe("live signals over HTTP", () => {
  let server: TestServer;
  let ana: Client;
  let bo: Client;
  let cy: Client;
  let ids: Readonly<Record<string, string>>;
  let group: number;
  beforeEach(async () => {
    server = await openTestServer();
    const signedIn = await Promise.all(["ana", "bo", "cy"].map((name) => server.signIn(name)));
    [ana, bo, cy] = signedIn.map(({ client }) => client) as [Client, Client, Client];
    ids = Object.fromEntries(signedIn.map(({ user }) => [user.username, user.id]));
    group = Number((await ana.post("/v1/group_chat", { participants: ["bo"] })).json["chat_id"]);
  });
  afterEach(() => server.close());

  const type = (client: Client, chat: number | string = group) => client.post(`/v1/chats/${chat}/typing`);

  /** Resolves once all signals before have arrived at the stream, which is that of the client. */
  async function arrived(stream: EventStream, { username }: Client): Promise<void> {
    const count = stream.events.length;
    await server.send(username, "the end");
    await until(() => stream.events.slice(count).some(({ type: each }) => each === "message.created"));
  }

  it("deliver typing to the streams of the other participants, without an id", async () => {
    const streams = await Promise.all([bo, bo, ana, cy].map((client) => openStream(client)));
    const before = streams[0]!.lastId();
    const { status, json } = await type(ana);
    expect([status, json]).to.deep.equal([200, {}]);
    await until(() => signalsIn(streams[0]!).length > 0 && signalsIn(streams[1]!).length > 0);
    expect(signalsIn(streams[0]!)).to.deep.equal([
      {
        event: "typing",
        data: JSON.stringify({
          chat_id: group,
          user_id: ids["ana"],
          username: "ana",
          expires_in_ms: 6_000,
        }),
      },
    ]);
    expect(streams[0]!.lastId()).to.equal(before);
    await Promise.all([arrived(streams[2]!, ana), arrived(streams[3]!, cy)]);
    expect([...signalsIn(streams[2]!), ...signalsIn(streams[3]!)]).to.deep.equal([]);
  });

  it("accept more typing in two seconds, and ignore it", async () => {
    const stream = await openStream(bo);
    for (let count = 0; count < 3; count += 1) expect((await type(ana)).json).to.deep.equal({});
    await arrived(stream, bo);
    expect(signalsIn(stream)).to.have.length(1);
  });

  it("reject typing of others, of those who may not post, and in a chat that does not exist", async () => {
    expectProblem(await type(cy), 403, "not_a_participant");
    expectProblem(await type(ana, 999), 403, "not_a_participant");
    expectProblem(await type(ana, "x"), 404, "not_found");
    await ana.request("PATCH", `/v1/group_chat/${group}`, { body: { policy: { post: "admins" } } });
    expectProblem(await type(bo), 403, "not_allowed");
    expect((await type(ana)).status).to.equal(200);
  });

  it("are neither listed nor waited for by polling", async () => {
    const { json } = await bo.get("/v1/sync");
    const polling = bo.get(`/v1/events?after=${String(json["cursor"])}&wait=1`);
    await type(ana);
    expect((await polling).json["events"]).to.deep.equal([]);
  });

  it("are not replayed to a stream that resumes", async () => {
    const stream = await openStream(bo);
    await type(ana);
    await until(() => signalsIn(stream).length > 0);
    await ana.request("PATCH", `/v1/group_chat/${group}`, { body: { title: "Plans" } });
    const resumed = await openStream(bo, { lastEventId: stream.lastId() });
    await until(() => resumed.events.length > 0);
    expect(resumed.events.map(({ type: each }) => each)).to.deep.equal(["chat.renamed"]);
    expect(signalsIn(resumed)).to.deep.equal([]);
  });

  it("show presence, and deliver its changes to p2p peers", async () => {
    const sent = await ana.post("/v1/messages", { dest_username: "bo", message: "hi" });
    const chat = Number(sent.json["destination_chat_id"]);
    const ofAna = await openStream(ana);
    const ofBo = await openStream(bo);
    await until(() => ofBo.frames.length > 0);
    server.ports.clock.advance(1_000);
    await until(() => signalsIn(ofAna).length > 0);
    const change = { user_id: ids["bo"], username: "bo", online: true, offline_since: null };
    expect(signalsIn(ofAna)).to.deep.equal([{ event: "presence", data: JSON.stringify(change) }]);
    const presence = async () => (await ana.get(`/v1/chats/${chat}/presence`)).json as unknown;
    expect(await presence()).to.deep.include(change);
    const closedAt = new Date(server.ports.clock.now()).toISOString();
    ofBo.leave();
    for (let tries = 0; tries < 200 && !JSON.stringify(await presence()).includes(closedAt); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await presence()).to.deep.include({ ...change, online: false, offline_since: closedAt });
    server.ports.clock.advance(10_000);
    await until(() => signalsIn(ofAna).length > 1);
    expectProblem(await cy.get(`/v1/chats/${chat}/presence`), 403, "not_a_participant");
  });

  it("show no presence where it is off, and still deliver typing", async () => {
    const off = await openTestServer({ presence: false });
    try {
      const [one, other] = [await off.signIn("ana"), await off.signIn("bo")];
      const sent = await one.client.post("/v1/messages", { dest_username: "bo", message: "hi" });
      const path = `/v1/chats/${String(sent.json["destination_chat_id"])}`;
      expectProblem(await one.client.get(`${path}/presence`), 403, "presence_off");
      const stream = await openStream(other.client);
      expect((await one.client.post(`${path}/typing`)).status).to.equal(200);
      await until(() => signalsIn(stream).length > 0);
    } finally {
      await off.close();
    }
  });

  it("have a rate limit apart from that of sends", async () => {
    const limited = await openTestServer({ rateLimits: true });
    try {
      const { client } = await limited.signIn("ana");
      const { json } = await client.post("/v1/group_chat");
      const { headers } = await client.post(`/v1/chats/${String(json["chat_id"])}/typing`);
      expect(headers["ratelimit-policy"]).to.equal('"typing";q=600;w=60');
    } finally {
      await limited.close();
    }
  });
});

describe("Client.events with signals", () => {
  it("yields typing and presence between the events, and resumes from the last event", async () => {
    const world = openTestMessaging();
    try {
      const { ana, bo } = await world.users("ana", "bo");
      const server = await world.listen();
      const [client, ofAna] = [createClient(await server.access("bo")), await server.client("ana")];
      const sent = await ofAna.sendMessage({ dest_username: "bo", message: "hi" });
      const chatId = sent.destination_chat_id;
      const { cursor } = await client.sync();
      const events = client.events({ after: cursor, signals: true });
      const next = async (): Promise<ClientEvent | ClientSignal> => {
        const { value } = await events.next();
        return value as ClientEvent | ClientSignal;
      };
      await ofAna.sendMessage({ dest_username: "bo", message: "one" });
      const first = await next();
      expect(first.type).to.equal("message.created");
      await ofAna.sendTyping({ chat_id: chatId });
      expect(await next()).to.deep.equal({
        type: "typing",
        chat_id: chatId,
        user_id: ana.id,
        username: "ana",
        expires_in_ms: 6_000,
      });
      const withoutSignals = ofAna.events();
      const firstOfAna = withoutSignals.next();
      const changed = next();
      for (let isWaiting = true; isWaiting;) {
        world.clock.advance(1_000);
        const later = new Promise((resolve) => setTimeout(resolve, 5));
        await Promise.race([changed.then(() => (isWaiting = false)), later]);
      }
      expect(await changed).to.deep.include({ type: "presence", username: "ana", online: true });
      const presence = await client.getPresence({ chat_id: chatId });
      expect(presence.map(({ user_id, online }) => [user_id, online])).to.have.deep.members([
        [ana.id, true],
        [bo.id, true],
      ]);
      await client.sendTyping({ chat_id: chatId });
      await ofAna.sendMessage({ dest_username: "bo", message: "two" });
      expect(await next()).to.have.nested.property("message.message", "two");
      expect((await firstOfAna).value).to.have.nested.property("message.message", "two");
      await withoutSignals.return!();
      await events.return!();
    } finally {
      await world.close();
    }
  });
});

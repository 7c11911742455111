import { expect } from "chai";
import type { ChatId } from "../../../src/domain/chat.js";
import type { User } from "../../../src/domain/user.js";
import type { Client } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

interface MessageJson {
  readonly id: number;
  readonly seq: number;
  readonly message: string;
}

interface ChatJson {
  readonly last_message: MessageJson | null;
  readonly last_seq: number;
  readonly read_seq: number;
  readonly unread_count: number;
}

interface EventJson {
  readonly type: string;
  readonly message?: MessageJson;
}

const DAY = 24 * 60 * 60 * 1_000;

describe("histories over HTTP", () => {
  let server: TestServer;
  let ana: { readonly user: User; readonly client: Client };
  let bo: { readonly user: User; readonly client: Client };
  let chatId: ChatId;

  beforeEach(async () => {
    server = await openTestServer();
    ana = await server.signIn("ana");
    bo = await server.signIn("bo");
    ({ id: chatId } = await server.messaging.createGroupChat({ by: ana.user.id }));
  });
  afterEach(() => server.close());

  async function get<Json>(client: Client, path: string): Promise<Json> {
    const response = await client.get(path);
    expect(response.status, path).to.equal(200);
    return response.json as Json;
  }
  const send = async (message: string) =>
    (await ana.client.post("/v1/messages", { group_chat_id: chatId, message }))
      .json as unknown as MessageJson;
  const overview = async (client: Client) => {
    const chat = await get<ChatJson>(client, `/v1/chats/${chatId}`);
    const { last_message: last, last_seq, read_seq, unread_count } = chat;
    return [last?.message ?? null, last_seq, read_seq, unread_count];
  };
  const texts = async (client: Client, query = "") =>
    (await get<readonly MessageJson[]>(client, `/v1/messages/group/${chatId}${query}`)).map(
      ({ message }) => message,
    );

  it("begin at the join if the policy says so: in lists, pages, chats, counts and events", async () => {
    for (const text of ["a", "b"]) await send(text);
    const policy = await ana.client.patch(`/v1/group_chat/${chatId}`, { policy: { history: "since_join" } });
    expect(policy.status).to.equal(200);
    const { cursor } = await get<{ readonly cursor: string }>(bo.client, "/v1/sync");
    const added = await ana.client.post(`/v1/group_chat/${chatId}/participants`, { username: "bo" });
    expect(added.status).to.equal(200);
    expect(await overview(bo.client)).to.deep.equal([null, 2, 2, 0]);
    expect(await texts(bo.client)).to.deep.equal([]);
    const { id } = await send("c");
    expect(await overview(bo.client)).to.deep.equal(["c", 3, 2, 1]);
    expect(await texts(bo.client)).to.deep.equal(["c"]);
    expect(await get<readonly unknown[]>(bo.client, "/v1/messages")).to.have.length(1);
    for (const query of ["limit=1", `limit=1&before=${id + 1}`, "limit=1&after=0"]) {
      const response = await bo.client.get(`/v1/messages/group/${chatId}?${query}`);
      expect(
        (response.json as unknown as readonly MessageJson[]).map(({ message }) => message),
      ).to.deep.equal(["c"]);
      expect(response.headers.link, query).to.equal(undefined);
    }
    const before = await bo.client.get(`/v1/messages/group/${chatId}?limit=1&before=${id}`);
    expect(before.json).to.deep.equal([]);
    expect(before.headers.link).to.match(/^<[^>]+>; rel="next"$/);
    await ana.client.patch(`/v1/messages/1`, { message: "edited" });
    const { events } = await get<{ readonly events: readonly EventJson[] }>(
      bo.client,
      `/v1/events?after=${cursor}`,
    );
    expect(events.map(({ type, message }) => [type, message?.message])).to.deep.equal([
      ["participant.added", undefined],
      ["message.created", "c"],
    ]);
    expect(events[0])
      .to.have.property("chat")
      .that.includes({ last_message: null, last_seq: 2, unread_count: 0 });
    expect(await texts(ana.client)).to.deep.equal(["edited", "b", "c"]);
  });

  it("end where messages were deleted by age: in lists, pages, chats, counts and events", async () => {
    await server.messaging.addParticipant({ by: ana.user.id, chatId, username: "bo" });
    const start = server.ports.clock.now();
    for (const text of ["a", "b"]) await send(text);
    const { cursor } = await get<{ readonly cursor: string }>(bo.client, "/v1/sync");
    server.ports.clock.advance(DAY);
    const { id } = await send("c");
    await server.messaging.forgetMessages({ before: server.ports.clock.now() });
    expect(await overview(bo.client)).to.deep.equal(["c", 3, 2, 1]);
    for (const query of ["?limit=9", "?limit=9&after=0", `?limit=9&before=${id + 1}`, ""]) {
      expect(await texts(bo.client, query), query).to.deep.equal(["c"]);
    }
    const page = await bo.client.get(`/v1/messages/group/${chatId}?limit=1`);
    expect(page.headers.link).to.equal(undefined);
    server.ports.clock.advance(1);
    await server.messaging.forgetMessages({ before: server.ports.clock.now() });
    expect(await overview(bo.client)).to.deep.equal([null, 3, 3, 0]);
    expect(await texts(bo.client)).to.deep.equal([]);
    const { events } = await get<{ readonly events: readonly EventJson[] }>(
      bo.client,
      `/v1/events?after=${cursor}`,
    );
    expect(events.map((event) => ({ ...event, cursor: "", at: "" }))).to.deep.equal([
      deletion(2, 1, start),
      deletion(3, 0, start + DAY),
    ]);
    expect((await send("d")).seq).to.equal(4);
    expect((await bo.client.delete(`/v1/messages/1`)).status).to.equal(403);
    expect((await ana.client.delete(`/v1/messages/1`)).status).to.equal(403);
  });

  const deletion = (upToSeq: number, unreadCount: number, upToSentAt: number) => ({
    cursor: "",
    type: "chat.history_deleted",
    chat_id: chatId,
    chat_kind: "group",
    at: "",
    up_to_seq: upToSeq,
    up_to_timestamp: new Date(upToSentAt).toISOString(),
    unread_count: unreadCount,
  });
});

import { expect } from "chai";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("GET /v1/chats/{chat_id} of a large group", () => {
  let server: TestServer;
  beforeEach(async () => (server = await openTestServer()));
  afterEach(() => server.close());

  it("returns the first 100 participants, and GET …/participants continues behind them", async () => {
    const { user, client } = await server.signIn("ana");
    const { id: chatId } = await server.messaging.createGroupChat({ by: user.id });
    for (let count = 1; count < 103; count += 1) {
      const { username } = (await server.signIn(`user${count}`)).user;
      await server.messaging.addParticipant({ by: user.id, chatId, username });
    }
    const idsOf = (people: unknown) =>
      (people as readonly { readonly user_id: string }[]).map((person) => person.user_id);
    const path = `/v1/chats/${chatId}`;
    const { json } = await client.get(path);
    const first = idsOf(json["participants"]);
    expect(first).to.have.length(100);
    expect(json["participant_count"]).to.equal(103);
    const rest = await client.get(`${path}/participants?cursor=${String(json["participants_next"])}`);
    expect(rest.headers["link"]).to.equal(undefined);
    const all = [...first, ...idsOf(rest.json)];
    expect(new Set(all).size).to.equal(103);
    const page = await client.get(`${path}/participants?limit=101`);
    expect(idsOf(page.json)).to.deep.equal(all.slice(0, 101));
    const [, cursor] = /^<\/v1\/chats\/\d+\/participants\?limit=101&cursor=([\w.-]+)>; rel="next"$/.exec(
      String(page.headers["link"]),
    )!;
    expect(idsOf((await client.get(`${path}/participants?cursor=${cursor}`)).json)).to.deep.equal(
      all.slice(101),
    );
  });
});

import { expect } from "chai";
import { expectProblem } from "../../support/api/scene.js";
import { signedIn, type Client } from "../../support/client.js";
import { cursorOf, eventsAfter } from "../../support/event-stream.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("/v1/messages/{id}/reactions", () => {
  let server: TestServer;
  let ana: Client;
  let bob: Client;
  let path: string;
  let id: number;
  beforeEach(async () => {
    server = await openTestServer();
    [ana, bob] = [await signedIn(server.url), await signedIn(server.url, "bob")];
    const sent = await ana.post("/v1/messages", { dest_username: bob.username, message: "hello" });
    id = Number(sent.json["id"]);
    path = `/v1/messages/${id}/reactions`;
  });
  afterEach(() => server.close());

  const idOf = async (client: Client) => (await client.get("/v1/auth/session")).json["user_id"];
  const put = (client: Client, emoji: string) =>
    client.request("PUT", `${path}/${encodeURIComponent(emoji)}`);

  it("adds, lists and takes back reactions, and shows them in the message and in events", async () => {
    const cursor = await cursorOf(ana);
    await put(ana, "👍");
    const added = await put(bob, "👍");
    const [first, second] = [await idOf(ana), await idOf(bob)];
    const reactions = [{ emoji: "👍", count: 2, user_ids: [first, second] }];
    expect(added.json).to.deep.equal({ reactions });
    expect((await bob.get("/v1/messages")).json)
      .to.have.nested.property("[0].reactions")
      .deep.equal(reactions);
    const listed = await ana.get(`${path}?limit=1`);
    expect(listed.json).to.have.nested.property("[0]").that.includes({ emoji: "👍", username: ana.username });
    const [, next = ""] = /^<([^>]+)>; rel="next"$/.exec(String(listed.headers["link"])) ?? [];
    const rest = await ana.get(next);
    expect(rest.json).to.have.nested.property("[0]").that.includes({ user_id: second });
    expect(rest.headers["link"]).to.equal(undefined);
    const events = await eventsAfter(ana, cursor);
    expect(events.map(({ type }) => type)).to.deep.equal(["reaction.added", "reaction.added"]);
    expect(events[1]).to.deep.include({
      message_id: id,
      emoji: "👍",
      user_id: second,
      username: bob.username,
      reactions,
    });
    expect(JSON.stringify(events)).to.not.include("hello");
    const removed = await bob.delete(`${path}/${encodeURIComponent("👍")}`);
    expect(removed.json).to.deep.equal({ reactions: [{ emoji: "👍", count: 1, user_ids: [first] }] });
  });

  it("rejects what is not one visible character", async () => {
    for (const segment of ["ab", "%20", "%zz", "%ff", "%00", "%F0%9F%91%8D%F0%9F%91%8D"]) {
      expectProblem(await ana.request("PUT", `${path}/${segment}`), 400, "invalid_reaction");
    }
  });
});

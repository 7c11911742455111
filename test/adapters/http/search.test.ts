import { expect } from "chai";
import { expectProblem } from "../../support/api/scene.js";
import { signedIn, type Client, type HttpResponse } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("GET /v1/search", () => {
  let server: TestServer;
  let ana: Client;
  let bo: Client;
  let chatId: unknown;

  before(async () => {
    server = await openTestServer();
    [ana, bo] = await Promise.all([signedIn(server.url, "ana"), signedIn(server.url, "bo")]);
    chatId = (await ana.post("/v1/group_chat", { participants: [bo.username] })).json["chat_id"];
    for (const [client, message] of [
      [ana, "Lunch at noon?"],
      [bo, "明天去東京"],
      [bo, "No lunch, Café & cake"],
    ] as const) {
      await client.post("/v1/messages", { group_chat_id: chatId, message });
    }
    await bo.post("/v1/messages", { dest_username: bo.username, message: "lunch alone" });
  });
  after(() => server.close());

  const textsOf = ({ json }: HttpResponse) =>
    (json["messages"] as readonly Record<string, unknown>[]).map(({ message }) => message);

  it("finds the messages of the caller, as lists have them, newest first", async () => {
    const { json } = await ana.get("/v1/search?q=lunch");
    const listed = (await ana.get("/v1/messages?limit=100")).json as unknown as readonly unknown[];
    expect(json).to.deep.equal({ messages: [listed[2], listed[0]], complete: true, next: null });
    expect(textsOf(await bo.get("/v1/search?q=LUNCH"))).to.have.length(3);
    expect(textsOf(await ana.get(`/v1/search?q=${encodeURIComponent("東京")}`))).to.have.length(1);
    expect(textsOf(await ana.get("/v1/search?q=cake%20cafe"))).to.have.length(1);
    expect(textsOf(await ana.get("/v1/search?q=alone"))).to.have.length(0);
  });

  it("filters by chat, sender, and ids before and after", async () => {
    const search = async (parameters: string) => textsOf(await bo.get(`/v1/search?q=lunch&${parameters}`));
    expect(await search(`chat_id=${String(chatId)}`)).to.deep.equal([
      "No lunch, Café & cake",
      "Lunch at noon?",
    ]);
    expect(await search(`from=${ana.username}`)).to.deep.equal(["Lunch at noon?"]);
    expect(await search("before=3&after=0")).to.deep.equal(["Lunch at noon?"]);
    expect(await search("after=3")).to.deep.equal(["lunch alone"]);
  });

  it("links the next page, with all parameters", async () => {
    const first = await bo.get(`/v1/search?q=lunch%26&from=${bo.username}&limit=1&after=1`);
    expect(textsOf(first)).to.deep.equal(["lunch alone"]);
    const [, next] = /^<([^>]+)>; rel="next"$/.exec(first.headers["link"] as string)!;
    expect(next).to.equal(
      `/v1/search?q=lunch%26&from=${bo.username}&after=1&limit=1&cursor=${String(first.json["next"])}`,
    );
    const last = await bo.get(next!);
    expect(textsOf(last)).to.deep.equal(["No lunch, Café & cake"]);
    expect(last.json["next"]).to.equal(null);
    expect(last.headers["link"]).to.equal(undefined);
  });

  it("rejects what it cannot search", async () => {
    for (const [parameters, status, code] of [
      ["", 400, "invalid_request"],
      ["q=", 400, "invalid_request"],
      ["q=a&q=b", 400, "invalid_request"],
      ["q=a&limit=0", 400, "invalid_request"],
      ["q=a&chat_id=x", 400, "invalid_request"],
      ["q=!", 400, "invalid_query"],
      [`q=${"a".repeat(257)}`, 400, "invalid_query"],
      ["q=a&cursor=x", 400, "invalid_cursor"],
      ["q=a&from=nobody", 400, "unknown_user"],
      ["q=a&from=%00", 400, "unknown_user"],
      ["q=a&chat_id=999", 403, "not_a_participant"],
    ] as const) {
      expectProblem(await ana.get(`/v1/search?${parameters}`), status, code);
    }
    const unknown = await ana.get("/v1/search?q=a&from=nobody");
    expect(unknown.json["errors"]).to.have.nested.property("[0].field", "from");
  });
});

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { expectFieldErrors, expectProblem } from "../../support/api/scene.js";
import { Client, freshName, signedIn } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("docs/differences.md", () => {
  let server: TestServer;
  let ana: Client;
  let bob: Client;

  beforeEach(async () => {
    server = await openTestServer();
    [ana, bob] = [await signedIn(server.url, "ana"), await signedIn(server.url, "bob")];
  });

  afterEach(() => server.close());

  const say = (from: Client, to: Client, message: string) =>
    from.post("/v1/messages", { dest_username: to.username, message });

  const rows: Readonly<Record<string, () => Promise<void>>> = {
    "The lists are at both paths": async () => {
      const { json } = await say(ana, bob, "hello");
      for (const path of ["/v1/messages", "/v1/group_chat/messages"]) {
        expect((await ana.get(path)).json).to.deep.equal([json]);
        expect((await ana.get(`${path}/p2p/${bob.username}`)).json).to.deep.equal([json]);
      }
    },
    "A bad login is malformed": async () => {
      const login = { username: freshName(), password: "wrong password" };
      expectProblem(await new Client(server.url).post("/v1/auth/login", login), 400, "wrong_credentials");
    },
    "A user who is no participant cannot be removed": async () => {
      const chatId = String((await ana.post("/v1/group_chat")).json["chat_id"]);
      const response = await ana.delete(`/v1/group_chat/${chatId}/participants/${bob.username}`);
      expectProblem(response, 400, "user_not_in_chat");
    },
    "A send without a message is malformed": async () => {
      const response = await ana.post("/v1/messages", { dest_username: bob.username });
      expectProblem(response, 400, "invalid_request");
      expectFieldErrors(response, "message");
    },
    "A copied cookie is dead after logout": async () => {
      const copy = new Client(server.url);
      copy.cookie = ana.cookie;
      await ana.post("/v1/auth/logout");
      expectProblem(await copy.get("/v1/messages"), 401, "not_signed_in");
    },
    "A message to oneself stays private": async () => {
      await say(ana, bob, "hello");
      const note = await say(ana, ana, "note");
      expect((await ana.get(`/v1/messages/p2p/${ana.username}`)).json).to.deep.equal([note.json]);
      expect((await bob.get("/v1/messages")).text).to.not.include("note");
    },
    "Two messages in one second are two messages": async () => {
      const both = await Promise.all([say(ana, bob, "one"), say(ana, bob, "two")]);
      expect(both.map(({ status, json }) => [status, json["seq"]])).to.have.deep.members([
        [200, 1],
        [200, 2],
      ]);
    },
    "Reading creates no chat": async () => {
      const before = Number((await ana.post("/v1/group_chat")).json["chat_id"]);
      await ana.get(`/v1/messages/p2p/${bob.username}`);
      expect((await ana.post("/v1/group_chat")).json["chat_id"]).to.equal(before + 1);
    },
    "Two first messages create one chat": async () => {
      const both = await Promise.all([say(ana, bob, "one"), say(bob, ana, "two")]);
      expect(new Set(both.map(({ json }) => json["destination_chat_id"])).size).to.equal(1);
    },
  };

  for (const [what, shown] of Object.entries(rows)) it(what, shown);

  it("lists exactly the differences tested here", () => {
    const document = readFileSync(new URL("../../../../docs/differences.md", import.meta.url), "utf8");
    const documented = document
      .match(/^\| .+/gm)
      ?.slice(2)
      .map((row) => row.split("|")[1]!.trim());
    expect(documented).to.deep.equal(Object.keys(rows));
  });
});

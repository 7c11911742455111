import { expect } from "chai";
import { expectProblem } from "../../support/api/scene.js";
import { signedIn, type Client } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("/v1/users", () => {
  let server: TestServer;
  let ana: Client;
  let bo: Client;

  before(async () => {
    server = await openTestServer();
    [ana, bo] = await Promise.all([signedIn(server.url, "ana"), signedIn(server.url, "bo")]);
  });
  after(() => server.close());

  it("shows a user by name, id and `me`, and changes the display name of the caller", async () => {
    const { username } = ana;
    const changed = await ana.request("PATCH", "/v1/users/me", { body: { display_name: "Ana María" } });
    const profile = {
      user_id: changed.json["user_id"],
      username,
      display_name: "Ana María",
      state: "active",
    };
    expect(changed.json).to.deep.equal(profile);
    for (const user of [username.toUpperCase(), String(profile.user_id)]) {
      expect((await bo.get(`/v1/users/${user}`)).json).to.deep.equal(profile);
    }
    expect((await ana.get("/v1/users/me")).json).to.deep.equal(profile);
    expectProblem(await bo.get("/v1/users/nobody"), 404, "user_not_found");
    const invalid = await ana.request("PATCH", "/v1/users/me", { body: { display_name: "" } });
    expectProblem(invalid, 400, "invalid_display_name");
  });

  it("finds users by a prefix, with a link to the next page", async () => {
    await bo.request("PATCH", "/v1/users/me", { body: { display_name: "Qa Qb" } });
    await ana.request("PATCH", "/v1/users/me", { body: { display_name: "Qc" } });
    const page = await ana.get("/v1/users?prefix=q&limit=1");
    expect(page.json).to.have.length(1);
    expect(page.json).to.have.nested.property("[0].username", bo.username);
    const [, next] = /^<([^>]+)>; rel="next"$/.exec(page.headers["link"] as string)!;
    const last = await ana.get(next!);
    expect(last.json).to.have.nested.property("[0].username", ana.username);
    expect(last.headers["link"]).to.equal(undefined);
    expectProblem(await ana.get("/v1/users"), 400, "invalid_request");
    expectProblem(await ana.get("/v1/users?prefix="), 400, "invalid_request");
    expectProblem(await ana.get("/v1/users?prefix=q&cursor=x"), 400, "invalid_cursor");
  });

  it("finds nobody where the directory is off, and still shows users", async () => {
    const closed = await openTestServer({ userDirectory: false });
    try {
      const client = await signedIn(closed.url, "ana");
      expectProblem(await client.get("/v1/users?prefix=a"), 403, "directory_off");
      expect((await client.get("/v1/users/me")).status).to.equal(200);
    } finally {
      await closed.close();
    }
  });

  it("blocks and unblocks users, any number of times", async () => {
    const path = `/v1/users/me/blocks/${bo.username}`;
    const write = (from: Client, to: Client) =>
      from.post("/v1/messages", { dest_username: to.username, message: "hello" });
    for (let time = 0; time < 2; time += 1) expect((await ana.request("PUT", path)).json).to.deep.equal({});
    const { json } = await ana.get("/v1/users/me/blocks");
    expect(json).to.have.length(1);
    expect(json).to.have.nested.property("[0].username", bo.username);
    expectProblem(await write(bo, ana), 403, "blocked");
    expectProblem(await write(ana, bo), 403, "blocked");
    const creation = await bo.post("/v1/group_chat", { participants: [ana.username] });
    expectProblem(creation, 403, "blocked");
    expect(creation.json["errors"]).to.have.length(1);
    for (let time = 0; time < 2; time += 1) expect((await ana.delete(path)).json).to.deep.equal({});
    expect((await write(bo, ana)).status).to.equal(200);
    expectProblem(await ana.request("PUT", "/v1/users/me/blocks/nobody"), 404, "user_not_found");
    expectProblem(await ana.delete("/v1/users/me/blocks/nobody"), 404, "user_not_found");
    expectProblem(await ana.request("PUT", `/v1/users/me/blocks/${ana.username}`), 400, "self_block");
  });

  it("delivers `user.updated` without a chat to a peer", async () => {
    await ana.post("/v1/messages", { dest_username: bo.username, message: "hello" });
    const { json } = await bo.get("/v1/events");
    await ana.request("PATCH", "/v1/users/me", { body: { display_name: "New" } });
    const page = await bo.get(`/v1/events?after=${String(json["cursor"])}`);
    const [event] = page.json["events"] as readonly Record<string, unknown>[];
    expect(event).to.include({ type: "user.updated", username: ana.username, display_name: "New" });
    expect(Object.keys(event!)).to.have.members([
      "type",
      "cursor",
      "at",
      "user_id",
      "username",
      "display_name",
    ]);
  });
});

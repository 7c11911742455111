import { expect } from "chai";
import { expectProblem } from "../../support/api/scene.js";
import { signedIn, type Client } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

interface InvitationJson {
  readonly invitation_id: string;
  readonly code: string;
}

describe("invitations over HTTP", () => {
  let server: TestServer;
  let ana: Client;
  let bo: Client;
  let chatId: number;
  let path: string;

  beforeEach(async () => {
    server = await openTestServer();
    ana = await signedIn(server.url);
    bo = await signedIn(server.url);
    chatId = Number((await ana.post("/v1/group_chat", { title: "Plans" })).json["chat_id"]);
    path = `/v1/group_chat/${chatId}/invitations`;
  });
  afterEach(() => server.close());

  const invite = async (terms: object = {}) =>
    (await ana.post(path, terms)).json as unknown as InvitationJson;

  it("are created with a code of 128 bits, listed without it, accepted and revoked", async () => {
    const { code, ...invitation } = await invite({ expires_in: 3_600, max_uses: 2 });
    expect(code).to.match(/^[\w-]{22,}$/);
    expect(invitation).to.include({
      inviter_username: ana.username,
      max_uses: 2,
      uses: 0,
      created_at: "2026-11-23T10:15:00.123Z",
      expires_at: "2026-11-23T11:15:00.123Z",
    });
    expect((await ana.get(path)).json).to.deep.equal([invitation]);
    const seen = await bo.get(`/v1/invitations/${code}`);
    expect(seen.json).to.deep.equal({ title: "Plans", participant_count: 1 });
    for (const client of [bo, bo, ana]) {
      const accepted = await client.post(`/v1/invitations/${code}/accept`);
      expect(accepted.json).to.deep.equal({ chat_id: chatId });
    }
    expect((await bo.get(path)).json).to.deep.equal([{ ...invitation, uses: 1 }]);
    expect((await bo.delete(`${path}/${invitation.invitation_id}`)).json).to.deep.equal({});
    expect((await bo.get(path)).json).to.deep.equal([]);
  });

  it("give one answer for expired, used-up, revoked and unknown codes", async () => {
    const usedUp = await invite({ max_uses: 1 });
    await bo.post(`/v1/invitations/${usedUp.code}/accept`);
    const revoked = await invite();
    await ana.delete(`${path}/${revoked.invitation_id}`);
    const expired = await invite({ expires_in: 60 });
    server.ports.clock.advance(60_000);
    const cy = await signedIn(server.url);
    const bodies = new Set<string>();
    for (const code of [usedUp.code, revoked.code, expired.code, "unknown"]) {
      for (const response of [
        await cy.get(`/v1/invitations/${code}`),
        await cy.post(`/v1/invitations/${code}/accept`),
      ]) {
        expectProblem(response, 404, "unknown_invitation");
        bodies.add(response.text);
      }
    }
    expect(bodies.size).to.equal(1);
  });

  it("reject terms that are out of range, and name the field", async () => {
    for (const [field, value] of [
      ["expires_in", 59],
      ["expires_in", 31_536_001],
      ["expires_in", "60"],
      ["max_uses", 0],
      ["max_uses", 10_001],
      ["maxUses", 1],
    ] as const) {
      const response = await ana.post(path, { [field]: value });
      expectProblem(response, 400, "invalid_request");
      expect(response.json, response.text).to.have.nested.property("errors[0].field", field);
    }
  });

  it("are listed in pages that link to the next", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.push((await invite()).invitation_id);
    const idsIn = (json: unknown) =>
      (json as readonly InvitationJson[]).map((invitation) => invitation.invitation_id);
    const page = await ana.get(`${path}?limit=2`);
    expect(idsIn(page.json)).to.deep.equal(ids.slice(0, 2));
    const [, next] = /^<([^>]+)>; rel="next"$/.exec(String(page.headers["link"]))!;
    const last = await ana.get(next!);
    expect(idsIn(last.json)).to.deep.equal(ids.slice(2));
    expect(last.headers["link"]).to.equal(undefined);
  });
});

describe("the limit of guesses at codes of invitations", () => {
  it("counts looking up and accepting per user", async () => {
    const server = await openTestServer({ rateLimits: true });
    try {
      const [ana, bo] = [await signedIn(server.url), await signedIn(server.url)];
      for (let count = 0; count < 15; count += 1) {
        expectProblem(await ana.get(`/v1/invitations/${count}`), 404, "unknown_invitation");
        expectProblem(await ana.post(`/v1/invitations/${count}/accept`), 404, "unknown_invitation");
      }
      expectProblem(await ana.get("/v1/invitations/15"), 429, "too_many_requests");
      expectProblem(await ana.post("/v1/invitations/15/accept"), 429, "too_many_requests");
      expectProblem(await bo.get("/v1/invitations/15"), 404, "unknown_invitation");
    } finally {
      await server.close();
    }
  });
});

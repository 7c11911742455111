import { expect } from "chai";
import type { Messaging } from "../../../src/application/messaging.js";
import type { ChatId } from "../../../src/domain/chat.js";
import { ROLES, type Action, type Policy, type Role } from "../../../src/domain/policy.js";
import type { User } from "../../../src/domain/user.js";
import { expectFieldErrors, expectProblem } from "../../support/api/scene.js";
import type { Client, HttpResponse } from "../../support/client.js";
import { ACTIONS, isAllowed, POLICIES } from "../../support/rights.js";
import { openTestServer, type TestServer } from "../../support/server.js";

type Person = { readonly user: User; readonly client: Client };

describe("roles and policies over HTTP", () => {
  let server: TestServer;
  let messaging: Messaging;
  let people: Readonly<Record<Role, Person>>;
  let guest: Person;
  let target: Person;

  before(async () => {
    server = await openTestServer();
    ({ messaging } = server);
    const [owner, admin, member] = [
      await server.signIn("owner"),
      await server.signIn("peer"),
      await server.signIn("member"),
    ];
    people = { owner, admin, member };
    guest = await server.signIn("guest");
    target = await server.signIn("target");
  });
  after(() => server.close());

  async function openGroup(policy: Policy): Promise<ChatId> {
    const participants = ["peer", "member", "target"];
    const by = people.owner.user.id;
    const { id: chatId } = await messaging.createGroupChat({ by, participants });
    await messaging.setRole({ by, chatId, user: "peer", role: "admin" });
    await messaging.changeChat({ by, chatId, policy });
    return chatId;
  }

  /** The request of each action. `removeOwner` is the last one in its chat. */
  const requests: Readonly<Record<Action, (client: Client, chatId: ChatId) => Promise<HttpResponse>>> = {
    rename: (client, id) => client.patch(`/v1/group_chat/${id}`, { title: "Plans" }),
    post: (client, id) => client.post("/v1/messages", { group_chat_id: id, message: "hello" }),
    configure: (client, id) => client.patch(`/v1/group_chat/${id}`, { metadata: { topic: "lunch" } }),
    appoint: (client, id) =>
      client.request("PUT", `/v1/group_chat/${id}/participants/target/role`, { body: { role: "member" } }),
    add: async (client, id) => {
      const response = await client.post(`/v1/group_chat/${id}/participants`, { username: "guest" });
      if (response.status === 200) {
        await messaging.removeParticipant({ by: guest.user.id, chatId: id, user: "guest" });
      }
      return response;
    },
    remove: async (client, id) => {
      const response = await client.delete(`/v1/group_chat/${id}/participants/target`);
      if (response.status === 200) {
        await messaging.addParticipant({ by: people.owner.user.id, chatId: id, username: "target" });
      }
      return response;
    },
    removeOwner: (client, id) => client.delete(`/v1/group_chat/${id}/participants/owner`),
  };

  it("allow what the table of rights allows, for each role, policy and action", async () => {
    expect(Object.keys(requests)).to.have.members([...ACTIONS]);
    for (const policy of POLICIES) {
      for (const role of ROLES) {
        const chatId = await openGroup(policy);
        for (const [action, request] of Object.entries(requests) as [Action, (typeof requests)[Action]][]) {
          const response = await request(people[role].client, chatId);
          const label = JSON.stringify([role, action, policy, response.text]);
          expect(response.status, label).to.equal(isAllowed(role, policy, action) ? 200 : 403);
          if (response.status === 403) expectProblem(response, 403, "not_allowed");
        }
      }
    }
  });

  it("show the roles, the policy and the metadata of a group, and null in a p2p chat", async () => {
    const { client } = target;
    const chatId = await openGroup({ ...POLICIES[0]!, post: "admins" });
    await messaging.changeChat({ by: people.owner.user.id, chatId, metadata: { topic: "🙂" } });
    const { json } = await client.get(`/v1/chats/${chatId}`);
    expect(json).to.deep.include({
      role: "member",
      policy: { ...POLICIES[0], post: "admins" },
      metadata: { topic: "🙂" },
    });
    const participants = json["participants"] as readonly Record<string, unknown>[];
    expect(participants.map(({ username, role }) => [username, role])).to.have.deep.members([
      ["owner", "owner"],
      ["peer", "admin"],
      ["member", "member"],
      ["target", "member"],
    ]);
    const sent = await client.post("/v1/messages", { dest_username: "guest", message: "hello" });
    const p2p = await client.get(`/v1/chats/${String(sent.json["destination_chat_id"])}`);
    expect(p2p.json).to.include({ role: null, policy: null, metadata: null });
  });

  it("reject an unknown role, setting or value, metadata that is no object, and duplicate fields within", async () => {
    const { client } = people.owner;
    const chatId = await openGroup(POLICIES[0]!);
    const path = `/v1/group_chat/${chatId}`;
    for (const [body, field] of [
      [{ policy: { add: "nobody" } }, "policy.add"],
      [{ policy: { join: "everyone" } }, "policy.join"],
      [{ policy: null }, "policy"],
      [{ metadata: [] }, "metadata"],
      [{ metadata: "text" }, "metadata"],
      [{}, "title"],
    ] as const) {
      const response = await client.patch(path, body);
      expectProblem(response, 400, "invalid_request");
      expectFieldErrors(response, field);
    }
    const large = await client.patch(path, { metadata: { a: "x".repeat(4_096) } });
    expectProblem(large, 400, "invalid_metadata");
    expectFieldErrors(large, "metadata");
    const role = await client.request("PUT", `${path}/participants/target/role`, { body: { role: "king" } });
    expectProblem(role, 400, "invalid_request");
    expectFieldErrors(role, "role");
    const headers = { "Content-Type": "application/json" };
    const raw = '{"metadata":{"a":[{"b":1,"b":2}]}}';
    const twice = await client.request("PATCH", path, { headers, raw });
    expectProblem(twice, 400, "invalid_json");
    const nested = await client.patch(path, { metadata: { a: [{ a: 1 }, { a: { a: 2 } }] } });
    expect(nested.status).to.equal(200);
  });

  it("record a changed policy in the audit log", async () => {
    const chatId = await openGroup(POLICIES[0]!);
    await people.owner.client.patch(`/v1/group_chat/${chatId}`, { policy: { add: "admins" } });
    expect(server.audit.at(-1)).to.include({ audit: "chat_changed", user_id: people.owner.user.id });
  });

  it("record a changed role in the audit log", async () => {
    const chatId = await openGroup(POLICIES[0]!);
    const path = `/v1/group_chat/${chatId}/participants/target/role`;
    await people.owner.client.request("PUT", path, { body: { role: "admin" } });
    expect(server.audit.at(-1)).to.include({
      audit: "role_changed",
      user_id: people.owner.user.id,
      account_id: target.user.id,
      chat_id: String(chatId),
    });
  });
});

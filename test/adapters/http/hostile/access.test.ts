import { expect } from "chai";
import { expectProblem } from "../../../support/api/scene.js";
import { Client, signedIn, type HttpResponse } from "../../../support/client.js";
import { cursorOf, eventsAfter, openStream, until, type EventJson } from "../../../support/event-stream.js";
import { openTestServer, type Route, type TestServer } from "../../../support/server.js";

const USERS = ["owner", "member", "back", "left", "removed", "stranger"] as const;
type User = (typeof USERS)[number];

/** The chats of the scene and their participants. */
const insiders = {
  group: ["owner", "member", "back"],
  "p2p chat": ["owner", "member"],
  "chat with oneself": ["owner"],
  "chat of others": ["left", "removed"],
  "unknown chat": [],
} as const satisfies Readonly<Record<string, readonly User[]>>;
type Chat = keyof typeof insiders;
const CHATS = Object.keys(insiders) as Chat[];

const isInside = (user: User, chat: Chat) => (insiders[chat] as readonly User[]).includes(user);

/** The participants of the group before some leave it. */
const GATHERED: readonly User[] = ["owner", "member", "back", "left", "removed"];

interface Scene {
  readonly users: Readonly<Record<User, Client>>;
  readonly chats: Readonly<Record<Chat, number>>;
  readonly messages: readonly Said[];
  /** The id of an invitation to the group. */
  readonly invitation: string;
  /** The cursor before the scene. */
  readonly cursor: string;
}

interface Said {
  readonly id: number;
  readonly from: User;
  readonly chat: Chat;
}

/** An operation on a chat. */
interface Call {
  readonly name: string;
  readonly run: (client: Client, chatId: number, scene: Scene) => Promise<HttpResponse>;
}

/** The bodies of the operations with a chat in their path. */
const bodies: Readonly<Record<string, (scene: Scene) => object>> = {
  "POST /v1/group_chat/:chat_id/participants": ({ users }) => ({ username: users.stranger.username }),
  "PATCH /v1/group_chat/:chat_id": () => ({ title: "Plans" }),
  "PUT /v1/group_chat/:chat_id/participants/:user/role": () => ({ role: "owner" }),
  "PUT /v1/chats/:chat_id/read": () => ({ seq: 1 }),
  "PATCH /v1/chats/:chat_id/settings": () => ({ pinned: true }),
};

describe("access to a chat", () => {
  let server: TestServer;
  let calls: readonly Call[];

  before(async () => {
    server = await openTestServer();
    calls = [
      ...server.routes.flatMap(({ method, path }): Call[] => {
        if (method === "HEAD" || !path.includes(":chat_id")) return [];
        const name = `${method} ${path}`;
        const run = (client: Client, chatId: number, scene: Scene) => {
          const body = bodies[name]?.(scene);
          const concrete = path
            .replace(":chat_id", String(chatId))
            .replace(":invitation_id", scene.invitation)
            .replace(/:\w+/, scene.users.owner.username);
          return client.request(method, concrete, body === undefined ? {} : { body });
        };
        return [{ name, run }];
      }),
      {
        name: "POST /v1/messages",
        run: (client, chatId) => client.post("/v1/messages", { group_chat_id: chatId, message: "hello" }),
      },
    ];
  });

  after(() => server.close());

  /** Creates a group of all users but the stranger, and other chats. All participants have sent a message. */
  async function gather(): Promise<Scene> {
    const signing = USERS.map(async (name) => [name, await signedIn(server.url, name)] as const);
    const users = Object.fromEntries(await Promise.all(signing)) as Record<User, Client>;
    const { owner, member, left, removed } = users;
    const cursor = await cursorOf(owner);
    const group = Number((await owner.post("/v1/group_chat")).json["chat_id"]);
    for (const user of GATHERED.slice(1)) {
      await owner.post(`/v1/group_chat/${group}/participants`, { username: users[user].username });
    }
    const messages: Said[] = [];
    const say = async (from: User, chat: Chat, to: object) => {
      const { json } = await users[from].post("/v1/messages", { ...to, message: `<secret of the ${chat}>` });
      messages.push({ id: Number(json["id"]), from, chat });
      return Number(json["destination_chat_id"]);
    };
    for (const user of GATHERED) await say(user, "group", { group_chat_id: group });
    const chats = {
      group,
      "p2p chat": await say("owner", "p2p chat", { dest_username: member.username }),
      "chat with oneself": await say("owner", "chat with oneself", { dest_username: owner.username }),
      "chat of others": await say("left", "chat of others", { dest_username: removed.username }),
      "unknown chat": 2 ** 53 - 1,
    };
    await say("member", "p2p chat", { dest_username: owner.username });
    await say("removed", "chat of others", { dest_username: left.username });
    const { json } = await owner.post(`/v1/group_chat/${group}/invitations`);
    return { users, chats, messages, cursor, invitation: String(json["invitation_id"]) };
  }

  /** One user leaves the group, one is removed, one is removed and returns. Then a message is sent. */
  async function part({ users, chats: { group } }: Scene): Promise<void> {
    const { owner, member, back, left, removed } = users;
    const participants = `/v1/group_chat/${group}/participants`;
    const remove = (by: Client, { username }: Client) => by.delete(`${participants}/${username}`);
    await remove(left, left);
    await remove(owner, removed);
    await remove(member, back);
    await owner.post(participants, { username: back.username });
    await member.post("/v1/messages", { group_chat_id: group, message: "<secret of the group>" });
  }

  async function openScene(): Promise<Scene> {
    const scene = await gather();
    await part(scene);
    return scene;
  }

  it("is tested for every route with a chat id", () => {
    expect(calls.length).to.be.above(4);
  });

  it("is denied to other and former participants without revealing whether the chat exists", async () => {
    const scene = await openScene();
    const { transactions } = server.store.status();
    for (const { name, run } of calls) {
      for (const user of USERS) {
        const problems = new Set<string>();
        for (const chat of CHATS.filter((each) => !isInside(user, each))) {
          const response = await run(scene.users[user], scene.chats[chat], scene);
          expect(response.status, `${name}, ${chat}, ${user}: ${response.text}`).to.equal(403);
          expectProblem(response, 403, "not_a_participant");
          problems.add(response.text);
        }
        expect([...problems], `${name}, ${user}`).to.have.length(1);
      }
      for (const chat of CHATS) {
        const response = await run(new Client(server.url), scene.chats[chat], scene);
        expectProblem(response, 401, "not_signed_in");
      }
    }
    expect(server.store.status().transactions).to.equal(transactions);
  });

  it("is granted to participants, as far as the kind of chat allows", async () => {
    const unchanged = await openScene();
    for (const { name, run } of calls) {
      for (const chat of CHATS) {
        for (const user of insiders[chat]) {
          const scene = name.startsWith("GET ") ? unchanged : await openScene();
          const { status, text, json } = await run(scene.users[user], scene.chats[chat], scene);
          const outcome = status === 200 ? "done" : json["code"];
          const isOthers = name.endsWith("/role") && user !== "owner";
          const inGroup = isOthers ? "not_allowed" : "done";
          const allowed = chat === "group" ? [inGroup] : ["done", "p2p_chat"];
          expect(outcome, `${name}, ${chat}, ${user}: ${text}`).to.be.oneOf(allowed);
        }
      }
    }
  });

  it("limits the messages that each user can read", async () => {
    const scene = await openScene();
    const seen = new Set<string>();
    const paths = server.routes.flatMap(({ method, path }) => {
      if (method !== "GET" || path.endsWith("/stream")) return [];
      const names = USERS.map((user) => path.replace(":username", scene.users[user].username));
      const ids = CHATS.map((chat) => path.replace(":chat_id", String(scene.chats[chat])));
      return [...new Set([...names, ...ids])].filter((each) => !each.includes(":"));
    });
    for (const user of USERS) {
      for (const path of paths) {
        const { text } = await scene.users[user].get(path);
        for (const [, chat] of text.matchAll(/<secret of the ([^>]+)>/g)) {
          expect(isInside(user, chat as Chat), `${path}: ${user} reads the ${chat}`).to.equal(true);
          seen.add(`${user}, ${chat}`);
        }
      }
    }
    // Participants do read it.
    const meant = CHATS.flatMap((chat) => insiders[chat].map((user) => `${user}, ${chat}`));
    expect([...seen]).to.have.members(meant);
  });

  it("is tested for every other route with an id", () => {
    const names = server.routes.flatMap(({ path }) => [...path.matchAll(/:\w+/g)].flat());
    const known = [":chat_id", ":username", ":user", ":id", ":session_id", ":token_id", ":script"];
    known.push(":invitation_id", ":code", ":emoji", ":file");
    expect([...new Set(names)]).to.have.members(known);
  });

  it("allows changing only own messages, without revealing whether a message exists", async () => {
    const scene = await openScene();
    const byId = callsWith(":id").filter(({ path }) => path.endsWith(":id"));
    expect(byId.map(({ method }) => method)).to.have.members(["PATCH", "DELETE"]);
    const run = (user: Client, { method, path }: Route, id: number) =>
      user.request(
        method,
        path.replace(":id", String(id)),
        method === "PATCH" ? { body: { message: "hi" } } : {},
      );
    const { transactions } = server.store.status();
    const none: readonly Pick<Said, "id">[] = [{ id: scene.chats["unknown chat"] }];
    const problems = new Set<string>();
    for (const call of byId) {
      for (const user of USERS) {
        for (const { id } of [...scene.messages.filter((said) => !mayChange(user, said)), ...none]) {
          const response = await run(scene.users[user], call, id);
          expectProblem(response, 403, "not_your_message");
          problems.add(response.text);
        }
      }
      expectProblem(await run(new Client(server.url), call, scene.messages[0]!.id), 401, "not_signed_in");
    }
    expect([...problems]).to.have.length(1);
    expect(server.store.status().transactions).to.equal(transactions);
    for (const { id, from } of scene.messages.filter((said) => mayChange(said.from, said))) {
      for (const call of byId) {
        const { status, text } = await run(scene.users[from], call, id);
        expect(status, `${call.method} by ${from}: ${text}`).to.equal(200);
      }
    }
  });

  it("allows reacting only to messages that the user can read, without revealing whether a message exists", async () => {
    const scene = await openScene();
    const byId = callsWith(":id").filter(({ path, method }) => !path.endsWith(":id") && method !== "HEAD");
    expect(byId.map(({ method }) => method)).to.have.members(["GET", "PUT", "DELETE"]);
    const run = (user: Client, { method, path }: Route, id: number) =>
      user.request(method, path.replace(":id", String(id)).replace(":emoji", encodeURIComponent("👍")));
    const { transactions } = server.store.status();
    const none: readonly Pick<Said, "id">[] = [{ id: scene.chats["unknown chat"] }];
    const problems = new Set<string>();
    for (const call of byId) {
      for (const user of USERS) {
        for (const { id } of [...scene.messages.filter(({ chat }) => !isInside(user, chat)), ...none]) {
          const response = await run(scene.users[user], call, id);
          expectProblem(response, 403, "unknown_message");
          problems.add(response.text);
        }
      }
      expectProblem(await run(new Client(server.url), call, scene.messages[0]!.id), 401, "not_signed_in");
    }
    expect([...problems]).to.have.length(1);
    expect(server.store.status().transactions).to.equal(transactions);
    for (const { id, chat } of scene.messages) {
      for (const user of insiders[chat]) {
        for (const call of byId) {
          const { status, text } = await run(scene.users[user], call, id);
          expect(status, `${call.method} by ${user}: ${text}`).to.equal(200);
        }
      }
    }
  });

  it("allows ending only own sessions and tokens", async () => {
    const { users } = await gather();
    const owned = USERS.map(async (user) => {
      const { json: session } = await users[user].get("/v1/auth/session");
      const { json: token } = await users[user].post("/v1/auth/tokens", { name: "backup" });
      return { user, token, ids: { ":session_id": session["session_id"], ":token_id": token["token_id"] } };
    });
    const all = await Promise.all(owned);
    const { transactions } = server.store.status();
    const codes = { ":session_id": "unknown_session", ":token_id": "unknown_token" } as const;
    for (const name of [":session_id", ":token_id"] as const) {
      const problems = new Set<string>();
      for (const { method, path } of callsWith(name)) {
        for (const user of USERS) {
          const others = all.filter((each) => each.user !== user).map(({ ids }) => String(ids[name]));
          for (const id of [...others, "none"]) {
            const response = await users[user].request(method, path.replace(name, id));
            expectProblem(response, 404, codes[name]);
            problems.add(response.text);
          }
        }
      }
      expect([...problems], name).to.have.length(1);
    }
    expect(server.store.status().transactions).to.equal(transactions);
    for (const { user, token } of all) {
      const bearer = { headers: { Authorization: `Bearer ${String(token["token"])}` } };
      expect((await users[user].get("/v1/auth/session")).status, user).to.equal(200);
      expect((await new Client(server.url).get("/v1/auth/session", bearer)).status, user).to.equal(200);
    }
  });

  it("limits the events that each user receives before and after leaving, in lists and streams", async () => {
    const scene = await gather();
    const streams = new Map(
      await Promise.all(
        USERS.map(
          async (user) => [user, await openStream(scene.users[user], { after: scene.cursor })] as const,
        ),
      ),
    );
    const before = (user: User, chat: Chat) =>
      chat === "group" ? GATHERED.includes(user) : isInside(user, chat);
    for (const user of USERS) {
      expectShown(scene, user, await look(scene, user), before);
      expectShown(scene, user, await eventsAfter(scene.users[user], scene.cursor), before);
    }
    const beforeParting = await cursorOf(scene.users.owner);
    await part(scene);
    for (const user of USERS) {
      const own = await eventsAfter(scene.users[user], scene.cursor);
      const ends = own.filter(
        ({ type, username }) => type === "participant.removed" && username === scene.users[user].username,
      );
      expect(ends, user).to.have.length(["back", "left", "removed"].includes(user) ? 1 : 0);
      expectShown(scene, user, await look(scene, user), isInside);
      expectShown(
        scene,
        user,
        own.filter((event) => !ends.includes(event)),
        isInside,
      );
      // The last message in the stream follows all other events.
      const { username } = scene.users[user];
      await scene.users[user].post("/v1/messages", { dest_username: username, message: "the end" });
      const late = await openStream(scene.users[user], { after: scene.cursor });
      const live = streams.get(user)!;
      for (const stream of [late, live]) {
        await until(() => stream.events.at(-1)?.message?.message === "the end");
        stream.leave();
      }
      const shown = late.events.filter(({ cursor }) => own.some((event) => event.cursor === cursor));
      expect(shown, user).to.deep.equal(own);
      const parting = live.events.findIndex(({ cursor }) => positionOf(cursor) > positionOf(beforeParting));
      expectShown(scene, user, live.events.slice(0, parting), before);
      if (user === "left" || user === "removed") {
        const [last] = live.events.filter(({ chat_id: id }) => id === scene.chats.group).slice(-1);
        expect(last).to.include({ type: "participant.removed", username });
      }
    }
  });

  const mayChange = (user: User, { from, chat }: Said) => from === user && isInside(user, chat);

  const positionOf = (cursor: string) => Number(cursor.split("-")[1]);

  function callsWith(name: string): readonly Route[] {
    return server.routes.filter(({ path }) => path.split("/").includes(name));
  }

  /** The caller's chats, as listChats and sync return them. */
  async function look({ users }: Scene, user: User): Promise<readonly EventJson[]> {
    const { json } = await users[user].get("/v1/sync");
    const chats = json["chats"] as readonly EventJson[];
    const listed = await users[user].get("/v1/chats");
    expect(listed.json, user).to.deep.equal(chats);
    return chats;
  }

  /** Asserts that exactly the chats of the user and their messages are shown. */
  function expectShown(
    { chats }: Scene,
    user: User,
    shown: readonly { readonly chat_id: number }[],
    inside: (user: User, chat: Chat) => boolean,
  ): void {
    const meant = CHATS.filter((chat) => inside(user, chat));
    expect([...new Set(shown.map(({ chat_id: id }) => id))], user).to.have.members(
      meant.map((chat) => chats[chat]),
    );
    const secrets = JSON.stringify(shown).matchAll(/<secret of the ([^>]+)>/g);
    expect([...new Set([...secrets].map(([, chat]) => chat))], user).to.have.members(meant);
  }
});

import { expect } from "chai";
import { expectProblem } from "../../../support/api.js";
import { Client, signedIn, type HttpAnswer } from "../../../support/client.js";
import { openTestServer, type TestServer } from "../../../support/server.js";

const USERS = ["owner", "member", "back", "left", "removed", "stranger"] as const;
type User = (typeof USERS)[number];

/** The chats of the scene, and who is in each of them. */
const insiders = {
  group: ["owner", "member", "back"],
  "p2p chat": ["owner", "member"],
  "chat with oneself": ["owner"],
  "chat of others": ["left", "removed"],
  "chat that is none": [],
} as const satisfies Readonly<Record<string, readonly User[]>>;
type Chat = keyof typeof insiders;
const CHATS = Object.keys(insiders) as Chat[];

const isInside = (user: User, chat: Chat) => (insiders[chat] as readonly User[]).includes(user);

interface Scene {
  readonly users: Readonly<Record<User, Client>>;
  readonly chats: Readonly<Record<Chat, number>>;
}

/** Something that can be asked about a chat. */
interface Call {
  readonly name: string;
  readonly ask: (client: Client, chatId: number, scene: Scene) => Promise<HttpAnswer>;
}

/** The bodies of the calls that name a chat in their path and take one. */
const bodies: Readonly<Record<string, (scene: Scene) => object>> = {
  "POST /v1/group_chat/:chat_id/participants": ({ users }) => ({ username: users.stranger.username }),
  "PATCH /v1/group_chat/:chat_id": () => ({ title: "Plans" }),
  "PUT /v1/chats/:chat_id/read": () => ({ seq: 1 }),
};

describe("Who may do what in a chat", () => {
  let server: TestServer;
  let calls: readonly Call[];

  before(async () => {
    server = await openTestServer();
    calls = [
      ...server.routes.flatMap(({ method, path }): Call[] => {
        if (method === "HEAD" || !path.includes(":chat_id")) return [];
        const name = `${method} ${path}`;
        const ask = (client: Client, chatId: number, scene: Scene) => {
          const body = bodies[name]?.(scene);
          const concrete = path
            .replace(":chat_id", String(chatId))
            .replace(/:\w+/, scene.users.owner.username);
          return client.ask(method, concrete, body === undefined ? {} : { body });
        };
        return [{ name, ask }];
      }),
      {
        name: "POST /v1/messages",
        ask: (client, chatId) => client.post("/v1/messages", { group_chat_id: chatId, message: "hello" }),
      },
    ];
  });

  after(() => server.close());

  /** A group that some came to, left, were removed from and came back to, with a message, and other chats. */
  async function openScene(): Promise<Scene> {
    const signing = USERS.map(async (name) => [name, await signedIn(server.url, name)] as const);
    const users = Object.fromEntries(await Promise.all(signing)) as Record<User, Client>;
    const { owner, member, back, left, removed } = users;
    const group = Number((await owner.post("/v1/group_chat")).json["chat_id"]);
    const participants = `/v1/group_chat/${group}/participants`;
    const add = ({ username }: Client) => owner.post(participants, { username });
    const remove = (by: Client, { username }: Client) => by.delete(`${participants}/${username}`);
    for (const user of [member, back, left, removed]) await add(user);
    await owner.post("/v1/messages", { group_chat_id: group, message: "<secret of the group>" });
    await remove(left, left);
    await remove(owner, removed);
    await remove(member, back);
    await add(back);
    const say = async (from: Client, to: Client, chat: Chat) => {
      const body = { dest_username: to.username, message: `<secret of the ${chat}>` };
      return Number((await from.post("/v1/messages", body)).json["destination_chat_id"]);
    };
    return {
      users,
      chats: {
        group,
        "p2p chat": await say(owner, member, "p2p chat"),
        "chat with oneself": await say(owner, owner, "chat with oneself"),
        "chat of others": await say(left, removed, "chat of others"),
        "chat that is none": 2 ** 53 - 1,
      },
    };
  }

  it("is asked by every call that names a chat", () => {
    expect(calls.length).to.be.above(4);
  });

  it("is nothing, for who is not in it, or no longer; and nobody learns whether there is such a chat", async () => {
    const scene = await openScene();
    const { transactions } = server.store.status();
    for (const { name, ask } of calls) {
      for (const user of USERS) {
        const refusals = new Set<string>();
        for (const chat of CHATS.filter((each) => !isInside(user, each))) {
          const answer = await ask(scene.users[user], scene.chats[chat], scene);
          expect(answer.status, `${name}, ${chat}, ${user}: ${answer.text}`).to.equal(403);
          expectProblem(answer, 403, "not_a_participant");
          refusals.add(answer.text);
        }
        expect([...refusals], `${name}, ${user}`).to.have.length(1);
      }
      for (const chat of CHATS) {
        const answer = await ask(new Client(server.url), scene.chats[chat], scene);
        expectProblem(answer, 401, "not_signed_in");
      }
    }
    expect(server.store.status().transactions).to.equal(transactions);
  });

  it("is what a chat of its kind allows, for who is in it", async () => {
    for (const { name, ask } of calls) {
      for (const chat of CHATS) {
        for (const user of insiders[chat]) {
          const scene = await openScene();
          const { status, text, json } = await ask(scene.users[user], scene.chats[chat], scene);
          const outcome = status === 200 ? "done" : json["code"];
          const allowed = chat === "group" ? ["done"] : ["done", "p2p_chat"];
          expect(outcome, `${name}, ${chat}, ${user}: ${text}`).to.be.oneOf(allowed);
        }
      }
    }
  });

  it("decides what anybody reads, by any call that reads", async () => {
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
    // Whoever is inside does read it.
    const meant = CHATS.flatMap((chat) => insiders[chat].map((user) => `${user}, ${chat}`));
    expect([...seen]).to.have.members(meant);
  });
});

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createClient, PalaverError, type ClientEvent, type Message } from "../../src/client/index.js";
import { PASSWORD } from "../support/client.js";
import { arrive, type Person } from "../support/person.js";
import { openTestServer, type TestServer } from "../support/server.js";

const root = join(import.meta.dirname, "../../..");

const failure = (call: Promise<unknown>) =>
  call.then(
    () => expect.fail("The call did not fail."),
    (error: unknown) => error as PalaverError,
  );

describe("Client", () => {
  let server: TestServer;
  let ana: Person;
  let bob: Person;
  /** Whether the response to each of the next requests gets lost. */
  let lost: boolean[];

  before(async () => {
    server = await openTestServer();
    lost = [];
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const response = await globalThis.fetch(input, init);
      if (lost.shift()) throw new TypeError("lost");
      return response;
    };
    [ana, bob] = await Promise.all([arrive(server.url, "ana", { fetch }), arrive(server.url, "bob")]);
  });

  after(() => server.close());

  it("matches the OpenAPI document (run `npm run docs` if this fails)", () => {
    const script = join(root, "script/write-client-api.mjs");
    const written = execFileSync(process.execPath, [script], { encoding: "utf8" });
    expect(readFileSync(join(root, "src/client/api.ts"), "utf8")).to.equal(written);
  });

  it("sends a message to a user, edits it, marks it as read and deletes it", async () => {
    const sent = await ana.client.sendMessage({ dest_username: bob.username, message: "Hello!" });
    expect(sent).to.include({ sender_username: ana.username, seq: 1, message: "Hello!" });
    const edited = await ana.client.editMessage({ id: sent.id, message: "Hello, Bob!" });
    expect(await bob.client.listP2pMessages({ username: ana.username })).to.deep.equal([edited]);
    const chat_id = sent.destination_chat_id;
    expect(await bob.client.markRead({ chat_id, seq: 1 })).to.deep.equal({
      read_seq: 1,
      unread_count: 0,
      mention_count: 0,
    });
    const deleted = await ana.client.deleteMessage({ id: sent.id });
    expect((await bob.client.getChat({ chat_id })).last_message).to.deep.equal(deleted);
  });

  it("creates a group chat, adds and removes a participant, and renames it", async () => {
    const { chat_id } = await ana.client.createGroupChat();
    await ana.client.addParticipant({ chat_id, username: bob.username });
    await bob.client.changeChat({ chat_id, title: "Plans" });
    await bob.client.sendMessage({ group_chat_id: chat_id, message: "Lunch?" });
    const { title, participants } = await ana.client.getChat({ chat_id });
    expect([title, ...participants.map(({ username }) => username)]).to.deep.equal([
      "Plans",
      ana.username,
      bob.username,
    ]);
    await ana.client.removeParticipant({ chat_id, user: bob.username });
    expect((await bob.client.listChats()).map((chat) => chat.chat_id)).to.not.include(chat_id);
  });

  it("rejects with the code, detail, fields and request id of the server", async () => {
    const error = await failure(ana.client.editMessage({ id: 999_999, message: "x" }));
    expect(error).to.be.instanceOf(PalaverError);
    expect(error).to.include({ name: "PalaverError", code: "not_your_message", status: 403 });
    expect(error.message).to.equal(error.detail).and.to.have.length.greaterThan(10);
    expect(error.requestId).to.match(/^[\w.-]+$/);
    const wrong = await failure(ana.client.listChats({ limit: 0 }));
    expect(wrong.code).to.equal("invalid_request");
    expect(wrong.errors.map(({ field }) => field)).to.deep.equal(["limit"]);
  });

  it("performs a call once when it retries after a lost response", async () => {
    const { chat_id } = await ana.client.createGroupChat({ title: "Once" });
    await ana.client.addParticipant({ chat_id, username: bob.username });
    lost.push(true);
    const sent = await ana.client.sendMessage({ group_chat_id: chat_id, message: "once" });
    lost.push(true);
    await ana.client.removeParticipant({ chat_id, user: bob.username });
    expect(await ana.client.listGroupMessages({ chat_id })).to.deep.equal([sent]);
    lost.push(true);
    expect((await failure(ana.client.createGroupChat({ title: "Twice" }))).code).to.equal("no_answer");
    const titles = (await ana.client.listChats()).map(({ title }) => title);
    expect(titles.filter((title) => title === "Twice")).to.have.length(1);
  });

  it("keeps the session cookie from login to logout, and authenticates with a token instead", async () => {
    const carol = await arrive(server.url, "carol");
    const { token } = await carol.client.createToken({ name: "bot" });
    const bot = createClient({ url: `${server.url}/`, token });
    expect((await bot.getSession()).username).to.equal(carol.username);
    const before = await carol.client.getSession();
    await carol.client.logIn({ username: carol.username, password: PASSWORD });
    expect((await carol.client.getSession()).session_id).to.not.equal(before.session_id);
    await carol.client.logOut();
    expect(await failure(carol.client.getSession())).to.include({ code: "not_signed_in", status: 401 });
  });

  it("rejects logIn without a request if it has a token", async () => {
    const requested: unknown[] = [];
    const fetch: typeof globalThis.fetch = async (url) => {
      requested.push(url);
      return Response.json({});
    };
    const bot = createClient({ url: server.url, token: "secret", fetch });
    const error = await failure(bot.logIn({ username: bob.username, password: PASSWORD }));
    expect(error).to.be.instanceOf(TypeError);
    expect(error.message).to.include("has a token");
    expect(requested).to.deep.equal([]);
  });

  it("leaves a chat and ends its own session even if the response is lost", async () => {
    const dora = await arrive(server.url, "dora", {
      async fetch(input, init) {
        const response = await globalThis.fetch(input, init);
        if (lost.shift()) throw new TypeError("lost");
        return response;
      },
    });
    const { chat_id } = await dora.client.createGroupChat();
    for (const user of [dora.username.toUpperCase(), (await dora.client.getSession()).user_id]) {
      const { chat_id: another } = await dora.client.createGroupChat();
      lost.push(true);
      await dora.client.removeParticipant({ chat_id: another, user });
    }
    expect((await dora.client.listChats()).map((chat) => chat.chat_id)).to.deep.equal([chat_id]);
    lost.push(true);
    await dora.client.endSession({ session_id: (await dora.client.getSession()).session_id });
    expect((await failure(dora.client.getSession())).code).to.equal("not_signed_in");
  });

  it("creates a group chat with its participants", async () => {
    const [fay, gus] = await Promise.all([arrive(server.url, "fay"), arrive(server.url, "gus")]);
    const created = await fay.client.createGroupChat({ title: "Plans", participants: [gus.username] });
    expect(await gus.client.getChat({ chat_id: created.chat_id })).to.deep.equal({
      ...created,
      role: "member",
    });
    const sent = await gus.client.sendMessage({ group_chat_id: created.chat_id, message: "hello" });
    expect(sent).to.include({ destination_chat_id: created.chat_id, seq: 1 });
  });

  it("stays subscribed to the events of the user who was logged in at the time of the call", async () => {
    const [erin, cyd] = await Promise.all([arrive(server.url, "erin"), arrive(server.url, "cyd")]);
    const { cursor } = await erin.client.sync();
    const texts: string[] = [];
    const error = failure(
      (async () => {
        for await (const event of erin.client.events({ after: cursor })) {
          if (event.type !== "message.created") continue;
          texts.push(event.message.message);
          if (texts.length > 1) break;
          await erin.client.logIn({ username: cyd.username, password: PASSWORD });
          await ana.client.sendMessage({ dest_username: cyd.username, message: "for cyd only" });
        }
      })(),
    );
    await ana.client.sendMessage({ dest_username: erin.username, message: "for erin" });
    expect((await error).code).to.equal("not_signed_in");
    expect(texts).to.deep.equal(["for erin"]);
    expect((await erin.client.getSession()).username).to.equal(cyd.username);
  });

  describe("Client.pages", () => {
    let chat_id: number;
    let all: readonly Message[];

    before(async () => {
      ({ chat_id } = await ana.client.createGroupChat());
      for (let n = 0; n < 7; n += 1) {
        await ana.client.sendMessage({ group_chat_id: chat_id, message: `${n}` });
      }
      all = await ana.client.listGroupMessages({ chat_id });
    });

    it("yields each message once, newest page first, while others are sent", async () => {
      const pages: (readonly Message[])[] = [];
      for await (const page of ana.client.pages("listGroupMessages", { chat_id, limit: 3 })) {
        pages.unshift(page);
        await ana.client.sendMessage({ group_chat_id: chat_id, message: "meanwhile" });
      }
      expect(pages.map(({ length }) => length)).to.deep.equal([1, 3, 3]);
      expect(pages.flat()).to.deep.equal(all);
    });

    it("yields the pages after a message and before a message", async () => {
      const read = async (position: { readonly after: number } | { readonly before: number }) => {
        const pages: (readonly Message[])[] = [];
        for await (const page of ana.client.pages("listGroupMessages", { chat_id, limit: 2, ...position })) {
          pages.push(page);
        }
        return pages;
      };
      const { id } = all[3]!;
      const since = (await ana.client.listGroupMessages({ chat_id })).slice(4);
      expect((await read({ after: id })).flat()).to.deep.equal(since);
      expect(await read({ before: id })).to.deep.equal([all.slice(1, 3), all.slice(0, 1)]);
    });

    it("yields the pages of the chats, and none for an empty list", async () => {
      const chats = await ana.client.listChats();
      const ids: number[] = [];
      for await (const page of ana.client.pages("listChats", { limit: 2 })) {
        ids.push(...page.map((chat) => chat.chat_id));
      }
      expect(ids).to.have.length.greaterThan(2);
      expect(ids).to.deep.equal(chats.map((chat) => chat.chat_id));
      const { client } = await arrive(server.url, "dave");
      for await (const page of client.pages("listMessages")) expect(page).to.have.length.greaterThan(0);
    });

    it("yields the pages of participants and invitations from the first on", async () => {
      const { chat_id: group } = await ana.client.createGroupChat();
      const { code } = await ana.client.createInvitation({ chat_id: group });
      for (let n = 0; n < 4; n += 1) {
        await ana.client.createInvitation({ chat_id: group, max_uses: 1, expires_in: 60 });
        await (await arrive(server.url, `guest${n}`)).client.acceptInvitation({ code });
      }
      const names: string[] = [];
      for await (const page of ana.client.pages("listParticipants", { chat_id: group, limit: 2 })) {
        names.push(...page.map(({ username }) => username));
      }
      const { participants } = await ana.client.getChat({ chat_id: group });
      expect(names).to.have.length(5);
      expect(names).to.deep.equal(participants.map(({ username }) => username));
      const ids: string[] = [];
      for await (const page of ana.client.pages("listInvitations", { chat_id: group, limit: 2 })) {
        ids.push(...page.map(({ invitation_id: id }) => id));
      }
      const invitations = await ana.client.listInvitations({ chat_id: group });
      expect(ids).to.have.length(5);
      expect(ids).to.deep.equal(invitations.map(({ invitation_id: id }) => id));
    });

    it("yields the pages of a search, newest first", async () => {
      const { chat_id: group } = await ana.client.createGroupChat();
      for (let n = 0; n < 5; n += 1)
        await ana.client.sendMessage({ group_chat_id: group, message: `paged ${n}` });
      const pages: string[][] = [];
      for await (const page of ana.client.pages("searchMessages", { q: "paged", limit: 2 })) {
        pages.push(page.messages.map(({ message }) => message));
      }
      expect(pages).to.deep.equal([["paged 4", "paged 3"], ["paged 2", "paged 1"], ["paged 0"]]);
      for await (const page of ana.client.pages("searchMessages", { q: "nothing" }))
        expect(page).to.equal(undefined);
    });

    it("rejects an operation that has no pages", async () => {
      for (const name of ["nope", "getSession", "listEvents"]) {
        const error = await failure(ana.client.pages(name as "listChats").next());
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message).to.include(name);
      }
    });
  });

  it("yields events, and rejects when the session has ended", async () => {
    const { cursor } = await bob.client.sync();
    const events = bob.client.events({ after: cursor });
    const received: ClientEvent[] = [];
    const error = failure(
      (async () => {
        for await (const event of events) {
          received.push(event);
          if (received.length === 2) await bob.client.logOut();
        }
      })(),
    );
    const before = await ana.client.sendMessage({ dest_username: bob.username, message: "a" });
    const after = await ana.client.sendMessage({ dest_username: bob.username, message: "b" });
    expect((await error).code).to.equal("not_signed_in");
    expect(received.map((event) => (event.type === "message.created" ? event.message : event))).to.deep.equal(
      [before, after],
    );
  });
});

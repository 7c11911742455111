import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createClient, PalaverError, type FollowedEvent, type Message } from "../../src/client/index.js";
import { PASSWORD } from "../support/client.js";
import { arrive, type Person } from "../support/person.js";
import { openTestServer, type TestServer } from "../support/server.js";

const root = join(import.meta.dirname, "../../..");

const failure = (call: Promise<unknown>) =>
  call.then(
    () => expect.fail("It did not fail."),
    (error: unknown) => error as PalaverError,
  );

describe("The client", () => {
  let server: TestServer;
  let ana: Person;
  let bob: Person;
  /** Of the requests of Ana's that are still to come, those whose answer gets lost. */
  let lost: boolean[];

  before(async () => {
    server = await openTestServer();
    lost = [];
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const answer = await globalThis.fetch(input, init);
      if (lost.shift()) throw new TypeError("lost");
      return answer;
    };
    [ana, bob] = await Promise.all([arrive(server.url, "ana", { fetch }), arrive(server.url, "bob")]);
  });

  after(() => server.close());

  it("has in it what the document of the API says: `npm run docs` writes it", () => {
    const script = join(root, "script/write-client-api.mjs");
    const written = execFileSync(process.execPath, [script], { encoding: "utf8" });
    expect(readFileSync(join(root, "src/client/api.ts"), "utf8")).to.equal(written);
  });

  it("sends to a user, edits, deletes, and marks as read", async () => {
    const sent = await ana.client.sendMessage({ dest_username: bob.username, message: "Hello!" });
    expect(sent).to.include({ sender_username: ana.username, seq: 1, message: "Hello!" });
    const edited = await ana.client.editMessage({ id: sent.id, message: "Hello, Bob!" });
    expect(await bob.client.listP2pMessages({ username: ana.username })).to.deep.equal([edited]);
    const chat_id = sent.destination_chat_id;
    expect(await bob.client.markRead({ chat_id, seq: 1 })).to.deep.equal({ read_seq: 1, unread_count: 0 });
    const deleted = await ana.client.deleteMessage({ id: sent.id });
    expect((await bob.client.getChat({ chat_id })).last_message).to.deep.equal(deleted);
  });

  it("makes a chat, changes who is in it, and renames it", async () => {
    const { chat_id } = await ana.client.createGroupChat();
    await ana.client.addParticipant({ chat_id, username: bob.username });
    await bob.client.renameChat({ chat_id, title: "Plans" });
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

  it("fails with what the server says", async () => {
    const error = await failure(ana.client.editMessage({ id: 999_999, message: "x" }));
    expect(error).to.be.instanceOf(PalaverError);
    expect(error).to.include({ name: "PalaverError", code: "not_your_message", status: 403 });
    expect(error.message).to.equal(error.detail).and.to.have.length.greaterThan(10);
    expect(error.requestId).to.match(/^[\w.-]+$/);
    const wrong = await failure(ana.client.listChats({ limit: 0 }));
    expect(wrong.code).to.equal("invalid_request");
    expect(wrong.errors.map(({ field }) => field)).to.deep.equal(["limit"]);
  });

  it("does once what it repeats because the answer was lost", async () => {
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

  it("keeps its session from login to logout, and lets a token in without one", async () => {
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

  it("stays who its token is of: it refuses to log in, and asks nobody", async () => {
    const asked: unknown[] = [];
    const fetch: typeof globalThis.fetch = async (url) => {
      asked.push(url);
      return Response.json({});
    };
    const bot = createClient({ url: server.url, token: "secret", fetch });
    const error = await failure(bot.logIn({ username: bob.username, password: PASSWORD }));
    expect(error).to.be.instanceOf(TypeError);
    expect(error.message).to.include("has a token");
    expect(asked).to.deep.equal([]);
  });

  it("leaves a chat, and ends what lets it in, also where the answer to that is lost", async () => {
    const dora = await arrive(server.url, "dora", {
      async fetch(input, init) {
        const answer = await globalThis.fetch(input, init);
        if (lost.shift()) throw new TypeError("lost");
        return answer;
      },
    });
    const { chat_id } = await dora.client.createGroupChat();
    for (const user of [dora.username.toUpperCase(), (await dora.client.getSession()).user_id]) {
      const left = await dora.client.createGroupChat();
      lost.push(true);
      await dora.client.removeParticipant({ ...left, user });
    }
    expect((await dora.client.listChats()).map((chat) => chat.chat_id)).to.deep.equal([chat_id]);
    lost.push(true);
    await dora.client.endSession({ session_id: (await dora.client.getSession()).session_id });
    expect((await failure(dora.client.getSession())).code).to.equal("not_signed_in");
  });

  it("follows who was logged in when that began, and nobody who logs in later", async () => {
    const [erin, cyd] = await Promise.all([arrive(server.url, "erin"), arrive(server.url, "cyd")]);
    const { cursor } = await erin.client.sync();
    const told: string[] = [];
    const over = failure(
      (async () => {
        for await (const event of erin.client.events({ after: cursor })) {
          if (event.type !== "message.created") continue;
          told.push(event.message.message);
          if (told.length > 1) break;
          await erin.client.logIn({ username: cyd.username, password: PASSWORD });
          await ana.client.sendMessage({ dest_username: cyd.username, message: "for cyd only" });
        }
      })(),
    );
    await ana.client.sendMessage({ dest_username: erin.username, message: "for erin" });
    expect((await over).code).to.equal("not_signed_in");
    expect(told).to.deep.equal(["for erin"]);
    expect((await erin.client.getSession()).username).to.equal(cyd.username);
  });

  describe("pages", () => {
    let chat_id: number;
    let all: readonly Message[];

    before(async () => {
      ({ chat_id } = await ana.client.createGroupChat());
      for (let n = 0; n < 7; n += 1) {
        await ana.client.sendMessage({ group_chat_id: chat_id, message: `${n}` });
      }
      all = await ana.client.listGroupMessages({ chat_id });
    });

    it("back from the newest message, each once, whatever is sent meanwhile", async () => {
      const pages: (readonly Message[])[] = [];
      for await (const page of ana.client.pages("listGroupMessages", { chat_id, limit: 3 })) {
        pages.unshift(page);
        await ana.client.sendMessage({ group_chat_id: chat_id, message: "meanwhile" });
      }
      expect(pages.map(({ length }) => length)).to.deep.equal([1, 3, 3]);
      expect(pages.flat()).to.deep.equal(all);
    });

    it("on from a message, and back from one", async () => {
      const read = async (place: { readonly after: number } | { readonly before: number }) => {
        const pages: (readonly Message[])[] = [];
        for await (const page of ana.client.pages("listGroupMessages", { chat_id, limit: 2, ...place })) {
          pages.push(page);
        }
        return pages;
      };
      const { id } = all[3]!;
      const since = (await ana.client.listGroupMessages({ chat_id })).slice(4);
      expect((await read({ after: id })).flat()).to.deep.equal(since);
      expect(await read({ before: id })).to.deep.equal([all.slice(1, 3), all.slice(0, 1)]);
    });

    it("through the chats, and none of what is empty", async () => {
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

    it("of nothing that has none", async () => {
      for (const name of ["nope", "getSession", "listEvents"]) {
        const error = await failure(ana.client.pages(name as "listChats").next());
        expect(error).to.be.instanceOf(TypeError);
        expect(error.message).to.include(name);
      }
    });
  });

  it("tells what happens, and fails when its session has ended", async () => {
    const { cursor } = await bob.client.sync();
    const events = bob.client.events({ after: cursor });
    const told: FollowedEvent[] = [];
    const over = failure(
      (async () => {
        for await (const event of events) {
          told.push(event);
          if (told.length === 2) await bob.client.logOut();
        }
      })(),
    );
    const before = await ana.client.sendMessage({ dest_username: bob.username, message: "a" });
    const after = await ana.client.sendMessage({ dest_username: bob.username, message: "b" });
    expect((await over).code).to.equal("not_signed_in");
    expect(told.map((event) => (event.type === "message.created" ? event.message : event))).to.deep.equal([
      before,
      after,
    ]);
  });
});

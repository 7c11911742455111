import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createClient, type ChatInFull as Chat } from "../../src/client/index.js";
import { texts } from "../support/api/scene.js";
import { Client, signedIn } from "../support/client.js";
import { cursorOf, openStream, type EventStream } from "../support/event-stream.js";
import { runServer } from "../support/process.js";

const examples = join(import.meta.dirname, "../../../examples");

const running = new Set<ChildProcess>();

interface Example {
  /** Everything that it printed so far. */
  output(): string;
  /** Resolves with the first match in the output. Rejects if the example exits before. */
  printed(pattern: RegExp): Promise<string>;
  /** The exit status. */
  readonly ended: Promise<number | null>;
  /** Sends SIGINT, and resolves with the exit status. */
  end(): Promise<number | null>;
}

function run(
  name: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  cwd?: string,
) {
  const command = name.endsWith(".sh") ? "sh" : process.execPath;
  const child = spawn(command, [join(examples, name), ...args], {
    env: { PATH: process.env["PATH"], ...env },
    cwd,
  });
  running.add(child);
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "close").then(([status]) => status as number | null);
  const example: Example = {
    output: () => output,
    ended,
    end: () => (child.kill("SIGINT"), ended),
    async printed(pattern) {
      for (;;) {
        const [match] = pattern.exec(output) ?? [];
        if (match !== undefined) return match;
        const status = await Promise.race([ended, once(child.stdout, "data").then(() => undefined)]);
        if (status !== undefined) throw new Error(`${name} ended with ${status}:\n${output}`);
      }
    },
  };
  return example;
}

const URL_PATTERN = /http:\/\/[^\s,]+/;

describe("The examples", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "palaver-"));
  });

  afterEach(async () => {
    for (const child of running) child.kill("SIGKILL");
    running.clear();
    await rm(directory, { recursive: true, force: true });
  });

  it("administration.js creates an account and a token", async () => {
    const example = run("administration.js", {}, [], directory);
    expect(await example.ended).to.equal(0);
    expect(example.output()).to.equal("reports has the token nightly.\n");
  });

  it("embedding.js delivers a message to the events of its recipient", async () => {
    const example = run("embedding.js", {}, [], directory);
    expect(await example.ended).to.equal(0);
    expect(example.output()).to.equal("ana: Hello, Bob!\n");
  });

  it("bot.js asks for its password in one line", async () => {
    const example = run("bot.js", {}, [join(directory, "data")], directory);
    expect(await example.ended).to.equal(2);
    expect(example.output()).to.match(/^Set BOT_PASSWORD to .*\n$/);
  });

  it("bot.js answers each message once in its chat, including messages sent while it was away", async () => {
    const env = { BOT_PASSWORD: "the bot's own", PORT: "0" };
    const args = [directory, join(directory, "bot-cursor")];
    const answered = async (stream: EventStream, answer: string) => {
      while (!stream.events.some(({ message }) => message?.message === answer)) {
        await stream.received(stream.events.length + 1);
      }
      stream.leave();
    };
    const startAgain = async (cookie: string) => {
      const bot = run("bot.js", env, args);
      return { bot, client: Object.assign(new Client(await bot.printed(URL_PATTERN)), { cookie }) };
    };

    const first = run("bot.js", env, args);
    const ana = await signedIn(await first.printed(URL_PATTERN), "ana");
    const thanks = (text: string) =>
      `Thank you, ${ana.username}. I have read your ${text.length} characters.`;
    const stream = await openStream(ana);
    const hello = await ana.post("/v1/messages", { dest_username: "bot", message: "hello" });
    const { json } = await ana.post("/v1/group_chat", { title: "Plans" });
    const group_chat_id = json["chat_id"];
    await ana.post(`/v1/group_chat/${String(group_chat_id)}/participants`, { username: "bot" });
    await ana.post("/v1/messages", { group_chat_id, message: "all" });
    await ana.post("/v1/messages", { group_chat_id, message: "@bot" });
    await answered(stream, thanks("@bot"));
    expect(await first.end()).to.equal(0);
    const cursor = await readFile(args[1]!, "utf8");

    const away = await runServer(directory);
    const meanwhile = Object.assign(new Client(away.url), { cookie: ana.cookie });
    const deleted = await meanwhile.post("/v1/messages", { dest_username: "bot", message: "deleted" });
    await meanwhile.delete(`/v1/messages/${String(deleted.json["id"])}`);
    await meanwhile.patch(`/v1/messages/${String(hello.json["id"])}`, { message: "edited" });
    await meanwhile.post("/v1/messages", { dest_username: "bot", message: "away" });
    await meanwhile.post("/v1/messages", { dest_username: "bot", message: "still away" });
    away.child.kill();
    await away.ended;

    // Before the second start, the bot has lost its position: it meets messages that it has answered.
    await writeFile(args[1]!, cursor.replace(/\d+$/, "0"));
    const { bot, client } = await startAgain(ana.cookie);
    const live = await openStream(client, { after: await cursorOf(client) });
    await client.post("/v1/messages", { dest_username: "bot", message: "again" });
    await answered(live, thanks("again"));
    const inGroup = texts(await client.get(`/v1/messages/group/${String(group_chat_id)}`));
    expect(inGroup).to.deep.equal(["all", "@bot", thanks("@bot")]);
    expect(texts(await client.get("/v1/messages/p2p/bot")).toSorted()).to.deep.equal(
      [
        "edited",
        "",
        "away",
        "still away",
        "again",
        ...["hello", "away", "still away", "again"].map(thanks),
      ].toSorted(),
    );
    expect(await bot.end()).to.equal(0);
  });

  it("mounted.js serves a chat under a path, and sends messages through the core", async () => {
    const example = run("mounted.js", { PORT: "0" });
    const url = await example.printed(URL_PATTERN);
    expect(url).to.match(/\/chat$/);
    const ana = await signedIn(url, "ana");
    const outside = new Client(new URL(url).origin);
    expect((await outside.get("/")).status).to.equal(404);
    const order = await outside.post(`/orders?customer=${ana.username}`, {});
    expect(order.json).to.have.all.keys("message_id");
    expect(texts(await ana.get("/v1/messages"))).to.deep.equal(["Thank you for your order!"]);
    const stream = await openStream(ana);
    expect(await example.end()).to.equal(0);
    expect(await stream.ended).to.equal(true);
  });

  describe("against a server", () => {
    let dataDir: string;
    let server: Awaited<ReturnType<typeof runServer>>;
    let env: Readonly<Record<string, string>>;

    /** Runs a shell example, and returns its output. */
    const converse = async (name: string) => {
      const example = run(name, env, [], directory);
      await example.ended;
      return example.output();
    };

    before(async () => {
      dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
      server = await runServer(dataDir);
      env = { PALAVER_URL: server.url };
      await run("first-conversation.sh", env, [], dataDir).ended;
    });

    after(async () => {
      server.child.kill("SIGKILL");
      await server.ended;
      await rm(dataDir, { recursive: true });
    });

    it("first-conversation.sh works a second time, and streams the message sent after the cursor", async () => {
      const output = await converse("first-conversation.sh");
      expect(output.match(/username_taken/g)).to.have.length(2);
      const streamed = output.slice(output.indexOf("event: message.created"));
      expect(streamed).to.include("Lunch at noon?").and.not.to.include("Hello, Bob!");
    });

    it("group-chat.sh creates a chat of two people, with a message in it", async () => {
      const output = await converse("group-chat.sh");
      const chat = JSON.parse(output.trimEnd().split("\n").at(-1)!) as Record<string, unknown>;
      expect(chat).to.include({ title: "Plans", participant_count: 2, last_seq: 1 });
    });

    it("search.sh finds a message by a word and the beginning of another, and by a pair of characters", async () => {
      const [, sent, byWords, byPair] = (await converse("search.sh"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown);
      expect(byWords).to.deep.equal({ messages: [sent], complete: true, next: null });
      expect(byPair).to.deep.equal(byWords);
    });

    it("people.sh shows and finds a user by the display name, and rejects a message of a blocked user", async () => {
      const lines = (await converse("people.sh"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown);
      const [, , renamed, shown, found, blocked, blocks, rejected, unblocked, sent] = lines;
      expect(renamed).to.include({ username: "ana", display_name: "Ana María Núñez", state: "active" });
      expect(shown).to.deep.equal(renamed);
      expect(found).to.deep.equal([renamed]);
      expect([blocked, unblocked]).to.deep.equal([{}, {}]);
      expect(blocks).to.have.nested.property("[0].username", "bob");
      expect(rejected).to.include({ code: "blocked" });
      expect(sent).to.include({ message: "hello again" });
    });

    it("mentions.sh replies to a message, and counts the mention for the other user", async () => {
      const lines = (await converse("mentions.sh"))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const [, , sent, chat] = lines;
      expect(sent).to.deep.include({ metadata: { ticket: 4711 }, seq: 2 });
      expect(sent).to.have.property("reply_to").that.is.a("number");
      expect(chat).to.deep.include({ mention_count: 1, unread_count: 1, last_message: sent });
    });

    it("roles.sh denies a member a message, and passes ownership on and back", async () => {
      const lines = (await converse("roles.sh"))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Chat);
      const [, , , denied, , allowed, , , passed, , left] = lines;
      expect(denied).to.include({ code: "not_allowed" });
      expect(allowed).to.include({ message: "I may." });
      expect(passed).to.deep.include({ role: "admin", metadata: { ticket: 4711 } });
      expect(passed).to.have.nested.property("policy.post", "admins");
      expect(passed!.participants.map(({ username, role }) => [username, role])).to.have.deep.members([
        ["ana", "admin"],
        ["bob", "owner"],
      ]);
      expect(left).to.include({ role: "owner", participant_count: 1 });
    });

    it("invitations.sh shows the chat of a code, lets a user join, and revokes the code", async () => {
      const lines = (await converse("invitations.sh"))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const [, , seen, accepted, listed, revoked, unknown] = lines;
      expect(seen).to.deep.equal({ title: "Club", participant_count: 1 });
      expect(accepted).to.have.all.keys("chat_id");
      expect(listed).to.have.length(1).and.have.nested.property("[0].uses", 1);
      expect(revoked).to.deep.equal({});
      expect(unknown).to.include({ status: 404, code: "unknown_invitation" });
    });

    it("settings.sh archives a chat, which returns with a message, and mutes it", async () => {
      const lines = (await converse("settings.sh"))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const [, archived, , muted] = lines;
      expect(archived).to.deep.equal({ muted_until: null, archived: true, pinned: true });
      const mutedUntil = "2099-12-31T23:59:59.000Z";
      expect(muted).to.deep.equal({ muted_until: mutedUntil, archived: false, pinned: true });
    });

    it("tokens.sh reads messages with a new token", async () => {
      const lines = (await converse("tokens.sh")).trimEnd().split("\n");
      expect(JSON.parse(lines[3]!)).to.have.nested.property("[0].name", "backup");
      expect(JSON.stringify(JSON.parse(lines.slice(4).join("")))).to.include("Lunch at noon?");
    });

    it("events.js sends a message, prints the history, and prints the messages that arrive", async () => {
      const example = run("events.js", env);
      await example.printed(/\d chats/);
      const bob = createClient({ url: server.url });
      await bob.logIn({ username: "bob", password: "correct horse" });
      await bob.sendMessage({ dest_username: "ana", message: "Hello, Ana!" });
      await example.printed(/Hello, Ana!/);
      expect(example.output()).to.match(/'Hello, Bob!',\s+'Lunch at noon\?',.*'Hello, Bob!'\s+\]/s);
      await example.end();
    });
  });
});

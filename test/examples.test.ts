import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { texts } from "./support/api/scene.js";
import { Client, signedIn } from "./support/client.js";
import { cursorOf, openStream, type EventStream } from "./support/event-stream.js";

const examples = join(import.meta.dirname, "../../examples");

/** An example that runs, once it has said where. */
async function start(name: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [join(examples, name), ...args], { env: { PORT: "0", ...env } });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "close").then(([status]) => status as number | null);
  for (;;) {
    const url = /http:\/\/[^\s,]+/.exec(output)?.[0];
    if (url !== undefined) return { url, end: () => (child.kill("SIGINT"), ended) };
    const over = await Promise.race([ended, once(child.stdout, "data").then(() => undefined)]);
    if (over !== undefined) throw new Error(`${name} ended with ${over}:\n${output}`);
  }
}

describe("The examples", () => {
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "palaver-"));
  });

  after(() => rm(directory, { recursive: true, force: true }));

  it("have a bot that thanks everybody for each message, once, also after it was away", async () => {
    const env = { BOT_PASSWORD: "the bot's own" };
    const say = (client: Client, message: string) =>
      client.post("/v1/messages", { dest_username: "bot", message });
    const answered = async (stream: EventStream, count: number) => {
      while (stream.events.filter(({ message }) => message?.message.startsWith("Thank you")).length < count) {
        await stream.received(stream.events.length + 1);
      }
      stream.leave();
    };

    const first = await start("bot.js", [directory], env);
    const ana = await signedIn(first.url, "ana");
    const stream = await openStream(ana);
    // The bot may not be there yet; nobody can write to it before.
    while ((await say(ana, "hello")).status !== 200) await delay(20);
    // What is said in a group stays unread for the bot, which answers in private.
    const { json } = await ana.post("/v1/group_chat");
    await ana.post(`/v1/group_chat/${String(json["chat_id"])}/participants`, { username: "bot" });
    await ana.post("/v1/messages", { group_chat_id: json["chat_id"], message: "all" });
    await answered(stream, 2);
    expect(await first.end()).to.equal(0);

    const again = await start("bot.js", [directory], env);
    const later = Object.assign(new Client(again.url), { cookie: ana.cookie });
    const live = await openStream(later, { after: await cursorOf(later) });
    await say(later, "again");
    await answered(live, 1);
    expect(texts(await later.get("/v1/messages/p2p/bot")).toSorted()).to.deep.equal(
      [
        "hello",
        "again",
        ...[5, 3, 5].map((length) => `Thank you, ${ana.username}. I have read your ${length} characters.`),
      ].toSorted(),
    );
    expect(await again.end()).to.equal(0);
  });

  it("have an application with a chat under one of its paths, which it writes to itself", async () => {
    const { url, end } = await start("mounted.js", [], {});
    expect(url).to.match(/\/chat$/);
    const ana = await signedIn(url, "ana");
    const outside = new Client(new URL(url).origin);
    expect((await outside.get("/")).status).to.equal(404);
    const order = await outside.post(`/orders?customer=${ana.username}`, {});
    expect(order.json).to.have.all.keys("told");
    expect(texts(await ana.get("/v1/messages"))).to.deep.equal(["Thank you for your order!"]);
    const stream = await openStream(ana);
    expect(await end()).to.equal(0);
    expect(await stream.ended).to.equal(true);
  });
});

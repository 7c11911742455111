import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { createClient, type Client, type Message } from "../src/client/index.js";
import { PASSWORD } from "./support/client.js";
import { runServer, type Process } from "./support/process.js";

interface EventJson {
  readonly type: string;
  readonly message?: Message;
}

/** What the snippets define. */
interface Snippets {
  send(message: Readonly<Record<string, string>>): Promise<Message>;
  pagesBack(path: string): AsyncIterable<readonly Message[]>;
  live(show: (chats: readonly object[]) => void, apply: (event: EventJson) => void): Promise<never>;
  markRead(message: Message): Promise<unknown>;
}

/** What becomes of a request: its answer gets lost on the way, or it is refused before it gets to the server. */
type Fate = "lost" | { readonly status: number; readonly retryAfter: number | string; readonly page?: true };

const README = new URL("../../README.md", import.meta.url);

/** All of the README's code in that language, as one function that runs it in a world of the test's making. */
async function run<T>(
  language: "js" | "ts",
  url: string,
  world: Readonly<Record<string, unknown>>,
  result = "",
): Promise<T> {
  const blocks = readFileSync(README, "utf8").matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"));
  const code = Array.from(blocks, ([, block = ""]) => block.replaceAll(/^import .*/gm, "")).join("\n");
  const documented = '"http://127.0.0.1:12000"';
  expect(code).to.include(documented);
  const module = `export default async ({ ${Object.keys(world).join(", ")} }) => {
    ${code.replaceAll(documented, JSON.stringify(url))}
    ${result}
  };`;
  const imported = (await import(`data:text/javascript,${encodeURIComponent(module)}`)) as {
    default(world: unknown): Promise<T>;
  };
  return imported.default(world);
}

/** A network between a client and the server, on which a request meets the next fate of its method, if there is one. */
async function openNetwork(
  url: string,
  fates: Readonly<Record<string, Fate[]>>,
  keys: unknown[],
): Promise<Server> {
  const network = createServer((asked, answer) => {
    const fate = fates[asked.method ?? ""]?.shift();
    if (asked.method === "POST") keys.push(asked.headers["idempotency-key"]);
    if (typeof fate === "object") {
      asked.resume();
      const type = fate.page ? "text/html" : "application/problem+json";
      answer.writeHead(fate.status, { "Retry-After": fate.retryAfter, "Content-Type": type });
      answer.end(fate.page ? "<html>" : JSON.stringify({ detail: "Not now.", code: "busy" }));
      return;
    }
    const { method, headers } = asked;
    const forwarded = request(new URL(asked.url ?? "", url), { method, headers }, (response) => {
      if (fate === "lost") response.resume().once("end", () => asked.socket.destroy());
      else response.pipe(answer.writeHead(response.statusCode ?? 0, response.headers));
    });
    forwarded.once("error", () => asked.socket.destroy());
    asked.pipe(forwarded);
  });
  network.listen(0, "127.0.0.1");
  await once(network, "listening");
  return network;
}

describe("The README's client", () => {
  const fates: Record<"GET" | "POST", Fate[]> = { GET: [], POST: [] };
  const keys: unknown[] = [];
  const printed: unknown[][] = [];
  const waits: number[] = [];
  let over = false;
  let dataDir: string;
  let server: Process & { readonly url: string };
  let network: Server;
  let bob: Client;
  let client: Snippets;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    server = await runServer(dataDir, { RATE_LIMITS: "off" });
    bob = createClient({ url: server.url });
    for (const username of ["ana", "bob"]) await bob.registerUser({ username, password: PASSWORD });
    await bob.logIn({ username: "bob", password: PASSWORD });
    network = await openNetwork(server.url, fates, keys);
    const { port } = network.address() as AddressInfo;
    const world = {
      console: { log: (...values: unknown[]) => printed.push(values) },
      // What is waited for comes soon, and never once the test is over: one of the snippets goes on for ever.
      setTimeout(resume: () => void, milliseconds: number) {
        waits.push(milliseconds);
        if (!over) setTimeout(resume, 5);
      },
    };
    const defined = "return { send, pagesBack, live, markRead };";
    client = await run<Snippets>("js", `http://127.0.0.1:${port}`, world, defined);
  });

  after(async () => {
    over = true;
    network.close();
    network.closeAllConnections();
    server.child.kill("SIGKILL");
    await server.ended;
    await rm(dataDir, { recursive: true, force: true });
  });

  it("does what it says, from the first snippet to the last", async () => {
    const sent = await bob.listMessages();
    expect(sent).to.have.length(1);
    expect(printed).to.deep.include(["bob", 0]);
    expect(printed).to.deep.include([sent]);
  });

  it("stores a message once, whatever becomes of its answers, and waits as long as it is told", async () => {
    fates.POST.push("lost", { status: 503, retryAfter: 7 }, "lost", { status: 429, retryAfter: 90 });
    keys.length = 0;
    const sent = await client.send({ dest_username: "bob", message: "once" });
    expect(sent.message).to.equal("once");
    expect(keys).to.have.length(5);
    expect(new Set(keys).size).to.equal(1);
    expect(waits).to.include.members([7_000, 90_000]);
    expect((await bob.listMessages()).filter(({ message: text }) => text === "once")).to.have.length(1);
  });

  it("rests also where it is told a date, or by a page, and gives up where no Palaver is", async () => {
    waits.length = 0;
    const retryAfter = new Date(0).toUTCString();
    fates.POST.push({ status: 503, retryAfter }, { status: 502, retryAfter, page: true });
    await client.send({ dest_username: "bob", message: "patient" });
    expect(waits).to.have.length(2);
    for (const wait of waits) expect(wait).to.be.at.least(500);
    for (const status of [404, 200]) {
      fates.POST.push({ status, retryAfter, page: true });
      const refused = await client
        .send({ dest_username: "bob", message: "x" })
        .catch((error: unknown) => error);
      expect(refused).to.include({ status, code: undefined });
    }
  });

  it("sends each message under a key of its own", async () => {
    keys.length = 0;
    const message = { dest_username: "bob", message: "again" };
    const [one, other] = [await client.send(message), await client.send(message)];
    expect(other.seq).to.equal(one.seq + 1);
    expect(new Set(keys).size).to.equal(2);
  });

  it("does not repeat what is refused for good", async () => {
    keys.length = 0;
    const code = await client.send({ dest_username: "nobody", message: "hello" }).then(
      () => undefined,
      (problem: { readonly code: unknown }) => problem.code,
    );
    expect(code).to.equal("unknown_user");
    expect(keys).to.have.length(1);
  });

  it("pages back to the first message, and meets each once", async () => {
    const { chat_id } = await bob.createGroupChat();
    await bob.addParticipant({ chat_id, username: "ana" });
    await Promise.all(
      Array.from({ length: 205 }, (_, n) => bob.sendMessage({ group_chat_id: chat_id, message: `${n}` })),
    );
    const path = `/v1/messages/group/${chat_id}`;
    const pages: (readonly Message[])[] = [];
    for await (const page of client.pagesBack(path)) {
      pages.unshift(page);
      await bob.sendMessage({ group_chat_id: chat_id, message: "meanwhile" });
    }
    expect(pages.map(({ length }) => length)).to.deep.equal([5, 100, 100]);
    const all = await bob.listGroupMessages({ chat_id });
    expect(pages.flat()).to.deep.equal(all.slice(0, 205));
  });

  it("tells each new message once, in order, whatever becomes of the answers", async () => {
    const shown: string[] = [];
    const begun = new Promise((resolve) => {
      void client.live(
        resolve,
        ({ type, message }) => type === "message.created" && shown.push(message!.message),
      );
    });
    expect(await begun).to.have.length.greaterThan(0);
    const sent = Array.from({ length: 12 }, (_, n) => `new ${n}`);
    for (const message of sent) {
      fates.GET.push("lost");
      await bob.sendMessage({ dest_username: "ana", message });
      await delay(2);
    }
    while (shown.at(-1) !== sent.at(-1)) await delay(2);
    expect(shown).to.deep.equal(sent);
    expect(
      printed.flat().filter((line) => String(line).startsWith("message.created")),
    ).to.have.length.of.at.least(12);
  });

  it("marks as read what was seen", async () => {
    const ana = await client.send({ dest_username: "bob", message: "mine" });
    await bob.sendMessage({ dest_username: "ana", message: "one" });
    const last = await bob.sendMessage({ dest_username: "ana", message: "two" });
    expect(await client.markRead({ ...ana, seq: ana.seq + 1 })).to.deep.equal({
      read_seq: ana.seq + 1,
      unread_count: 1,
    });
    expect(await client.markRead(last)).to.deep.include({ unread_count: 0 });
  });

  it("is not needed where there is the one of the package, which does what it says", async () => {
    const lines: unknown[] = [];
    const enough = new Error("enough");
    const log = (line: unknown) => {
      lines.push(line);
      if (line === "Hello, Ana!") throw enough;
    };
    const following = run("ts", server.url, { createClient, console: { log } }).catch(
      (error: unknown) => error,
    );
    while (!String(lines.at(-1)).endsWith(" chats")) await delay(2);
    await bob.sendMessage({ dest_username: "ana", message: "Hello, Ana!" });
    expect(await following).to.equal(enough);
    expect(lines[0]).to.be.an("array").that.includes("Hello, Bob!");
    expect(lines.at(-2)).to.equal("2 chats");
  });
});

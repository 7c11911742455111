import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { createClient, type Client, type Message } from "../../src/client/index.js";
import { PASSWORD } from "../support/client.js";
import { runServer, type Process } from "../support/process.js";

interface EventJson {
  readonly type: string;
  readonly message?: Message;
}

/** The exports of the example. */
interface Example {
  send(message: Readonly<Record<string, string>>): Promise<Message>;
  pagesBack(path: string): AsyncIterable<readonly Message[]>;
  live(showChats: (chats: readonly object[]) => void, applyEvent: (event: EventJson) => void): Promise<never>;
  markRead(message: Message): Promise<unknown>;
}

/** The fault of a request: its response is lost, or the network responds in place of the server. */
type Fault = "lost" | { readonly status: number; readonly retryAfter: number | string; readonly page?: true };

const example = new URL("../../../examples/fetch-client.js", import.meta.url);

/** Imports the example, with `console` and `setTimeout` of the test. */
async function importExample(url: string, world: Readonly<Record<string, unknown>>): Promise<Example> {
  const names = `const { ${Object.keys(world).join(", ")} } = globalThis.world;\n`;
  const code = names + readFileSync(example, "utf8");
  process.env["PALAVER_URL"] = url;
  Object.assign(globalThis, { world });
  try {
    return (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as Example;
  } finally {
    delete process.env["PALAVER_URL"];
    Reflect.deleteProperty(globalThis, "world");
  }
}

/** A proxy before the server. Each request consumes the next fault of its method, if one is left. */
async function openNetwork(
  url: string,
  faults: Readonly<Record<string, Fault[]>>,
  keys: unknown[],
): Promise<Server> {
  const network = createServer((incoming, outgoing) => {
    const fault = faults[incoming.method ?? ""]?.shift();
    if (incoming.method === "POST") keys.push(incoming.headers["idempotency-key"]);
    if (typeof fault === "object") {
      incoming.resume();
      const type = fault.page ? "text/html" : "application/problem+json";
      outgoing.writeHead(fault.status, { "Retry-After": fault.retryAfter, "Content-Type": type });
      outgoing.end(fault.page ? "<html>" : JSON.stringify({ detail: "Not now.", code: "busy" }));
      return;
    }
    const { method, headers } = incoming;
    const forwarded = request(new URL(incoming.url ?? "", url), { method, headers }, (response) => {
      if (fault === "lost") response.resume().once("end", () => incoming.socket.destroy());
      else response.pipe(outgoing.writeHead(response.statusCode ?? 0, response.headers));
    });
    forwarded.once("error", () => incoming.socket.destroy());
    incoming.pipe(forwarded);
  });
  network.listen(0, "127.0.0.1");
  await once(network, "listening");
  return network;
}

describe("examples/fetch-client.js", () => {
  const faults: Record<"GET" | "POST", Fault[]> = { GET: [], POST: [] };
  const keys: unknown[] = [];
  const printed: unknown[][] = [];
  const waits: number[] = [];
  let over = false;
  let dataDir: string;
  let server: Process & { readonly url: string };
  let network: Server;
  let bob: Client;
  let client: Example;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    server = await runServer(dataDir, { RATE_LIMITS: "off" });
    bob = createClient({ url: server.url });
    for (const username of ["ana", "bob"]) await bob.registerUser({ username, password: PASSWORD });
    await bob.logIn({ username: "bob", password: PASSWORD });
    network = await openNetwork(server.url, faults, keys);
    const { port } = network.address() as AddressInfo;
    const world = {
      console: { log: (...values: unknown[]) => printed.push(values) },
      // Pauses are short, and endless once the test is over: `live` never returns.
      setTimeout(resume: () => void, milliseconds: number) {
        waits.push(milliseconds);
        if (!over) setTimeout(resume, 5);
      },
    };
    client = await importExample(`http://127.0.0.1:${port}`, world);
  });

  after(async () => {
    over = true;
    network.close();
    network.closeAllConnections();
    server.child.kill("SIGKILL");
    await server.ended;
    await rm(dataDir, { recursive: true, force: true });
  });

  it("sends a message, prints the history, and marks it as read", async () => {
    const sent = await bob.listMessages();
    expect(sent).to.have.length(1);
    expect(printed).to.deep.include(["bob", 0]);
    expect(printed).to.deep.include([sent]);
  });

  it("stores a message once after lost responses, and waits as long as Retry-After says", async () => {
    faults.POST.push("lost", { status: 503, retryAfter: 7 }, "lost", { status: 429, retryAfter: 90 });
    keys.length = 0;
    const sent = await client.send({ dest_username: "bob", message: "once" });
    expect(sent.message).to.equal("once");
    expect(keys).to.have.length(5);
    expect(new Set(keys).size).to.equal(1);
    expect(waits).to.include.members([7_000, 90_000]);
    expect((await bob.listMessages()).filter(({ message: text }) => text === "once")).to.have.length(1);
  });

  it("waits without a usable Retry-After, and gives up where the server is not Palaver", async () => {
    waits.length = 0;
    const retryAfter = new Date(0).toUTCString();
    faults.POST.push({ status: 503, retryAfter }, { status: 502, retryAfter, page: true });
    await client.send({ dest_username: "bob", message: "patient" });
    expect(waits).to.have.length(2);
    for (const wait of waits) expect(wait).to.be.at.least(500);
    for (const status of [404, 200]) {
      faults.POST.push({ status, retryAfter, page: true });
      const error = await client
        .send({ dest_username: "bob", message: "x" })
        .catch((thrown: unknown) => thrown);
      expect(error).to.include({ status, code: undefined });
    }
  });

  it("sends each message under its own key", async () => {
    keys.length = 0;
    const message = { dest_username: "bob", message: "again" };
    const [one, other] = [await client.send(message), await client.send(message)];
    expect(other.seq).to.equal(one.seq + 1);
    expect(new Set(keys).size).to.equal(2);
  });

  it("does not repeat a request that is rejected permanently", async () => {
    keys.length = 0;
    const code = await client.send({ dest_username: "nobody", message: "hello" }).then(
      () => undefined,
      (problem: { readonly code: unknown }) => problem.code,
    );
    expect(code).to.equal("unknown_user");
    expect(keys).to.have.length(1);
  });

  it("pages back to the first message, and yields each message once", async () => {
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

  it("delivers each new message once and in order, after lost responses", async () => {
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
      faults.GET.push("lost");
      await bob.sendMessage({ dest_username: "ana", message });
      await delay(2);
    }
    while (shown.at(-1) !== sent.at(-1)) await delay(2);
    expect(shown).to.deep.equal(sent);
    expect(
      printed.flat().filter((line) => String(line).startsWith("message.created")),
    ).to.have.length.of.at.least(12);
  });

  it("marks messages as read up to the one given", async () => {
    const ana = await client.send({ dest_username: "bob", message: "mine" });
    await bob.sendMessage({ dest_username: "ana", message: "one" });
    const last = await bob.sendMessage({ dest_username: "ana", message: "two" });
    expect(await client.markRead({ ...ana, seq: ana.seq + 1 })).to.deep.equal({
      read_seq: ana.seq + 1,
      unread_count: 1,
      mention_count: 0,
    });
    expect(await client.markRead(last)).to.deep.include({ unread_count: 0 });
  });
});

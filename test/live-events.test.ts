import { readFileSync } from "node:fs";
import { expect } from "chai";
import { EventSource } from "eventsource";
import type { Client } from "./support/client.js";
import { until, type EventJson } from "./support/event-stream.js";
import { openTestServer, type TestServer } from "./support/server.js";

const README = new URL("../../docs/clients.md", import.meta.url);

/** A cursor of another database. */
const FOREIGN_CURSOR = "0000000000000000-1";

/** Runs the snippet in the README's "Live events" that is in this language, with the names in `world` defined. */
async function runSnippet(language: "js" | "html", world: Readonly<Record<string, unknown>>): Promise<void> {
  const [, section = ""] = readFileSync(README, "utf8").split("\n## Live events\n");
  const [, block = ""] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(section) ?? [];
  const code = block.replaceAll(/<\/?script.*?>/g, "");
  expect(code).to.include("/v1/sync");
  const module = `export default async ({ ${Object.keys(world).join(", ")} }) => {\n${code}\n};`;
  const imported = (await import(`data:text/javascript,${encodeURIComponent(module)}`)) as {
    default(world: unknown): Promise<void>;
  };
  await imported.default(world);
}

describe("the README's section on live events", () => {
  let server: TestServer;
  let ana: Client;
  let printed: unknown[];
  const console = { log: (value: unknown) => void printed.push(value) };

  beforeEach(async () => {
    server = await openTestServer({ streams: { stallTimeoutMs: 100 } });
    ({ client: ana } = await server.signIn("ana"));
    await server.send("ana", "before");
    printed = [];
  });

  afterEach(() => server.close());

  it("has a Node client that prints events as they happen, and takes a new snapshot if the cursor has expired", async () => {
    let over = false;
    let polls = 0;
    const ask = async (method: string, path: string) => {
      polls += Number(path.startsWith("/v1/events"));
      const sent = polls === 2 ? path.replace(/after=[^&]*/, `after=${FOREIGN_CURSOR}`) : path;
      const { status, json } = await ana.request(method, sent);
      if (status !== 200) throw Object.assign(new Error(), { status, code: json["code"] });
      return json;
    };
    const patiently = (attempt: () => Promise<unknown>) => (over ? new Promise(() => {}) : attempt());
    await runSnippet("js", { request: ask, withRetry: patiently, console });
    await until(() => server.store.subscribers > 0);
    await server.send("ana", "1");
    await until(() => printed.length === 3);
    await server.send("ana", "2");
    await until(() => printed.length === 4);
    over = true;
    await server.close();
    const [chats, created] = ["1 chats", "message.created in chat 1"];
    expect(printed).to.deep.equal([chats, created, chats, created]);
  });

  it("has a browser client that prints streamed events, and does not reload without a resync", async () => {
    const sources: EventSource[] = [];
    let loads = 0;
    const inBrowser = (path: string | URL, init?: RequestInit) => {
      const headers = { ...(init?.headers as object), Cookie: ana.cookie };
      return fetch(new URL(path, server.url), { ...init, headers });
    };
    class Source extends EventSource {
      constructor(path: string) {
        super(new URL(path, server.url), { fetch: inBrowser });
        sources.push(this);
      }
    }
    const location = { reload: () => (loads += 1) };
    await runSnippet("html", { fetch: inBrowser, EventSource: Source, console, location });
    await until(() => server.store.subscribers > 0);
    await server.send("ana", "1");
    await until(() => printed.length > 0);
    expect((printed[0] as EventJson["message"])?.message).to.equal("1");
    expect(loads).to.equal(0);
    for (const source of sources) source.close();
  });
});

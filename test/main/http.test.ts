import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { listen, mount, type HttpServer, type Mounted, type MountOptions } from "../../src/main/http.js";
import { openMessaging, type OpenMessaging } from "../../src/main/index.js";
import { describeApi } from "../support/api.js";
import { expectProblem } from "../support/api/scene.js";
import { Client, PASSWORD, signedIn } from "../support/client.js";
import { cursorOf, openStream } from "../support/event-stream.js";
import { describeEvents } from "../support/events-api.js";
import { testPorts } from "../support/ports.js";
import { describeSessionApi } from "../support/session-api.js";
import { BROWSER_ACCEPT, describeNoWebClient, describeWebClient } from "../support/web-client.js";

/** Another Koa application, with Palaver mounted under one of its paths. */
interface Outer {
  readonly url: string;
  readonly messaging: OpenMessaging;
  readonly chat: Mounted;
  readonly app: Koa;
  /** Errors that its own error boundary caught. */
  readonly caught: unknown[];
  /** The URLs of finished requests, as the middleware before Palaver sees them. */
  readonly seen: string[];
  close(): Promise<void>;
}

const testMessaging = () => {
  const { passwords, ids, secrets } = testPorts();
  return openMessaging({ storage: "memory", passwords, ids, secrets });
};

async function openOuter(options: Partial<MountOptions> = {}, first?: Koa.Middleware): Promise<Outer> {
  const messaging = await testMessaging();
  const chat = mount(messaging, { path: "/chat", rateLimits: false, ...options });
  const app = new Koa({ proxy: options.trustProxy === true });
  const caught: unknown[] = [];
  const seen: string[] = [];
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      caught.push(error);
      ctx.status = 500;
      ctx.body = "the outer boundary";
    }
    seen.push(ctx.url);
  });
  if (first) app.use(first);
  app.use(chat);
  app.use(bodyParser());
  app.use((ctx) => {
    if (ctx.path.startsWith("/lost")) return;
    if (ctx.path.startsWith("/broken")) throw new Error("of the outer");
    ctx.body = { outer: ctx.path, given: ctx.request.body ?? null };
  });
  const answer = app.callback();
  const server = createServer((...exchange) => void answer(...exchange));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    messaging,
    chat,
    app,
    caught,
    seen,
    async close() {
      chat.close();
      await new Promise((resolve) => server.close(resolve));
      await messaging.close();
    },
  };
}

describe("mount, in a Koa application", () => {
  let outer: Outer;

  before(async () => {
    outer = await openOuter();
  });

  after(() => outer.close());

  describe("serves all of its API there", () => {
    const at = () => `${outer.url}/chat`;
    describeApi(at);
    describeSessionApi(at);
    describeEvents(at);
    describeWebClient(at);
  });

  it("passes requests outside of its path on", async () => {
    const client = new Client(outer.url);
    for (const path of ["/", "/chatter", "/chat.html", "/Chat/v1/messages", "/v1/messages", "/a/chat/docs"]) {
      const { status, json } = await client.post(path, { its: "own" });
      expect([status, json]).to.deep.equal([200, { outer: path, given: { its: "own" } }]);
    }
    const lost = await client.get("/lost");
    expect([lost.status, lost.text]).to.deep.equal([404, "Not Found"]);
    const broken = await client.get("/broken");
    expect([broken.status, broken.text]).to.deep.equal([500, "the outer boundary"]);
    expect(lost.headers).to.not.have.property("x-request-id");
  });

  it("does not return to earlier middleware while a response is being written", async () => {
    const late = await openOuter({}, async (ctx, next) => {
      await next();
      ctx.body ??= "late";
    });
    try {
      const ana = await signedIn(`${late.url}/chat`, "ana");
      await ana.post("/v1/messages", { dest_username: ana.username, message: "whole" });
      const { headers, json } = await ana.get("/v1/messages");
      expect(json).to.have.nested.property("0.message", "whole");
      expect(headers["content-type"]).to.match(/^application\/json/);
    } finally {
      await late.close();
    }
  });

  it("responds to its own errors with problems", async () => {
    outer.caught.length = 0;
    const client = new Client(outer.url);
    for (const path of ["/chat/nothing", "/chat//v1/messages", "/chat/chat/docs"]) {
      expectProblem(await client.get(path), 404, "not_found");
    }
    expectProblem(await client.get("/chat/v1/messages"), 401, "not_signed_in");
    const { headers } = await client.post("/chat/healthz");
    expect(headers).to.include({ allow: "HEAD, GET" });
    expect(outer.caught).to.deep.equal([]);
  });

  it("links from its root to its own documentation", async () => {
    const client = new Client(outer.url);
    for (const path of ["/chat", "/chat/"]) {
      const { json } = await client.get(path);
      expect(json).to.include({ documentation: "/chat/docs", openapi: "/chat/openapi.json" });
    }
  });

  it("redirects a browser from its path to the one with a slash, to which the page is relative", async () => {
    const client = new Client(outer.url);
    const headers = { Accept: BROWSER_ACCEPT };
    for (const path of ["/chat", "/chat?utm_source=mail", `${outer.url}/chat`]) {
      const response = await client.get(path, { headers });
      expect([response.status, response.headers["location"]]).to.deep.equal([308, "chat/"]);
    }
    expect((await client.get("/chat/", { headers })).status).to.equal(200);
    const { url } = await fetch(`${outer.url}/chat`, { headers });
    expect(url).to.equal(`${outer.url}/chat/`);
  });

  it("accepts absolute URLs, and restores the URL for earlier middleware", async () => {
    const client = new Client(outer.url);
    const whole = `${outer.url}/chat/healthz?`;
    expect((await client.get(whole)).json).to.deep.equal({});
    expect((await client.get("/chat/v1/chats?limit=%zz")).status).to.equal(401);
    expect(outer.seen.slice(-2)).to.deep.equal([whole, "/chat/v1/chats?limit=%zz"]);
  });

  it("sets and clears cookies for its path", async () => {
    const ana = await signedIn(`${outer.url}/chat`, "ana");
    const login = await ana.post("/v1/auth/login", { username: ana.username, password: PASSWORD });
    expect(login.headers["set-cookie"]).to.have.length(1);
    expect(login.headers["set-cookie"]?.[0]).to.match(/^palaver_session=.*; path=\/chat; .*; httponly$/);
    const logout = await ana.post("/v1/auth/logout");
    expect(logout.headers["set-cookie"]?.[0]).to.match(
      /^palaver_session=; path=\/chat; expires=Thu, 01 Jan 1970/,
    );
  });

  it("includes its path in links to pages, its document and its script", async () => {
    const ana = await signedIn(`${outer.url}/chat`, "ana");
    for (const message of ["one", "two"]) {
      await ana.post("/v1/messages", { dest_username: ana.username, message });
    }
    const found = async (reference: string, from: string) => {
      const url = new URL(reference, outer.url + from);
      expect(url.pathname).to.match(/^\/chat\//);
      const answer = await new Client(outer.url).get(url.pathname + url.search, {
        headers: { Cookie: ana.cookie },
      });
      expect(answer.status).to.equal(200);
      return answer;
    };
    const page = await ana.get("/v1/messages?limit=1");
    const [, before = ""] = /^<(.*)>; rel="prev"/.exec(String(page.headers["link"])) ?? [];
    expect(before).to.match(/^\/chat\/v1\/messages\?limit=1&before=\d+$/);
    expect((await found(before, "/chat")).text).to.include("one");
    const { text } = await ana.get("/docs");
    const [, script = ""] = /<script src="(.*?)"/.exec(text) ?? [];
    const [, document = ""] = /spec-url="(.*?)"/.exec(text) ?? [];
    await found(script, "/chat/docs");
    const { json } = await found(document, "/chat/docs");
    expect(json["servers"]).to.deep.include.members([
      { url: "/chat", description: "The server of this document." },
    ]);
  });

  it("rejects requests of other sites under its path", async () => {
    const ana = await signedIn(`${outer.url}/chat`, "ana");
    const from = (origin: string) => ({ headers: { Origin: origin } });
    expectProblem(await ana.post("/v1/group_chat", {}, from("https://evil.example")), 403, "cross_site");
    expect((await ana.post("/v1/group_chat", {}, from(outer.url))).status).to.equal(200);
    expect((await new Client(outer.url).post("/own", {}, from("https://evil.example"))).status).to.equal(200);
  });
});

describe("mount", () => {
  const apps: Outer[] = [];
  const open = async (...given: Parameters<typeof openOuter>) => {
    const outer = await openOuter(...given);
    apps.push(outer);
    return outer;
  };

  afterEach(async () => {
    for (const outer of apps.splice(0)) await outer.close();
  });

  it("applies limits to the address that a trusted proxy reports, and sets cookies for TLS only", async () => {
    const outer = await open({ trustProxy: true, rateLimits: true });
    const client = new Client(`${outer.url}/chat`);
    const register = (address: string) =>
      client.post(
        "/v1/auth/register",
        { username: "", password: "" },
        { headers: { "X-Forwarded-For": address } },
      );
    const left = ({ headers }: Awaited<ReturnType<typeof register>>) =>
      /r=(\d+)/.exec(String(headers["ratelimit"]))?.[1];
    expect(left(await register("192.0.2.1"))).to.equal("199");
    expect(left(await register("192.0.2.1"))).to.equal("198");
    expect(left(await register("192.0.2.2"))).to.equal("199");
    await outer.messaging.registerUser({ username: "ana", password: PASSWORD });
    const login = await client.post("/v1/auth/login", { username: "ana", password: PASSWORD });
    expect(login.headers["set-cookie"]?.[0]).to.match(/^__Host-palaver_session=.*; path=\/; .*; secure;/);
    expect((await client.get("/v1/messages")).status).to.equal(200);
  });

  it("ends streams and long polls properly on close, so that the server can close", async () => {
    const outer = await open();
    const ana = await signedIn(`${outer.url}/chat`, "ana");
    const stream = await openStream(ana);
    const waiting = ana.get(`/v1/events?after=${await cursorOf(ana)}&wait=50`);
    outer.chat.close();
    expect(await stream.ended).to.equal(true);
    expect((await waiting).json["events"]).to.deep.equal([]);
  });

  it("throws if earlier middleware has read the request body", async () => {
    const outer = await open({}, bodyParser());
    const answer = await new Client(outer.url).post("/chat/v1/auth/register", {
      username: "a",
      password: "b",
    });
    expect([answer.status, answer.text]).to.deep.equal([500, "the outer boundary"]);
    expect(String(outer.caught)).to.equal(
      "Error: The request body is already read. Mount Palaver before the middleware that reads bodies.",
    );
  });

  it("writes to the given log, and its errors nowhere else", async () => {
    const lines: object[] = [];
    const log = {
      debug() {},
      info: (line: object) => lines.push(line),
      error: (line: object) => lines.push(line),
    };
    const messaging = await testMessaging();
    const broken = { ...messaging, registerUser: () => Promise.reject(new Error("a bug")) };
    const outer = await open({}, mount(broken, { path: "/bug", log }));
    outer.app.on("error", (error) => outer.caught.push(error));
    const client = new Client(`${outer.url}/bug`);
    const answer = await client.post("/v1/auth/register", { username: "ana", password: PASSWORD });
    await messaging.close();
    expectProblem(answer, 500, "internal_error");
    expect(JSON.stringify(lines))
      .to.include('"message":"a bug"')
      .and.to.include('"route":"/v1/auth/register"');
    expect(outer.caught).to.deep.equal([]);
  });

  it("redirects below the last segment of a longer path", async () => {
    const messaging = await testMessaging();
    const outer = await open({}, mount(messaging, { path: "/apps/chat" }));
    const { url, status } = await fetch(`${outer.url}/apps/chat`, { headers: { Accept: BROWSER_ACCEPT } });
    await messaging.close();
    expect([url, status]).to.deep.equal([`${outer.url}/apps/chat/`, 200]);
  });

  describe("without the web client", () => {
    let outer: Outer;

    before(async () => {
      outer = await openOuter({ webClient: false });
    });

    after(() => outer.close());

    describeNoWebClient(() => `${outer.url}/chat`);
  });

  for (const path of ["", "/", "chat", "/chat/", "//chat", "/a b", "/a;b", "/chat?x", "/%41"]) {
    it(`rejects the path ${JSON.stringify(path)}`, async () => {
      const messaging = await testMessaging();
      expect(() => mount(messaging, { path })).to.throw(`Invalid path ${JSON.stringify(path)}`);
      await messaging.close();
    });
  }
});

describe("listen", () => {
  it("rejects a port that is not an integer from 0 to 65535, and creates no socket", async () => {
    const messaging = await testMessaging();
    for (const port of ["abc", "80", Number.NaN, -1, 65_536, 1.5]) {
      const error: unknown = await listen(messaging, { port: port as number }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(TypeError);
      expect(String(error)).to.include("Use an integer from 0 to 65535.");
    }
    await messaging.close();
  });

  it("serves the result of openMessaging on a port, and closes properly", async () => {
    const messaging = await testMessaging();
    const server = await listen(messaging, { port: 0 });
    const ana = await signedIn(server.url, "ana");
    const stream = await openStream(ana);
    const { id: by } = await messaging.registerUser({ username: "bob", password: PASSWORD });
    await messaging.sendMessage({ by, to: { username: ana.username }, text: "hello" });
    await stream.received(2);
    expect(stream.events.map(({ type }) => type)).to.deep.equal(["chat.created", "message.created"]);
    await server.close();
    expect(await stream.ended).to.equal(true);
    await messaging.close();
  });

  for (const [title, options, describeIt] of [
    ["serves the web client", {}, describeWebClient],
    ["without the web client", { webClient: false }, describeNoWebClient],
  ] as const) {
    describe(title, () => {
      let messaging: OpenMessaging;
      let server: HttpServer;

      before(async () => {
        messaging = await testMessaging();
        server = await listen(messaging, { port: 0, rateLimits: false, ...options });
      });

      after(async () => {
        await server.close(0);
        await messaging.close();
      });

      describeIt(() => server.url);
    });
  }

  it("uses the given host and limits", async () => {
    const messaging = await testMessaging();
    const server = await listen(messaging, {
      port: 0,
      host: "127.0.0.2",
      connections: { maxConnectionsPerAddress: 0 },
    });
    expect(server.url).to.match(/^http:\/\/127\.0\.0\.2:\d+$/);
    const refused = await new Client(server.url).get("/healthz").then(
      () => undefined,
      (error: { readonly code: unknown }) => error.code,
    );
    expect(refused).to.equal("ECONNRESET");
    await server.close(0);
    await messaging.close();
  });
});

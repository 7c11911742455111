import { connect } from "node:net";
import { expect } from "chai";
import { expectProblem } from "../../support/api/scene.js";
import { Client, signedIn, type HttpResponse } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

const LISTED = "https://app.example.org";

describe("guardOrigin", () => {
  let server: TestServer;
  let ana: Client;

  before(async () => {
    server = await openTestServer({ corsOrigins: [LISTED, "http://localhost:3000"] });
    ana = await signedIn(server.url);
  });

  after(() => server.close());

  const make = (headers: Readonly<Record<string, string>>) =>
    ana.post("/v1/group_chat", undefined, { headers });
  const changes = async (attempt: () => Promise<unknown>) => {
    const before = server.store.status().transactions;
    await attempt();
    return server.store.status().transactions - before;
  };

  it("rejects changes from pages of other sites", async () => {
    for (const headers of [
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
      { "Sec-Fetch-Site": "anything new" },
      { "Sec-Fetch-Site": "cross-site", Origin: server.url },
      { Origin: "https://evil.example" },
      { Origin: "null" },
      { Origin: server.url.replace("http:", "https:") },
      { Origin: `${server.url}0` },
      { Origin: `${LISTED}.evil.example` },
      { Origin: "http://app.example.org" },
    ]) {
      const changed = await changes(async () => expectProblem(await make(headers), 403, "cross_site"));
      expect(changed).to.equal(0);
    }
  });

  it("rejects them also without a session, at unknown paths and for every unsafe method", async () => {
    const headers = { "Sec-Fetch-Site": "cross-site" };
    for (const { method, path } of server.routes) {
      if (method === "GET" || method === "HEAD") continue;
      const response = await new Client(server.url).request(method, path, { headers });
      expectProblem(response, 403, "cross_site");
    }
    expectProblem(await new Client(server.url).post("/nothing", {}, { headers }), 403, "cross_site");
  });

  it("accepts own pages, direct navigation and clients that are not browsers", async () => {
    for (const headers of [
      {},
      { "Sec-Fetch-Site": "same-origin" },
      { "Sec-Fetch-Site": "none" },
      { Origin: server.url },
      { "Sec-Fetch-Site": "same-origin", Origin: "https://behind.a.proxy.example" },
    ]) {
      expect((await make(headers)).status).to.equal(200);
    }
  });

  it("accepts reads, whose responses the browser hides from the page", async () => {
    const headers = { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example" };
    const response = await ana.get("/v1/messages", { headers });
    expect(response.status).to.equal(200);
    expect(response.headers).to.not.have.property("access-control-allow-origin");
    expect(response.headers["cross-origin-resource-policy"]).to.equal("same-origin");
  });

  it("lets a listed origin read and change with credentials, and read errors", async () => {
    const headers = { Origin: LISTED, "Sec-Fetch-Site": "cross-site" };
    const anonymous = new Client(server.url);
    for (const response of [await make(headers), await anonymous.get("/v1/messages", { headers })]) {
      expect(response.headers["access-control-allow-origin"]).to.equal(LISTED);
      expect(response.headers["access-control-allow-credentials"]).to.equal("true");
      expect(response.headers["access-control-expose-headers"]).to.include("Retry-After");
      expect(response.headers.vary).to.include("Origin");
      expect(response.status).to.be.oneOf([200, 401]);
    }
  });

  it("responds to preflight requests of listed origins, and runs no operation for them", async () => {
    const preflight = (origin: string) =>
      new Client(server.url).request("OPTIONS", "/v1/messages", {
        headers: { Origin: origin, "Access-Control-Request-Method": "DELETE" },
      });
    const listed = await preflight(LISTED);
    expect(listed.status).to.equal(200);
    expect(listed.headers["access-control-allow-origin"]).to.equal(LISTED);
    expect(listed.headers["access-control-allow-methods"]).to.include("DELETE");
    expect(listed.headers["access-control-allow-headers"]).to.include("Authorization");
    const other = await preflight("https://evil.example");
    expectProblem(other, 405, "method_not_allowed");
    expect(other.headers).to.not.have.property("access-control-allow-origin");
    expect(other.headers.vary).to.include("Origin");
  });

  it("sets no CORS headers where no origin is listed", async () => {
    const closed = await openTestServer();
    const headers = { Origin: LISTED, "Access-Control-Request-Method": "POST" };
    const response = await new Client(closed.url).request("OPTIONS", "/v1/messages", { headers });
    expectProblem(response, 405, "method_not_allowed");
    const names = Object.keys(response.headers).filter((name) => /^access-control|^vary/.test(name));
    expect(names).to.deep.equal([]);
    await closed.close();
  });

  it("uses the scheme and host of a trusted proxy", async () => {
    const behindProxy = await openTestServer({ trustProxy: true });
    const attempt = (Origin: string) =>
      new Client(behindProxy.url).post("/v1/auth/logout", undefined, {
        headers: { Origin, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example.org" },
      });
    expectProblem(await attempt("https://chat.example.org"), 401, "not_signed_in");
    for (const other of ["http://chat.example.org", behindProxy.url]) {
      expectProblem(await attempt(other), 403, "cross_site");
    }
    await behindProxy.close();
  });
});

describe("commonHeaders", () => {
  const expected = {
    "cache-control": "no-store",
    "content-security-policy":
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };

  async function everyKindOfAnswer(server: TestServer): Promise<readonly HttpResponse[]> {
    const ana = await signedIn(server.url);
    const responses = [
      await ana.get("/v1/messages"),
      await ana.get("/metrics"),
      await ana.get("/nothing"),
      await ana.delete("/v1/messages"),
      await ana.post("/v1/messages", {}),
      await new Client(server.url).get("/v1/messages"),
      await ana.post("/v1/group_chat", {}, { headers: { "Sec-Fetch-Site": "cross-site" } }),
      await unparsed(server.url),
    ];
    server.store.beforeRead = () => Promise.reject(new Error("broken"));
    return [...responses, await ana.get("/v1/messages")];
  }

  async function unparsed(url: string): Promise<HttpResponse> {
    const { hostname, port } = new URL(url);
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write("NONSENSE\r\n\r\n"));
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const [head = "", text = ""] = Buffer.concat(chunks).toString().split("\r\n\r\n");
    const [first = "", ...lines] = head.split("\r\n");
    const headers = lines.map((line) => [
      line.split(": ")[0]!.toLowerCase(),
      line.slice(line.indexOf(": ") + 2),
    ]);
    return { status: Number(first.split(" ")[1]), headers: Object.fromEntries(headers), text, json: {} };
  }

  for (const trustProxy of [false, true]) {
    it(`are set on every response, ${trustProxy ? "with Strict-Transport-Security behind a proxy that terminates TLS" : "without Strict-Transport-Security over plain HTTP"}`, async () => {
      const server = await openTestServer({ trustProxy });
      const statuses = new Set<number>();
      for (const { status, headers } of await everyKindOfAnswer(server)) {
        expect(headers).to.deep.include(expected);
        expect(headers).to.have.property("content-type");
        expect(headers["strict-transport-security"]).to.equal(
          trustProxy ? "max-age=31536000; includeSubDomains" : undefined,
        );
        for (const name of ["server", "x-powered-by"]) expect(headers).to.not.have.property(name);
        statuses.add(status);
      }
      expect(statuses).to.deep.equal(new Set([200, 404, 405, 400, 401, 403, 500]));
      await server.close();
    });
  }
});

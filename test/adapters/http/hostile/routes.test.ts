import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { expect } from "chai";
import { expectProblem } from "../../../support/api/scene.js";
import { Client, signedIn } from "../../../support/client.js";
import { openTestServer, type Route, type TestServer } from "../../../support/server.js";

/** The routes without authentication. All others must require it. */
const OPEN: ReadonlySet<string> = new Set([
  "GET /",
  "GET /assets/:file",
  "POST /v1/auth/register",
  "POST /v1/auth/login",
  "GET /healthz",
  "GET /readyz",
  "GET /metrics",
  "GET /openapi.json",
  "GET /docs",
  "GET /docs/:script",
]);

/** Variants of a path that a guard and a router could interpret differently. */
const disguises: Readonly<Record<string, (path: string) => string>> = {
  "in upper case": (path) => path.toUpperCase(),
  "with one letter in upper case": (path) => path.replace(/[a-z]/, (letter) => letter.toUpperCase()),
  "with a slash doubled at the start": (path) => `/${path}`,
  "with a slash doubled inside": (path) => path.replace(/(.)\//, "$1//"),
  "with a slash at the end": (path) => `${path}/`,
  "with a dot segment": (path) => `/.${path}`,
  "with a dot segment at the end": (path) => `${path}/.`,
  "by way of a parent": (path) => `/x/..${path}`,
  "by way of an encoded parent": (path) => `/x/%2e%2e${path}`,
  "by way of an open route": (path) => `/healthz/..${path}`,
  "with an encoded letter": (path) => path.replace(/[a-z]/, encoded),
  "with every letter encoded": (path) => path.replaceAll(/[a-z]/g, encoded),
  "with an encoded slash": (path) => path.replace(/(.)\//, "$1%2f"),
  "with slashes encoded twice": (path) => path.replaceAll(/(.)\//g, "$1%252f"),
  "with backslashes": (path) => path.replaceAll(/(.)\//g, "$1\\"),
  "with a path parameter": (path) => `${path};x=1`,
  "with an extension": (path) => `${path}.json`,
  "with a NUL at the end": (path) => `${path}%00`,
  "with a blank at the end": (path) => `${path}%20`,
  "as a whole URL": (path) => `http://localhost${path}`,
  "as a whole URL in upper case": (path) => `HTTP://LOCALHOST${path.toUpperCase()}`,
  "with a fragment": (path) => `${path}#x`,
  "with a query": (path) => `${path}?x=1`,
};

const encoded = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`;

describe("a route without a session", () => {
  let server: TestServer;
  let guarded: readonly Route[];
  const concrete = ({ path }: Route) => path.replaceAll(/:\w+/g, "1");

  before(async () => {
    server = await openTestServer();
    guarded = server.routes.filter(
      ({ method, path }) => !OPEN.has(`${method === "HEAD" ? "GET" : method} ${path}`),
    );
  });

  after(() => server.close());

  it("is on the list of open routes or requires authentication", async () => {
    expect(guarded.length).to.be.above(20);
    const open = server.routes.filter((route) => !guarded.includes(route));
    const names = new Set(open.map(({ method, path }) => `${method} ${path}`));
    expect(names.size).to.equal(OPEN.size + 8, "each GET is a HEAD too");
    for (const route of guarded) {
      const response = await new Client(server.url).request(route.method, concrete(route));
      expect(response.status, `${route.method} ${route.path}`).to.equal(401);
      if (route.method !== "HEAD") expectProblem(response, 401, "not_signed_in");
    }
  });

  it("responds with a session", async () => {
    // Otherwise the next test would prove nothing.
    for (const route of guarded) {
      const { cookie } = await signedIn(server.url);
      const outgoing = request(`${server.url}${concrete(route)}`, {
        method: route.method,
        headers: { Cookie: cookie },
      });
      outgoing.end();
      // Reads the headers only, since the body may be an endless stream.
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      response.destroy();
      expect(response.statusCode, `${route.method} ${route.path}`).to.not.equal(401);
    }
  });

  for (const [how, disguise] of Object.entries(disguises)) {
    it(`is not reachable ${how} with invalid credentials`, async () => {
      for (const route of guarded) {
        for (const headers of [
          {},
          { Cookie: "palaver_session=" },
          { Cookie: `palaver_session=${"A".repeat(43)}; __Host-palaver_session=${"A".repeat(43)}` },
          { Authorization: `Bearer ${"A".repeat(43)}` },
        ]) {
          const path = disguise(concrete(route));
          const { status } = await new Client(server.url).request(route.method, path, { headers });
          expect(status, `${route.method} ${path}`).to.be.within(400, 499);
        }
      }
    });
  }

  it("is not reachable by another method, host or path in a header", async () => {
    for (const route of guarded) {
      const headers = {
        "X-HTTP-Method-Override": route.method,
        "X-Original-URL": concrete(route),
        "X-Rewrite-URL": concrete(route),
        "X-Forwarded-Host": "localhost",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "https",
      };
      const response = await new Client(server.url).request(route.method, concrete(route), { headers });
      expect(response.status, `${route.method} ${route.path}`).to.equal(401);
      const open = await new Client(server.url).get("/healthz", { headers });
      expect(open.text).to.equal("{}");
    }
  });
});

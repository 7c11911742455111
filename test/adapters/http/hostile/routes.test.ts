import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { expect } from "chai";
import { expectProblem } from "../../../support/api/scene.js";
import { Client, signedIn } from "../../../support/client.js";
import { openTestServer, type Route, type TestServer } from "../../../support/server.js";

/** What anybody may ask. Whatever else there is must ask who it is. */
const OPEN: ReadonlySet<string> = new Set([
  "POST /v1/auth/register",
  "POST /v1/auth/login",
  "GET /healthz",
  "GET /readyz",
  "GET /metrics",
  "GET /openapi.json",
  "GET /docs",
  "GET /docs/:script",
]);

/** Other ways to write a path, by which a guard and a router may come to see different things. */
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
  "by way of something open": (path) => `/healthz/..${path}`,
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

describe("Every route, without a session", () => {
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

  it("is one of those that are meant to be open, or asks who it is", async () => {
    expect(guarded.length).to.be.above(20);
    expect(server.routes.length - guarded.length).to.equal(OPEN.size + 6, "each GET is a HEAD too");
    for (const route of guarded) {
      const answer = await new Client(server.url).ask(route.method, concrete(route));
      expect(answer.status, `${route.method} ${route.path}`).to.equal(401);
      if (route.method !== "HEAD") expectProblem(answer, 401, "not_signed_in");
    }
  });

  it("can be asked for by who has one", async () => {
    // Or the next test would prove nothing.
    for (const route of guarded) {
      const { cookie } = await signedIn(server.url);
      const asking = request(`${server.url}${concrete(route)}`, {
        method: route.method,
        headers: { Cookie: cookie },
      });
      asking.end();
      // The head is enough: an answer may be a stream that never ends.
      const [answer] = (await once(asking, "response")) as [IncomingMessage];
      answer.destroy();
      expect(answer.statusCode, `${route.method} ${route.path}`).to.not.equal(401);
    }
  });

  for (const [how, disguise] of Object.entries(disguises)) {
    it(`gives nothing to who asks for it ${how}, with any credentials that are none`, async () => {
      for (const route of guarded) {
        for (const headers of [
          {},
          { Cookie: "palaver_session=" },
          { Cookie: `palaver_session=${"A".repeat(43)}; __Host-palaver_session=${"A".repeat(43)}` },
          { Authorization: `Bearer ${"A".repeat(43)}` },
        ]) {
          const path = disguise(concrete(route));
          const { status } = await new Client(server.url).ask(route.method, path, { headers });
          expect(status, `${route.method} ${path}`).to.be.within(400, 499);
        }
      }
    });
  }

  it("gives nothing to who names another method, host or path in a header", async () => {
    for (const route of guarded) {
      const headers = {
        "X-HTTP-Method-Override": route.method,
        "X-Original-URL": concrete(route),
        "X-Rewrite-URL": concrete(route),
        "X-Forwarded-Host": "localhost",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "https",
      };
      const answer = await new Client(server.url).ask(route.method, concrete(route), { headers });
      expect(answer.status, `${route.method} ${route.path}`).to.equal(401);
      const open = await new Client(server.url).get("/healthz", { headers });
      expect(open.text).to.equal("{}");
    }
  });
});

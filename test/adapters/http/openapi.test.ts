import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";
import type { Layer } from "@koa/router";
import { createHttpApp } from "../../../src/adapters/http/app.js";
import { statuses } from "../../../src/adapters/http/problem.js";
import { createMessaging } from "../../../src/application/messaging.js";
import { readDocument, type ApiDocument, type Json } from "../../support/document.js";
import { testPorts } from "../../support/ports.js";
import { openTestServer, type TestServer } from "../../support/server.js";

const root = join(import.meta.dirname, "../../../..");

/** All routes, as `METHOD /path/{name}`, without HEAD. */
function routes(): string[] {
  const ports = testPorts();
  const app = createHttpApp({
    messaging: createMessaging(ports),
    storeStatus: () => ports.store.status(),
    clock: ports.clock,
    log: pino({ level: "silent" }),
    trustProxy: false,
    rateLimits: false,
    corsOrigins: [],
  });
  const stack = app.middleware.flatMap((each) =>
    "router" in each ? (each.router as { readonly stack: readonly Layer[] }).stack : [],
  );
  return stack.flatMap(({ path, methods }) =>
    methods
      .filter((method) => method !== "HEAD")
      .map((method) => `${method} ${String(path).replaceAll(/:(\w+)/g, "{$1}")}`),
  );
}

describe("openApiDocument", () => {
  let server: TestServer;
  let served: Json;
  let document: ApiDocument;

  before(async () => {
    server = await openTestServer();
    served = (await (await fetch(`${server.url}/openapi.json`)).json()) as Json;
    document = readDocument(served);
  });

  after(() => server.close());

  it("has exactly the routes of the server", () => {
    const documented = document.operations.map(({ method, path }) => `${method} ${path}`);
    expect(routes()).to.have.length.greaterThan(25);
    // The root is a route of the page too.
    const ofApi = [...new Set(routes())].filter((route) => route !== "GET /assets/{file}");
    expect(documented).to.have.members(ofApi);
  });

  it("introduces logging in, the old names of a chat and each section, and has the version of the package", () => {
    const { info, tags } = served as {
      readonly info: { readonly version: string; readonly description: string };
      readonly tags: readonly { readonly description: string }[];
    };
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(info.version).to.equal(version);
    for (const path of ["/v1/auth/register", "/v1/auth/login", "/v1/auth/tokens", "destination_chat_id"]) {
      expect(info.description).to.include(path);
    }
    for (const { description } of tags) expect(description).to.match(/^[A-Z].{20,}\.$/);
  });

  it("equals docs/openapi.json, which `npm run docs` writes", () => {
    expect(JSON.parse(readFileSync(join(root, "docs/openapi.json"), "utf8"))).to.deep.equal(served);
  });

  it("has examples that conform to their schemas", () => {
    const shown = document.operations.flatMap(({ id, body, responses }) => [
      ...(body ? [[id, body] as const] : []),
      ...Object.values(responses["200"]?.content ?? {}).map((content) => [id, content] as const),
    ]);
    expect(shown).to.have.length.greaterThan(document.operations.length);
    for (const [id, { schema, example }] of shown) {
      expect(example, id).to.not.equal(undefined);
      expect(document.fault(schema, example), id).to.equal(undefined);
    }
  });

  it("lists every error code", () => {
    expect(document.schemas["Code"]?.["enum"]).to.have.members(Object.keys(statuses));
  });

  it("documents every error code at an operation, except for those of the operator and of unknown methods", () => {
    const documented = new Set(
      document.operations.flatMap(({ responses }) =>
        Object.values(responses).flatMap(({ content }) => JSON.stringify(content).match(/"\w+"/g) ?? []),
      ),
    );
    const undocumented = Object.keys(statuses).filter((code) => !documented.has(`"${code}"`));
    expect(undocumented).to.deep.equal(["unknown_chat", "method_not_allowed"]);
  });

  it("passes the linter", async () => {
    const cli = join(root, "node_modules/@redocly/cli/bin/cli.js");
    const output = await new Promise<string>((resolve) => {
      const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
      const args = [cli, "lint", "docs/openapi.json", "--format=json"];
      execFile(process.execPath, args, { cwd: root, env }, (_, stdout) => resolve(stdout));
    });
    const { problems, totals } = JSON.parse(output) as {
      readonly problems: unknown;
      readonly totals: unknown;
    };
    expect(problems).to.deep.equal([]);
    expect(totals).to.deep.equal({ errors: 0, warnings: 0, ignored: 0 });
  }).timeout(30_000);
});

describe("GET /", () => {
  let server: TestServer;
  const get = (accept?: string) =>
    fetch(server.url, accept === undefined ? {} : { headers: { Accept: accept } });

  before(async () => {
    server = await openTestServer();
  });

  after(() => server.close());

  it("links to the documentation as JSON, unless the client prefers HTML", async () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    const links = { documentation: "/docs", openapi: "/openapi.json" };
    for (const accept of [undefined, "*/*", "application/json", "image/png", "text/html;q=0.5, */*"]) {
      const response = await get(accept);
      expect(response.headers.get("Content-Type")).to.equal("application/json; charset=utf-8");
      expect(await response.json()).to.deep.equal({ name: "palaver", version, ...links });
    }
    for (const link of Object.values(links)) {
      expect((await fetch(new URL(link, server.url))).status).to.equal(200);
    }
  });
});

describe("GET /docs", () => {
  let server: TestServer;
  let page: Response;
  let html: string;

  before(async () => {
    server = await openTestServer();
    page = await fetch(`${server.url}/docs`);
    html = await page.text();
  });

  after(() => server.close());

  it("returns a page that renders the document", async () => {
    expect(page.status).to.equal(200);
    expect(page.headers.get("Content-Type")).to.equal("text/html; charset=utf-8");
    const [, document = ""] = /spec-url="([^"]+)"/.exec(html) ?? [];
    const shown = await fetch(new URL(document, page.url));
    expect(await shown.json()).to.include.keys("openapi", "paths");
  });

  it("allows neither resources of other servers nor inline scripts", () => {
    const policy = page.headers.get("Content-Security-Policy")?.split("; ") ?? [];
    expect(policy).to.include.members(["default-src 'none'", "script-src 'self'", "connect-src 'self'"]);
    expect(policy.join(" ")).to.not.match(/https?:|\*|unsafe-eval/);
    expect(html).to.not.match(/https?:|\bon\w+=|<script(?! src=")/);
  });

  it("refers to a script that is cached forever and loads nothing from other servers", async () => {
    const [, source = ""] = /<script src="([^"]+)"/.exec(html) ?? [];
    const script = await fetch(new URL(source, page.url));
    expect(script.status).to.equal(200);
    expect(script.headers.get("Content-Type")).to.equal("text/javascript; charset=utf-8");
    expect(script.headers.get("Cache-Control")).to.equal("public, max-age=31536000, immutable");
    const text = await script.text();
    expect(text).to.include("specUrl");
    expect(text).to.not.match(/cdn\.redoc\.ly|fonts\.g/);
  });

  it("responds with 404 to the script of another build", async () => {
    const response = await fetch(`${server.url}/docs/redoc-0000000000000000.js`);
    expect(response.status).to.equal(404);
    expect(response.headers.get("Cache-Control")).to.equal("no-store");
  });
});

import { expect } from "chai";
import { expectProblem } from "./api/scene.js";
import { Client } from "./client.js";

/** The `Accept` header of a browser that opens a page. */
export const BROWSER_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

type Headers = Readonly<Record<string, string>>;

/** Requests the page as a browser does. `url` ends without a slash. */
export function getPage(url: string, headers: Headers = {}, method = "GET"): Promise<Response> {
  return fetch(`${url}/`, { method, headers: { Accept: BROWSER_ACCEPT, ...headers }, redirect: "manual" });
}

/** The URLs of the files that the page refers to. */
export async function assetsOf(page: Response): Promise<readonly URL[]> {
  const references = (await page.text()).matchAll(/\b(?:src|href)="([^"]+)"/g);
  return Array.from(references, ([, reference = ""]) => new URL(reference, page.url));
}

/**
 * Tests of the web client at the root of a server, or under a path.
 *
 * @param at returns its URL, without a slash at the end
 */
export function describeWebClient(at: () => string): void {
  describe("GET /, from a browser", () => {
    it("returns a page with relative references to files that exist, and without inline code", async () => {
      const page = await getPage(at());
      expect(page.status).to.equal(200);
      expect(page.headers.get("Content-Type")).to.equal("text/html; charset=utf-8");
      const html = await page.clone().text();
      expect(html).to.not.match(/https?:|\bon\w+=|\bstyle=|<style|<script(?![^>]* src=")/);
      const assets = await assetsOf(page);
      const types = [];
      for (const asset of assets) {
        expect(asset.href).to.match(new RegExp(`^${at()}/assets/[\\w.-]+$`));
        const response = await fetch(asset);
        expect(response.status).to.equal(200);
        types.push(response.headers.get("Content-Type"));
      }
      expect(types).to.include.members([
        "text/javascript; charset=utf-8",
        "text/css; charset=utf-8",
        "image/svg+xml",
      ]);
    });

    it("allows the page its own files and the API, and no text as a script", async () => {
      const { headers } = await getPage(at());
      expect(headers.get("Content-Security-Policy")?.split("; ")).to.have.members([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]);
      expect(headers.get("X-Content-Type-Options")).to.equal("nosniff");
      expect(headers.get("Cross-Origin-Opener-Policy")).to.equal("same-origin");
    });

    it("ignores query parameters, which other sites add to links", async () => {
      const page = await fetch(`${at()}/?utm_source=mail`, { headers: { Accept: BROWSER_ACCEPT } });
      expect(page.headers.get("Content-Type")).to.equal("text/html; charset=utf-8");
    });

    it("lets the browser keep the page, and asks it to check each time", async () => {
      const { headers } = await getPage(at());
      expect(headers.get("Cache-Control")).to.equal("no-cache");
      const known = { "If-None-Match": headers.get("ETag")! };
      const unchanged = await getPage(at(), known);
      expect([unchanged.status, await unchanged.text()]).to.deep.equal([304, ""]);
      for (const name of ["ETag", "Cache-Control", "Content-Security-Policy", "Vary"]) {
        expect(unchanged.headers.get(name), name).to.equal(headers.get(name));
      }
      for (const tags of [`"other", W/${known["If-None-Match"]}`, "*"]) {
        expect((await getPage(at(), { "If-None-Match": tags })).status).to.equal(304);
      }
      expect((await getPage(at(), { "If-None-Match": '"other"' })).status).to.equal(200);
      // A strong tag is of one coding.
      expect((await getPage(at(), { ...known, "Accept-Encoding": "identity" })).status).to.equal(200);
    });
  });

  describe("GET /, from a program", () => {
    it("links to the documentation as JSON", async () => {
      for (const headers of [{}, { Accept: "*/*" }, { Accept: "application/json" }] satisfies Headers[]) {
        const response = await fetch(`${at()}/`, { headers });
        expect(response.headers.get("Content-Type")).to.equal("application/json; charset=utf-8");
        expect(response.headers.get("Vary")).to.equal("Accept");
        expect(await response.json()).to.have.keys("name", "version", "documentation", "openapi");
      }
    });
  });

  describe("Files of the web client", () => {
    let script: URL;

    before(async () => {
      script = (await assetsOf(await getPage(at()))).find(({ pathname }) => pathname.endsWith(".js"))!;
    });

    it("can be cached forever", async () => {
      const { headers } = await fetch(script);
      expect(headers.get("Cache-Control")).to.equal("public, max-age=31536000, immutable");
    });

    for (const [accepted, coding] of [
      ["gzip, deflate, br, zstd", "br"],
      ["br;q=0.5, gzip", "br"],
      ["*", "br"],
      ["gzip, deflate", "gzip"],
      ["br;q=0, gzip", "gzip"],
      ["br;q=0, *;q=0.1", "gzip"],
      ["deflate", null],
      ["", null],
      ["br;q=0, gzip;q=0", null],
      ["*;q=0", null],
      ["identity;q=0", null],
    ] as const) {
      it(`are sent as ${coding ?? "identity"} to a client that accepts ${JSON.stringify(accepted)}`, async () => {
        const whole = await (await fetch(script, { headers: { "Accept-Encoding": "identity" } })).text();
        for (const method of ["GET", "HEAD"]) {
          const response = await fetch(script, { method, headers: { "Accept-Encoding": accepted } });
          expect(response.headers.get("Content-Encoding")).to.equal(coding);
          expect(response.headers.get("Vary")).to.equal("Accept-Encoding");
          expect(response.headers.get("Content-Type")).to.equal("text/javascript; charset=utf-8");
          // `fetch` decodes the body.
          expect((await response.text()) === (method === "GET" ? whole : "")).to.equal(true);
          const length = Number(response.headers.get("Content-Length"));
          if (coding === null) expect(length).to.equal(Buffer.byteLength(whole));
          else expect(length).to.be.within(1, Buffer.byteLength(whole) / 2);
        }
      });
    }

    it("have one tag for each coding", async () => {
      const tagOf = async (coding: string) =>
        (await fetch(script, { headers: { "Accept-Encoding": coding } })).headers.get("ETag")!;
      const tags = await Promise.all(["br", "gzip", "identity"].map(tagOf));
      expect(new Set(tags).size).to.equal(3);
      for (const tag of tags) expect(tag).to.match(/^"[\w-]+"$/);
    });

    it("are 404 under other names, and change by no method", async () => {
      const client = new Client(at());
      const { pathname } = script;
      const name = pathname.slice(pathname.indexOf("/assets/"));
      for (const path of [
        "/assets",
        "/assets/",
        "/assets/index-00000000.js",
        "/assets/x/y",
        "/assets/..%2findex.html",
        "/assets/%2e%2e%2findex.html",
        "/assets/__proto__",
        "/index.html",
        "/licenses.md",
        "/favicon.ico",
        `${name}.br`,
        `${name}.gz`,
        name.toUpperCase(),
      ]) {
        const response = await client.get(path);
        expectProblem(response, 404, "not_found");
        expect(response.headers["cache-control"]).to.equal("no-store");
      }
      for (const path of ["/", name, "/assets/none.js"]) {
        const response = await client.post(path);
        expectProblem(response, 405, "method_not_allowed");
        expect(response.headers["allow"]).to.equal("HEAD, GET");
      }
    });
  });
}

/** Tests of a server without the web client. `at` returns its URL, without a slash at the end. */
export function describeNoWebClient(at: () => string): void {
  it("has neither a root nor files", async () => {
    const client = new Client(at());
    for (const path of ["/", "/assets/", "/assets/index.js"]) {
      for (const accept of ["*/*", "application/json", BROWSER_ACCEPT]) {
        expectProblem(await client.get(path, { headers: { Accept: accept } }), 404, "not_found");
      }
    }
    expectProblem(await client.post("/"), 404, "not_found");
  });

  it("does not document the root", async () => {
    const { json } = await new Client(at()).get("/openapi.json");
    expect(json["paths"]).to.include.keys("/openapi.json", "/v1/messages").and.not.include.keys("/");
  });

  it("serves the API and its documentation", async () => {
    const client = new Client(at());
    expect((await client.get("/docs")).status).to.equal(200);
    expectProblem(await client.get("/v1/messages"), 401, "not_signed_in");
  });
}

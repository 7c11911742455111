import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect } from "chai";
import { openTestServer, type TestServer } from "../../support/server.js";
import { describeNoWebClient, describeWebClient, getPage } from "../../support/web-client.js";

const bundle = join(import.meta.dirname, "../../../web");

describe("The web client", () => {
  let server: TestServer;

  before(async () => {
    server = await openTestServer();
  });

  after(() => server.close());

  describeWebClient(() => server.url);

  it("is logged under its routes", async () => {
    const { lines } = server;
    const count = lines.length;
    await getPage(server.url);
    await fetch(`${server.url}/assets/none.js`);
    await server.settled(count + 2);
    expect(lines.slice(count).map(({ route, status }) => [route, status])).to.deep.equal([
      ["/", 200],
      ["/assets/:file", 404],
    ]);
  });
});

describe("A server without the web client", () => {
  let server: TestServer;

  before(async () => {
    server = await openTestServer({ webClient: false });
  });

  after(() => server.close());

  describeNoWebClient(() => server.url);
});

describe("dist/web", () => {
  const names = readdirSync(join(bundle, "assets"));
  const contentOf = (name: string) => readFileSync(join(bundle, "assets", name));

  it("has compressed copies that decompress to the files", () => {
    const copies = names.filter((name) => /\.(?:br|gz)$/.test(name));
    expect(copies.length).to.be.above(2);
    for (const copy of copies) {
      const content = copy.endsWith(".br")
        ? brotliDecompressSync(contentOf(copy))
        : gunzipSync(contentOf(copy));
      expect(content.equals(contentOf(copy.slice(0, -3))), copy).to.equal(true);
    }
  });

  it("has at most 60 KB of compressed script for the first load", () => {
    const html = readFileSync(join(bundle, "index.html"), "utf8");
    const loaded = new Set(Array.from(html.matchAll(/\.\/assets\/([\w.-]+\.js)"/g), ([, name]) => name!));
    expect(loaded.size).to.be.above(0);
    // A `Set` visits the names that are added meanwhile: the static imports of the scripts.
    for (const name of loaded) {
      const imports = contentOf(name)
        .toString()
        .matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([\w.-]+\.js)["']/g);
      for (const [, imported] of imports) loaded.add(imported!);
    }
    for (const extension of ["br", "gz"]) {
      const sizes = [...loaded].map((name) => contentOf(`${name}.${extension}`).length);
      expect(sizes.reduce((sum, size) => sum + size)).to.be.at.most(60_000);
    }
  });
});

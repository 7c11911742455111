import { expect } from "chai";
import { createProxies, parseAddress } from "../../../src/adapters/http/forwarded.js";
import type { TrustProxy } from "../../../src/adapters/http/trust-proxy.js";
import { Client } from "../../support/client.js";
import { openTestServer } from "../../support/server.js";

const PEER = "10.0.0.1";

/** The client's address, or the code of the error. */
function clientOf(trust: TrustProxy, headers: Readonly<Record<string, string>>, peer = PEER): unknown {
  try {
    return createProxies(trust)!.clientOf(headers, peer);
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
}

describe("parseAddress", () => {
  for (const [text, address] of [
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.7:4711", "203.0.113.7"],
    ["203.0.113.7:_port", "203.0.113.7"],
    ["2001:db8::1", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["[2001:DB8:0::1]:4711", "2001:db8::1"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["[::ffff:cb00:7107]:4711", "203.0.113.7"],
    ["fe80::1%eth0", "fe80::1"],
    ["unknown", undefined],
    ["_hidden", undefined],
    ["unix:", undefined],
    ["[203.0.113.7]", undefined],
    ["203.0.113.7:", undefined],
    ["203.0.113.256", undefined],
    ["203.0.113.07", undefined],
    ["203.0.113.7 4711", undefined],
    ["", undefined],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as ${address ?? "no address"}`, () => {
      expect(parseAddress(text)).to.equal(address);
    });
  }
});

describe("createProxies", () => {
  it("returns undefined for an invalid value", () => {
    for (const trust of [
      -1,
      1.5,
      11,
      Number.NaN,
      [],
      ["10.0.0.0/33"],
      ["fd00::/129"],
      ["proxy"],
      ["10.0.0.0/8", ""],
    ]) {
      expect(createProxies(trust), JSON.stringify(trust)).to.equal(undefined);
    }
  });

  it("ignores the headers without a proxy", () => {
    expect(clientOf(false, { "x-forwarded-for": "203.0.113.7", forwarded: "for=x" })).to.equal(PEER);
  });

  it("takes the entry of the outermost of that many proxies", () => {
    const headers = { "x-forwarded-for": "forged, 203.0.113.7:4711, 10.0.0.2" };
    expect(clientOf(true, headers)).to.equal("10.0.0.2");
    expect(clientOf(1, headers)).to.equal("10.0.0.2");
    expect(clientOf(2, headers)).to.equal("203.0.113.7");
    expect(clientOf(2, { "x-forwarded-for": "203.0.113.7" })).to.equal("203.0.113.7");
  });

  it("takes the last entry that is not in the networks, and no header of another peer", () => {
    const networks = ["10.0.0.0/8", "fd00::/8"];
    const headers = { "x-forwarded-for": "198.51.100.1, 203.0.113.7, fd00::7, 10.0.0.2" };
    expect(clientOf(networks, headers)).to.equal("203.0.113.7");
    expect(clientOf(networks, headers, "198.51.100.9")).to.equal("198.51.100.9");
    expect(clientOf(networks, { "x-forwarded-for": "10.1.1.1, 10.0.0.2" })).to.equal("10.1.1.1");
  });

  it("reads `Forwarded` in all its forms", () => {
    for (const [forwarded, address] of [
      ["for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"],
      ['For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"],
      ['for="192.0.2.43:47011", for=198.51.100.17', "198.51.100.17"],
      ['by="a,b;for=10.9.9.9" ; for=192.0.2.60', "192.0.2.60"],
      [String.raw`by="a\",for=10.9.9.9";for=192.0.2.60`, "192.0.2.60"],
    ] as const) {
      expect(clientOf(true, { forwarded }), forwarded).to.equal(address);
    }
  });

  it("rejects an entry that is no address, instead of taking the address of the proxy", () => {
    for (const headers of [
      { "x-forwarded-for": "unknown" },
      { "x-forwarded-for": "203.0.113.7, unix:" },
      { forwarded: "for=_hidden" },
      { forwarded: "proto=https" },
      { forwarded: "203.0.113.7" },
    ]) {
      expect(clientOf(true, headers), JSON.stringify(headers)).to.equal("bad_request");
      expect(clientOf(["10.0.0.0/8"], headers), JSON.stringify(headers)).to.equal("bad_request");
    }
  });

  it("rejects two headers that name different clients, of which the client may have sent one", () => {
    const headers = { "x-forwarded-for": "203.0.113.7", forwarded: "for=203.0.113.8" };
    expect(clientOf(true, headers)).to.equal("bad_request");
    expect(clientOf(true, { ...headers, forwarded: 'for="203.0.113.7:80"' })).to.equal("203.0.113.7");
  });

  it("takes the peer without the headers", () => {
    expect(clientOf(true, {})).to.equal(PEER);
    expect(clientOf(true, { "x-forwarded-for": " , " })).to.equal(PEER);
  });
});

describe("a server behind a proxy that removes a path", () => {
  const linkFor = async (trustProxy: TrustProxy, prefix: string): Promise<string> => {
    const server = await openTestServer({ trustProxy });
    const { client } = await server.signIn("ana");
    if (trustProxy !== false) client.cookie = `__Host-${client.cookie}`;
    for (const text of ["1", "2"]) await server.send("ana", text);
    const headers = { "X-Forwarded-Prefix": prefix };
    const page = await client.get("/v1/messages?limit=1", { headers });
    await server.close();
    return /^<(.*)\?limit=1&before=\d+>; rel="prev"$/.exec(String(page.headers["link"]))?.[1] ?? "";
  };

  it("begins links with the prefix", async () => {
    expect(await linkFor(true, "/chat")).to.equal("/chat/v1/messages");
    expect(await linkFor(true, "/apps/chat/")).to.equal("/apps/chat/v1/messages");
    expect(await linkFor(true, "/apps, /chat")).to.equal("/apps/chat/v1/messages");
    expect(await linkFor(true, "/")).to.equal("/v1/messages");
  });

  it("ignores a prefix that is no path of safe characters, and every prefix of another peer", async () => {
    for (const prefix of [
      "//evil.example",
      "https://evil.example",
      "chat",
      "/a/../b",
      "/a>b",
      "/a b",
      "/%2e",
      "/a//b",
    ]) {
      expect(await linkFor(true, prefix), prefix).to.equal("/v1/messages");
    }
    expect(await linkFor(false, "/chat")).to.equal("/v1/messages");
    expect(await linkFor(["192.0.2.1"], "/chat")).to.equal("/v1/messages");
    expect(await linkFor(["127.0.0.0/8"], "/chat")).to.equal("/chat/v1/messages");
  });
});

describe("a server behind a proxy", () => {
  it("counts the limits of each client, whatever port its proxy writes, and reports a proxy that names none", async () => {
    const server = await openTestServer({ trustProxy: true, rateLimits: true });
    const attempt = async (headers: Readonly<Record<string, string>>): Promise<number> => {
      const body = { username: "nobody", password: "a wrong password" };
      return (await new Client(server.url).post("/v1/auth/login", body, { headers })).status;
    };
    for (let n = 0; n < 10; n += 1) {
      expect(await attempt({ "X-Forwarded-For": `203.0.113.7:${4711 + n}` })).to.equal(400);
    }
    expect(await attempt({ "X-Forwarded-For": "203.0.113.7:80" })).to.equal(429);
    expect(await attempt({ Forwarded: 'for="203.0.113.7:80"' })).to.equal(429);
    expect(await attempt({ "X-Forwarded-For": "203.0.113.8:4711" })).to.equal(400);
    const reports = () => server.lines.filter((line) => String(line["msg"]).includes("TRUST_PROXY=off"));
    expect(reports()).to.have.lengthOf(0);
    for (let n = 0; n < 2; n += 1) expect(await attempt({})).to.equal(400);
    expect(reports()).to.have.lengthOf(1);
    const rejected = await new Client(server.url).get("/healthz", {
      headers: { "X-Forwarded-For": "unknown" },
    });
    expect([rejected.status, rejected.json["code"]]).to.deep.equal([400, "bad_request"]);
    await server.close();
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { ConfigError, readConfig } from "../../src/main/config.js";

const errorOf = (env: Readonly<Record<string, string>>): string => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
};

describe("readConfig", () => {
  let directory: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), "palaver-"));
  });

  after(() => rmSync(directory, { recursive: true }));

  it("has a default for every variable", () => {
    const config = {
      host: "127.0.0.1",
      port: 12_000,
      dataDir: resolve("resources"),
      storage: { sqlite: resolve("resources") },
      sessionKeys: undefined,
      refusedPasswords: new Set(),
      registration: "open",
      trustProxy: false,
      rateLimits: true,
      eventRetentionMs: 30 * 24 * 60 * 60 * 1_000,
      messageRetentionMs: undefined,
      keepAliveTimeoutMs: 75_000,
      corsOrigins: [],
      userDirectory: true,
      presence: true,
      webClient: true,
      logLevel: "info",
    };
    expect(readConfig({})).to.deep.equal(config);
    expect(readConfig({ PORT: "", SESSION_SECRET: "", DATABASE_URL: "" })).to.deep.equal(config);
  });

  it("rejects a host in other than ASCII characters, and a port with leading zeros", () => {
    for (const HOST of ["\uff10.\uff10.\uff10.\uff10", "127\u30020\u30020\u30021", "a b"]) {
      expect(errorOf({ HOST })).to.include("HOST");
    }
    for (const PORT of ["080", "00", "\uff18\uff10"]) expect(errorOf({ PORT })).to.include("PORT");
  });

  it("reads every variable", () => {
    const env = {
      HOST: "::1",
      PORT: "0",
      DATA_DIR: "/data",
      DATABASE_URL: "memory:",
      SESSION_SECRET: "the new key of ours, the old key of ours",
      REGISTRATION: "closed",
      TRUST_PROXY: "on",
      RATE_LIMITS: "off",
      CORS_ORIGINS: "https://app.example.org, http://localhost:3000",
      USER_DIRECTORY: "off",
      PRESENCE: "off",
      WEB_CLIENT: "off",
      EVENT_RETENTION_DAYS: "1",
      MESSAGE_RETENTION_DAYS: "2",
      KEEP_ALIVE_SECONDS: "3600",
      LOG_LEVEL: "error",
    };
    expect(readConfig(env)).to.deep.equal({
      host: "::1",
      port: 0,
      dataDir: "/data",
      storage: "memory",
      sessionKeys: ["the new key of ours", "the old key of ours"],
      refusedPasswords: new Set(),
      registration: "closed",
      trustProxy: true,
      rateLimits: false,
      eventRetentionMs: 24 * 60 * 60 * 1_000,
      messageRetentionMs: 2 * 24 * 60 * 60 * 1_000,
      keepAliveTimeoutMs: 3_600_000,
      corsOrigins: ["https://app.example.org", "http://localhost:3000"],
      userDirectory: false,
      presence: false,
      webClient: false,
      logLevel: "error",
    });
  });

  it("reads the proxies as on, a number, or a list of addresses and networks", () => {
    const proxies = (text: string) => readConfig({ TRUST_PROXY: text }).trustProxy;
    expect(proxies("off")).to.equal(false);
    expect(proxies("2")).to.equal(2);
    expect(proxies("10.0.0.0/8, fd00::/8,192.0.2.1")).to.deep.equal(["10.0.0.0/8", "fd00::/8", "192.0.2.1"]);
    for (const text of [
      "0",
      "11",
      "-1",
      "1.5",
      "true",
      "10.0.0.0/33",
      "10.0.0.0/8,",
      "10.0.0.0/8,proxy",
      "fd00::/129",
    ]) {
      expect(errorOf({ TRUST_PROXY: text }), text).to.include("TRUST_PROXY");
    }
  });

  it("rejects all invalid values at once, each with its name and what is allowed", () => {
    const text = errorOf({ PORT: "65536", TRUST_PROXY: "yes", LOG_LEVEL: "loud", RATE_LIMITS: "1" });
    const lines = text.split("\n");
    expect(lines).to.have.length(4);
    expect(lines[0]).to.match(/^PORT: "65536" is not allowed\. .*0 \(any free port\) to 65535/);
    for (const port of ["-1", "80 ", "http", "1e3", "0x50"])
      expect(errorOf({ PORT: port })).to.include("PORT");
    for (const days of ["0", "-1", "1.5", "10000", "a month"]) {
      for (const name of ["EVENT_RETENTION_DAYS", "MESSAGE_RETENTION_DAYS"]) {
        expect(errorOf({ [name]: days })).to.include(name);
      }
    }
  });

  it("rejects an origin that no browser would send", () => {
    for (const origin of [
      "*",
      "null",
      "app.example.org",
      "https://app.example.org/",
      "https://a.org:443",
      "file:///a",
    ]) {
      expect(errorOf({ CORS_ORIGINS: `https://app.example.org,${origin}` })).to.include("CORS_ORIGINS: ");
    }
  });

  it("reads the store, the pool and the direct URL of PostgreSQL, which other stores ignore", () => {
    const storage = (env: Readonly<Record<string, string>>) =>
      readConfig({ DATA_DIR: "/data", ...env }).storage;
    const url = "postgresql://me:canary@one.example.org:5432,two:5433/palaver?sslmode=verify-full";
    const [poolSize, directUrl] = [undefined, undefined];
    expect(storage({ DATABASE_URL: url })).to.deep.equal({ postgres: url, poolSize, directUrl });
    const direct = "postgres:///palaver?host=/var/run/postgresql";
    const connections = { DATABASE_POOL: "200", DATABASE_DIRECT_URL: direct };
    expect(storage({ DATABASE_URL: url, ...connections })).to.deep.equal({
      postgres: url,
      poolSize: 200,
      directUrl: direct,
    });
    expect(storage(connections)).to.deep.equal({ sqlite: "/data" });
    expect(storage({ DATABASE_URL: "memory:", ...connections })).to.equal("memory");
    for (const DATABASE_POOL of ["0", "201", "1.5", "ten"]) {
      expect(errorOf({ DATABASE_POOL })).to.match(/^DATABASE_POOL: .* 1 to 200/);
    }
  });

  it("says what is wrong with the URL of a database", () => {
    for (const [url, problem] of [
      ["sqlite:", "it does not begin with postgres://"],
      ["postgres://me:canary@host", "it names no database"],
      ["postgres://me:canary@one,two:65536/x", "a port is not a number from 1 to 65535"],
    ] as const) {
      expect(errorOf({ DATABASE_URL: url })).to.include(`(not shown) is not allowed: ${problem}. Allowed`);
    }
  });

  it("shows no secret, not even an invalid one", () => {
    expect(errorOf({ SESSION_SECRET: "short,longer than sixteen" })).to.match(/^SESSION_SECRET: (?!.*short)/);
    for (const name of ["DATABASE_URL", "DATABASE_DIRECT_URL"]) {
      for (const url of [
        "mysql://me:canary@host/x",
        "postgres://me:canary@host",
        "postgres://me:canary/1@host/x",
      ]) {
        expect(errorOf({ [name]: url })).to.match(new RegExp(`^${name}: (?!.*canary).*percent-encode`));
      }
    }
  });

  it("reads the refused passwords in the form in which case and width do not count", () => {
    const path = join(directory, "denylist");
    writeFileSync(path, "Password1\r\npassword1\n\n ｐassword2 \n");
    expect(readConfig({ PASSWORD_DENYLIST: path }).refusedPasswords).to.deep.equal(
      new Set(["password1", " password2 "]),
    );
  });

  it("rejects an unreadable list of passwords, with its path", () => {
    const path = join(directory, "latin1");
    writeFileSync(path, Buffer.from("caf\xe9 noir", "latin1"));
    for (const wrong of [path, join(directory, "none"), directory]) {
      expect(errorOf({ PASSWORD_DENYLIST: wrong })).to.include(
        `PASSWORD_DENYLIST: "${wrong}" is not allowed`,
      );
    }
  });
});

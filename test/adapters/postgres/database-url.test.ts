import { expect } from "chai";
import { describeDatabase, openingError, problemOfUrl } from "../../../src/adapters/postgres/database-url.js";

describe("describeDatabase", () => {
  for (const [url, description] of [
    ["postgres://me:canary@db.example.org:5432/palaver", "palaver on db.example.org:5432"],
    ["postgresql://db/palaver", "palaver on db"],
    ["postgres://me:c%40n%2Fary@one:1,two:2/p%C3%A4?target_session_attrs=read-write", "pä on one:1,two:2"],
    ["postgres://canary@[::1]:5432/palaver", "palaver on [::1]:5432"],
    ["postgres:///palaver?user=canary&host=/var/run/postgresql", "palaver on /var/run/postgresql"],
    ["postgres://me@%2Fvar%2Frun/palaver?password=canary", "palaver on /var/run"],
    ["postgres://ignored/palaver?host=db", "palaver on db"],
  ] as const) {
    it(`returns only the database and the hosts of ${url}`, () => {
      expect(describeDatabase(url)).to.equal(description);
    });
  }

  for (const url of [
    "",
    "palaver",
    "mysql://db/palaver",
    "postgres:palaver",
    "postgres:///palaver",
    "postgres://db",
    "postgres://db/",
    "postgres://db/palaver/other",
    "postgres://db:port/palaver",
    "postgres://db:0/palaver",
    "postgres://one,two:65536/palaver",
    "postgres://db/palaver?port=65536",
    "postgres://db/palaver?host=one,two",
    "postgres://db:5432,/palaver",
    "postgres://d b/palaver",
    "postgres://db/pal\u001baver",
    "postgres://db/pal%1baver",
    "postgres://db/pal%zzaver",
    "postgres://db/pal%ffaver",
    "postgres://db/palaver#fragment",
    // Each has a password that is not encoded, a part of which stands where a host, a port or a database would.
    "postgres://me:1/2@db/palaver",
    "postgres://me:1?2@db/palaver",
    "postgres://me:1#2@db/palaver",
    "postgres://me:1@2@db/palaver",
    "postgres://me:12/3@db",
    "postgres://me:12/3?4@db/palaver",
  ]) {
    it(`returns undefined for ${JSON.stringify(url)}`, () => {
      expect(describeDatabase(url)).to.equal(undefined);
    });
  }
});

describe("problemOfUrl", () => {
  for (const [url, problem] of [
    ["mysql://db/canary", "it does not begin with postgres://"],
    ["postgres://canary@db", "it names no database"],
    ["postgres://canary@db/?sslmode=require", "it names no database"],
    ["postgres:///canary", "it names no host"],
    ["postgres://canary@one,,two/palaver", "it names an invalid host"],
    [
      "postgres://db/palaver?host=canary,two",
      "several hosts belong before the database, and not into a parameter",
    ],
    ["postgres://canary@one:5432,two:65536/palaver", "a port is not a number from 1 to 65535"],
    ["postgres://db/palaver?port=0", "a port is not a number from 1 to 65535"],
    ["postgres://me:can/ary@db/palaver", "a character of it is not percent-encoded"],
    ["postgres://db/canary?options=-c search_path", "a character of it is not percent-encoded"],
    ["postgres://db/canary%zz", "its percent-encoding is invalid"],
    ["postgres://db/can%1bary", "the name of the database is invalid"],
  ] as const) {
    it(`returns ${JSON.stringify(problem)} for ${JSON.stringify(url)}`, () => {
      expect(problemOfUrl(url)).to.equal(problem);
    });
  }

  it("returns undefined for a URL that can be used", () => {
    expect(problemOfUrl("postgres://me@one:1,two:65535/palaver?options=-csearch_path%3Dchat")).to.equal(
      undefined,
    );
  });
});

describe("openingError", () => {
  it("has the reason of each host", () => {
    const cause = new AggregateError([
      new Error("one is silent"),
      new AggregateError([new Error("two is, too.")]),
    ]);
    expect(openingError("postgres://me:canary@one,two/palaver", cause).message).to.equal(
      "The database palaver on one,two cannot be opened: one is silent. two is, too.",
    );
  });

  it("has its own text if the reason has a cause of the server", () => {
    const cause = new Error("Another program migrates it.", { cause: new Error("canceling statement") });
    expect(openingError("postgres://me:canary@one/palaver", cause).message).to.include(
      ": Another program migrates it.",
    );
  });
});

import { expect } from "chai";
import { describeDatabase } from "../../../src/adapters/postgres/database-url.js";

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

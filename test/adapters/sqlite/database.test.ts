import { execFileSync } from "node:child_process";
import { expect } from "chai";
import { MAX_DATABASE_BYTES, openDatabase, PAGE_BYTES } from "../../../src/adapters/sqlite/database.js";

describe("openDatabase", () => {
  it("keeps the pages in memory, without a file that is copied when it grows", async () => {
    const empty = await openDatabase();
    const loaded = await openDatabase(empty.toFile());
    for (const database of [empty, loaded]) {
      expect(database.rows("PRAGMA database_list")).to.deep.equal([[0, "main", ""]]);
      database.close();
    }
  });

  it("limits the database to less than the heap of WebAssembly holds", async () => {
    const database = await openDatabase();
    const maxPages = () => database.row("PRAGMA max_page_count");
    expect(maxPages()).to.deep.equal([MAX_DATABASE_BYTES / PAGE_BYTES]);
    database.limit(3 * 2 ** 30);
    expect(maxPages()).to.deep.equal([MAX_DATABASE_BYTES / PAGE_BYTES]);
    database.limit(8 * PAGE_BYTES);
    expect(maxPages()).to.deep.equal([8]);
    database.close();
  });

  it("copies a file, which can be written again at any time", async () => {
    const first = await openDatabase();
    first.execute("CREATE TABLE pairs (id INTEGER PRIMARY KEY, text TEXT) STRICT");
    const insert = "INSERT INTO pairs (text) VALUES (?)";
    first.change(insert, "one");
    const second = await openDatabase(first.toFile());
    first.change(insert, "two");
    second.change(insert, "deux");
    first.change(insert, "three");
    const third = await openDatabase(second.toFile());
    const texts = (database: typeof first) => database.rows("SELECT text FROM pairs ORDER BY id").flat();
    expect([first, second, third].map(texts)).to.deep.equal([
      ["one", "two", "three"],
      ["one", "deux"],
      ["one", "deux"],
    ]);
    for (const database of [first, second, third]) database.close();
  });

  it("opens in a program that uses sql.js itself", () => {
    const url = new URL("../../../src/adapters/sqlite/database.js", import.meta.url).href;
    const program = `
      import initSqlJs from "sql.js";
      const own = new (await initSqlJs()).Database();
      const { openDatabase } = await import(${JSON.stringify(url)});
      const database = await openDatabase();
      own.run("CREATE TABLE own (id)");
      console.log(JSON.stringify(database.rows("SELECT count(*) FROM sqlite_schema")));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: new URL(".", import.meta.url),
      encoding: "utf8",
    });
    expect(output).to.equal("[[0]]\n");
  });

  it("rejects a file that is no SQLite file", async () => {
    const error = await openDatabase(new Uint8Array(8192).fill(7)).catch((thrown: Error) => thrown.message);
    expect(error).to.equal("file is not a database");
  });

  it("reads every text exactly, also out of a file", async () => {
    const texts = [
      "\ufeff",
      "\ufeffshort",
      `\ufeff${"a".repeat(100)}`,
      `\ufeff\ufeff${"é".repeat(5000)}`,
      "a\ufeffb\ufeff",
      "\0a\0",
      "\u{10ffff}\uffff\ufffd",
    ];
    const database = await openDatabase();
    database.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT)");
    for (const text of texts) database.change("INSERT INTO texts (text) VALUES (?)", text);
    const copy = await openDatabase(database.toFile());
    for (const each of [database, copy]) {
      expect(each.rows("SELECT text FROM texts ORDER BY id").map(([text]) => text)).to.deep.equal(texts);
      each.close();
    }
  });
});

import { expect } from "chai";
import { openDatabase } from "../../../src/adapters/sqlite/database.js";

describe("openDatabase", () => {
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

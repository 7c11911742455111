import { PassThrough, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import {
  jsonLine,
  jsonLines,
  listing,
  print,
  readPassword,
  table,
  type PasswordSource,
  type OutputRow,
} from "../../../src/main/cli/terminal.js";
import { collected } from "../../support/operator.js";

async function* iterate<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

describe("Output", () => {
  const printed = async (format: typeof table, rows: readonly OutputRow[]) =>
    (await collected(format(iterate(rows)))).join("");

  it("is aligned in columns under the field names", async () => {
    const rows = [
      { chat_id: 1, title: null, kind: "p2p" },
      { chat_id: 1000000, title: "Plans", kind: "group" },
    ];
    expect(await printed(table, rows)).to.equal(
      ["CHAT_ID  TITLE  KIND", "1        -      p2p", "1000000  Plans  group", ""].join("\n"),
    );
    expect(await printed(table, [])).to.equal("");
    expect(await printed(table, [{ between: ["ana", "bo"] }])).to.equal("BETWEEN\nana bo\n");
  });

  it("is aligned page by page, with every row once under one header", async () => {
    const rows = Array.from({ length: 450 }, (_, n) => ({ text: n === 0 ? "the widest" : "x", n }));
    const lines = (await printed(table, rows)).split("\n");
    expect(lines).to.deep.equal([
      "TEXT        N",
      "the widest  0",
      ...Array.from({ length: 449 }, (_, n) => `x           ${n + 1}`),
      "",
    ]);
  });

  it("contains no character that controls a terminal or ends a line", async () => {
    const hostile = "a\u001b[2J\u009b2Jb\nc\u202ed\u2028e\u200f\u{e0001}🙂";
    expect(await printed(table, [{ title: hostile }])).to.equal("TITLE\na�[2J�2Jb�c�d�e��🙂\n");
    expect(await printed(listing, [{ title: hostile }])).to.equal("  title  a�[2J�2Jb�c�d�e��🙂\n");
    const line = await printed(jsonLines, [{ title: hostile }]);
    expect(line).to.match(/^[^\p{C}\u2028\u2029]+\n$/u);
    expect(JSON.parse(line)).to.deep.equal({ title: hostile });
    expect(jsonLine({ title: hostile })).to.equal(line);
  });

  it("is produced no further than it is read, and rejects if it cannot be written", async () => {
    let written = 0;
    const left = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    const reader = (error: Error) =>
      new Writable({
        write(_chunk, _encoding, done) {
          written += 1;
          done(written < 3 ? null : error);
        },
      });
    const endless = async function* () {
      for (;;) yield "line\n";
    };
    expect(await print(endless(), reader(left))).to.equal(true);
    expect(written).to.equal(3);
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    const failure = await print(endless(), reader(full)).catch((error: Error) => error.message);
    expect(failure).to.include("output could not be written: no space").and.include("was made");
    const broken = async function* () {
      yield "line\n";
      throw full;
    };
    const fault = await print(broken(), new PassThrough()).catch((error: unknown) => error);
    expect(fault).to.equal(full);
    expect(await print([], new PassThrough())).to.equal(false);
  });
});

describe("readPassword", () => {
  const typed = async (keys: readonly (string | Buffer)[], isTTY: boolean) => {
    const source: PasswordSource & PassThrough = Object.assign(new PassThrough(), {
      isTTY,
      setRawMode: () => undefined,
    });
    const prompts = new PassThrough();
    const reading = readPassword(source, prompts).catch((error: Error) => `rejected: ${error.message}`);
    for (const each of keys) source.write(each);
    source.end();
    const password = await reading;
    prompts.end();
    return { password, prompted: await text(prompts) };
  };

  it("returns the first line of a pipe unchanged", async () => {
    for (const [piped, password] of [
      ["correct horse\n", "correct horse"],
      ["correct horse", "correct horse"],
      [" two  spaces \r\nanother line\n", " two  spaces "],
      ["pässwörd 🙂\n", "pässwörd 🙂"],
      ["\n", ""],
    ] as const) {
      expect(await typed([piped], false)).to.deep.equal({ password, prompted: "" });
    }
  });

  it("rejects input that is not UTF-8", async () => {
    const latin = Buffer.from("p\xe4ssw\xf6rd", "latin1");
    const words = "rejected: The password is not UTF-8 text. Nothing was changed. Enter it in UTF-8.";
    expect((await typed([latin, "\n"], false)).password).to.equal(words);
    expect((await typed([latin, "\r", latin, "\r"], true)).password).to.equal(words);
    const [first, second] = [Buffer.from("ä").subarray(0, 1), Buffer.from("ä").subarray(1)];
    expect((await typed(["p", first, second, "ssword\n", latin], false)).password).to.equal("pässword");
  });

  it("prompts twice at a terminal, and shows nothing that is typed", async () => {
    const { password, prompted } = await typed(["corrext\u007f\u007fct horse\r", "correct horse\r"], true);
    expect(password).to.equal("correct horse");
    expect(prompted).to.equal("Password: \nOnce more: \n");
  });

  it("rejects empty input, two different passwords, and Ctrl-C", async () => {
    const errors = [
      await typed([], false),
      await typed(["correct horse\r"], true),
      await typed(["correct\u0003"], true),
      await typed(["correct horse\r", "another horse\r"], true),
    ].map(({ password }) => password);
    expect(errors.slice(0, 3)).to.deep.equal(
      Array.from({ length: 3 }, () => "rejected: No password was given. Nothing was changed."),
    );
    expect(errors[3]).to.equal("rejected: The two passwords differ. Nothing was changed.");
  });
});

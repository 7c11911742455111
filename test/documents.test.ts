import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const markdown = (folder: string) => readdirSync(join(root, folder)).filter((name) => name.endsWith(".md"));

const documents = [...markdown("."), ...markdown("docs").map((name) => `docs/${name}`)];

/** A fenced block, with the comment above it that names its file and region: `<!-- examples/bot.js#listen -->`. */
const BLOCK = /(?:^<!-- (examples\/[\w.-]+)#(\w+) -->\n\n)?^```(\w+)\n(.*?)^```$/gms;

const blocks = documents.flatMap((document) =>
  Array.from(read(document).matchAll(BLOCK), ([, file, region, language, text]) => {
    return { document, file, region, language: language!, text: text! };
  }),
);

/** The lines between `#region NAME` and `#endregion NAME`, without the indentation of the first. */
function regionOf(file: string, name: string): string {
  const marked = new RegExp(`^( *)\\S+ #region ${name}\\b.*?\n(.*?)^ *\\S+ #endregion ${name}\\b`, "ms");
  const [, indentation, text] = marked.exec(read(file)) ?? [];
  if (text === undefined) throw new Error(`${file} has no region ${name}.`);
  return text.replaceAll(new RegExp(`^${indentation}`, "gm"), "");
}

/**
 * The lines that an interactive zsh rejects or changes: it has no comments, expands ! outside of single quotes unless a space or the
 * end of the line follows, fails on a pattern that matches no file, and waits for the end of a quotation.
 */
function linesThatZshRejects(text: string): readonly string[] {
  return text.split("\n").filter((line) => {
    const quoted = /'[^']*'|"(?:\\.|[^"\\])*"/g;
    const unquoted = line.replaceAll(quoted, "").replaceAll(/\$\(|(?<=^[^(]*\$\(.*)\)/g, "");
    const expanded = line.replaceAll(quoted, (part) => (part.startsWith("'") ? "" : part));
    return /(?:^|\s)#|[?*[\]()'"]/.test(unquoted) || /!(?!\s|$)/.test(expanded);
  });
}

describe("The documents", () => {
  for (const { document, file, region, text } of blocks) {
    if (file === undefined || region === undefined) continue;
    it(`${document} shows the region ${region} of ${file} as it is`, () =>
      expect(text).to.equal(regionOf(file, region)));
  }

  it("show no program that is not an example file", () => {
    const programs = blocks.filter(
      ({ document, language, file }) =>
        /^(?:m?[jt]s|html)$/.test(language) && !file && document !== "docs/writing-an-adapter.md",
    );
    expect(programs).to.deep.equal([]);
  });

  it("show shell commands as `sh` alone, without prompts", () => {
    const others = blocks.filter(({ language }) =>
      /^(?:ba|z|k)?sh$|^(?:shell|console|terminal)$/.test(language),
    );
    expect(others.filter(({ language, text }) => language !== "sh" || /^[$%] /m.test(text))).to.deep.equal(
      [],
    );
  });

  it("show shell commands that can be pasted into an interactive zsh", () => {
    const commands = blocks.filter(({ language }) => language === "sh");
    expect(commands).to.have.length.greaterThan(5);
    expect(commands.flatMap(({ text }) => linesThatZshRejects(text))).to.deep.equal([]);
    const rejected = [
      "npm start # in a terminal",
      "# Who's there?",
      'echo "Hello!"',
      "curl $URL/events?limit=1",
      "ls *.md",
      "echo [a]",
      "echo (b)",
      "echo 'open",
      'echo "open',
    ];
    expect(rejected.flatMap(linesThatZshRejects)).to.deep.equal(rejected);
  });

  it("link to files that exist", () => {
    const links = documents.flatMap((document) =>
      Array.from(read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g), ([, link]) =>
        join(dirname(document), link!),
      ),
    );
    expect(links).to.have.length.greaterThan(20);
    expect(links.filter((link) => !existsSync(join(root, link)))).to.deep.equal([]);
  });
});

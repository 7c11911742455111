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

  it("show shell commands that an interactive zsh accepts: without comments, and with ! in single quotes only", () => {
    const lines = blocks.filter(({ language }) => language === "sh").flatMap(({ text }) => text.split("\n"));
    expect(lines.filter((line) => /(?:^|\s)#|!/.test(line.replaceAll(/'[^']*'/g, "")))).to.deep.equal([]);
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

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { expect } from "chai";

const root = join(import.meta.dirname, "../..");
/** The text of each file of `src`, by its path there. */
const sources = Object.fromEntries(
  readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => [path, readFileSync(join(root, "src", path), "utf8")]),
);

const OUTER = "export const planted = 1;\nexport type Planted = number;";
/** A view that imports everything that the web client may import. */
const VIEW = `import { signal } from "@preact/signals";
import { render } from "preact";
import { useRef } from "preact/hooks";
import { createClient, type Client } from "../client/index.js";
const client: Client = createClient({ url: "https://chat.example.org" });
const planted = signal(typeof client);
const View = () => <p>{planted} {useRef(1).current}</p>;
render(<View />, document.body);`;
const CONFIGURATION = ["tsconfig.base.json", "src/no-packages-in-this-layer.ts"];

/** Ambient state and declarations that an inner layer must not use, though they compile there. */
const AMBIENT =
  /\bnew Date\b|\bDate\s*[.(]|\bMath\.random\b|\b(?:set(?:Timeout|Interval|Immediate)|queueMicrotask)\(|\bglobalThis\b|^declare |^\/\/\/ *<reference/m;

/** The specifiers that a file imports or exports from, of types too. */
function importsOf(source: string): string[] {
  return Array.from(source.matchAll(/\b(?:from|import)\s*\(?\s*["'`]([^"'`]+)/g), ([, name = ""]) => name);
}

/** The file of `src`, without its extension, that a relative specifier in `path` names. */
function resolveImport(path: string, name: string): string {
  return posix.join(posix.dirname(path), name.replace(/\.js$/, ""));
}

/** The violations in one file of `src` that the compiler cannot see. */
function violationsIn(path: string, source: string): string[] {
  const [layer, adapter] = path.replace(/\.tsx?$/, "").split("/");
  const violations: string[] = [];
  if ((layer === "domain" || layer === "application") && AMBIENT.test(source)) {
    violations.push(`${path} uses ambient state or declarations`);
  }
  for (const name of importsOf(source)) {
    const [target, other] = resolveImport(path, name).split("/");
    const isOther = name.startsWith(".") && target === "adapters" && other !== adapter;
    // The stores over SQL share the codecs of rows.
    const isShared = other === "sql" && (adapter === "sqlite" || adapter === "postgres");
    if (layer === "adapters" && isOther && !isShared) {
      violations.push(`${path} imports another adapter, ${name}`);
    }
    if (layer !== "main" && /^(?:inversify|reflect-metadata)(?:\/|$)/.test(name)) {
      violations.push(`${path} imports ${name}, which only main may import`);
    }
  }
  return violations;
}

/** The files that import themselves through others, of types too. */
function cyclicFiles(files: Readonly<Record<string, string>>): string[] {
  const imports = new Map(
    Object.entries(files).map(([path, source]) => [
      path,
      importsOf(source).flatMap((name) =>
        [".ts", ".tsx"].map((extension) => resolveImport(path, name) + extension),
      ),
    ]),
  );
  return [...imports.keys()].filter((path) => {
    const reached = new Set<string>();
    const visit = (from: string) => {
      for (const target of imports.get(from) ?? []) {
        if (reached.has(target)) continue;
        reached.add(target);
        visit(target);
      }
    };
    visit(path);
    return reached.has(path);
  });
}

/**
 * Compiles a layer that holds only the planted files, over the real files of the layers it may import.
 *
 * @returns the planted files in which the compiler finds an error.
 */
async function filesRejectedIn(
  layer: string,
  inner: readonly string[],
  plants: Readonly<Record<string, string>>,
) {
  const copy = join(root, "dist/planted", layer);
  rmSync(copy, { recursive: true, force: true });
  for (const part of [
    ...inner.map((each) => `src/${each}`),
    ...CONFIGURATION,
    `src/${layer}/tsconfig.json`,
  ]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const [name, source] of Object.entries(plants)) {
    const file = join(copy, "src", layer, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, source);
  }
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const output = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [compiler, "-b", "--pretty", "false", `src/${layer}`],
      { cwd: copy },
      (_, stdout) => resolve(stdout),
    );
  });
  // A file outside the layer is one error, which lists all files that import it.
  const named = output.matchAll(
    /^(\S+?)\(\d+,\d+\): error TS|^ +Imported via .* from file '.*\/(src\/.+?)'/gm,
  );
  const files = Array.from(named, ([, at, importer]) => posix.relative(`src/${layer}`, at ?? importer ?? ""));
  return new Set(files.filter((file) => !file.startsWith("..")));
}

describe("architecture", () => {
  const unpackaged = {
    "value.ts": `import { z } from "zod";\nexport const planted = z;`,
    "type.ts": `import type { ZodType } from "zod";\nexport type Planted = ZodType;`,
    "dynamic.ts": `export const planted = import("zod");`,
    "side-effect.ts": `import "zod";`,
    "re-export.ts": `export * from "zod";`,
    "node-value.ts": `import { readFileSync } from "node:fs";\nexport const planted = readFileSync;`,
    "node-type.ts": `import type { Stats } from "node:fs";\nexport type Planted = Stats;`,
    "node-side-effect.ts": `import "node:fs";`,
    "process.ts": `export const planted: unknown = process;`,
    "buffer.ts": `export const planted: unknown = Buffer;`,
  };
  const inward = {
    ...unpackaged,
    "console.ts": `console.log("planted");\nexport {};`,
    "timer.ts": `export const planted: unknown = setTimeout;`,
    "fetch.ts": `export const planted: unknown = fetch;`,
  };
  const outward = (outer: string) => ({
    "outward-value.ts": `import { planted } from "../${outer}/a.js";\nexport const planted_ = planted;`,
    "outward-type.ts": `import type { Planted } from "../${outer}/a.js";\nexport type Planted_ = Planted;`,
    "outward-dynamic.ts": `export const planted = import("../${outer}/a.js");`,
    "outward-side-effect.ts": `import "../${outer}/a.js";`,
  });

  after(() => rmSync(join(root, "dist/planted"), { recursive: true, force: true }));

  for (const [layer, inner, outer, plants] of [
    ["domain", [], "application", { ...inward, ...outward("application") }],
    ["application", ["domain"], "adapters", { ...inward, ...outward("adapters") }],
    ["adapters", ["domain", "application"], "main", outward("main")],
    // The client runs in browsers and imports no other layer.
    ["client", [], "domain", { ...unpackaged, ...outward("domain") }],
    // The web client uses the server through the client alone, and no package but Preact.
    ["web", ["client"], "application", { ...unpackaged, ...outward("application") }],
  ] as const) {
    it(`lets the compiler reject every import and global that ${layer} must not use`, async () => {
      const harmless = {
        "harmless.ts": "export const planted = 1;",
        [`../${outer}/a.ts`]: OUTER,
        ...(layer === "web" && { "harmless.tsx": VIEW }),
      };
      expect(await filesRejectedIn(layer, inner, { ...plants, ...harmless })).to.have.keys(
        Object.keys(plants),
      );
    }).timeout(60_000);
  }

  it("holds in all of src where the compiler cannot check it", () => {
    expect(Object.entries(sources).flatMap(([path, source]) => violationsIn(path, source))).to.deep.equal([]);
  });

  for (const [path, planted] of [
    ["domain/a.ts", "export const at = () => Date.now();"],
    ["domain/a.ts", "const at = new Date();"],
    ["application/a.ts", "const at = Date();"],
    ["application/a.ts", "const dice = Math.random();"],
    ["application/a.ts", "setTimeout(() => {}, 1);"],
    ["domain/a.ts", "globalThis;"],
    ["domain/a.ts", "declare const process: unknown;"],
    ["domain/a.ts", '/// <reference types="node" />'],
    ["adapters/http/a.ts", 'import { openMemoryStore } from "../memory/store.js";'],
    ["adapters/http/a.ts", 'import type { Disk } from "../sqlite/disk.js";'],
    ["adapters/http/a/b.ts", 'export * from "../../argon2.js";'],
    ["adapters/argon2.ts", 'import "./system.js";'],
    ["adapters/memory/a.ts", 'import { USER } from "../sql/users.js";'],
    ["adapters/sql/a.ts", 'import type { Statements } from "../sqlite/database.js";'],
    ["adapters/postgres/a.ts", 'import { openDatabase } from "../sqlite/database.js";'],
    ["adapters/argon2.ts", 'const other = await import("./http/app.js");'],
    ["adapters/http/a.ts", 'import { Container } from "inversify";'],
    ["application/a.ts", 'import "reflect-metadata";'],
  ] as const) {
    it(`rejects in ${path}: ${planted}`, () => {
      expect(violationsIn(path, planted)).to.have.length(1);
    });
  }

  for (const layer of ["domain", "client", "web"]) {
    it(`has no import cycle between files of ${layer}`, () => {
      const files = Object.entries(sources).filter(([path]) => path.startsWith(`${layer}/`));
      expect(files).to.have.length.above(0);
      expect(cyclicFiles(Object.fromEntries(files))).to.deep.equal([]);
    });
  }

  it("rejects an import cycle, also one of types alone", () => {
    const planted = {
      "domain/a.ts": 'import type {\n  B,\n} from "./b.js";',
      "domain/b.ts": 'export * from "./c/d.js";',
      "domain/c/d.ts": 'import "../a.js";',
      "domain/e.ts": 'import { a } from "./a.js";',
    };
    expect(cyclicFiles(planted)).to.deep.equal(["domain/a.ts", "domain/b.ts", "domain/c/d.ts"]);
  });
});

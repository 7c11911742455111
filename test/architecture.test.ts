import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { expect } from "chai";

const root = join(import.meta.dirname, "../..");
const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts"));

const OUTER = "export const planted = 1;\nexport type Planted = number;";
const CONFIGURATION = ["tsconfig.base.json", "src/no-packages-in-this-layer.ts"];

/** What no file of the inner layers may say, though it compiles. */
const AMBIENT =
  /\bnew Date\b|\bDate\s*[.(]|\bMath\.random\b|\b(?:set(?:Timeout|Interval|Immediate)|queueMicrotask)\(|\bglobalThis\b|^declare |^\/\/\/ *<reference/m;

/** What is wrong with a file of `src`, as far as a compiler can't see it. */
function faultsIn(path: string, source: string): string[] {
  const [layer, adapter] = path.replace(/\.ts$/, "").split("/");
  const faults: string[] = [];
  if ((layer === "domain" || layer === "application") && AMBIENT.test(source)) {
    faults.push(`${path} takes from its surroundings what should be given to it`);
  }
  for (const [, name = ""] of source.matchAll(/\b(?:from|import)\s*\(?\s*["'`]([^"'`]+)/g)) {
    const [target, other] = posix.join(posix.dirname(path), name.replace(/\.js$/, "")).split("/");
    if (layer === "adapters" && name.startsWith(".") && target === "adapters" && other !== adapter) {
      faults.push(`${path} imports another adapter, ${name}`);
    }
    if (layer !== "main" && /^(?:inversify|reflect-metadata)(?:\/|$)/.test(name)) {
      faults.push(`${path} imports ${name}, which is for main`);
    }
  }
  return faults;
}

/** The files among those planted in a layer, with nothing of its own, that the compiler has something against. */
async function refused(layer: string, inner: readonly string[], plants: Readonly<Record<string, string>>) {
  const copy = join(root, "dist/planted", layer);
  for (const part of [
    ...inner.map((each) => `src/${each}`),
    ...CONFIGURATION,
    `src/${layer}/tsconfig.json`,
  ]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
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
  // A file that does not belong to the layer is one error, which names all who import it.
  const named = output.matchAll(
    /^(\S+?)\(\d+,\d+\): error TS|^ +Imported via .* from file '.*\/(src\/.+?)'/gm,
  );
  const files = Array.from(named, ([, at, importer]) => posix.relative(`src/${layer}`, at ?? importer ?? ""));
  return new Set(files.filter((file) => !file.startsWith("..")));
}

describe("the architecture", () => {
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
    // What runs in browsers stands alone.
    ["client", [], "domain", { ...unpackaged, ...outward("domain") }],
  ] as const) {
    it(`of ${layer} is held by the compiler, which refuses all that is planted against it`, async () => {
      const harmless = { "harmless.ts": "export const planted = 1;", [`../${outer}/a.ts`]: OUTER };
      expect(await refused(layer, inner, { ...plants, ...harmless })).to.have.keys(Object.keys(plants));
    }).timeout(60_000);
  }

  it("is kept where the compiler does not see it", () => {
    const faults = sources.flatMap((path) => faultsIn(path, readFileSync(join(root, "src", path), "utf8")));
    expect(faults).to.deep.equal([]);
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
    ["adapters/argon2.ts", 'const other = await import("./http/app.js");'],
    ["adapters/http/a.ts", 'import { Container } from "inversify";'],
    ["application/a.ts", 'import "reflect-metadata";'],
  ] as const) {
    it(`would not allow ${path} to say: ${planted}`, () => {
      expect(faultsIn(path, planted)).to.have.length(1);
    });
  }
});

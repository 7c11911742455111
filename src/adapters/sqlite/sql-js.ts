import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { compileFunction } from "node:vm";
import type { InitSqlJsStatic } from "sql.js";

/** Keeps a U+FEFF at the start of a text. */
class ExactTextDecoder extends TextDecoder {
  constructor() {
    super("utf-8", { ignoreBOM: true });
  }
}

/**
 * Loads an own instance of sql.js. It decodes every text with the global `TextDecoder`, which drops a leading U+FEFF, and has no
 * option for that. So its module is compiled with another `TextDecoder` in scope, which costs no time per text and leaves the
 * globals and the other users of sql.js in the process alone.
 */
function loadSqlJs(): InitSqlJsStatic {
  const path = createRequire(import.meta.url).resolve("sql.js");
  const names = ["exports", "require", "module", "__filename", "__dirname", "TextDecoder"];
  const run = compileFunction(readFileSync(path, "utf8"), names, { filename: path }) as (
    ...values: readonly unknown[]
  ) => void;
  const module = { exports: {} };
  run(module.exports, createRequire(path), module, path, dirname(path), ExactTextDecoder);
  return module.exports as InitSqlJsStatic;
}

let loaded: InitSqlJsStatic | undefined;

/** As the default export of sql.js, except that texts come back exactly. */
export function initSqlJs(...options: Parameters<InitSqlJsStatic>): ReturnType<InitSqlJsStatic> {
  return (loaded ??= loadSqlJs())(...options);
}

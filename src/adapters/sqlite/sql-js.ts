import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { compileFunction } from "node:vm";
import type { InitSqlJsStatic } from "sql.js";

const require = createRequire(import.meta.url);

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
  const path = require.resolve("sql.js");
  const names = ["exports", "require", "module", "__filename", "__dirname", "TextDecoder"];
  const run = compileFunction(readFileSync(path, "utf8"), names, { filename: path }) as (
    ...values: readonly unknown[]
  ) => void;
  const module = { exports: {} };
  run(module.exports, createRequire(path), module, path, dirname(path), ExactTextDecoder);
  return module.exports as InitSqlJsStatic;
}

type SqlJs = Awaited<ReturnType<InitSqlJsStatic>>;
type SqlJsDatabase = InstanceType<SqlJs["Database"]>;

/** A pointer into the memory of the WebAssembly instance: of an open database, of a running backup, or of bytes. */
type Pointer = number;

/** The exports of sql.js that `@types/sql.js` does not declare. */
interface SqliteFunctions {
  /** The function of SQLite with this name. */
  cwrap(
    name: string,
    returns: "number",
    takes: readonly ("string" | "number")[],
  ): (...values: readonly (string | number)[]) => number;
  stackSave(): Pointer;
  stackAlloc(bytes: number): Pointer;
  stackRestore(pointer: Pointer): void;
}

/** The part of WebAssembly that loading sql.js needs. */
interface WebAssemblyLoader {
  instantiate(
    module: Uint8Array,
    imports: unknown,
  ): Promise<{ readonly instance: { readonly exports: Readonly<Record<string, unknown>> } }>;
  readonly Memory: abstract new () => { readonly buffer: ArrayBuffer };
}

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyLoader };

const SQLITE_DONE = 101;

interface Engine {
  readonly sqlite: SqlJs & SqliteFunctions;
  readonly memory: { readonly buffer: ArrayBuffer };
}

let engine: Promise<Engine> | undefined;

/** A copy of sql.js has one WebAssembly instance, and with it one heap, which all databases of the thread share. */
async function loadEngine(): Promise<Engine> {
  const path = require.resolve("sql.js/dist/sql-wasm.wasm");
  let memory: Engine["memory"] | undefined;
  const sqlite = await new Promise<SqlJs>((resolve, reject) => {
    const instantiate = async (imports: unknown, receive: (instance: unknown) => unknown) => {
      const { instance } = await WebAssembly.instantiate(readFileSync(path), imports);
      memory = Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory);
      receive(instance);
    };
    const instantiateWasm = (imports: unknown, receive: (instance: unknown) => unknown) => {
      // sql.js would wait forever after a failure.
      instantiate(imports, receive).catch(reject);
      return {};
    };
    loadSqlJs()({ instantiateWasm }).then(resolve, reject);
  });
  if (memory === undefined)
    throw new Error("sql.js exports no memory. Install the version of the lock file.");
  return { sqlite: sqlite as SqlJs & SqliteFunctions, memory };
}

/**
 * Opens a database as sql.js does by itself: a file in JavaScript memory, in one array that is copied when the file has
 * grown by an eighth. Such a copy of 1 GiB takes half a second.
 */
export async function openFile(file?: Uint8Array): Promise<SqlJsDatabase> {
  const { sqlite } = await (engine ??= loadEngine());
  return new sqlite.Database(file);
}

/**
 * Opens a database whose pages SQLite allocates one by one in the heap of WebAssembly, so that its growth copies nothing.
 *
 * @param file the initial content, which is copied.
 * @throws Error where it is not an SQLite file, or does not fit in the heap.
 */
export async function openInMemory(file?: Uint8Array): Promise<SqlJsDatabase> {
  const { sqlite, memory } = await (engine ??= loadEngine());
  // It keeps its empty file, which its `close` removes.
  const database = new sqlite.Database();
  const withHandle = database as SqlJsDatabase & { db: Pointer };
  const handle = openMemoryHandle(sqlite, memory);
  sqlite.cwrap("sqlite3_close_v2", "number", ["number"])(withHandle.db);
  withHandle.db = handle;
  if (file !== undefined) {
    const source = new sqlite.Database(file);
    try {
      copy(sqlite, source as SqlJsDatabase & { db: Pointer }, handle);
    } catch (error) {
      database.close();
      throw error;
    } finally {
      source.close();
    }
  }
  return database;
}

function openMemoryHandle(sqlite: SqliteFunctions, memory: Engine["memory"]): Pointer {
  const stack = sqlite.stackSave();
  try {
    const pointer = sqlite.stackAlloc(4);
    const open = sqlite.cwrap("sqlite3_open", "number", ["string", "number"]);
    const result = open(":memory:", pointer);
    // The heap can grow in any call, which replaces its buffer.
    const handle = new DataView(memory.buffer).getUint32(pointer, true);
    if (result !== 0) throw new Error(`SQLite cannot open a database in memory: result ${result}.`);
    return handle;
  } finally {
    sqlite.stackRestore(stack);
  }
}

function copy(sqlite: SqliteFunctions, source: SqlJsDatabase & { db: Pointer }, target: Pointer): void {
  // Reads the header, so that a file that is not SQLite's fails with the reason.
  source.exec("PRAGMA schema_version");
  const begin = sqlite.cwrap("sqlite3_backup_init", "number", ["number", "string", "number", "string"]);
  const backup = begin(target, "main", source.db, "main");
  const stepped =
    backup === 0 ? 0 : sqlite.cwrap("sqlite3_backup_step", "number", ["number", "number"])(backup, -1);
  const finished = backup === 0 ? 0 : sqlite.cwrap("sqlite3_backup_finish", "number", ["number"])(backup);
  if (stepped !== SQLITE_DONE || finished !== 0) {
    throw new Error(`SQLite cannot load the file into memory: result ${stepped}.`);
  }
}

import { readdirSync, readFileSync } from "node:fs";

/** File descriptors that connections leave free: for the log, its threads, the operator's socket and the documentation. */
const RESERVED_FILES = 128;

/** Where the number of open files cannot be read, such as on Windows. */
const USUAL_OPEN_FILES = 64;

/**
 * Returns how many connections this process can open besides its files. Infinite where the system has no limit on open
 * files.
 */
export function maxConnectionsOfProcess(): number {
  const limit = openFilesLimit();
  return limit === undefined ? Number.POSITIVE_INFINITY : connectionsWithin(limit, countOpenFiles());
}

/**
 * Returns how many connections fit into a limit on open files. A quarter of a small limit is reserved for files.
 *
 * @param open the number of open files
 */
export function connectionsWithin(limit: number, open: number): number {
  const free = Math.max(0, limit - open);
  return Math.max(1, free - Math.min(RESERVED_FILES, Math.ceil(free / 4)));
}

/** The soft limit, which Node raises to the hard one at its start. */
function openFilesLimit(): number | undefined {
  const [, soft] = /^Max open files +(\d+)/m.exec(textOf("/proc/self/limits")) ?? [];
  if (soft !== undefined) return Number(soft);
  // A report takes much longer than the file, which only Linux has.
  const report: unknown = process.platform === "linux" ? {} : process.report?.getReport();
  const { userLimits } = report as {
    readonly userLimits?: { readonly open_files?: { readonly soft: unknown } };
  };
  const reported = userLimits?.open_files?.soft;
  return typeof reported === "number" ? reported : undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function countOpenFiles(): number {
  for (const directory of ["/proc/self/fd", "/dev/fd"]) {
    try {
      return readdirSync(directory).length;
    } catch {
      // The next one.
    }
  }
  return USUAL_OPEN_FILES;
}

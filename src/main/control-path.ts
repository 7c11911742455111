import { join } from "node:path";

/**
 * The system's limit on the path of a socket, less 2 bytes: the server binds the socket at a path that is 2 bytes longer,
 * and then moves it.
 */
const MAX_PATH_BYTES = (process.platform === "linux" ? 107 : 103) - 2;

/** The path of the socket in a data directory at which a running server accepts the operator's requests. */
export function controlPath(directory: string): string {
  return join(directory, "control");
}

/** Returns why the control socket cannot exist: its path is too long. `undefined` if it can. */
export function controlPathError(directory: string): string | undefined {
  const path = controlPath(directory);
  const excess = Buffer.byteLength(path) - MAX_PATH_BYTES;
  if (excess <= 0) return undefined;
  return `${path} is too long for a socket, by ${excess} bytes. Give the data directory a shorter path, such as a symbolic link.`;
}

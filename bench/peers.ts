import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The sources, where the peers and their packages are. */
const directory = fileURLToPath(new URL("../../bench", import.meta.url));

/**
 * Installs what the peers need, where it is missing, into a directory of the benchmark's own. Where that fails the run
 * goes on: with whatever there is.
 */
export function installPeers(): void {
  if (existsSync(`${directory}/node_modules/.package-lock.json`)) return;
  process.stderr.write(
    "Installing what Palaver is measured against into bench/node_modules. It takes a minute …\n",
  );
  const { status } = spawnSync("npm", ["ci", "--prefix", directory], {
    cwd: directory,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) {
    process.stderr.write("It could not be installed. What needs it is not measured.\n");
  }
}

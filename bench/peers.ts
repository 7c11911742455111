import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The source directory of the peers and their packages. */
const directory = fileURLToPath(new URL("../../bench", import.meta.url));

/** Installs the packages of the peers if they are missing. If that fails, the run continues without the peers that need them. */
export function installPeers(): void {
  if (existsSync(`${directory}/node_modules/.package-lock.json`)) return;
  process.stderr.write(
    "Installing the packages of the peers into bench/node_modules. This takes a minute …\n",
  );
  const { status } = spawnSync("npm", ["ci", "--prefix", directory], {
    cwd: directory,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) {
    process.stderr.write("Installation failed. Peers without their packages are skipped.\n");
  }
}

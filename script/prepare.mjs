// Builds the package after `npm ci` in a clone, and when npm installs it from a git repository. Without the development
// dependencies (`npm ci --omit=dev`) there is no compiler, and a build that exists is used as it is.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const compiler = new URL("../node_modules/typescript", import.meta.url);
if (existsSync(compiler)) {
  const { status } = spawnSync("npm run build", { shell: true, stdio: "inherit" });
  process.exitCode = status ?? 1;
}

// Compiles on each change, with source maps, and restarts the server after it. Ends both when one of them ends.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("..", import.meta.url));
const compiler = ["node_modules/typescript/bin/tsc", "-b", "--watch", "--preserveWatchOutput", "--sourceMap"];
const server = [
  "--watch",
  "--watch-preserve-output",
  "--enable-source-maps",
  "dist/src/main/cli.js",
  "serve",
];

const children = [compiler, server].map((args) =>
  spawn(process.execPath, args, { cwd: project, stdio: "inherit", detached: true }),
);
// Each has a group of processes, since the compiler starts another one and does not end it.
const stop = () => {
  for (const { pid, exitCode, signalCode } of children) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGTERM");
  }
};
for (const child of children) child.once("exit", stop);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, stop);

// Compiles on each change, with source maps, and restarts the server after it. Serves the web client from its sources, which the
// browser loads again on each change, and passes all other requests on to the server. Ends everything when one part ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createSocket } from "node:net";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const project = fileURLToPath(new URL("..", import.meta.url));
const { HOST = "127.0.0.1", PORT = "12000" } = process.env;
const apiPort = await findFreePort();

const compiler = ["node_modules/typescript/bin/tsc", "-b", "--watch", "--preserveWatchOutput", "--sourceMap"];
const server = [
  "--watch",
  "--watch-preserve-output",
  "--enable-source-maps",
  "dist/src/main/cli.js",
  "serve",
];
const env = { ...process.env, HOST: "127.0.0.1", PORT: String(apiPort) };

const target = `http://127.0.0.1:${apiPort}`;
const web = await createServer({
  root: fileURLToPath(new URL("../src/web", import.meta.url)),
  configFile: fileURLToPath(new URL("../vite.config.mjs", import.meta.url)),
  clearScreen: false,
  server: {
    host: HOST,
    port: Number(PORT),
    strictPort: true,
    // The web client imports src/client.
    fs: { allow: [project] },
    proxy: {
      "^/(?:v1|docs|openapi\\.json|healthz|readyz|metrics)(?:[/?]|$)": target,
      // Programs get the links at the root.
      "^/(?:\\?|$)": {
        target,
        bypass: ({ headers, url }) => (headers.accept?.includes("text/html") ? url : undefined),
      },
    },
  },
});
await web.listen();

const children = [compiler, server].map((args) =>
  spawn(process.execPath, args, { cwd: project, env, stdio: "inherit", detached: true }),
);
// Each has a group of processes, since the compiler starts another one and does not end it.
const stop = () => {
  for (const { pid, exitCode, signalCode } of children) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGTERM");
  }
  void web.close();
};
for (const child of children) child.once("exit", stop);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, stop);
console.log(`Open ${web.resolvedUrls?.local[0] ?? web.resolvedUrls?.network[0]}`);

async function findFreePort() {
  const socket = createSocket().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The path of the command `palaver`. */
export const cli = fileURLToPath(new URL("../../src/main/cli.js", import.meta.url));

/** A process of `palaver`. */
export interface Process {
  readonly child: ChildProcess;
  /** The text printed so far, on standard output and standard error. */
  output(): string;
  /** The exit status, or null after a signal. */
  readonly ended: Promise<number | null>;
}

/**
 * Starts `palaver` with only these environment variables and PATH.
 *
 * @param input the standard input.
 * @param uid the user that it runs as; by default that of this process.
 */
export function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = "",
  uid?: number,
): Process {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(uid !== undefined && { uid }),
  });
  // The process may exit without reading its input.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "close").then(([status]) => status as number | null);
  return { child, output: () => output, ended };
}

/** Starts a server on a free port, and waits until it listens. Rate limits are off, since all clients have one address. */
export async function runServer(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Process & { readonly url: string }> {
  const server = run(["serve"], { DATA_DIR: dataDir, PORT: "0", RATE_LIMITS: "off", ...env });
  let exited = false;
  void server.ended.then(() => (exited = true));
  for (;;) {
    const url = /listens on (http:\/\/[^\s,]+)/.exec(server.output())?.[1];
    if (url !== undefined) return { ...server, url };
    if (exited) throw new Error(`The server exited before it listened:\n${server.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

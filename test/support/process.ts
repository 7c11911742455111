import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The file of the command `palaver`. */
export const cli = fileURLToPath(new URL("../../src/main/cli.js", import.meta.url));

/** A `palaver` that runs, or ran, as a process of its own. */
export interface Process {
  readonly child: ChildProcess;
  /** What it has printed so far, on both outputs. */
  output(): string;
  /** Its exit status, when it has ended; null where a signal ended it. */
  readonly ended: Promise<number | null>;
}

/**
 * @param input what it finds on its standard input.
 * @param uid the user that it runs as, if that is another one.
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
  // It may end without having read it.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "close").then(([status]) => status as number | null);
  return { child, output: () => output, ended };
}

/** A server on a free port, once it listens. All its clients have one address, so it has no limits unless told. */
export async function runServer(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Process & { readonly url: string }> {
  const server = run(["serve"], { DATA_DIR: dataDir, PORT: "0", RATE_LIMITS: "off", ...env });
  let over = false;
  void server.ended.then(() => (over = true));
  for (;;) {
    const url = /listens on (http:\/\/[^\s,]+)/.exec(server.output())?.[1];
    if (url !== undefined) return { ...server, url };
    if (over) throw new Error(`The server ended before it listened:\n${server.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

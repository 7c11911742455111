import { execFile } from "node:child_process";
import { join } from "node:path";

/** What became of tests. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** All of it, in TAP. */
  readonly output: string;
}

/** Runs a program with tests of node:test, in a process that finds `palaver` as whoever has installed it. */
export function runTests(program: string): Promise<Outcome> {
  const args = ["--test-reporter=tap", "--input-type=module", "-e", program];
  const cwd = join(import.meta.dirname, "../../..");
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, maxBuffer: 2 ** 24, timeout: 50_000 }, (_, stdout, stderr) => {
      const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)`, "m").exec(stdout)?.[1]);
      resolve({ passed: count("pass"), failed: count("fail"), output: stdout + stderr });
    });
  });
}

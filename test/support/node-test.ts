import { execFile } from "node:child_process";
import { join } from "node:path";

/** The result of a test run. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** The report in TAP, and standard error. */
  readonly output: string;
}

/**
 * Runs a program of node:test tests in a process that resolves `palaver` like an installation.
 *
 * @param pattern of the names of the tests to run; all by default.
 */
export function runTests(
  program: string,
  pattern = ".",
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const args = [
    `--test-name-pattern=${pattern}`,
    "--test-reporter=tap",
    "--input-type=module",
    "-e",
    program,
  ];
  const cwd = join(import.meta.dirname, "../../..");
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 24, timeout: 50_000 };
    execFile(process.execPath, args, options, (_, stdout, stderr) => {
      const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)`, "m").exec(stdout)?.[1]);
      resolve({ passed: count("pass"), failed: count("fail"), output: stdout + stderr });
    });
  });
}

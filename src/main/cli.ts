#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readConfig, variables } from "./config.js";
import { backUp, check, salvage, type Report } from "./maintenance.js";

interface Command {
  /** The names of what it takes, optional ones in brackets. */
  readonly takes: readonly string[];
  readonly purpose: string;
  readonly run: (...args: string[]) => Promise<void>;
}

const commands: Readonly<Record<string, Command>> = {
  serve: {
    takes: [],
    purpose: "serve messages over HTTP until SIGTERM or SIGINT",
    run: runServer,
  },
  check: {
    takes: ["DIR"],
    purpose: "read all of a data directory and tell whether it is sound; changes nothing",
    run: async (directory) => print(await check(directory)),
  },
  backup: {
    takes: ["DIR", "[NEWDIR]"],
    purpose: "copy a data directory as it is at one moment, and check the copy; the service may run",
    run: async (directory, target) => print(await backUp(directory, target)),
  },
  salvage: {
    takes: ["DIR", "NEWDIR"],
    purpose: "save what can be read of a damaged data directory into a new one, and tell what is missing",
    run: async (directory, target) => print(await salvage(directory, target)),
  },
};

const help = `Usage: palaver COMMAND

Commands:
${columns(Object.entries(commands).map(([name, { takes, purpose }]) => [[name, ...takes].join(" "), purpose]))}

Options:
${columns([
  ["-h, --help", "print this text"],
  ["-v, --version", "print the version"],
])}

Environment of \`palaver serve\`; an empty variable counts as one that is not set:
${columns(Object.entries(variables).map(([name, { purpose, allowed }]) => [name, `${purpose}: ${allowed}`]))}

Exit status: 0 when all went well; 1 when the service could not start or go on, or something is damaged or missing;
2 when the command was called wrongly.
`;

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args);
  if (values.help) return void process.stdout.write(help);
  if (values.version) return void process.stdout.write(`${version()}\n`);
  const [name = "", ...given] = positionals;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new UsageError(name === "" ? "No command was given." : `There is no command \`${name}\`.`);
  const required = command.takes.filter((what) => !what.startsWith("["));
  if (given.length < required.length || given.length > command.takes.length) {
    throw new UsageError(`\`palaver ${name}\` takes ${command.takes.join(" ") || "nothing more"}.`);
  }
  await command.run(...given);
}

class UsageError extends Error {}

function parseCommandLine(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: "boolean", short: "h" }, version: { type: "boolean", short: "v" } },
    });
  } catch (error) {
    // What follows the first sentence is advice for other programs.
    throw new UsageError(`${(error as Error).message.split(". ")[0]}.`);
  }
}

function version(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

function print({ lines, sound }: Report): void {
  process.stdout.write(`${lines.join("\n")}\n`);
  process.exitCode = sound ? 0 : 1;
}

async function runServer(): Promise<void> {
  // The other commands need nothing of it, and it takes half of their time to load.
  const { serve } = await import("./server.js");
  const server = await serve(readConfig(process.env), die);
  const end = () => void server.close().then(() => process.exit(0), die);
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}

/**
 * Also where the store can go on no longer: what is in memory is then ahead of what is stored, so nothing more may be
 * answered, and the next start puts it right.
 */
function die(error: unknown): never {
  process.stderr.write(`palaver: ${explain(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}

/** What to do about an error of the system at the start. */
const adviceOn: Readonly<Record<string, string>> = {
  EADDRINUSE: "Something else listens there: end it, or set PORT to another port.",
  EADDRNOTAVAIL: "Set HOST to an address of this machine.",
  ENOTFOUND: "Set HOST to an address of this machine.",
  EACCES: "Set DATA_DIR to a directory that may be written to, and PORT to a port that may be listened on.",
  EROFS: "Set DATA_DIR to a directory that may be written to.",
  EEXIST: "Set DATA_DIR to a directory.",
  ENOTDIR: "Set DATA_DIR to a directory.",
  ENOENT: "Set DATA_DIR to a directory that can be made.",
  ENOSPC: "Make room on the disk.",
};

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UsageError) return `${error.message} \`palaver --help\` tells what there is.`;
  const advice = "code" in error && adviceOn[String(error.code)];
  if (advice) return `${error.message}. ${advice}`;
  // What has no message for people is a bug, and needs its trace.
  const isBug = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return isBug ? (error.stack ?? error.message) : error.message;
}

run(process.argv.slice(2)).catch(die);

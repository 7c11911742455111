#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { help, helpOn, helpOnOperatorCommands, type CommandHelp } from "./cli/help.js";
import type { Report } from "./cli/maintenance.js";
import { operatorCommands } from "./cli/operator-commands.js";
import { OperatorError, sendRequest, type OperatorRequest } from "./cli/operator-client.js";
import { stopOnSignals } from "./cli/stop-signals.js";
import { jsonLine, jsonLines, print, readPassword } from "./cli/terminal.js";
import { readConfig } from "./config.js";

interface Command extends CommandHelp {
  readonly run: (...args: string[]) => Promise<void>;
}

// A command that needs neither SQLite nor a server does not load them, which takes longer than the command itself.
const loadMaintenance = () => import("./cli/maintenance.js");

const commands: Readonly<Record<string, Command>> = {
  serve: {
    args: [],
    purpose: "serve messages over HTTP until SIGTERM or SIGINT",
    run: runServer,
  },
  check: {
    args: ["DIR"],
    purpose: "read all of a data directory and report whether it is sound; changes nothing",
    run: async (directory) => report(await (await loadMaintenance()).checkDirectory(directory)),
  },
  backup: {
    args: ["DIR", "[NEWDIR]"],
    purpose: "copy a data directory as of one moment, and check the copy; the server may run",
    run: async (directory, target) => report(await (await loadMaintenance()).backUp(directory, target)),
  },
  salvage: {
    args: ["DIR", "NEWDIR"],
    purpose: "save the readable part of a damaged data directory into a new one, and report what is missing",
    run: async (directory, target) => report(await (await loadMaintenance()).salvage(directory, target)),
  },
};

/** The command line is wrong. */
class UsageError extends Error {}

type Options = ReturnType<typeof parseCommandLine>["values"];

async function run(commandLine: readonly string[]): Promise<void> {
  const { values: options, positionals } = parseCommandLine(commandLine);
  const [first = "", second = ""] = positionals;
  const name = [`${first} ${second}`, first].find(
    (each) => Object.hasOwn(commands, each) || Object.hasOwn(operatorCommands, each),
  );
  if (first === "help") return printText(helpFor(positionals.slice(1).join(" ")));
  if (options.help) return printText(helpFor(name ?? first));
  if (options.version) return printText(`${version()}\n`);
  if (name === undefined) throw unknownCommand(`${first} ${second}`.trim());
  const args = positionals.slice(name.split(" ").length);
  const allowed = (commands[name] ?? operatorCommands[name]!).args;
  const required = allowed.filter((arg) => !arg.startsWith("["));
  if (args.length < required.length || args.length > allowed.length || args.includes("")) {
    throw new UsageError(`Wrong arguments. \`palaver ${name}\` takes ${allowed.join(" ") || "none"}.`);
  }
  if (Object.hasOwn(operatorCommands, name)) return runOperatorCommand(name, args, options);
  if (options.json || options.data !== undefined) {
    throw new UsageError(`\`palaver ${name}\` takes neither --json nor --data.`);
  }
  await commands[name]!.run(...args);
}

function parseCommandLine(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
        data: { type: "string" },
        json: { type: "boolean" },
      },
    });
  } catch (error) {
    // The sentences after the first are advice that does not apply here.
    throw new UsageError(`${(error as Error).message.split(". ")[0]}.`);
  }
}

function helpFor(name: string): string {
  if (name === "") return help(commands);
  if (Object.hasOwn(commands, name)) return helpOn(name, commands[name]!);
  const text = helpOnOperatorCommands(name);
  if (text === undefined) throw unknownCommand(name);
  return text;
}

function unknownCommand(name: string): UsageError {
  if (name === "") return new UsageError("No command given.");
  const [first] = name.split(" ");
  const verbs = Object.keys(operatorCommands)
    .filter((each) => each.startsWith(`${first} `))
    .map((each) => each.slice(each.indexOf(" ") + 1));
  const next = verbs.length > 0 ? ` Use \`${first}\` with one of ${verbs.join(", ")}.` : "";
  return new UsageError(`Unknown command \`${name}\`.${next}`);
}

async function runOperatorCommand(
  name: string,
  args: readonly string[],
  { data, json }: Options,
): Promise<void> {
  const { password, check: checkRequest, request, format } = operatorCommands[name]!;
  if (data === "") throw new UsageError("--data needs a directory.");
  // Only the variables that the command needs: those of the server alone may be invalid or unreadable here.
  const { DATA_DIR, DATABASE_URL, PASSWORD_DENYLIST } = process.env;
  const { dataDir, storage } = readConfig(data ? { DATA_DIR: data } : { DATA_DIR, DATABASE_URL });
  const config = {
    dataDir,
    storage,
    get refusedPasswords() {
      return readConfig(password ? { PASSWORD_DENYLIST } : {}).refusedPasswords;
    },
  };
  const send = (sent: OperatorRequest | undefined) => sendRequest(config, sent, exitWithError);
  const typed: string[] = [];
  if (password) {
    await send(checkRequest?.(...args)).next();
    typed.push(await readPassword(process.stdin, process.stderr));
  }
  const rows = send(request(...args, ...typed));
  const anyRow = await print((json ? jsonLines : format)(rows), process.stdout);
  if (!anyRow && !json) process.stderr.write("No results.\n");
}

/** The status of a process that SIGINT ended, as shells count it. */
const EXIT_AFTER_SIGINT = 130;

async function runServer(): Promise<void> {
  const { serve } = await import("./server.js");
  const server = await serve(readConfig(process.env), exitWithError);
  stopOnSignals(process, {
    stop: () => void server.close().then(() => process.exit(0), exitWithError),
    endNow() {
      process.stderr.write(
        "palaver: Ended at once. Requests in progress are cut off; all acknowledged data is stored.\n",
      );
      process.exit(EXIT_AFTER_SIGINT);
    },
  });
}

async function report({ lines, sound }: Report): Promise<void> {
  await printText(`${lines.join("\n")}\n`);
  process.exitCode = sound ? 0 : 1;
}

async function printText(text: string): Promise<void> {
  await print([text], process.stdout);
}

function version(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

/**
 * Prints the error and ends the process. Also called when the store can store nothing more: its memory is then ahead of the
 * disk, so nothing more may be answered, and the next start reads what the disk holds.
 */
function exitWithError(error: unknown): never {
  const detail = explain(error);
  process.stderr.write(asJson ? jsonLine({ code: codeOf(error), detail }) : `palaver: ${detail}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}

function codeOf(error: unknown): string {
  if (error instanceof OperatorError) return error.code;
  return error instanceof UsageError ? "wrong_usage" : "failed";
}

/** What to do about an error of the system, in any command but `serve`. */
const advice: Readonly<Record<string, string>> = {
  EACCES: "Run the command as the user that the server runs as.",
  EPERM: "Run the command as the user that the server runs as.",
  EROFS: "Use a writable directory.",
  EEXIST: "Use a directory.",
  ENOTDIR: "Use a directory.",
  ENOSPC: "Free disk space.",
};

const serveAdvice: Readonly<Record<string, string>> = {
  EADDRINUSE: "Another process listens there: stop it, or set PORT to another port.",
  EADDRNOTAVAIL: "Set HOST to an address of this machine.",
  ENOTFOUND: "Set HOST to an address of this machine.",
  EACCES:
    "Set DATA_DIR to a writable directory, and PORT to a port that this user may listen on, or run it as another user.",
  EROFS: "Set DATA_DIR to a writable directory.",
  EEXIST: "Set DATA_DIR to a directory.",
  ENOTDIR: "Set DATA_DIR to a directory.",
  ENOENT: "Set DATA_DIR to a directory that can be created.",
  ENOSPC: "Free disk space.",
};

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UsageError) return `${error.message} Run \`palaver --help\` for the commands.`;
  const next = "code" in error && (serving ? serveAdvice : advice)[String(error.code)];
  if (next) return `${error.message}. ${next}`;
  // These are bugs: their messages say nothing without the stack.
  const isBug = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return isBug ? (error.stack ?? error.message) : error.message;
}

const commandLine = process.argv.slice(2);
const serving = commandLine[0] === "serve";
/** Not from the parsed options, since the command line may be what is wrong. */
const asJson = commandLine.includes("--json");
run(commandLine).catch(exitWithError);

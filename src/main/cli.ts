#!/usr/bin/env node
import { fstatSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  help,
  helpOnCopy,
  helpOnMaintenance,
  helpOnOperatorCommands,
  helpOnServe,
  helpOnTestServer,
  helpOnVerifyErased,
  type CommandHelp,
} from "./cli/help.js";
import type { Report } from "./cli/maintenance.js";
import { operatorCommands } from "./cli/operator-commands.js";
import { OperatorError, sendRequest, type OperatorRequest } from "./cli/operator-client.js";
import { stopOnSignals } from "./cli/stop-signals.js";
import { jsonLine, jsonLines, print, readPassword } from "./cli/terminal.js";
import { readConfig, type Config } from "./config.js";

interface MaintenanceCommand extends CommandHelp {
  readonly run: (directory: string, target: string | undefined) => Promise<Report>;
  readonly runOnDatabase: (url: string) => Promise<Report>;
}

// A command that needs neither SQLite nor a server does not load them, which takes longer than the command itself.
const loadMaintenance = () => import("./cli/maintenance.js");
const loadDatabaseMaintenance = () => import("./cli/database-maintenance.js");

const rejectDatabase = (advice: string) => async () => {
  throw new Error(`The data is in a PostgreSQL database. ${advice}`);
};

const serveCommand: CommandHelp = {
  args: [],
  purpose: "serve messages over HTTP until SIGTERM or SIGINT",
};

const testServerCommand: CommandHelp = {
  args: [],
  purpose: "serve the test harness to tests in other languages, on two free ports of this machine",
};

const maintenanceCommands: Readonly<Record<string, MaintenanceCommand>> = {
  check: {
    args: ["[DIR]"],
    purpose: "read all of a data directory or database and report whether it is sound; changes nothing",
    run: async (directory) => (await loadMaintenance()).checkDirectory(directory),
    runOnDatabase: async (url) => (await loadDatabaseMaintenance()).checkDatabase(url),
  },
  backup: {
    args: ["[[DIR]", "NEWDIR]"],
    purpose: "copy a data directory as of one moment, and check the copy; the server may run",
    run: async (directory, target) => (await loadMaintenance()).backUp(directory, target),
    runOnDatabase: rejectDatabase("Use pg_dump, or pg_basebackup with continuous archiving."),
  },
  salvage: {
    args: ["[DIR]", "NEWDIR"],
    purpose: "save the readable part of a damaged data directory into a new one, and report what is missing",
    run: async (directory, target) => (await loadMaintenance()).salvage(directory, target!),
    runOnDatabase: rejectDatabase("Restore a backup, then run `palaver renew-epoch`."),
  },
  "renew-epoch": {
    args: [],
    about: `
It changes the database of DATABASE_URL. Servers may run: within two seconds they end their event streams, and clients read their
chats again. Restore a backup, or let the failover end, before. A data directory needs no such command.
`,
    purpose:
      "let all event cursors of a PostgreSQL database expire, after a restore or a failover that may have lost events",
    run: async (directory) => (await loadMaintenance()).explainEpoch(directory),
    runOnDatabase: async (url) => (await loadDatabaseMaintenance()).renewEpoch(url),
  },
};

const copyCommand: CommandHelp = {
  args: ["FROM", "TO"],
  purpose:
    "copy everything between a data directory and a PostgreSQL database, and compare the copy; no server may run",
};

const verifyErasedCommand: CommandHelp = {
  args: ["USER_ID"],
  purpose:
    "compact the data, and prove that nothing of an erased user remains in its rows and files; no server may run on a directory",
};

const commands: Readonly<Record<string, CommandHelp>> = {
  serve: serveCommand,
  "test-server": testServerCommand,
  ...maintenanceCommands,
  copy: copyCommand,
  "verify-erased": verifyErasedCommand,
  ...operatorCommands,
};

/** The command line is wrong. */
class UsageError extends Error {}

type Options = ReturnType<typeof parseCommandLine>["values"];

async function run(commandLine: readonly string[]): Promise<void> {
  const { values: options, positionals } = parseCommandLine(commandLine);
  const [first = "", second = ""] = positionals;
  const name = [`${first} ${second}`, first].find((each) => Object.hasOwn(commands, each));
  if (first === "help") return printText(helpFor(positionals.slice(1).join(" ")));
  if (options.help) return printText(helpFor(name ?? first));
  if (options.version) return printText(`${version()}\n`);
  if (name === undefined) throw unknownCommand(`${first} ${second}`.trim());
  const args = positionals.slice(name.split(" ").length);
  const allowed = commands[name]!.args;
  const required = allowed.filter((arg) => !arg.startsWith("[") && !arg.endsWith("]"));
  // An empty NAME is rejected like any other name that is invalid.
  const isEmpty = args.some((arg, index) => arg === "" && allowed[index] !== "NAME");
  const isRepeatable = allowed.at(-1)?.endsWith("…]") === true;
  if (args.length < required.length || (args.length > allowed.length && !isRepeatable) || isEmpty) {
    throw new UsageError(`Wrong arguments. \`palaver ${name}\` takes ${allowed.join(" ") || "none"}.`);
  }
  if (options.data === "") throw new UsageError("--data needs a directory.");
  if (name === "verify-erased") return runVerifyErased(args[0]!, options);
  if (options.export !== undefined || options.in !== undefined) {
    throw new UsageError(`\`palaver ${name}\` takes neither --export nor --in.`);
  }
  if (Object.hasOwn(operatorCommands, name)) return runOperatorCommand(name, args, options);
  if (Object.hasOwn(maintenanceCommands, name)) return runMaintenance(name, args, options);
  if (name === "copy") return runCopy(args as [string, string], options);
  if (options.json || options.data !== undefined) {
    throw new UsageError(
      `\`palaver ${name}\` takes neither --json nor --data.${name === "serve" ? " Use the environment." : ""}`,
    );
  }
  await (name === "serve" ? runServer() : runTestServer());
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
        export: { type: "string" },
        in: { type: "string", multiple: true },
      },
    });
  } catch (error) {
    // The sentences after the first are advice that does not apply here.
    throw new UsageError(`${(error as Error).message.split(". ")[0]}.`);
  }
}

function helpFor(name: string): string {
  if (name === "") {
    return help(
      { serve: serveCommand, "test-server": testServerCommand },
      {
        ...maintenanceCommands,
        copy: copyCommand,
        "verify-erased": verifyErasedCommand,
      },
    );
  }
  if (name === "serve") return helpOnServe(serveCommand);
  if (name === "test-server") return helpOnTestServer(testServerCommand);
  if (name === "copy") return helpOnCopy(copyCommand);
  if (name === "verify-erased") return helpOnVerifyErased(verifyErasedCommand);
  if (Object.hasOwn(maintenanceCommands, name)) return helpOnMaintenance(name, maintenanceCommands[name]!);
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
  { data, json = false }: Options,
): Promise<void> {
  const { password, check: checkRequest, request, format } = operatorCommands[name]!;
  const { PASSWORD_DENYLIST, SESSION_SECRET } = process.env;
  const config = {
    ...readStorage(data),
    get refusedPasswords() {
      return readConfig(password ? { PASSWORD_DENYLIST } : {}).refusedPasswords;
    },
    get sessionKeys() {
      return readConfig({ SESSION_SECRET }).sessionKeys;
    },
  };
  const onWait = (notice: string) =>
    process.stderr.write(json ? jsonLine({ code: "waiting", detail: notice }) : `palaver: ${notice}\n`);
  const send = (sent: OperatorRequest | undefined) => sendRequest(config, sent, exitWithError, { onWait });
  const typed: string[] = [];
  if (password) {
    const checked = send(checkRequest?.(...args));
    // Until the end, which closes the store.
    while (!(await checked.next()).done);
    typed.push(await readPassword(process.stdin, process.stderr));
  }
  const rows = send(request(...args, ...typed));
  const anyRow = await print((json ? jsonLines : format)(rows), process.stdout);
  if (!anyRow && !json) process.stderr.write("No results.\n");
}

/** The status of a process that SIGINT ended, as shells count it. */
const EXIT_AFTER_SIGINT = 130;
/** Runs a maintenance command on the directory that its arguments, its options or the environment name. */
async function runMaintenance(name: string, args: readonly string[], { data, json }: Options): Promise<void> {
  const { args: allowed, run: maintain, runOnDatabase } = maintenanceCommands[name]!;
  const named = args.length === allowed.length ? args[0] : undefined;
  if (named !== undefined && data !== undefined) {
    throw new UsageError("The data directory is given twice. Leave out DIR or --data.");
  }
  const { dataDir, storage } = readStorage(named ?? data);
  if (storage === "memory") {
    throw new Error(
      "Data in memory (DATABASE_URL=memory:) has no directory. Use --data with a data directory.",
    );
  }
  const target = allowed.length > 1 ? args.at(-1) : undefined;
  const report =
    "postgres" in storage
      ? await runOnDatabase(storage.postgres)
      : await maintain(named ?? data ?? dataDir, target);
  await printReport(report, json);
}

/** Prints the result of a command. Its exit status is 1 unless the data is sound. */
async function printReport({ lines, fields, sound }: Report, json: boolean | undefined): Promise<void> {
  await printText(json ? jsonLine(fields) : `${lines.join("\n")}\n`);
  process.exitCode = sound ? 0 : 1;
}

const PROGRESS_INTERVAL_MS = 1_000;

/** Runs `palaver copy`, with its progress on the standard error, at most once a second. */
async function runCopy([from, to]: readonly [string, string], { data, json }: Options): Promise<void> {
  if (data !== undefined) throw new UsageError("`palaver copy` takes FROM and TO, and not --data.");
  const { copyStore } = await import("./cli/copy.js");
  let printedAt = -Infinity;
  const report = await copyStore(from, to, ({ phase, table, rows }) => {
    if (performance.now() - printedAt < PROGRESS_INTERVAL_MS) return;
    printedAt = performance.now();
    process.stderr.write(
      json ? jsonLine({ code: phase, table, rows }) : `palaver: ${phase} ${table}: ${rows} rows\n`,
    );
  });
  await printReport(report, json);
}

/** Runs `palaver verify-erased`. Its exit status is 0 only if nothing was found. */
async function runVerifyErased(
  userId: string,
  { data, json, export: exportPath, in: searched = [] }: Options,
): Promise<void> {
  if (searched.length > 0 && exportPath === undefined) {
    throw new UsageError(
      "--in needs --export: without the words of the user there is nothing to search for.",
    );
  }
  const { dataDir, storage } = readStorage(data);
  if (storage === "memory") {
    throw new Error(
      "Data in memory (DATABASE_URL=memory:) cannot be verified. Use --data with a data directory.",
    );
  }
  const command = { userId, exportPath, searched };
  const { verifyErasedInDatabase, verifyErasedInDirectory } = await import("./cli/verify-erased.js");
  const report =
    "postgres" in storage
      ? await verifyErasedInDatabase(storage, command)
      : await verifyErasedInDirectory(data ?? dataDir, command);
  await printReport(report, json);
}

/** Reads only the variables that a command needs: those of the server alone may be invalid or unreadable here. */
function readStorage(directory: string | undefined): Pick<Config, "dataDir" | "storage"> {
  const { DATA_DIR, DATABASE_URL, DATABASE_POOL, DATABASE_DIRECT_URL } = process.env;
  const { dataDir, storage } = readConfig(
    directory === undefined
      ? { DATA_DIR, DATABASE_URL, DATABASE_POOL, DATABASE_DIRECT_URL }
      : { DATA_DIR: directory },
  );
  return { dataDir, storage };
}

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

async function runTestServer(): Promise<void> {
  const { openTestServer } = await import("./test-server.js");
  const server = await openTestServer();
  const stop = () => void server.close().then(() => process.exit(0), exitWithError);
  stopOnSignals(process, { stop, endNow: () => process.exit(EXIT_AFTER_SIGINT) });
  // The end of the test runner closes its pipe. A terminal, a file or /dev/null, as in the background, says nothing.
  const input = fstatSync(0);
  if (input.isFIFO() || input.isSocket()) process.stdin.on("error", stop).on("end", stop).resume();
  await printText(jsonLine({ url: server.url, control_url: server.controlUrl }));
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

#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { MessagingError } from "../domain/errors.js";
import { administration } from "./administration.js";
import { readConfig, variables } from "./config.js";
import { backUp, check, salvage, type Report } from "./maintenance.js";
import { columns, jsonLine, jsonLines, print, readPassword } from "./terminal.js";

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
    run: async (directory) => report(await check(directory)),
  },
  backup: {
    takes: ["DIR", "[NEWDIR]"],
    purpose: "copy a data directory as it is at one moment, and check the copy; the service may run",
    run: async (directory, target) => report(await backUp(directory, target)),
  },
  salvage: {
    takes: ["DIR", "NEWDIR"],
    purpose: "save what can be read of a damaged data directory into a new one, and tell what is missing",
    run: async (directory, target) => report(await salvage(directory, target)),
  },
};

const usage = (name: string, { takes }: Pick<Command, "takes">) => [name, ...takes].join(" ");

function purposes(all: Readonly<Record<string, Pick<Command, "takes" | "purpose">>>): string {
  return columns(Object.entries(all).map(([name, command]) => [usage(name, command), command.purpose]));
}

const OPTIONS = `Options:
${columns([
  ["-h, --help", "print this text; behind a command, what there is to know of it"],
  ["-v, --version", "print the version"],
])}`;

const OPTIONS_OF_ADMINISTRATION = columns([
  ["--data DIR", "the data directory; DATA_DIR, or else ./resources, unless given"],
  ["--json", "print JSON lines, one object a line, with fields named as in the HTTP API; errors too"],
]);

const EXIT_STATUS = `Exit status: 0 when all went well; 1 when the command was refused or failed, or something is damaged or missing, or the
service could not start or go on; 2 when the command was called wrongly.
`;

const help = `Usage: palaver COMMAND

Serving:
${purposes({ serve: commands["serve"]! })}

Looking after the data:
${purposes({ check: commands["check"]!, backup: commands["backup"]!, salvage: commands["salvage"]! })}

Administration, of a running server or of the data while none runs (USER is a username or a user_id):
${purposes(administration)}

${OPTIONS}

Options of administration:
${OPTIONS_OF_ADMINISTRATION}

Environment of \`palaver serve\`; an empty variable counts as one that is not set:
${columns(Object.entries(variables).map(([name, { purpose, allowed }]) => [name, `${purpose}: ${allowed}`]))}

${EXIT_STATUS}`;

const ABOUT_PASSWORDS = `
The password is asked for at a terminal, where it is not shown; else it is the first line of the standard input. It never stands
on the command line, where everybody on the machine could see it.
`;

const ABOUT_ADMINISTRATION = `
A server that runs on the data directory carries it out, and tells it in its log; where none runs, the command opens the
directory itself. Run it as the user that the server runs as.

Options:
${OPTIONS_OF_ADMINISTRATION}

${EXIT_STATUS}`;

/** What there is to know of one command, or of all that begin with a word. */
function helpOn(words: readonly string[]): string {
  const name = words.join(" ");
  if (name === "") return help;
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (known) return `Usage: palaver ${usage(name, known)}\n\n${sentenceOf(known.purpose)}\n`;
  const among = Object.entries(administration).filter(([each]) => `${each} `.startsWith(`${name} `));
  const [[exact, command] = []] = among;
  if (command === undefined) throw unknown(name);
  const passwords = among.some(([, { password }]) => password) ? ABOUT_PASSWORDS : "";
  const what =
    exact === name
      ? `${usage(name, command)} [--data DIR] [--json]\n\n${sentenceOf(command.purpose)}`
      : `${name} COMMAND\n\n${purposes(Object.fromEntries(among))}`;
  return `Usage: palaver ${what}\n${passwords}${ABOUT_ADMINISTRATION}`;
}

function sentenceOf(purpose: string): string {
  return `${purpose.charAt(0).toUpperCase()}${purpose.slice(1)}.`;
}

type Values = ReturnType<typeof parseCommandLine>["values"];

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args);
  const [first = "", second = ""] = positionals;
  if (first === "help") return say(helpOn(positionals.slice(1)));
  if (values.help) {
    const { name } = commandIn(positionals) ?? { name: first };
    return say(helpOn(name === "" ? [] : [name]));
  }
  if (values.version) return say(`${version()}\n`);
  const asked = commandIn(positionals);
  if (!asked) throw unknown([first, second].join(" ").trim());
  const { name, takes } = asked;
  const given = positionals.slice(name.split(" ").length);
  const required = takes.filter((what) => !what.startsWith("["));
  if (given.length < required.length || given.length > takes.length || given.includes("")) {
    throw new UsageError(`\`palaver ${name}\` takes ${takes.join(" ") || "nothing more"}.`);
  }
  if (Object.hasOwn(administration, name)) return runAdministration(name, given, values);
  if (values.json || values.data !== undefined) {
    throw new UsageError(`\`palaver ${name}\` takes neither --json nor --data.`);
  }
  await commands[name]!.run(...given);
}

/** The command that the first word names, or the first two. */
function commandIn([first = "", second = ""]: readonly string[]) {
  const all: Readonly<Record<string, Pick<Command, "takes">>> = { ...commands, ...administration };
  const name = [`${first} ${second}`, first].find((each) => Object.hasOwn(all, each));
  return name === undefined ? undefined : { name, takes: all[name]!.takes };
}

function unknown(name: string): UsageError {
  if (name === "") return new UsageError("No command was given.");
  const [first] = name.split(" ");
  const among = Object.keys(administration).filter((each) => each.startsWith(`${first} `));
  const next = among.map((each) => each.slice(each.indexOf(" ") + 1)).join(", ");
  const behind = next && ` Behind \`${first}\` comes one of ${next}.`;
  return new UsageError(`There is no command \`${name}\`.${behind}`);
}

async function runAdministration(name: string, given: readonly string[], { data, json }: Values) {
  const { password, shows } = administration[name]!;
  if (data === "") throw new UsageError("--data needs a directory.");
  // What only a server needs may be wrong here, or of somebody else.
  const { DATA_DIR, DATABASE_URL, PASSWORD_DENYLIST } = process.env;
  const { dataDir, storage } = readConfig(data ? { DATA_DIR: data } : { DATA_DIR, DATABASE_URL });
  const config = {
    dataDir,
    storage,
    get refusedPasswords() {
      return readConfig(password ? { PASSWORD_DENYLIST } : {}).refusedPasswords;
    },
  };
  const { administer } = await import("./control.js");
  const ask = (args: readonly string[], prepare = false) =>
    administer(config, { command: name, args, prepare }, die);
  const typed: string[] = [];
  if (password) {
    await ask(given, true).next();
    typed.push(await readPassword(process.stdin, process.stderr));
  }
  const rows = ask([...given, ...typed]);
  const any = await print((json ? jsonLines : shows)(rows), process.stdout);
  if (!any && !json) process.stderr.write("There is none.\n");
}

class UsageError extends Error {}

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
    // What follows the first sentence is advice for other programs.
    throw new UsageError(`${(error as Error).message.split(". ")[0]}.`);
  }
}

function version(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

async function say(text: string): Promise<void> {
  await print([text], process.stdout);
}

async function report({ lines, sound }: Report): Promise<void> {
  await say(`${lines.join("\n")}\n`);
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
  const detail = explain(error);
  process.stderr.write(asJson ? jsonLine({ code: codeOf(error), detail }) : `palaver: ${detail}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}

/** For programs: why the core refuses, or how else it went wrong. */
function codeOf(error: unknown): string {
  if (error instanceof MessagingError) return error.code;
  return error instanceof UsageError ? "wrong_usage" : "failed";
}

/** What to do about an error of the system, in any command but `serve`. */
const advice: Readonly<Record<string, string>> = {
  EACCES: "Run it as the user that the server runs as.",
  EPERM: "Run it as the user that the server runs as.",
  EROFS: "Name a directory that may be written to.",
  EEXIST: "Name a directory.",
  ENOTDIR: "Name a directory.",
  ENOSPC: "Make room on the disk.",
};

/** And at the start of the server. */
const adviceToServe: Readonly<Record<string, string>> = {
  EADDRINUSE: "Something else listens there: end it, or set PORT to another port.",
  EADDRNOTAVAIL: "Set HOST to an address of this machine.",
  ENOTFOUND: "Set HOST to an address of this machine.",
  EACCES:
    "Set DATA_DIR to a directory that may be written to, and PORT to a port that may be listened on; or run it as another user.",
  EROFS: "Set DATA_DIR to a directory that may be written to.",
  EEXIST: "Set DATA_DIR to a directory.",
  ENOTDIR: "Set DATA_DIR to a directory.",
  ENOENT: "Set DATA_DIR to a directory that can be made.",
  ENOSPC: "Make room on the disk.",
};

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UsageError) return `${error.message} \`palaver --help\` tells what there is.`;
  const known = serving ? adviceToServe : advice;
  const next = "code" in error && known[String(error.code)];
  if (next) return `${error.message}. ${next}`;
  // What has no message for people is a bug, and needs its trace.
  const isBug = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return isBug ? (error.stack ?? error.message) : error.message;
}

const given = process.argv.slice(2);
const serving = given[0] === "serve";
/** Also where the line can't be understood. */
const asJson = given.includes("--json");
run(given).catch(die);

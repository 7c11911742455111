import { variables } from "../config.js";
import { operatorCommands, type OperatorCommand } from "./operator-commands.js";
import { columns } from "./terminal.js";

/** A command as the help describes it. */
export interface CommandHelp {
  /** The names of its arguments, optional ones in brackets, which can begin at one and end at the next. */
  readonly args: readonly string[];
  readonly purpose: string;
  /** Paragraphs of the help on a maintenance command for PostgreSQL databases only, which takes no directory. */
  readonly about?: string;
}

type Commands = Readonly<Record<string, CommandHelp>>;

const OPTIONS = columns([
  ["-h, --help", "print this text; after a command, the help on that command"],
  ["-v, --version", "print the version"],
]);

const OPERATOR_OPTIONS = columns([
  [
    "--data DIR",
    "the data directory; default the store of DATABASE_URL, or else DATA_DIR, or else ./resources",
  ],
  ["--json", "print JSON lines, one object per line, with the fields of the HTTP API; errors too"],
]);

const EXIT_STATUS = `Exit status: 0 on success; 1 when the command is rejected or fails, data is damaged or missing, or the server cannot start
or continue; 2 when the command line is wrong.
`;

const ABOUT_PASSWORDS = `
The password is asked for at a terminal, which does not show it. Otherwise it is the first line of the standard input. It is
never an argument, since all users of the machine can read the arguments of a process.
`;

const ABOUT_NEW_DIRECTORY = `
A single argument is NEWDIR, which must be empty or not exist. DIR is the directory of --data.
`;

const ABOUT_TEST_SERVER = `
It runs in memory, and changes no files. It prints one line of JSON: \`url\` is the API as clients use it, \`control_url\` has the
calls of the harness, see docs/testing.md. It ends with SIGTERM or SIGINT, or when the pipe that is its standard input closes.
`;

const ABOUT_COPY = `
FROM and TO are a data directory or postgres://USER@HOST/DATABASE, at least one of them the latter. FROM is left unchanged. TO is
a new directory or an empty database; it stays empty unless all of FROM is in it. Set PGPASSWORD, since all users of the
machine can read the arguments of a process.

Options:
${columns([["--json", "print JSON lines, the progress and errors too"]])}
`;

const VERIFY_ERASED_OPTIONS = columns([
  ["--export FILE", "an export of the user from before the erasure, whose names and texts are searched for"],
  ["--in PATH", "another file or directory to search, such as a backup or an old export; can be repeated"],
]);

const ABOUT_VERIFY_ERASED = `
It replaces the files in a data directory by a new snapshot, and reads all rows and the bytes of all files. Of a database it vacuums
the tables, and reads the rows. Without --export it recognises the username among the words of the data by its digest; texts cannot be
searched for. Its output says what was not searched.
`;

const JSON_OPTION = columns([["--json", "print a line of JSON, errors too"]]);

const ABOUT_OPERATOR_COMMANDS = `
A server that runs on the data directory carries out the command and records it in its log. If none runs, the command opens
the directory itself. Run it as the user that the server runs as. With DATABASE_URL=postgres://… the command opens the
database itself, also while servers run.

Options:
${OPERATOR_OPTIONS}

${EXIT_STATUS}`;

const ENVIRONMENT = `Environment of \`palaver serve\`; an empty variable counts as unset:
${columns(Object.entries(variables).map(([name, { purpose, allowed }]) => [name, `${purpose}: ${allowed}`]))}

`;

/** Returns the help on all commands. */
export function help(serving: Commands, maintenance: Commands): string {
  return `Usage: palaver COMMAND

Serving:
${list(serving)}

Maintenance of a data directory or a PostgreSQL database:
${list(maintenance)}

Administration of a running server, or of the data while none runs (USER is a username or a user_id):
${list(operatorCommands)}

Options:
${OPTIONS}

Options of maintenance and administration:
${OPERATOR_OPTIONS}

${ENVIRONMENT}${EXIT_STATUS}`;
}

/** Returns the help on `palaver serve`, with every setting. */
export function helpOnServe(command: CommandHelp): string {
  return `Usage: palaver ${usage("serve", command)}\n\n${sentence(command.purpose)}\n\n${ENVIRONMENT}${EXIT_STATUS}`;
}

/** Returns the help on `palaver test-server`. */
export function helpOnTestServer(command: CommandHelp): string {
  return `Usage: palaver ${usage("test-server", command)}\n\n${sentence(command.purpose)}\n${ABOUT_TEST_SERVER}\n${EXIT_STATUS}`;
}

/** Returns the help on a maintenance command. */
export function helpOnMaintenance(name: string, command: CommandHelp): string {
  if (command.about !== undefined) {
    const onDatabase = `${usage(name, command)} [--json]\n\n${sentence(command.purpose)}\n${command.about}`;
    return `Usage: palaver ${onDatabase}\nOptions:\n${JSON_OPTION}\n\n${EXIT_STATUS}`;
  }
  const about = `${usage(name, command)} [--data DIR] [--json]\n\n${sentence(command.purpose)}`;
  const target = command.args.some((arg) => arg.includes("NEWDIR")) ? ABOUT_NEW_DIRECTORY : "";
  return `Usage: palaver ${about}\n${target}\nOptions:\n${OPERATOR_OPTIONS}\n\n${EXIT_STATUS}`;
}

/** Returns the help on `palaver copy`. */
export function helpOnCopy(command: CommandHelp): string {
  return `Usage: palaver ${usage("copy", command)} [--json]\n\n${sentence(command.purpose)}\n${ABOUT_COPY}\n${EXIT_STATUS}`;
}

/** Returns the help on `palaver verify-erased`. */
export function helpOnVerifyErased(command: CommandHelp): string {
  const about = `${usage("verify-erased", command)} [--export FILE] [--in PATH] [--data DIR] [--json]\n\n${sentence(command.purpose)}`;
  return `Usage: palaver ${about}\n${ABOUT_VERIFY_ERASED}\nOptions:\n${VERIFY_ERASED_OPTIONS}\n${OPERATOR_OPTIONS}\n\n${EXIT_STATUS}`;
}

/** Returns the help on one command of the operator, or on those that share a first word. `undefined` if there is none. */
export function helpOnOperatorCommands(name: string): string | undefined {
  const found = Object.entries(operatorCommands).filter(([each]) => `${each} `.startsWith(`${name} `));
  if (found.length === 0) return undefined;
  const exact: OperatorCommand | undefined = operatorCommands[name];
  const about = exact
    ? `${usage(name, exact)} [--data DIR] [--json]\n\n${sentence(exact.purpose)}`
    : `${name} COMMAND\n\n${list(Object.fromEntries(found))}`;
  const passwords = found.some(([, { password }]) => password) ? ABOUT_PASSWORDS : "";
  return `Usage: palaver ${about}\n${passwords}${ABOUT_OPERATOR_COMMANDS}`;
}

function list(commands: Commands): string {
  return columns(Object.entries(commands).map(([name, command]) => [usage(name, command), command.purpose]));
}

function usage(name: string, { args }: CommandHelp): string {
  return [name, ...args].join(" ");
}

function sentence(purpose: string): string {
  return `${purpose.charAt(0).toUpperCase()}${purpose.slice(1)}.`;
}

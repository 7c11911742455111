import { pino, type LevelWithSilent, type Logger } from "pino";

/** How many characters may wait for the end of a turn. */
const MAX_WAIT_SECONDS = 8_192;

/** How many bytes wait for an output that takes none, a file on a full disk say. What comes then is lost. */
const MOST_UNWRITTEN = 2 ** 20;

/**
 * The log of the process, as JSON lines on its standard output. The lines of one turn of the event loop go out together, at
 * its end: a system call for each line is a twentieth of what a request costs. Where the output takes none, the process goes on.
 */
export function openLog(level: LevelWithSilent): Logger {
  // It can wait and gather by itself, but what it has gathered it also has made durable: where the log is a file, that is a
  // sync of the disk a turn, for which the event loop waits.
  const output = pino.destination({ sync: true, maxLength: MOST_UNWRITTEN });
  // There is no other place to tell of it; with the next lines it is tried again.
  output.on("error", () => {});
  let lines = "";
  const flush = () => {
    if (lines === "") return;
    output.write(lines);
    lines = "";
  };
  process.once("exit", flush);
  const turn = {
    write(line: string): void {
      if (lines === "") setImmediate(flush);
      lines += line;
      if (lines.length > MAX_WAIT_SECONDS) flush();
    },
  };
  return pino({ level, base: null }, turn);
}

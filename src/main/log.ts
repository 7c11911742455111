import { pino, type LevelWithSilent, type Logger } from "pino";

/** How many bytes may wait for the end of a turn. The library writes no more than twice as many at once. */
const LONGEST_WAIT = 8_192;

/**
 * The log of the process, as JSON lines on its standard output. The lines of one turn of the event loop go out together, at
 * its end: a system call for each line is a twentieth of what a request costs.
 */
export function openLog(level: LevelWithSilent): Logger {
  const output = pino.destination({ sync: true, minLength: LONGEST_WAIT });
  let due = false;
  const flush = () => {
    due = false;
    output.flushSync();
  };
  process.once("exit", flush);
  const turn = {
    write(line: string): void {
      output.write(line);
      if (due) return;
      due = true;
      setImmediate(flush);
    },
  };
  return pino({ level, base: null }, turn);
}

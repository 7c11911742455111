import { pino, type LevelWithSilent, type Logger } from "pino";
import type { Opening } from "../adapters/sqlite/store.js";

/** Buffered lines are written at this size, without waiting for the end of the turn. */
const MAX_BUFFERED_CHARACTERS = 8_192;

/** Lines wait here while the output does not accept them, such as a file on a full disk. Further lines are dropped. */
const MAX_PENDING_BYTES = 2 ** 20;

/**
 * Opens the log of the process: JSON lines on standard output. The lines of one turn of the event loop are written
 * together at its end, since a system call per line costs a twentieth of a request. An output that does not accept lines
 * does not stop the process.
 */
export function openLog(level: LevelWithSilent): Logger {
  // pino's own buffering syncs a file at every flush, and the event loop would wait for the disk in each turn.
  const output = pino.destination({ sync: true, maxLength: MAX_PENDING_BYTES });
  // There is no other place to report it. The next line retries the write.
  output.on("error", () => {});
  let lines = "";
  const flush = () => {
    if (lines === "") return;
    output.write(lines);
    lines = "";
  };
  process.once("exit", flush);
  const buffer = {
    write(line: string): void {
      if (lines === "") setImmediate(flush);
      lines += line;
      if (lines.length > MAX_BUFFERED_CHARACTERS) flush();
    },
  };
  return pino({ level, base: null }, buffer);
}

/** Logs what opening the store found. */
export function logOpening({ last, replayed, torn, migratedFrom }: Opening, log: Logger): void {
  log.info({ transactions: last, replayed }, "The data is open.");
  if (torn)
    log.warn({ ...torn }, "The last commit was incomplete and is discarded. It was not acknowledged.");
  if (migratedFrom) log.info({ from: migratedFrom }, "The data was migrated from an older version.");
}

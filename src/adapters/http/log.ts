/** Where the log goes, a line a call. A pino logger is one, and so is the console. */
export interface Log {
  debug(fields: object): void;
  info(fields: object): void;
  error(fields: object): void;
}

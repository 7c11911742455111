/** The log: each call writes one line. A pino logger and the console both conform. */
export interface Log {
  debug(fields: object): void;
  info(fields: object): void;
  error(fields: object): void;
}

/** The loggable part of an error. Other properties of an error may hold user input, and stay out of the log. */
export function toLoggableError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error;
  const { name, message, stack, cause } = error;
  return { name, message, stack, ...(cause === undefined ? {} : { cause: toLoggableError(cause) }) };
}

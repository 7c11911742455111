/** Thrown where a file of the store differs from what was written to it. The files are left unchanged. */
export class DamageError extends Error {
  override readonly name = "DamageError";
  readonly file: string;
  /** The position in the file, in bytes; 0 if it is not known. */
  readonly offset: number;
  /** What is damaged, without advice. */
  readonly finding: string;

  constructor(file: string, offset: number, finding: string, options?: { readonly cause?: unknown }) {
    super(
      `${finding} Restore the directory from a backup, or save what can be read with "palaver salvage".`,
      options,
    );
    this.file = file;
    this.offset = offset;
    this.finding = finding;
  }
}

/**
 * @param offset undefined if the position is not known.
 * @param fault completes the sentence that begins with the file and the offset.
 */
export function damage(
  file: string,
  offset: number | undefined,
  fault: string,
  cause?: unknown,
): DamageError {
  const where = offset === undefined ? "" : ` at byte ${offset}`;
  return new DamageError(file, offset ?? 0, `${file} is damaged${where}: ${fault}.`, { cause });
}

/** Whether it is a `DamageError`, also one of another thread, which has lost its class and kept its fields. */
export function isDamage(error: unknown): error is DamageError {
  return error instanceof Error && error.name === "DamageError";
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

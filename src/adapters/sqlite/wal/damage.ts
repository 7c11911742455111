/** Thrown where a file of the store differs from what was written to it. The files are left unchanged. */
export class DamageError extends Error {
  override readonly name = "DamageError";
  readonly file: string;
  /** The position in the file, in bytes. */
  readonly offset: number;

  constructor(file: string, offset: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.file = file;
    this.offset = offset;
  }
}

/** @param fault completes the sentence that begins with the file and the offset. */
export function damage(file: string, offset: number, fault: string, cause?: unknown): DamageError {
  return new DamageError(
    file,
    offset,
    `${file} is damaged at byte ${offset}: ${fault}. Restore the directory from a backup, or save what can be read with "palaver salvage".`,
    { cause },
  );
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

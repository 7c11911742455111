/** A file of the store is not what was written to it. Nothing was changed. */
export class DamageError extends Error {
  override readonly name = "DamageError";
  readonly file: string;
  /** Where in the file, in bytes. */
  readonly offset: number;

  constructor(file: string, offset: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.file = file;
    this.offset = offset;
  }
}

/** @param fault what is wrong, as the end of a sentence. */
export function damage(file: string, offset: number, fault: string, cause?: unknown): DamageError {
  return new DamageError(
    file,
    offset,
    `${file} is damaged at byte ${offset}: ${fault}. Put a backup in the place of the directory, or save what can be read with "palaver salvage".`,
    { cause },
  );
}

import { resolve } from "node:path";
import { checkStore, backUpStore } from "../../adapters/sqlite/inspection.js";
import { salvageStore } from "../../adapters/sqlite/salvage.js";
import { assertOwnFiles } from "../owner.js";

/** The result of a maintenance command. */
export interface Report {
  /** The text to print. */
  readonly lines: readonly string[];
  /** The same as the fields of one JSON object. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** False if anything is damaged or missing. */
  readonly sound: boolean;
}

/** Checks a data directory, which a running server may have open, and changes nothing. */
export async function checkDirectory(directory: string): Promise<Report> {
  const { last, torn, faults } = await checkStore(directory);
  const incomplete = torn
    ? [`${torn.file} ends with an incomplete commit at byte ${torn.offset}. It was not acknowledged.`]
    : [];
  const sound = last !== undefined && faults.length === 0;
  const end = sound ? `${directory} is sound, up to transaction ${last}.` : `${directory} is damaged.`;
  return {
    lines: [...faults, ...incomplete, end],
    fields: { directory, sound, last_transaction: last ?? null, incomplete_commit: torn ?? null, faults },
    sound,
  };
}

/** Copies a data directory, which a running server may have open, as of one moment, and checks the copy. */
export async function backUp(directory: string, target = defaultTarget(directory)): Promise<Report> {
  const { last, bytes } = await backUpStore(directory, target);
  return {
    lines: [`${target} holds ${directory} up to transaction ${last}, in ${bytes} bytes, and is sound.`],
    fields: { directory, target, sound: true, last_transaction: last, bytes },
    sound: true,
  };
}

/** Explains that a data directory needs no other epoch. */
export async function explainEpoch(directory: string): Promise<Report> {
  return {
    lines: [
      `${directory} needs no other epoch: each start of a server on a data directory begins one, and cursors of lost events expire. Nothing was changed.`,
    ],
    fields: { directory, renewed: false },
    sound: true,
  };
}

function defaultTarget(directory: string): string {
  const now = new Date().toISOString().replaceAll(":", "-");
  return `${resolve(directory)}-backup-${now}`;
}

/**
 * Saves the readable part of a damaged data directory into a new one.
 *
 * @throws Error if this process is root and the directory belongs to another user: it locks the directory, with a file there.
 */
export async function salvage(directory: string, target: string): Promise<Report> {
  assertOwnFiles(directory);
  const { last, faults, missing, leftOut, rowsLeftOut } = await salvageStore(directory, target);
  const gaps = missing.map(([first, end]) =>
    first === end ? `Transaction ${first} is missing.` : `Transactions ${first} to ${end} are missing.`,
  );
  if (leftOut.length > 0)
    gaps.push(`Left out, since they depend on missing transactions: ${leftOut.join(", ")}.`);
  if (rowsLeftOut > 0) gaps.push(`Left out, since they depend on missing rows: ${rowsLeftOut} rows.`);
  const end = `${target} holds the readable part of ${directory}, up to transaction ${last}.`;
  const sound = faults.length + gaps.length === 0;
  return {
    lines: [...faults, ...gaps, end],
    fields: {
      directory,
      target,
      sound,
      last_transaction: last,
      faults,
      missing_transactions: missing.map(([from, to]) => ({ first: from, last: to })),
      left_out_transactions: leftOut,
      left_out_rows: rowsLeftOut,
    },
    sound,
  };
}

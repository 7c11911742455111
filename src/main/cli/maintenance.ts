import { resolve } from "node:path";
import { checkStore, backUpStore } from "../../adapters/sqlite/inspection.js";
import { salvageStore } from "../../adapters/sqlite/salvage.js";

/** The result of a maintenance command. */
export interface Report {
  /** The text to print. */
  readonly lines: readonly string[];
  /** False if anything is damaged or missing. */
  readonly sound: boolean;
}

/** Checks a data directory, which a running server may have open, and changes nothing. */
export async function checkDirectory(directory: string): Promise<Report> {
  const { last, torn, faults } = await checkStore(directory);
  const incomplete = torn
    ? [`${torn.file} ends with an incomplete commit at byte ${torn.offset}. It was not acknowledged.`]
    : [];
  if (last === undefined || faults.length > 0) {
    return { lines: [...faults, ...incomplete, `${directory} is damaged.`], sound: false };
  }
  return { lines: [...incomplete, `${directory} is sound, up to transaction ${last}.`], sound: true };
}

/** Copies a data directory, which a running server may have open, as of one moment, and checks the copy. */
export async function backUp(directory: string, target = defaultTarget(directory)): Promise<Report> {
  const { last, bytes } = await backUpStore(directory, target);
  return {
    lines: [`${target} holds ${directory} up to transaction ${last}, in ${bytes} bytes, and is sound.`],
    sound: true,
  };
}

function defaultTarget(directory: string): string {
  const now = new Date().toISOString().replaceAll(":", "-");
  return `${resolve(directory)}-backup-${now}`;
}

/** Saves the readable part of a damaged data directory into a new one. */
export async function salvage(directory: string, target: string): Promise<Report> {
  const { last, faults, missing, leftOut, rowsLeftOut } = await salvageStore(directory, target);
  const gaps = missing.map(([first, end]) =>
    first === end ? `Transaction ${first} is missing.` : `Transactions ${first} to ${end} are missing.`,
  );
  if (leftOut.length > 0)
    gaps.push(`Left out, since they depend on missing transactions: ${leftOut.join(", ")}.`);
  if (rowsLeftOut > 0) gaps.push(`Left out, since they depend on missing rows: ${rowsLeftOut} rows.`);
  const end = `${target} holds the readable part of ${directory}, up to transaction ${last}.`;
  return { lines: [...faults, ...gaps, end], sound: faults.length + gaps.length === 0 };
}

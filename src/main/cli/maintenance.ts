import { resolve } from "node:path";
import { checkStore, backUpStore } from "../../adapters/sqlite/inspection.js";
import { salvageStore } from "../../adapters/sqlite/salvage.js";

/** What a command has to say, line by line, and whether all is well. */
export interface Report {
  readonly lines: readonly string[];
  readonly sound: boolean;
}

/** Reads a data directory, of a running service too, and changes nothing. */
export async function check(directory: string): Promise<Report> {
  const { last, torn, faults } = await checkStore(directory);
  const cut = torn
    ? [`The end of ${torn.file} from byte ${torn.offset} is cut off. Nobody was told that it is stored.`]
    : [];
  if (last === undefined || faults.length > 0) {
    return { lines: [...faults, ...cut, `${directory} is damaged.`], sound: false };
  }
  return { lines: [...cut, `${directory} is sound, up to transaction ${last}.`], sound: true };
}

/** Copies a data directory, of a running service too, as it is at one moment, and checks the copy. */
export async function backUp(directory: string, target = backupOf(directory)): Promise<Report> {
  const { last, bytes } = await backUpStore(directory, target);
  return {
    lines: [`${target} holds ${directory} up to transaction ${last}, in ${bytes} bytes, and is sound.`],
    sound: true,
  };
}

function backupOf(directory: string): string {
  const now = new Date().toISOString().replaceAll(":", "-");
  return `${resolve(directory)}-backup-${now}`;
}

/** Saves what can be read of a damaged data directory into a new one. */
export async function salvage(directory: string, target: string): Promise<Report> {
  const { last, faults, missing, leftOut, rowsLeftOut } = await salvageStore(directory, target);
  const gaps = missing.map(([first, end]) =>
    first === end ? `Transaction ${first} is missing.` : `The transactions ${first} to ${end} are missing.`,
  );
  if (leftOut.length > 0) gaps.push(`Left out, since they need what is missing: ${leftOut.join(", ")}.`);
  if (rowsLeftOut > 0) gaps.push(`Left out, since they need what is missing: ${rowsLeftOut} rows.`);
  const end = `${target} holds what could be read of ${directory}, up to transaction ${last}.`;
  return { lines: [...faults, ...gaps, end], sound: faults.length + gaps.length === 0 };
}

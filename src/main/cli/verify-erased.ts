import type { CopySource } from "../../adapters/sql/copy.js";
import {
  EVENTS,
  readReservedName,
  readUserRows,
  type ReservedName,
  type UserRows,
} from "../../adapters/sql/remnants.js";
import type { UserId } from "../../domain/user.js";
import type { PostgresStorage } from "../settings.js";
import { assertOwnFiles } from "../owner.js";
import type { Report } from "./maintenance.js";
import { filesAt, NameFinder, readParts, readWords, Words, type Findings } from "./words.js";

export interface VerifyErased {
  readonly userId: string;
  /** The path of an export of the user from before the erasure, which has the names and texts to search for. */
  readonly exportPath: string | undefined;
  /** Other files and directories to search, such as backups and exports. */
  readonly searched: readonly string[];
}

/**
 * Reads the export, if one is given, then compacts the store in a directory, and searches its rows and the bytes of its files for
 * what an erasure does not leave of a user.
 *
 * @throws Error if the export cannot be read or is of another user, or a process uses the directory.
 */
export async function verifyErasedInDirectory(directory: string, command: VerifyErased): Promise<Report> {
  assertOwnFiles(directory);
  const exported = await readExport(command);
  const { openCompactedSource } = await import("../../adapters/sqlite/compacted-source.js");
  const source = await openCompactedSource(directory);
  try {
    const about = {
      place: directory,
      done: `The store in ${directory} was compacted.`,
      notSearched: ["Backups and copies elsewhere, unless they are named with --in."],
      remnants: [],
    };
    return await verify(source, source.files, command, exported, about);
  } finally {
    await source.close();
  }
}

/** As `verifyErasedInDirectory`, for the rows of a database. Servers may run. */
export async function verifyErasedInDatabase(
  { postgres: url }: Pick<PostgresStorage, "postgres">,
  command: VerifyErased,
): Promise<Report> {
  const { describeDatabase } = await import("../../adapters/postgres/database-url.js");
  const { openPostgresSource } = await import("../../adapters/postgres/copy.js");
  const { countIndexedTombstones, vacuum } = await import("../../adapters/postgres/inspection.js");
  const exported = await readExport(command);
  await vacuum(url);
  const indexed = await countIndexedTombstones(url, command.userId);
  const source = await openPostgresSource(url);
  try {
    const place = `the database ${describeDatabase(url)}`;
    const about = {
      place,
      done: `The tables of ${place} were vacuumed.`,
      notSearched: [
        "The files of PostgreSQL: freed space in its tables can keep old bytes until it is used again, or until VACUUM FULL.",
        "The write-ahead log, its archive, standbys, and backups.",
      ],
      remnants: indexed > 0 ? [`The search index has deleted messages of the user: ${indexed}.`] : [],
    };
    return await verify(source, [], command, exported, about);
  } finally {
    await source.close();
  }
}

function readExport({ exportPath, userId }: VerifyErased): Promise<Words> | undefined {
  return exportPath === undefined ? undefined : readWords(exportPath, userId);
}

/** Columns that contain a short name by chance. */
const IS_TECHNICAL = /[._](id|digest|key|epoch|kind)$/;

interface Place {
  readonly place: string;
  /** What was done before the search. */
  readonly done: string;
  /** Sentences on what cannot be searched. */
  readonly notSearched: readonly string[];
  /** A sentence for each remnant that the rows of a copy do not show. */
  readonly remnants: readonly string[];
}

async function verify(
  source: CopySource,
  files: readonly string[],
  { userId, searched }: VerifyErased,
  exported: Words | undefined,
  { place, done, notSearched: always, remnants: others }: Place,
): Promise<Report> {
  const id = userId as UserId;
  const notSearched = [...always];
  const reserved = exported === undefined ? await readReservedName(source, id) : undefined;
  const words = exported ?? (await recognisedName(source, files, id, reserved, notSearched));
  if (words.tooShort > 0) {
    notSearched.push(`Names and texts that are too short to be told apart from others: ${words.tooShort}.`);
  }
  /** How often the words are in rows of others, by table and column. */
  const inRows = new Map<string, number>();
  const wordsInRows = new Set<Buffer>();
  const noteWord = (word: Buffer) => wordsInRows.add(word).has(word);
  const rows = await readUserRows(source, id, (text, column) => {
    const { names, texts } = words.findIn(Buffer.from(text), undefined, noteWord);
    if (names + texts > 0) inRows.set(column, (inRows.get(column) ?? 0) + names + texts);
  });
  const remnants = [...stateRemnants(rows, userId), ...rows.remnants, ...others];
  const named = inRows.get(EVENTS) ?? 0;
  if (named > 0) remnants.push(`The event log has names or texts of the user: ${named}.`);
  for (const path of files) {
    // The snapshot has the rows, whose words are counted there.
    const isOfRows = path.endsWith(".sqlite");
    const counts = (word: Buffer) => !isOfRows || !wordsInRows.has(word);
    const { names, texts } = await findInFile(path, words, counts);
    if (names + texts > 0) remnants.push(inFile(path, names, texts));
  }
  for (const path of searched.flatMap(filesAt)) {
    const { names, texts } = await findInFile(path, words);
    if (names + texts > 0) remnants.push(inFile(path, names, texts));
  }
  const sound = remnants.length === 0;
  const inOtherRows = [...inRows].filter(([column]) => column !== EVENTS && !IS_TECHNICAL.test(column));
  const notes = inOtherRows.map(
    ([column, count]) => `Names or texts of the user are also in rows that stay, in ${column}: ${count}.`,
  );
  const end = sound
    ? `Nothing of the user ${userId} was found in ${[place, ...searched].join(", ")}.`
    : `The erasure of the user ${userId} is not proven.`;
  return {
    lines: [
      ...remnants,
      ...notes,
      done,
      reserved === undefined
        ? `Searched for names and texts: ${words.count}.`
        : "Searched for the username by its digest.",
      ...notSearched.map((each) => `Not searched: ${each}`),
      end,
    ],
    fields: {
      user_id: userId,
      state: rows.state.replace(" ", "_"),
      sound,
      remnants,
      searched_words: words.count,
      in_rows_that_stay: Object.fromEntries(inOtherRows),
      not_searched: notSearched,
    },
    sound,
  };
}

function stateRemnants({ state }: UserRows, userId: string): readonly string[] {
  return {
    erased: [],
    unknown: [`No user has the user_id ${userId}.`],
    "not deleted": [`The user ${userId} is not deleted. Run \`palaver user erase\`.`],
    "being erased": [
      `The erasure of the user ${userId} is in progress. Start a server, and try again later.`,
    ],
  }[state];
}

/** The name of a deleted user, if it is one of the words of rows or files. */
async function recognisedName(
  source: CopySource,
  files: readonly string[],
  id: UserId,
  reserved: ReservedName | undefined,
  notSearched: string[],
): Promise<Words> {
  notSearched.push(
    "Texts and display names of the user, and names within other words. Use --export with an export of the user from before.",
  );
  const words = new Words();
  if (reserved === undefined) return words;
  const finder = new NameFinder(reserved);
  await readUserRows(source, id, (text) => finder.findIn(text));
  for (const path of files) await readParts(path, (bytes) => finder.findIn(bytes.toString("utf8")));
  if (finder.isIncomplete) {
    notSearched.push(
      "The username, in a part of the words: there are too many to compare each with its digest.",
    );
  }
  if (finder.found !== undefined) words.addName(finder.found);
  return words;
}

async function findInFile(path: string, words: Words, counts?: (word: Buffer) => boolean): Promise<Findings> {
  let [names, texts] = [0, 0];
  await readParts(path, (bytes, end) => {
    const found = words.findIn(bytes, end, counts);
    names += found.names;
    texts += found.texts;
  });
  return { names, texts };
}

function inFile(path: string, names: number, texts: number): string {
  return `The file ${path} has names of the user: ${names}, and texts: ${texts}.`;
}

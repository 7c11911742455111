import { describeDatabase } from "../../adapters/postgres/database-url.js";
import { inspectDatabase, replaceEpoch } from "../../adapters/postgres/inspection.js";
import type { Report } from "./maintenance.js";

/** Checks the data in a database, which running servers may use, and changes nothing. */
export async function checkDatabase(url: string): Promise<Report> {
  const database = describeDatabase(url);
  const { version, outboxRows, missingPositions, faults } = await inspectDatabase(url);
  const sound = faults.length === 0;
  const notes = [
    ...(outboxRows > 0
      ? [`Events in the outbox: ${outboxRows}. A running server moves them to the event log.`]
      : []),
    ...(missingPositions > 0
      ? [`Positions of the event log without an event: ${missingPositions}. Deleted chats leave such gaps.`]
      : []),
  ];
  const end = `The database ${database} is ${sound ? "sound" : "damaged"}, with version ${version} of the schema.`;
  return {
    lines: [...faults, ...notes, end],
    fields: {
      database,
      sound,
      schema_version: version,
      outbox_rows: outboxRows,
      missing_event_positions: missingPositions,
      faults,
    },
    sound,
  };
}

/** Gives the event log in a database another epoch. */
export async function renewEpoch(url: string): Promise<Report> {
  const database = describeDatabase(url);
  const epoch = await replaceEpoch(url);
  return {
    lines: [
      `The event log of the database ${database} has the new epoch ${epoch}. Running servers end their streams within two seconds, and clients read their chats again.`,
    ],
    fields: { database, renewed: true, epoch },
    sound: true,
  };
}

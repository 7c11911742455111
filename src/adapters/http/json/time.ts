import { isTime } from "../../../domain/chat-settings.js";

/** Formats epoch milliseconds as RFC 3339 in UTC, with milliseconds. */
export function timeJson(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Formats epoch milliseconds as `timeJson` does, and null as null. */
export function nullableTimeJson(epochMs: number | null): string | null {
  return epochMs === null ? null : timeJson(epochMs);
}

const RFC_3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Epoch milliseconds of a time in RFC 3339, of any offset; undefined for any other text, such as the 30th of February. */
export function parseTime(time: string): number | undefined {
  const [, local] = RFC_3339.exec(time) ?? [];
  const epochMs = Date.parse(time);
  if (local === undefined || !isTime(epochMs)) return undefined;
  // `Date.parse` accepts days that the month does not have.
  return timeJson(Date.parse(`${local}Z`)).startsWith(local) ? epochMs : undefined;
}

/** Formats epoch milliseconds as RFC 3339 in UTC, with milliseconds. */
export function timeJson(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Formats epoch milliseconds as `timeJson` does, and null as null. */
export function nullableTimeJson(epochMs: number | null): string | null {
  return epochMs === null ? null : timeJson(epochMs);
}

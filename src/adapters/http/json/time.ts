/** RFC 3339, in UTC, with milliseconds. */
export function timeJson(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toISOString();
}

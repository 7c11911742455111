/** Times as people read them, in the language and the time zone of the browser. Parameters are RFC 3339 texts or epoch milliseconds. */
type Time = string | number;

const DAY_MS = 86_400_000;
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const LONG_DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const LONG_DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** `14:05` */
export function timeOf(time: Time): string {
  return TIME.format(new Date(time));
}

/** `30 Nov 2026, 14:05` */
export function fullTimeOf(time: Time): string {
  return FULL.format(new Date(time));
}

/** A short time for a list: the time of today, the weekday of the last six days, else the day. */
export function shortTimeOf(time: Time, now = Date.now()): string {
  const date = new Date(time);
  const days = daysBetween(date, new Date(now));
  if (days <= 0) return TIME.format(date);
  if (days < 7) return WEEKDAY.format(date);
  return isSameYear(date, new Date(now)) ? DAY.format(date) : DAY_OF_YEAR.format(date);
}

/** A day, for a line between messages: `today`, `yesterday`, `Monday, 30 November`. */
export function dayOf(time: Time, now = Date.now()): string {
  const date = new Date(time);
  const days = daysBetween(date, new Date(now));
  if (days === 0 || days === 1) return RELATIVE.format(-days, "day");
  return isSameYear(date, new Date(now)) ? LONG_DAY.format(date) : LONG_DAY_OF_YEAR.format(date);
}

export function isSameDay(one: Time, other: Time): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

/** The number of midnights between two times. */
function daysBetween(earlier: Date, later: Date): number {
  const start = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return (start(later) - start(earlier)) / DAY_MS;
}

function isSameYear(one: Date, other: Date): boolean {
  return one.getFullYear() === other.getFullYear();
}

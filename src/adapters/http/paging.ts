import type { Context } from "koa";
import { z } from "zod";

/** How many things a page has where the client does not say. */
export const DEFAULT_LIMIT = 100;

/** A parameter that holds text. One that is given twice comes as an array. */
export const parameter = z.string("Must be given once");

/** How many things a page may have. */
export const limit = wholeNumber(1, 1_000).meta({ description: "How many at the most." });

/** A parameter that holds a whole number, in digits. */
export function wholeNumber(from: number, to: number) {
  const range = `Must be a whole number from ${from} to ${to}`;
  return parameter
    .regex(/^(0|[1-9][0-9]*)$/, range)
    .transform(Number)
    .pipe(z.number(range).min(from, range).max(to, range).meta({ type: "integer" }));
}

/**
 * Tells where the pages beside this one are (RFC 8288), each by its parameters, as references to the same path. Where there is
 * none, there is no link.
 */
export function linkPages(
  ctx: Context,
  pages: Readonly<Record<string, Readonly<Record<string, string | number>> | undefined>>,
): void {
  const links = Object.entries(pages).flatMap(([relation, parameters]) => {
    if (parameters === undefined) return [];
    const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return [`<?${pairs.join("&")}>; rel="${relation}"`];
  });
  if (links.length > 0) ctx.set("Link", links.join(", "));
}

import type { Context } from "koa";
import { z } from "zod";
import { forwardedOf } from "./forwarded.js";

/** The page size where the request has no `limit`. */
export const DEFAULT_LIMIT = 100;

/** The schema of a string parameter. A parameter that is given twice arrives as an array. */
export const parameter = z.string("Must be given exactly once");

export const limit = wholeNumber(1, 1_000).meta({ description: "The maximum number of entries." });

/** The schema of a parameter that is a whole number in decimal digits. */
export function wholeNumber(min: number, max: number) {
  const range = `Must be a whole number from ${min} to ${max}`;
  return parameter
    .regex(/^(0|[1-9][0-9]*)$/, range)
    .transform(Number)
    .pipe(z.number(range).min(min, range).max(max, range).meta({ type: "integer" }));
}

/**
 * Sets the `Link` header (RFC 8288) to the neighbouring pages, as paths that the client sees: many clients resolve a bare
 * query against the host.
 *
 * @param pages the query parameters of each page by its relation; undefined where there is no such page
 */
export function linkPages(
  ctx: Context,
  pages: Readonly<Record<string, Readonly<Record<string, string | number | undefined>> | undefined>>,
): void {
  const links = Object.entries(pages).flatMap(([relation, parameters]) => {
    if (parameters === undefined) return [];
    const pairs = Object.entries(parameters).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    );
    return [`<${forwardedOf(ctx).prefix}${ctx.path}?${pairs.join("&")}>; rel="${relation}"`];
  });
  if (links.length > 0) ctx.set("Link", links.join(", "));
}

/**
 * Sets the `Link` header to the next page of a list that is read by cursors.
 *
 * @param query of this page.
 * @param cursor of the next page; undefined on the last page.
 */
export function linkNext(
  ctx: Context,
  query: Readonly<Record<string, string | number | undefined>>,
  cursor: string | undefined,
): void {
  linkPages(ctx, { next: cursor === undefined ? undefined : { ...query, cursor } });
}

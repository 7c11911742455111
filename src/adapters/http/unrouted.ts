import type { Middleware } from "koa";
import { HttpError } from "./problem.js";

/**
 * Rejects a request that no route handled.
 *
 * @throws HttpError `not_found` for an unknown path, `method_not_allowed` for an unknown method of a known path
 */
export const rejectUnrouted: Middleware = (ctx) => {
  const matched = ctx["matched"] as readonly { readonly methods: readonly string[] }[] | undefined;
  const methods = [...new Set(matched?.flatMap((route) => route.methods))];
  if (methods.length === 0)
    throw new HttpError("not_found", "Unknown path. The OpenAPI document lists all paths.");
  const allow = methods.join(", ");
  throw new HttpError("method_not_allowed", `Method not allowed. Use ${allow}.`, {
    headers: { Allow: allow },
  });
};

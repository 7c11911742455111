import type { Context } from "koa";
import type { UserId } from "../../domain/user.js";
import { clientAddress } from "./address.js";
import type { Log } from "./log.js";

/** What is told of besides the requests themselves: who came and went, and who was kept out. */
export type AuditAction =
  | "register"
  | "login"
  | "login_failed"
  | "logout"
  | "session_ended"
  | "other_sessions_ended"
  | "password_changed"
  | "password_change_failed"
  | "token_created"
  | "token_ended"
  | "chat_created"
  | "participant_added"
  | "participant_removed"
  | "forbidden"
  | "rate_limited";

/** Writes a line. */
export type Audit = (ctx: Context, deed: AuditAction, details?: AuditDetails) => void;

interface AuditDetails {
  readonly code?: string;
  /** The account that it was tried at, or done to, where that is not the one who asks. */
  readonly account?: UserId | undefined;
}

/** These fields and no others: none holds what a user wrote, a name that was typed least of all, which may be a password. */
export function createAudit(log: Log): Audit {
  return (ctx, deed, { code, account } = {}) =>
    log.info({
      audit: deed,
      request_id: ctx.state["requestId"],
      method: ctx.method,
      route: ctx["routerPath"],
      address: clientAddress(ctx),
      user_id: ctx.state["userId"],
      session_id: ctx.state["sessionId"],
      account_id: account ?? ctx.state["accountId"],
      ended_id: deed === "session_ended" || deed === "token_ended" ? endedBy(ctx) : undefined,
      chat_id: chatOf(ctx),
      code,
    });
}

/** The session or token that is gone now. So it was one, and not just any text. */
function endedBy(ctx: Context): string | undefined {
  const { session_id: session, token_id: token } = paramsOf(ctx);
  return session ?? token;
}

/** The chat that the path names, if that is an id at all. */
function chatOf(ctx: Context): string | undefined {
  const { chat_id: id } = paramsOf(ctx);
  return id !== undefined && /^\d{1,16}$/.test(id) ? id : undefined;
}

/** None where no route was found. */
function paramsOf(ctx: Context): Readonly<Record<string, string | undefined>> {
  return (ctx["params"] ?? {}) as Readonly<Record<string, string | undefined>>;
}

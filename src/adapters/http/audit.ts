import type { Context } from "koa";
import type { ChatId } from "../../domain/chat.js";
import type { UserId } from "../../domain/user.js";
import { forwardedOf } from "./forwarded.js";
import type { Log } from "./log.js";

/** The actions that the audit log records: changes of accounts, sessions, participants and rights in chats, and denied access. */
export type AuditAction =
  | "register"
  | "login"
  | "login_failed"
  | "logout"
  | "session_ended"
  | "other_sessions_ended"
  | "password_changed"
  | "password_check_failed"
  | "account_erased"
  | "token_created"
  | "token_ended"
  | "chat_created"
  | "chat_changed"
  | "participant_added"
  | "participant_removed"
  | "role_changed"
  | "invitation_created"
  | "invitation_revoked"
  | "invitation_accepted"
  | "forbidden"
  | "rate_limited";

/** Writes one line to the audit log. */
export type Audit = (ctx: Context, action: AuditAction, details?: AuditDetails) => void;

interface AuditDetails {
  readonly code?: string;
  /** The account that the action targets, where it is not the caller's. */
  readonly account?: UserId | undefined;
}

/** Creates the audit log. Its fields are a closed list without user input: a typed username may be a password. */
export function createAudit(log: Log): Audit {
  return (ctx, action, { code, account } = {}) =>
    log.info({
      audit: action,
      request_id: ctx.state["requestId"],
      method: ctx.method,
      route: ctx["routerPath"],
      address: forwardedOf(ctx).address,
      user_id: ctx.state["userId"],
      session_id: ctx.state["sessionId"],
      account_id: account ?? ctx.state["accountId"],
      ended_id: action === "session_ended" || action === "token_ended" ? endedId(ctx) : undefined,
      account_ids: ctx.state["accountIds"],
      chat_id: chatId(ctx),
      code,
    });
}

/** The id of the session or token that the request has ended, which proves that it is not arbitrary text. */
function endedId(ctx: Context): string | undefined {
  const { session_id: session, token_id: token } = paramsOf(ctx);
  return session ?? token;
}

/** The id of the chat that was created, or the one in the path, unless it is not a number. */
function chatId(ctx: Context): string | undefined {
  const created = ctx.state["chatId"] as ChatId | undefined;
  if (created !== undefined) return String(created);
  const { chat_id: id } = paramsOf(ctx);
  return id !== undefined && /^\d{1,16}$/.test(id) ? id : undefined;
}

/** The path parameters. Empty where no route matched. */
function paramsOf(ctx: Context): Readonly<Record<string, string | undefined>> {
  return (ctx["params"] ?? {}) as Readonly<Record<string, string | undefined>>;
}

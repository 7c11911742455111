import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import { cookieSecret, credentials, type SessionCookie } from "../credentials.js";
import { password, username } from "../json/fields.js";
import { nothingSchema } from "../json/nothing.js";
import { userJson, userSchema } from "../json/user.js";
import type { Limits } from "../limits.js";
import { operation, type Operation } from "../operation.js";

const loginForm = z.strictObject({ username, password });

/** Registration, login, logout, password change and erasure. */
export function accountOperations(
  messaging: Messaging,
  cookie: SessionCookie,
  limits: Limits,
): readonly Operation[] {
  return [
    operation({
      name: "registerUser",
      summary: "Create an account. Does not log in.",
      method: "post",
      paths: ["/v1/auth/register"],
      access: "anyone",
      body: loginForm,
      response: userSchema,
      errors: [
        "registration_closed",
        "invalid_username",
        "username_reserved",
        "invalid_password",
        "refused_password",
        "username_taken",
        "busy",
        "store_unavailable",
        "outcome_unknown",
      ],
      limit: "registrations",
      audit: "register",
      async handle({ body, ctx }) {
        const user = await limits.takeTurn(ctx, body.username, () => messaging.registerUser(body));
        ctx.state["userId"] = user.id;
        return userJson(user);
      },
    }),
    operation({
      name: "logIn",
      summary: "Start a new session, and end the session of the request if it has one.",
      method: "post",
      paths: ["/v1/auth/login"],
      access: "anyone",
      body: loginForm,
      response: userSchema,
      responseHeaders: ["Set-Cookie"],
      errors: [
        "invalid_password",
        "wrong_credentials",
        "account_disabled",
        "busy",
        "store_unavailable",
        "outcome_unknown",
      ],
      limit: "logins",
      audit: "login",
      async handle({ body, ctx }) {
        const command = { ...body, replaces: cookieSecret(ctx), userAgent: ctx.get("User-Agent") };
        const { session, secret } = await limits.tryPassword(
          ctx,
          body.username,
          () => messaging.logIn(command),
          "invalid_password",
        );
        ctx.state["userId"] = session.user.id;
        ctx.state["sessionId"] = session.id;
        await cookie.set(ctx, secret);
        return userJson(session.user);
      },
    }),
    operation({
      name: "logOut",
      summary: "End the session of the request permanently.",
      method: "post",
      paths: ["/v1/auth/logout"],
      access: "signed in",
      response: nothingSchema,
      responseHeaders: ["Set-Cookie"],
      limit: "session-changes",
      audit: "logout",
      async handle({ session, ctx }) {
        if (session.kind === "cookie") await cookie.clear(ctx);
        else await messaging.logOut(credentials(ctx));
        return {};
      },
    }),
    operation({
      name: "changePassword",
      summary: "Change the password.",
      description: "Ends all other sessions and all tokens of the caller.",
      method: "put",
      paths: ["/v1/auth/password"],
      access: "signed in",
      body: z.strictObject({ current_password: password, new_password: password }),
      response: nothingSchema,
      errors: ["invalid_password", "refused_password", "wrong_password"],
      limit: "session-changes",
      fields: { invalid_password: "new_password", refused_password: "new_password" },
      audit: "password_changed",
      async handle({ session: by, body, ctx }) {
        const command = { by, currentPassword: body.current_password, newPassword: body.new_password };
        await limits.tryPassword(ctx, by.user.username, () => messaging.changePassword(command));
        return {};
      },
    }),
    operation({
      name: "eraseAccount",
      summary: "Erase the account of the caller permanently.",
      description:
        "Ends all sessions and tokens of the caller, removes their name and profile, ends their memberships in group chats, and " +
        "deletes the texts of their messages. Others see `deleted` as the username in what remains. Nobody gets the username again. " +
        "When the response arrives, the account is deleted; the messages of a large one are deleted in the background.",
      method: "delete",
      paths: ["/v1/users/me"],
      access: "signed in",
      body: z.strictObject({ password }),
      response: nothingSchema,
      responseHeaders: ["Set-Cookie"],
      errors: ["wrong_password"],
      limit: "session-changes",
      fields: { wrong_password: "password" },
      audit: "account_erased",
      async handle({ session: by, body, ctx }) {
        const command = { by, password: body.password };
        await limits.tryPassword(ctx, by.user.username, () => messaging.eraseAccount(command));
        if (by.kind === "cookie") await cookie.clear(ctx);
        return {};
      },
    }),
  ];
}

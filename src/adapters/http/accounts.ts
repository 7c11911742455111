import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import type { User } from "../../domain/user.js";
import { text } from "./body.js";
import { cookieSecret, credentials, type SessionCookie } from "./credentials.js";
import type { Limits } from "./limits.js";
import { operation, type Operation } from "./operation.js";

const loginForm = z.strictObject({ username: text, password: text });

/** Register, log in, log out, and another password. */
export function accountOperations(
  messaging: Messaging,
  cookie: SessionCookie,
  limits: Limits,
): readonly Operation[] {
  return [
    operation({
      method: "post",
      paths: ["/v1/auth/register"],
      access: "anyone",
      body: loginForm,
      limit: "registrations",
      audit: "register",
      async handle({ body, ctx }) {
        const user = await messaging.registerUser(body);
        ctx.state["userId"] = user.id;
        return userJson(user);
      },
    }),
    operation({
      method: "post",
      paths: ["/v1/auth/login"],
      access: "anyone",
      body: loginForm,
      audit: "login",
      async handle({ body, ctx }) {
        const command = { ...body, replaces: cookieSecret(ctx), userAgent: ctx.get("User-Agent") };
        const { session, secret } = await limits.tryPassword(ctx, body.username, () =>
          messaging.logIn(command),
        );
        ctx.state["userId"] = session.user.id;
        ctx.state["sessionId"] = session.id;
        await cookie.give(ctx, secret);
        return userJson(session.user);
      },
    }),
    operation({
      method: "post",
      paths: ["/v1/auth/logout"],
      access: "signed in",
      audit: "logout",
      async handle({ session, ctx }) {
        if (session.kind === "cookie") await cookie.take(ctx);
        else await messaging.logOut(credentials(ctx));
        return {};
      },
    }),
    operation({
      method: "put",
      paths: ["/v1/auth/password"],
      access: "signed in",
      body: z.strictObject({ current_password: text, new_password: text }),
      fields: { invalid_password: "new_password", refused_password: "new_password" },
      audit: "password_changed",
      async handle({ session: by, body, ctx }) {
        const command = { by, currentPassword: body.current_password, newPassword: body.new_password };
        await limits.tryPassword(ctx, by.user.username, () => messaging.changePassword(command));
        return {};
      },
    }),
  ];
}

function userJson({ id, username }: User) {
  return { user_id: id, username };
}

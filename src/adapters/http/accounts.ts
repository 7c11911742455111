import { z } from "zod";
import type { Messaging } from "../../application/messaging.js";
import type { User } from "../../domain/user.js";
import { text } from "./body.js";
import { operation, type Operation } from "./operation.js";
import { sessionSecret, type SessionCookie } from "./session.js";

const credentials = z.strictObject({ username: text, password: text });

/** Register, log in, log out. */
export function accountOperations(messaging: Messaging, cookie: SessionCookie): readonly Operation[] {
  return [
    operation({
      method: "post",
      paths: ["/v1/auth/register"],
      access: "anyone",
      body: credentials,
      handle: async ({ body }) => userJson(await messaging.registerUser(body)),
    }),
    operation({
      method: "post",
      paths: ["/v1/auth/login"],
      access: "anyone",
      body: credentials,
      async handle({ body, ctx }) {
        const { session, secret } = await messaging.logIn({ ...body, replaces: sessionSecret(ctx) });
        await cookie.give(ctx, secret);
        return userJson(session.user);
      },
    }),
    operation({
      method: "post",
      paths: ["/v1/auth/logout"],
      access: "signed in",
      async handle({ ctx }) {
        await cookie.take(ctx);
        return {};
      },
    }),
  ];
}

function userJson({ id, username }: User) {
  return { user_id: id, username };
}

import { z } from "zod";
import type { Messaging } from "../../../application/messaging.js";
import { MessagingError } from "../../../domain/errors.js";
import * as field from "../json/fields.js";
import { nothingSchema } from "../json/nothing.js";
import { blockedUserJson, blockedUserSchema, profileJson, profileSchema } from "../json/user.js";
import { operation, type Operation, type SignedInRequest } from "../operation.js";
import { DEFAULT_LIMIT, limit, linkNext } from "../paging.js";
import { HttpError } from "../problem.js";

/**
 * Profiles, the directory and blocks.
 *
 * @param directory whether users can be found by the beginnings of their names.
 */
export function peopleOperations(messaging: Messaging, directory: boolean): readonly Operation[] {
  return [
    operation({
      name: "getProfile",
      summary: "Show a user.",
      description: "`me` is the caller.",
      method: "get",
      paths: ["/v1/users/:user"],
      access: "signed in",
      response: profileSchema,
      errors: ["user_not_found"],
      limit: "lookups",
      async handle({ session, params }) {
        const name = params["user"] ?? "";
        const user = name === "me" ? session.user.id : name;
        return profileJson(await notFoundIfUnknown(messaging.getProfile({ user })));
      },
    }),
    operation({
      name: "findUsers",
      summary: "Find active users by the beginning of their username or of a word of their display name.",
      description:
        "Compares without regard to case and compatibility form, as usernames are compared. In the order of the words that begin " +
        "with `prefix`; a user with several is listed once, at the first of them.",
      method: "get",
      paths: ["/v1/users"],
      access: "signed in",
      query: z.strictObject({
        prefix: field.namePrefix,
        limit: limit.default(DEFAULT_LIMIT),
        cursor: field.directoryCursor.optional(),
      }),
      response: z.array(profileSchema),
      responseHeaders: ["Link"],
      errors: ["directory_off", "invalid_cursor"],
      limit: "lookups",
      async handle({ query, ctx }) {
        if (!directory) {
          throw new HttpError("directory_off", "This service has no directory. Enter a whole username.");
        }
        const { users, next } = await messaging.findUsers(query);
        linkNext(ctx, query, next);
        return users.map(profileJson);
      },
    }),
    operation({
      name: "updateProfile",
      summary: "Change the display name of the caller.",
      description:
        "Null removes it. The caller's other sessions, and each p2p peer of the caller, receive `user.updated`.",
      method: "patch",
      paths: ["/v1/users/me"],
      access: "signed in",
      body: z.strictObject({ display_name: field.displayName.nullable() }),
      response: profileSchema,
      errors: ["invalid_display_name"],
      async handle({ session, body }) {
        const command = { by: session.user.id, displayName: body.display_name };
        return profileJson(await messaging.updateProfile(command));
      },
    }),
    operation({
      name: "listBlocks",
      summary: "List the users that the caller has blocked, by their ids.",
      method: "get",
      paths: ["/v1/users/me/blocks"],
      access: "signed in",
      query: z.strictObject({ limit: limit.default(DEFAULT_LIMIT), cursor: field.blockCursor.optional() }),
      response: z.array(blockedUserSchema),
      responseHeaders: ["Link"],
      errors: ["invalid_cursor"],
      limit: "lookups",
      async handle({ session, query, ctx }) {
        const { blocked, next } = await messaging.listBlocks({ by: session.user.id, ...query });
        linkNext(ctx, query, next);
        return blocked.map(blockedUserJson);
      },
    }),
    operation({
      name: "blockUser",
      summary: "Block a user.",
      description:
        "Neither of the two can write to the other in their p2p chat, and the blocked user cannot add the caller to group chats: 403 " +
        "`blocked`. Group chats that they share go on.",
      method: "put",
      paths: ["/v1/users/me/blocks/:user"],
      access: "signed in",
      response: nothingSchema,
      errors: ["user_not_found", "self_block", "too_many_blocks"],
      handle: (request) => withBlocked(request, (command) => messaging.blockUser(command)),
    }),
    operation({
      name: "unblockUser",
      summary: "End the block of a user.",
      method: "delete",
      paths: ["/v1/users/me/blocks/:user"],
      access: "signed in",
      response: nothingSchema,
      errors: ["user_not_found"],
      handle: (request) => withBlocked(request, (command) => messaging.unblockUser(command)),
    }),
  ];
}

async function withBlocked(
  { session, params }: SignedInRequest<unknown, unknown>,
  change: (command: Parameters<Messaging["blockUser"]>[0]) => Promise<void>,
): Promise<Record<string, never>> {
  await notFoundIfUnknown(change({ by: session.user.id, user: params["user"] ?? "" }));
  return {};
}

/** The user is the resource of the request, so that an unknown one is 404. */
async function notFoundIfUnknown<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    if (!(error instanceof MessagingError) || error.code !== "unknown_user") throw error;
    throw new HttpError("user_not_found", error.message, { cause: error });
  });
}

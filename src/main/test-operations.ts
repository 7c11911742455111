import { z } from "zod";
import { text } from "../adapters/http/body.js";
import { eventJson, eventSchema } from "../adapters/http/json/event.js";
import * as field from "../adapters/http/json/fields.js";
import { messageJson, messageSchema } from "../adapters/http/json/message.js";
import { nothingSchema } from "../adapters/http/json/nothing.js";
import { newTokenSchema } from "../adapters/http/json/session.js";
import { timeJson } from "../adapters/http/json/time.js";
import { userJson, userSchema } from "../adapters/http/json/user.js";
import { operation, type Operation } from "../adapters/http/operation.js";
import { HttpError } from "../adapters/http/problem.js";
import type { User } from "../domain/user.js";
import type { TestMessaging, TestServer } from "./testing.js";

const MAX_ADVANCE_MS = 10 * 365 * 24 * 60 * 60 * 1_000;
const MAX_WAIT_MS = 60_000;
const MAX_LATENCY_MS = 60_000;
const MAX_REJECTIONS = 1_000_000;
const MAX_RETRY_AFTER_S = 3_600;

const userWithToken = userSchema.extend({ token: newTokenSchema.shape.token });

const usernames = z.array(field.username, "Must be a list of usernames");

/** Some clients, in the body of a fault. Without it, the fault applies to all. */
const username = field.username.optional();

const at = z.union([text, z.number()], "Must be a time in RFC 3339, or in epoch milliseconds").optional();

const seedSchema = z.strictObject({
  users: z
    .array(
      z.union(
        [
          field.username,
          z.strictObject({ username: field.username, display_name: field.displayName.optional(), at }),
        ],
        "Must be a username, or an object with a username",
      ),
    )
    .default([]),
  chats: z
    .array(z.strictObject({ name: text, title: field.title.optional(), participants: usernames, at }))
    .default([]),
  messages: z
    .array(
      z.strictObject({
        from: text,
        to: text,
        text,
        reply_to: z.int("Must be the position of a message in the seed").optional(),
        mentions: usernames.optional(),
        metadata: field.metadata.optional(),
        at,
      }),
    )
    .default([]),
});

const whole = (min: number, max: number) => {
  const range = `Must be a whole number from ${min} to ${max}`;
  return z.int(range).min(min, range).max(max, range);
};

const clockSchema = z.object({ now: field.time });

/** The operations of a test server: the harness and the faults of its server, as calls. */
export function testOperations(messaging: TestMessaging, server: TestServer): readonly Operation[] {
  async function withToken(user: User): Promise<z.output<typeof userWithToken>> {
    return { ...userJson(user), token: (await server.access(user.username)).token };
  }

  function fault(path: string, summary: string, make: () => void): Operation {
    return operation({
      name: path,
      summary,
      method: "post",
      paths: [`/faults/${path}`],
      access: "operator",
      response: nothingSchema,
      async handle() {
        make();
        return {};
      },
    });
  }

  return [
    operation({
      name: "addUsers",
      summary: "Register users. The password of `ana` is `password of ana`.",
      method: "post",
      paths: ["/users"],
      access: "operator",
      body: z.strictObject({ usernames }),
      response: z.object({ users: z.array(userWithToken) }),
      errors: ["invalid_username", "username_reserved", "username_taken"],
      async handle({ body }) {
        const users = [];
        for (const name of body.usernames) {
          const added = await messaging.users(name);
          users.push(await withToken(added[name]!));
        }
        return { users };
      },
    }),
    operation({
      name: "addGroup",
      summary: "Create a group chat. The first participant owns it.",
      method: "post",
      paths: ["/groups"],
      access: "operator",
      body: z.strictObject({ participants: usernames.min(1, "Must have at least one username") }),
      response: z.object({ chat_id: field.chatId }),
      errors: ["unknown_user"],
      async handle({ body }) {
        const [creator, ...others] = await Promise.all(
          body.participants.map((user) => messaging.getUser({ user })),
        );
        return { chat_id: (await messaging.group(creator!, ...others)).id };
      },
    }),
    operation({
      name: "seed",
      summary: "Store users, group chats and messages with times in the past.",
      method: "post",
      paths: ["/seed"],
      access: "operator",
      body: seedSchema,
      response: z.object({
        users: z.record(z.string(), userWithToken),
        chats: z.record(z.string(), z.object({ chat_id: field.chatId })),
        messages: z.array(messageSchema),
      }),
      errors: ["username_taken", "invalid_message", "invalid_reply", "invalid_mention", "not_a_participant"],
      async handle({ body }) {
        const users = body.users.map((user) =>
          typeof user === "string"
            ? user
            : { username: user.username, displayName: user.display_name, at: user.at },
        );
        const messages = body.messages.map(({ reply_to: replyTo, ...message }) => ({ ...message, replyTo }));
        const seeded = await messaging.seed({ ...body, users, messages });
        const people: [string, z.output<typeof userWithToken>][] = [];
        for (const [name, user] of Object.entries<User>(seeded.users))
          people.push([name, await withToken(user)]);
        const chats = Object.entries(seeded.chats).map(([name, { id }]) => [name, { chat_id: id }] as const);
        return {
          users: Object.fromEntries(people),
          chats: Object.fromEntries(chats),
          messages: seeded.messages.map(messageJson),
        };
      },
    }),
    operation({
      name: "getClock",
      summary: "Read the clock.",
      method: "get",
      paths: ["/clock"],
      access: "operator",
      response: clockSchema,
      handle: async () => ({ now: timeJson(messaging.clock.now()) }),
    }),
    operation({
      name: "advanceClock",
      summary: "Move the clock, which otherwise stands still.",
      method: "post",
      paths: ["/clock/advance"],
      access: "operator",
      body: z.strictObject({ milliseconds: whole(0, MAX_ADVANCE_MS) }),
      response: clockSchema,
      async handle({ body }) {
        messaging.clock.advance(body.milliseconds);
        return { now: timeJson(messaging.clock.now()) };
      },
    }),
    operation({
      name: "settle",
      summary: "Respond once the server has nothing to do.",
      method: "post",
      paths: ["/settled"],
      access: "operator",
      response: nothingSchema,
      async handle() {
        await messaging.settled();
        return {};
      },
    }),
    operation({
      name: "waitForEvent",
      summary: "Respond with the next event of a user that has these fields.",
      method: "post",
      paths: ["/events/wait"],
      access: "operator",
      body: z.strictObject({
        username: field.username,
        match: z.record(z.string(), z.unknown(), "Must be an object").default({}),
        timeout_ms: whole(1, MAX_WAIT_MS).optional(),
      }),
      response: eventSchema,
      errors: ["unknown_user", "not_found"],
      async handle({ body }) {
        const user = await messaging.getUser({ user: body.username });
        try {
          const isMatch: Parameters<TestMessaging["waitFor"]>[1] = (event) =>
            contains(eventJson(event), body.match);
          return eventJson(await messaging.waitFor(user, isMatch, { timeoutMs: body.timeout_ms }));
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException;
          if (code !== "ETIMEDOUT" && code !== "ECANCELED") throw error;
          throw new HttpError("not_found", message);
        }
      },
    }),
    fault("fail_next_commit", "Reject the next change with 503, and store nothing of it.", () =>
      messaging.failNextCommit(),
    ),
    fault("lose_next_answer", "Store the next change, and cut its connection.", () =>
      messaging.loseNextAnswer(),
    ),
    fault("cut_streams", "Cut all event streams and long polls.", () => messaging.cutStreams()),
    operation({
      name: "setOffline",
      summary: "Cut all requests of a user or of all clients, or end that.",
      method: "put",
      paths: ["/faults/offline"],
      access: "operator",
      body: z.strictObject({ offline: z.boolean("Must be true or false"), username }),
      response: nothingSchema,
      async handle({ body }) {
        if (body.offline) server.goOffline(body.username);
        else server.goOnline(body.username);
        return {};
      },
    }),
    operation({
      name: "setLatency",
      summary: "Delay each request of a user or of all others.",
      method: "put",
      paths: ["/faults/latency"],
      access: "operator",
      body: z.strictObject({ milliseconds: whole(0, MAX_LATENCY_MS), username }),
      response: nothingSchema,
      async handle({ body }) {
        server.setLatency(body.milliseconds, body.username);
        return {};
      },
    }),
    operation({
      name: "setRejections",
      summary: "Reject the next requests with 429.",
      method: "put",
      paths: ["/faults/rejections"],
      access: "operator",
      body: z.strictObject({
        count: whole(0, MAX_REJECTIONS),
        retry_after: whole(0, MAX_RETRY_AFTER_S).optional(),
      }),
      response: nothingSchema,
      async handle({ body }) {
        server.rejectNext(body.count, { retryAfterSeconds: body.retry_after });
        return {};
      },
    }),
  ];
}

/** Whether a JSON value equals the part, or has all fields of the part, which match in the same way. */
function contains(value: unknown, part: unknown): boolean {
  if (typeof part !== "object" || part === null) return value === part;
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.entries(part).every(([name, each]) => contains(fields[name], each));
}

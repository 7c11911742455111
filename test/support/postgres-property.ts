import { expect } from "chai";
import fc from "fast-check";
import type { Messaging } from "../../src/application/messaging.js";
import type { ErrorCode } from "../../src/domain/errors.js";
import type { Snapshot } from "../../src/application/events.js";
import type { Chat } from "../../src/domain/chat.js";
import type { Message } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "./error-code.js";
import { expectAllReceived, receive } from "./postgres-load.js";
import type { TestNode, TestNodes } from "./postgres-nodes.js";
import { after, viewsOf } from "./reader.js";
import { seeded } from "./simulated-disk.js";

/** A user who acts, another one, and what the action is on. */
interface Scene {
  readonly by: User;
  readonly other: User;
  readonly chat: Chat;
  /** A message that was acknowledged, if there is one. */
  readonly message: Message | undefined;
}

type Action = (core: Messaging, scene: Scene) => Promise<unknown>;

const ACTIONS = {
  send: (core, { by, chat }) => core.sendMessage({ by: by.id, to: { chatId: chat.id }, text: "to a group" }),
  write: (core, { by, other }) =>
    core.sendMessage({ by: by.id, to: { username: other.username }, text: "to one" }),
  edit: async (core, { by, message }) =>
    message && (await core.editMessage({ by: by.id, id: message.id, text: "edited" })),
  delete: async (core, { by, message }) =>
    message && (await core.deleteMessage({ by: by.id, id: message.id })),
  read: async (core, { by, message }) =>
    message && (await core.markRead({ by: by.id, chatId: message.chatId, seq: message.seq })),
  add: (core, { by, other, chat }) =>
    core.addParticipant({ by: by.id, chatId: chat.id, username: other.username }),
  leave: (core, { by, chat }) => core.removeParticipant({ by: by.id, chatId: chat.id, user: by.id }),
} satisfies Record<string, Action>;

const command = fc.record({
  action: fc.constantFrom(
    ...(["send", "send", "send", "write", "edit", "delete", "read", "add", "add", "leave"] as const),
  ),
  node: fc.nat(1),
  by: fc.nat(2),
  other: fc.nat(2),
  n: fc.nat(9),
});
/** Concurrent commands, and snapshots of a user during and after them, from one node. */
const step = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 4 }),
  user: fc.nat(2),
  node: fc.nat(1),
});
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;

/** What a command may reject with, as another one came first. */
const EXPECTED: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode | undefined>([
  undefined,
  "already_participant",
  "not_a_participant",
  "message_deleted",
  "not_your_message",
]);

/**
 * Checks random commands on either of two nodes: a snapshot and the events after it, each from any node, add up to a later snapshot,
 * and subscribers that drop and resume on either node receive each event once and in order.
 */
export async function expectNodesToAgree(nodes: TestNodes, numRuns: number): Promise<void> {
  const both = [nodes.one, nodes.other] as const;
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 3, maxLength: 12, size: "max" }),
    fc.nat(),
    async (steps, seed) => {
      const users = await nodes.users("ana", "bo", "cy");
      const [ana, bo, cy] = users as [User, User, User];
      const chats = [await nodes.group(ana, bo, cy), await nodes.group(bo, cy)];
      const messages: Message[] = [];
      const perform = async ({ action, node, by, other, n }: Command) => {
        // Users who may not, leave it to the next one.
        for (const user of rotated(users, by)) {
          const scene = {
            by: user,
            other: users[other]!,
            chat: chats[n % chats.length]!,
            message: messages.at(-1 - n),
          };
          const acting = (ACTIONS[action] as Action)(both[node]!.core, scene);
          const code = await errorCodeOf(acting);
          expect(EXPECTED, String(code)).to.include(code);
          if (code !== undefined) continue;
          if (action === "send" || action === "write") {
            messages.push(((await acting) as { readonly message: Message }).message);
          }
          return;
        }
      };
      const load = { nodes, random: seeded(seed), guests: users };
      const readers = await Promise.all(users.map((user) => receive(load, user)));
      const snapshots = await Promise.all(users.map(({ id }) => nodes.one.core.sync({ by: id })));
      for (const { commands, user, node } of steps) {
        const me = users[user]!;
        const performed = commands.map(perform);
        const during = both[node]!.core.sync({ by: me.id });
        await Promise.all(performed);
        const now = await both[node]!.core.sync({ by: me.id });
        for (const before of [snapshots[user]!, await during]) {
          await expectToAddUp(both[1 - node]!, me, before, now);
        }
        snapshots[user] = now;
      }
      const received = await Promise.all(readers.map((finish) => finish()));
      for (const each of received) await expectAllReceived(load, each);
    },
  );
  await fc.assert(property, { numRuns, endOnFailure: true });
}

async function expectToAddUp({ core }: TestNode, me: User, before: Snapshot, now: Snapshot): Promise<void> {
  let views = viewsOf(before.chats);
  for (let cursor: string = before.cursor, hasMore = true; hasMore;) {
    const page = await core.listEvents({ by: me.id, after: cursor, limit: 3 });
    for (const event of page.events) views = after(views, event, me);
    ({ cursor, hasMore } = page);
  }
  expect(views).to.deep.equal(viewsOf(now.chats, views));
}

const rotated = <Item>(items: readonly Item[], n: number) => [...items.slice(n), ...items.slice(0, n)];

import { expect } from "chai";
import fc from "fast-check";
import type { Store } from "../../src/application/ports.js";
import { unreadCount, type ChatId } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Message } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import { openWorld, type World } from "./world.js";

const who = fc.nat(2);
const names = fc.array(fc.constantFrom("ana", "bo", "cy"), { maxLength: 3 });
const nth = fc.nat(9);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("send" as const), who, names, nth }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("edit" as const), who, names, nth }) },
  fc.record({ kind: fc.constantFrom("delete" as const, "read" as const), who, nth }),
  fc.record({ kind: fc.constantFrom("join" as const, "leave" as const), who, other: who }),
  fc.record({ kind: fc.constantFrom("forget" as const, "hide" as const, "show" as const), nth }),
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The whole history of a chat, and how far each user has read it. */
interface History {
  readonly messages: Message[];
  readonly read: Map<UserId, number>;
  /** The `seq` up to which messages were deleted by age. */
  forgotten: number;
}

/** The reference: the unread messages of a user, and those of them that mention the user. */
function countsOf({ messages, read, forgotten }: History, { id }: User): readonly [number, number] {
  const start = Math.max(read.get(id) ?? 0, forgotten);
  const unread = messages.filter(({ seq, sender, deletedAt }) => {
    return seq > start && sender.id !== id && deletedAt === null;
  });
  return [unread.length, unread.filter(({ mentions }) => mentions.includes(id)).length];
}

/**
 * Checks that the counts of a chat are those of the reference, for each participant and after each step of any sequence.
 *
 * @param open opens an empty store.
 */
export async function expectCountsOfHistory(open: () => Promise<Store>, numRuns: number): Promise<void> {
  const steps = fc.array(step, { minLength: 15, maxLength: 40 });
  const property = fc.asyncProperty(steps, async (all) => {
    const store = await open();
    try {
      await expectCounts(await openWorld(store), all);
    } finally {
      await store.close();
    }
  });
  await fc.assert(property, { numRuns });
}

async function expectCounts(world: World, steps: readonly Step[]): Promise<void> {
  const users = [world.ana, world.bo, world.cy];
  const { id: chatId } = await world.createGroupChat({ by: world.ana.id, participants: ["bo"] });
  const history: History = { messages: [], read: new Map(), forgotten: 0 };
  for (const each of steps) {
    world.clock.advance(1);
    try {
      await perform(world, chatId, users, history, each);
    } catch (error) {
      // Not every step is allowed.
      if (!(error instanceof MessagingError)) throw error;
    }
    const { chats } = await world.sync({ by: world.ana.id });
    for (const user of users) {
      const own = user === world.ana ? chats : (await world.listChats({ by: user.id, limit: 9 })).chats;
      for (const overview of own) {
        const counts = [unreadCount(overview), overview.mentionCount];
        expect(counts, `${user.username} after ${JSON.stringify(each)}`).to.deep.equal(
          countsOf(history, user),
        );
      }
    }
  }
}

async function perform(
  world: World,
  chatId: ChatId,
  users: readonly User[],
  history: History,
  given: Step,
): Promise<void> {
  const { messages, read } = history;
  const change = (message: Message) => (messages[message.seq - 1] = message);
  const at = <Item>(items: readonly Item[], index: number) => items[index % Math.max(1, items.length)];
  switch (given.kind) {
    case "send": {
      const by = users[given.who]!.id;
      const replyTo = at(messages, given.nth)?.id;
      const command = { by, to: { chatId }, text: "a", mentions: given.names };
      const { message } = await world
        .sendMessage({ ...command, replyTo })
        .catch(() => world.sendMessage({ ...command, mentions: [] }));
      messages.push(message);
      read.set(by, message.seq);
      break;
    }
    case "edit": {
      const { id, sender } = at(messages, given.nth) ?? {};
      if (sender) change(await world.editMessage({ by: sender.id, id: id!, mentions: given.names }));
      break;
    }
    case "delete": {
      const { id, sender } = at(messages, given.nth) ?? {};
      if (sender) change(await world.deleteMessage({ by: sender.id, id: id! }));
      break;
    }
    case "read": {
      const by = users[given.who]!.id;
      const { readSeq } = await world.markRead({ by, chatId, seq: messages.length - (given.nth % 4) });
      const asked = Math.min(Math.max(messages.length - (given.nth % 4), 0), messages.length);
      read.set(by, Math.max(read.get(by) ?? 0, history.forgotten, asked));
      expect(readSeq).to.equal(read.get(by));
      break;
    }
    case "join": {
      const user = users[given.other]!;
      await world.addParticipant({ by: users[given.who]!.id, chatId, username: user.username });
      read.set(user.id, messages.length);
      break;
    }
    case "leave":
      // Ana stays, so that the chat does.
      if (given.other === 0) break;
      await world.removeParticipant({ by: world.ana.id, chatId, user: users[given.other]!.id });
      break;
    case "forget": {
      const before = world.clock.now() - 3 * given.nth;
      await world.forgetMessages({ before });
      const last = messages.findLast(({ sentAt }) => sentAt < before);
      history.forgotten = Math.max(history.forgotten, last?.seq ?? 0);
      break;
    }
    case "hide":
    case "show": {
      const policy = { history: given.kind === "hide" ? "since_join" : "all" } as const;
      await world.changeChat({ by: world.ana.id, chatId, policy });
      break;
    }
    default:
      given satisfies never;
  }
}

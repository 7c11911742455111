import { expect } from "chai";
import fc from "fast-check";
import type { EventBatch, Subscription } from "../../src/application/events.js";
import type { Messaging } from "../../src/application/messaging.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { MessageId } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import { after, viewsOf, type Views } from "./reader.js";
import { errorCodeOf } from "./error-code.js";
import type { World } from "./world.js";

/** The time of the test clock moves past it while the actions run. */
const SOON_MS = Date.parse("2026-11-23T10:15:00.128Z");
const FAR_MS = Date.parse("2026-11-23T10:16:00.000Z");

type Action = (core: World, by: User, other: User, n: number) => Promise<unknown>;

/** Most actions are in one chat, so that they affect each other. */
const inChat = (n: number) => (n < 5 ? 1 : 2) as ChatId;

const ACTIONS = {
  create: (core, { id: by }) => core.createGroupChat({ by, title: "t" }),
  change: (core, { id: by }, _, n) =>
    core.changeChat({
      by,
      chatId: inChat(n),
      policy: {
        [(["add", "remove", "rename", "post"] as const)[n % 4]!]: n % 3 === 0 ? "admins" : "everyone",
      },
      metadata: n % 2 ? { n } : null,
    }),
  appoint: (core, { id: by }, { id: user }, n) =>
    core.setRole({ by, chatId: inChat(n), user, role: (["owner", "admin", "member"] as const)[n % 3]! }),
  rename: (core, { id: by }, _, n) =>
    core.renameChat({ by, chatId: inChat(n), title: n % 2 ? `${n}` : null }),
  add: (core, { id: by }, { username }, n) => core.addParticipant({ by, chatId: inChat(n), username }),
  join: async (core, { id: by }, { id }, n) => {
    const { code } = await core.createInvitation({ by, chatId: inChat(n), maxUses: 1 });
    await core.acceptInvitation({ by: id, code });
  },
  remove: (core, { id: by }, { id: user }, n) => core.removeParticipant({ by, chatId: inChat(n), user }),
  restrict: (core, { id: by }, _, n) =>
    core.changeChat({ by, chatId: inChat(n), policy: { history: n % 3 === 0 ? "all" : "since_join" } }),
  send(core, { id: by }, _, n) {
    core.clock.advance(1);
    return core.sendMessage({ by, to: { chatId: inChat(n) }, text: "to a group" });
  },
  mention(core, { id: by }, { username }, n) {
    const command = { by, to: { chatId: inChat(n) }, text: "to you", metadata: { n } };
    return core.sendMessage({ ...command, mentions: n % 2 ? [username] : ["ana", "bo"] });
  },
  forget: (core, _by, _other, n) => core.forgetMessages({ before: core.clock.now() - n }),
  write: (core, { id: by }, { username }) => core.sendMessage({ by, to: { username }, text: "to one" }),
  edit: (core, { id: by }, _, n) => core.editMessage({ by, id: (n + 1) as MessageId, text: "edited" }),
  correct: (core, { id: by }, { id: other }, n) =>
    core.editMessage({ by, id: (n + 1) as MessageId, mentions: n % 2 ? [other] : [] }),
  delete: (core, { id: by }, _, n) => core.deleteMessage({ by, id: (n + 1) as MessageId }),
  react: (core, { id: by }, _, n) =>
    core.addReaction({ by, id: (n + 1) as MessageId, emoji: n % 2 ? "👍" : "👎" }),
  unreact: (core, { id: by }, _, n) => core.removeReaction({ by, id: (n + 1) as MessageId, emoji: "👍" }),
  set: async (core, { id: by }, _, n) => {
    const mutedUntil = [null, 0, SOON_MS, FAR_MS][n % 4];
    const changes = [{ archived: true }, { mutedUntil }, { archived: true, mutedUntil }, { pinned: true }];
    await core.changeChatSettings({ by, chatId: inChat(n), ...changes[n % 4] });
  },
  read: (core, { id: by }, _, n) => core.markRead({ by, chatId: inChat(n), seq: n }),
} satisfies Record<string, Action>;

const act = fc.record({
  action: fc.constantFrom(
    ...(["create", "rename", "change", "appoint", "appoint", "write", "edit", "delete"] as const),
    ...(["restrict", "forget"] as const),
    ...(["add", "add", "remove", "remove", "send", "send", "read", "read"] as const),
    ...(["set", "set", "set", "join"] as const),
    ...(["mention", "mention", "correct", "correct"] as const),
    ...(["react", "react", "unreact"] as const),
  ),
  by: fc.nat(2),
  other: fc.nat(2),
  n: fc.nat(6),
});
/** Concurrent actions. */
const burst = fc.array(act, { minLength: 1, maxLength: 3 });
/** What three users do in some chats. */
export const bursts = fc.array(burst, { maxLength: 16, size: "max" });

type Act = typeof act extends fc.Arbitrary<infer Value> ? Value : never;

/** Performs concurrent actions, as far as the core accepts them. */
export function perform(core: World, users: readonly User[], all: readonly Act[]): Promise<unknown> {
  core.clock.advance(1);
  return Promise.all(all.map((each) => doAct(core, users, each)));
}

/** Tries the action by and on each user, beginning with the given ones, until it is accepted. */
async function doAct(core: World, users: readonly User[], { action, by, other, n }: Act): Promise<void> {
  for (const one of rotated(users, by)) {
    for (const another of rotated(users, other)) {
      const attempt: Action = ACTIONS[action];
      if ((await errorCodeOf(attempt(core, one, another, n))) === undefined) return;
    }
  }
}

const rotated = (users: readonly User[], n: number) => [...users.slice(n), ...users.slice(0, n)];

/** Opens a world, calls `use` with it, and closes it. */
export type InWorld = (use: (world: World) => Promise<void>) => Promise<void>;

/** Checks that a snapshot and all events after it, read in pages, add up to a later snapshot, exactly. */
export async function expectEventsToAddUp(inWorld: InWorld, numRuns: number): Promise<void> {
  const before = fc.oneof(bursts, fc.constant([]));
  const property = fc.asyncProperty(before, bursts, (first, then) =>
    inWorld(async (core) => {
      const users = [core.ana, core.bo, core.cy];
      for (const each of first) await perform(core, users, each);
      const snapshots = await Promise.all(users.map(({ id }) => core.sync({ by: id })));
      for (const each of then) await perform(core, users, each);
      for (const [index, me] of users.entries()) {
        let views = viewsOf(snapshots[index]!.chats);
        let cursor = snapshots[index]!.cursor;
        for (let more = true; more;) {
          const page = await core.listEvents({ by: me.id, after: cursor, limit: 3 });
          for (const event of page.events) views = after(views, event, me);
          ({ cursor, hasMore: more } = page);
        }
        const now = await core.sync({ by: me.id });
        expect(views).to.deep.equal(viewsOf(now.chats, views));
        expect(cursor).to.equal(now.cursor);
      }
    }),
  );
  await fc.assert(property, { numRuns });
}

/** Checks that subscriptions from a snapshot on, opened at any moment, add up to a snapshot at the end. */
export async function expectSubscribersToAgree(inWorld: InWorld, numRuns: number): Promise<void> {
  const property = fc.asyncProperty(bursts, fc.array(fc.nat(16)), (all, joins) =>
    inWorld(async (core) => {
      const users = [core.ana, core.bo, core.cy];
      const { cursor } = await core.sync({ by: core.ana.id });
      const subscribers = [];
      for (const [index, each] of [...all, []].entries()) {
        for (const join of joins)
          if (join === index) subscribers.push(consume(core, users[join % 3]!, cursor));
        await perform(core, users, each);
      }
      subscribers.push(...users.map((me) => consume(core, me, cursor)));
      for (const { id, username } of users) {
        await core.sendMessage({ by: id, to: { username }, text: "the end" });
      }
      for (const { me, views, cursors } of await Promise.all(subscribers)) {
        expect(views).to.deep.equal(viewsOf((await core.sync({ by: me.id })).chats, views));
        expect(new Set(cursors)).to.have.property("size", cursors.length);
      }
    }),
  );
  await fc.assert(property, { numRuns });
}

async function consume(core: Messaging, me: User, from: string) {
  let views: Views = {};
  const cursors: string[] = [];
  for await (const { events } of allOf(core.subscribe({ by: me.id, after: from }))) {
    for (const event of events) {
      views = after(views, event, me);
      cursors.push(event.cursor);
      if ("message" in event && event.message.text === "the end") return { me, views, cursors };
    }
  }
  throw new Error("The subscription ended too early.");
}

/** Consumes the subscription by `next` and by `drain`, in turn. */
async function* allOf(subscription: Subscription): AsyncGenerator<EventBatch> {
  for (let next = await subscription.next(); next; next = await subscription.next()) {
    yield next;
    for (let time = 0; time < 3; time += 1) {
      let wake = () => {};
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const batch = subscription.drain(wake);
      if (batch === undefined) break;
      if (batch.events.length > 0) yield batch;
      else await woken;
    }
  }
}

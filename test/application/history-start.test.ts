import { expect } from "chai";
import fc from "fast-check";
import { unreadCount, type ChatId } from "../../src/domain/chat.js";
import type { Subscription } from "../../src/application/events.js";
import type { MessageId } from "../../src/domain/message.js";
import { errorCodeOf } from "../support/error-code.js";
import { everyMessage, openWorld, textsOf, type World } from "../support/world.js";

const NAMES = ["ana", "bo", "cy"] as const;
type Name = (typeof NAMES)[number];

const name = fc.constantFrom(...NAMES);
const step = fc.oneof(
  fc.record({
    kind: fc.constant("policy" as const),
    history: fc.constantFrom("all" as const, "since_join" as const),
  }),
  fc.record({
    kind: fc.constantFrom("add" as const, "add" as const, "remove" as const),
    by: name,
    user: name,
  }),
  fc.record({ kind: fc.constantFrom("send" as const, "send" as const, "read" as const), by: name }),
  fc.record({ kind: fc.constantFrom("edit" as const, "delete" as const), by: name, index: fc.nat(9) }),
  fc.record({ kind: fc.constant("forget" as const), kept: fc.nat(6) }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface ModelMessage {
  readonly id: MessageId;
  readonly by: Name;
  readonly seq: number;
  readonly sentAt: number;
  text: string;
  isDeleted: boolean;
}

interface Stay {
  /** The number of messages that are hidden. */
  readonly hidden: number;
  /** The number of changes of messages before it. */
  readonly joinedAfter: number;
}

interface Change {
  readonly type: string;
  readonly message: ModelMessage;
  /** The users who receive it at once. */
  readonly to: readonly Name[];
}

/** What each user may see of one group, by the rules alone. */
class Model {
  history: "all" | "since_join" = "all";
  readonly members = new Map<Name, Stay>([["ana", { hidden: 0, joinedAfter: 0 }]]);
  readonly sent: ModelMessage[] = [];
  /** The number of messages that were deleted by age. */
  forgotten = 0;
  readonly read = new Map<Name, number>();
  readonly changes: Change[] = [];

  canSee(reader: Name, { seq }: ModelMessage): boolean {
    const stay = this.members.get(reader);
    return stay !== undefined && seq > stay.hidden && seq > this.forgotten;
  }

  visible(reader: Name): readonly ModelMessage[] {
    return this.sent.filter((message) => this.canSee(reader, message));
  }

  change(type: string, message: ModelMessage): void {
    this.changes.push({ type, message, to: NAMES.filter((reader) => this.canSee(reader, message)) });
  }

  unread(reader: Name): number {
    const read = Math.max(this.read.get(reader) ?? 0, this.forgotten);
    return this.sent.filter(({ seq, isDeleted }) => seq > read && !isDeleted).length;
  }
}

async function take(world: World, chatId: ChatId, model: Model, each: Step, index: number): Promise<void> {
  switch (each.kind) {
    case "policy":
      // The owner is among them.
      for (const member of NAMES) {
        const { history } = each;
        const change = world.changeChat({ by: world[member].id, chatId, policy: { history } });
        if ((await errorCodeOf(change)) === undefined) model.history = history;
      }
      return;
    case "add": {
      const code = await errorCodeOf(
        world.addParticipant({ by: world[each.by].id, chatId, username: each.user }),
      );
      const isMember = model.members.has(each.user);
      const expected = isMember ? "already_participant" : undefined;
      expect(code).to.equal(model.members.has(each.by) ? expected : "not_a_participant");
      if (code !== undefined) return;
      const hidden = model.history === "all" ? 0 : model.sent.length;
      model.members.set(each.user, { hidden, joinedAfter: model.changes.length });
      model.read.set(each.user, model.sent.length);
      return;
    }
    case "remove":
      // The group stays.
      if (model.members.size === 1) return;
      if (
        (await errorCodeOf(world.removeParticipant({ by: world[each.by].id, chatId, user: each.user }))) ===
        undefined
      ) {
        model.members.delete(each.user);
      }
      return;
    case "send": {
      if (!model.members.has(each.by)) return;
      world.clock.advance(1);
      const sending = world.sendMessage({ by: world[each.by].id, to: { chatId }, text: `${index}` });
      const { id, seq, sentAt } = (await sending).message;
      expect(seq).to.equal(model.sent.length + 1);
      const message = { id, by: each.by, seq, sentAt, text: `${index}`, isDeleted: false };
      model.sent.push(message);
      model.read.set(each.by, seq);
      model.change("message.created", message);
      return;
    }
    case "read": {
      if (!model.members.has(each.by)) return;
      await world.markRead({ by: world[each.by].id, chatId, seq: model.sent.length });
      model.read.set(each.by, model.sent.length);
      return;
    }
    case "edit":
    case "delete": {
      const message = model.sent.at(-1 - each.index);
      if (message === undefined) return;
      const command = { by: world[message.by].id, id: message.id, text: `${index}` };
      const acting = each.kind === "edit" ? world.editMessage(command) : world.deleteMessage(command);
      const code = await errorCodeOf(acting);
      const isEditable = each.kind === "delete" || !message.isDeleted;
      const allowed = isEditable ? undefined : "message_deleted";
      expect(code).to.equal(model.canSee(message.by, message) ? allowed : "not_your_message");
      if (code !== undefined || (each.kind === "delete" && message.isDeleted)) return;
      message.text = each.kind === "edit" ? `${index}` : "";
      message.isDeleted = each.kind === "delete";
      model.change(each.kind === "edit" ? "message.edited" : "message.deleted", message);
      return;
    }
    case "forget": {
      const before = world.clock.now() - each.kept;
      const old = model.sent.filter(({ sentAt, seq }) => sentAt < before && seq > model.forgotten);
      expect(await world.forgetMessages({ before })).to.equal(old.length);
      model.forgotten += old.length;
    }
  }
}

/** The types and ids of the changes of messages that a subscription receives, until a message to oneself. */
async function received(subscription: Subscription): Promise<readonly string[]> {
  const changes: string[] = [];
  for await (const { events } of subscription) {
    for (const event of events) {
      if (!("message" in event)) continue;
      if (event.chatKind === "p2p") return changes;
      changes.push(`${event.type} ${event.message.id}`);
    }
  }
  throw new Error("The subscription ended too early.");
}

describe("messages of a group under changes of its participants and its policy", () => {
  it("are those that the policy at the join allows, in every list, page, overview and event", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: "max" }), async (steps) => {
        const world = await openWorld();
        const { id: chatId } = await world.createGroupChat({ by: world.ana.id });
        const model = new Model();
        const cursors = await Promise.all(NAMES.map((reader) => world.sync({ by: world[reader].id })));
        const subscriptions = NAMES.map((reader, index) =>
          world.subscribe({ by: world[reader].id, after: cursors[index]!.cursor }),
        );
        const live = subscriptions.map(received);
        await world.settled();
        // Each step is delivered before the next, so that a change is compared with the rights at its time.
        for (const [index, each] of steps.entries()) {
          await take(world, chatId, model, each, index);
          await world.settled();
        }
        const keyOf = ({ type, message }: Change) => `${type} ${message.id}`;
        for (const [index, reader] of NAMES.entries()) {
          const by = world[reader].id;
          const expected = model.visible(reader).map(({ text }) => text);
          expect(textsOf(await everyMessage(await world.listMessages({ by, of: "all" })))).to.deep.equal(
            expected,
          );
          const stay = model.members.get(reader);
          const page = await world.listEvents({ by, after: cursors[index]!.cursor, limit: 1000 });
          const caughtUp = page.events.flatMap((event) =>
            "message" in event ? `${event.type} ${event.message.id}` : [],
          );
          const since = model.changes.slice(stay?.joinedAfter ?? Infinity);
          expect(caughtUp).to.deep.equal(
            since.filter(({ message }) => model.canSee(reader, message)).map(keyOf),
          );
          await world.sendMessage({ by, to: { username: reader }, text: "the end" });
          const atOnce = model.changes.filter(({ to }) => to.includes(reader));
          expect(await live[index]).to.deep.equal(atOnce.map(keyOf));
          if (stay === undefined) continue;
          await expectPages(world, chatId, reader, expected);
          const { overview } = await world.getChat({ by, chatId });
          const last = model.sent.at(-1);
          expect(overview.lastMessage?.id).to.equal(last && model.canSee(reader, last) ? last.id : undefined);
          expect(overview.lastSeq).to.equal(model.sent.length);
          expect(unreadCount(overview)).to.equal(model.unread(reader));
          const listed = (await world.listChats({ by, limit: 9 })).chats.find(
            ({ chat }) => chat.id === chatId,
          );
          const synced = (await world.sync({ by })).chats.find(({ chat }) => chat.id === chatId);
          expect([listed, synced]).to.deep.equal([overview, overview]);
        }
        await world.close();
      }),
      { numRuns: 100 },
    );
  });
});

/** Pages of the chat in both directions have the expected texts, and end without a bound. */
async function expectPages(
  world: World,
  chatId: ChatId,
  reader: Name,
  expected: readonly string[],
): Promise<void> {
  const page = { by: world[reader].id, of: { chatId }, limit: 2 };
  const backwards: string[] = [];
  for (let before: number | undefined, isFirst = true; isFirst || before !== undefined; isFirst = false) {
    const { messages, older } = await world.pageMessages({ ...page, before });
    backwards.unshift(...textsOf(messages));
    before = older;
  }
  expect(backwards).to.deep.equal(expected);
  const forwards: string[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const { messages, older, newer }: Awaited<ReturnType<World["pageMessages"]>> = await world.pageMessages({
      ...page,
      after,
    });
    if (after === 0) expect(older).to.equal(undefined);
    forwards.push(...textsOf(messages));
    after = newer;
  }
  expect(forwards).to.deep.equal(expected);
}

describe("a group with the policy history: since_join", () => {
  let world: World;
  let chatId: ChatId;
  const restrict = (history: "all" | "since_join") =>
    world.changeChat({ by: world.ana.id, chatId, policy: { history } });
  const add = () => world.addParticipant({ by: world.ana.id, chatId, username: "bo" });
  const leave = () => world.removeParticipant({ by: world.bo.id, chatId, user: "bo" });
  const send = async (text: string, by = world.ana, idempotencyKey?: string) =>
    (await world.sendMessage({ by: by.id, to: { chatId }, text, idempotencyKey })).message;
  const page = async (limit = 10) =>
    textsOf((await world.pageMessages({ by: world.bo.id, of: { chatId }, limit })).messages);
  const editsOf = async (subscription: Subscription) => {
    const { events } = (await subscription.next())!;
    return events.flatMap((event) => (event.type === "message.edited" ? event.message.text : []));
  };

  beforeEach(async () => {
    world = await openWorld();
    ({ id: chatId } = await world.createGroupChat({ by: world.ana.id }));
  });
  afterEach(() => world.close());

  it("decides at the join: a later change of the policy neither hides nor reveals messages", async () => {
    await send("a");
    await add();
    await restrict("since_join");
    expect(await page()).to.deep.equal(["a"]);
    await leave();
    await add();
    await restrict("all");
    expect(await page()).to.deep.equal([]);
    await send("b");
    expect(await page()).to.deep.equal(["b"]);
    await leave();
    await add();
    expect(await page()).to.deep.equal(["a", "b"]);
  });

  it("hides nothing from the first participants", async () => {
    await world.sendMessage({ by: world.cy.id, to: { username: "ana" }, text: "elsewhere" });
    const created = await world.createGroupChat({ by: world.ana.id, participants: ["bo"] });
    expect(created.overview.historyStart).to.equal(0);
    const { overview } = await world.getChat({ by: world.bo.id, chatId: created.id });
    expect(overview.historyStart).to.equal(0);
  });

  it("delivers edits of older messages live only to those who can read them", async () => {
    const message = await send("a");
    await restrict("since_join");
    await add();
    const edit = (text: string) => world.editMessage({ by: world.ana.id, id: message.id, text });
    // It learns of the start when it begins, not from an event.
    const subscription = world.subscribe({ by: world.bo.id });
    await subscription.next();
    await edit("b");
    await world.renameChat({ by: world.ana.id, chatId, title: "c" });
    expect(await editsOf(subscription)).to.deep.equal([]);
    // A stay without a start replaces one with it.
    await leave();
    await restrict("all");
    await add();
    await world.settled();
    await subscription.next();
    await edit("d");
    await world.settled();
    expect(await editsOf(subscription)).to.deep.equal(["d"]);
    subscription.close();
  });

  it("pages past events of hidden messages, and ends a page with thousands of them early", async () => {
    const message = await send("a");
    await restrict("since_join");
    await add();
    const { cursor: start } = await world.sync({ by: world.bo.id });
    const edit = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        await world.editMessage({ by: world.ana.id, id: message.id, text: `${n % 2}` });
      }
    };
    const list = (after: string, limit = 3) => world.listEvents({ by: world.bo.id, after, limit });
    await edit(500);
    await send("b");
    await edit(2);
    await send("c");
    await edit(1);
    const whole = await list(start);
    expect(whole.events.map((event) => "message" in event && event.message.text)).to.deep.equal(["b", "c"]);
    expect(whole.hasMore).to.equal(false);
    expect(whole.cursor).to.equal((await world.sync({ by: world.bo.id })).cursor);
    const first = await list(start, 1);
    expect([first.events.length, first.hasMore]).to.deep.equal([1, true]);
    await edit(2_500);
    await send("d");
    const early = await list(whole.cursor);
    expect([early.events, early.hasMore]).to.deep.equal([[], true]);
    const waiting = world.listEvents({
      by: world.bo.id,
      after: whole.cursor,
      limit: 3,
      until: new Promise(() => {}),
    });
    expect(await waiting).to.deep.equal(early);
    const rest = await list(early.cursor);
    expect([rest.events.length, rest.hasMore]).to.deep.equal([1, false]);
  });

  it("rejects a change of one's own hidden message, and repeats its send to a retry of it", async () => {
    await add();
    const own = await send("mine", world.bo, "key");
    await leave();
    await restrict("since_join");
    await add();
    for (const acting of [
      world.editMessage({ by: world.bo.id, id: own.id, text: "other" }),
      world.deleteMessage({ by: world.bo.id, id: own.id }),
    ]) {
      expect(await errorCodeOf(acting)).to.equal("not_your_message");
    }
    const retry = { by: world.bo.id, to: { chatId }, text: "mine", idempotencyKey: "key" };
    expect(await world.sendMessage(retry)).to.deep.equal({ message: own, replayed: true });
    expect(await page()).to.deep.equal([]);
  });

  it("hides the last message of a long list of chats from a user who joins again between two slices", async () => {
    const long = "x".repeat(10_000);
    for (let n = 0; n < 5; n += 1) {
      const { id } = await world.createGroupChat({ by: world.ana.id, participants: ["bo"] });
      await world.sendMessage({ by: world.ana.id, to: { chatId: id }, text: long });
    }
    chatId = 1 as ChatId;
    await add();
    await world.ports.store.transaction(({ chats }) => chats.setRead(chatId, world.bo.id, 0));
    const { first, rest } = await world.sliceChats({ by: world.bo.id, limit: 10 });
    const seen = new Set(first.map(({ chat }) => chat.id));
    expect(rest).not.to.equal(undefined);
    const later = [2, 3, 4, 5, 6].map((id) => id as ChatId).find((id) => !seen.has(id))!;
    chatId = later;
    await leave();
    await restrict("since_join");
    await add();
    const read = [];
    for await (const slice of rest!) read.push(...slice);
    expect(read.find(({ chat }) => chat.id === later)?.lastMessage).to.equal(null);
  });
});

import { expect } from "chai";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import type { ChatEvent } from "../../src/domain/event.js";
import { DEFAULT_POLICY } from "../../src/domain/policy.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import { openWorld, type World } from "../support/world.js";

/** An event without its cursor. */
type Delivered = Omit<ChatEvent, "cursor">;

describe("the recipients of an event", () => {
  let world: World;
  let ana: User;
  let bo: User;
  let cy: User;
  let chat: Chat;
  let at: number;
  beforeEach(async () => {
    world = await openWorld();
    ({ ana, bo, cy } = world);
    chat = await world.group(ana, bo);
    world.ports.clock.advance(1000);
    at = world.ports.clock.now();
  });

  const person = ({ id, username }: User) => ({ id, username });
  const send = async (by: User, text: string, chatId = chat.id) =>
    (await world.sendMessage({ by: by.id, to: { chatId }, text })).message;
  const write = async (by: User, { username }: User) =>
    (await world.sendMessage({ by: by.id, to: { username }, text: "hello" })).message;

  /** The events that ana, bo and cy receive of an action. */
  async function delivered(act: () => Promise<unknown>): Promise<Delivered[][]> {
    const { cursor } = await world.sync({ by: ana.id });
    await act();
    const all: Delivered[][] = [];
    for (const { id } of [ana, bo, cy]) {
      const { events } = await world.listEvents({ by: id, after: cursor, limit: 100 });
      all.push(events.map(withoutCursor));
    }
    return all;
  }

  async function expectNothing(act: () => Promise<unknown>): Promise<void> {
    const bounds = () => world.ports.store.read(({ events }) => events.bounds());
    const before = await bounds();
    await errorCodeOf(act());
    expect(await bounds()).to.deep.equal(before);
  }

  it("of a new group: its creator", async () => {
    let made!: Chat;
    const all = await delivered(async () => {
      made = (await world.createGroupChat({ by: cy.id, title: "t" })).overview.chat;
    });
    const event = {
      chatId: made.id,
      chatKind: "group",
      at,
      type: "chat.created",
      chat: made,
      participants: [{ ...person(cy), role: "owner" }],
    };
    expect(all).to.deep.equal([[], [], [event]]);
  });

  it("of a changed policy: all participants", async () => {
    const all = await delivered(() =>
      world.changeChat({ by: ana.id, chatId: chat.id, policy: { post: "admins" }, metadata: { a: 1 } }),
    );
    const policy = { ...DEFAULT_POLICY, post: "admins" };
    const event = {
      chatId: chat.id,
      chatKind: "group",
      at,
      type: "chat.changed",
      policy,
      metadata: { a: 1 },
    };
    expect(all).to.deep.equal([[event], [event], []]);
  });

  it("of ownership that passes on: all participants, the old owner and then the new one", async () => {
    const all = await delivered(() =>
      world.setRole({ by: ana.id, chatId: chat.id, user: "bo", role: "owner" }),
    );
    const event = { chatId: chat.id, chatKind: "group", at, type: "participant.role_changed" };
    const both = [
      { ...event, user: person(ana), role: "admin" },
      { ...event, user: person(bo), role: "owner" },
    ];
    expect(all).to.deep.equal([both, both, []]);
  });

  it("of an owner who leaves: the remaining participants, the new owner after the removal", async () => {
    const all = await delivered(() => world.removeParticipant({ by: ana.id, chatId: chat.id, user: "ana" }));
    const typesOf = (events: readonly Delivered[]) => events.map(({ type }) => type);
    expect(all.map(typesOf)).to.deep.equal([
      ["participant.removed"],
      ["participant.removed", "participant.role_changed"],
      [],
    ]);
    expect(all[1]![1]).to.deep.include({ user: person(bo), role: "owner" });
  });

  it("of a first message to a user: both users, the chat and then the message", async () => {
    const expected: Delivered[] = [];
    const all = await delivered(async () => {
      const message = await write(ana, cy);
      const p2p: Chat = {
        id: message.chatId,
        kind: "p2p",
        title: null,
        createdAt: at,
        policy: null,
        metadata: null,
      };
      const participants = [ana, cy].map((user) => ({ ...person(user), role: null }));
      expected.push({
        chatId: p2p.id,
        chatKind: "p2p",
        at,
        type: "chat.created",
        chat: p2p,
        participants,
      } as Delivered);
      expected.push({ chatId: p2p.id, chatKind: "p2p", at, type: "message.created", message } as Delivered);
    });
    expect(all).to.deep.equal([expected, [], expected]);
    expect((await delivered(() => write(cy, ana))).map((events) => events.length)).to.deep.equal([1, 0, 1]);
  });

  it("of a first message to oneself: the sender, as the only participant", async () => {
    const [mine, ...others] = await delivered(() => write(ana, ana));
    expect(mine![0]).to.deep.include({
      type: "chat.created",
      participants: [{ ...person(ana), role: null }],
    });
    expect(mine![1]).to.deep.include({ type: "message.created" });
    expect(mine).to.have.lengthOf(2);
    expect(others).to.deep.equal([[], []]);
  });

  it("of a new title: the participants; no event for the same title", async () => {
    const rename = (title: string | null) => world.renameChat({ by: bo.id, chatId: chat.id, title });
    const event = { chatId: chat.id, chatKind: "group", at, type: "chat.renamed", title: "new" };
    expect(await delivered(() => rename("new"))).to.deep.equal([[event], [event], []]);
    await expectNothing(() => rename("new"));
    expect(await delivered(() => rename(null))).to.deep.equal([
      [{ ...event, title: null }],
      [{ ...event, title: null }],
      [],
    ]);
  });

  it("of an added user: the participants, and that user with the overview of the chat", async () => {
    const message = await send(ana, "before");
    const all = await delivered(() =>
      world.addParticipant({ by: bo.id, chatId: chat.id, username: cy.username }),
    );
    const { overview } = await world.getChat({ by: cy.id, chatId: chat.id });
    const added = {
      chatId: chat.id,
      chatKind: "group",
      at,
      type: "participant.added",
      user: person(cy),
      participantCount: 3,
    };
    expect(all).to.deep.equal([[added], [added], [{ ...added, overview }]]);
    expect(overview).to.deep.include({ lastMessage: message, participantCount: 3 });
    await expectNothing(() => world.addParticipant({ by: bo.id, chatId: chat.id, username: cy.username }));
  });

  it("of a user who is removed or leaves: the remaining participants, and that user, as their last event", async () => {
    const removed = {
      chatId: chat.id,
      chatKind: "group",
      at,
      type: "participant.removed",
      user: person(bo),
      participantCount: 1,
    };
    const remove = (by: User, user: User) =>
      world.removeParticipant({ by: by.id, chatId: chat.id, user: user.id });
    expect(await delivered(() => remove(ana, bo))).to.deep.equal([[removed], [removed], []]);
    await expectNothing(() => remove(ana, bo));
    expect(await delivered(() => send(ana, "later")))
      .to.have.nested.property("[1]")
      .that.deep.equals([]);
    expect(await delivered(() => remove(ana, ana))).to.deep.equal([
      [{ ...removed, user: person(ana), participantCount: 0 }],
      [],
      [],
    ]);
  });

  it("of a sent message: the participants; no event for a replay", async () => {
    const command = { by: ana.id, to: { chatId: chat.id }, text: "a", idempotencyKey: "once" };
    const all = await delivered(() => world.sendMessage(command));
    const { message } = await world.sendMessage(command);
    const event = { chatId: chat.id, chatKind: "group", at, type: "message.created", message };
    expect(all).to.deep.equal([[event], [event], []]);
    await expectNothing(() => world.sendMessage(command));
  });

  it("of an edited message: the participants; no event for the same text", async () => {
    const { id } = await send(ana, "a");
    const edit = () => world.editMessage({ by: ana.id, id, text: "b" });
    const all = await delivered(edit);
    const event = { chatId: chat.id, chatKind: "group", at, type: "message.edited", message: await edit() };
    expect(all).to.deep.equal([[event], [event], []]);
    await expectNothing(edit);
  });

  it("of a deleted message: the participants; no event for a second deletion", async () => {
    const { id } = await send(ana, "a");
    const remove = () => world.deleteMessage({ by: ana.id, id });
    const all = await delivered(remove);
    const event = {
      chatId: chat.id,
      chatKind: "group",
      at,
      type: "message.deleted",
      message: await remove(),
    };
    expect(all).to.deep.equal([[event], [event], []]);
    await expectNothing(remove);
  });

  it("receive no deleted text, and no text from before an edit", async () => {
    const one = await send(ana, "a secret");
    const two = await send(ana, "a mistake");
    const { cursor } = await world.sync({ by: bo.id });
    const three = await send(ana, "another secret");
    await world.deleteMessage({ by: ana.id, id: one.id });
    await world.editMessage({ by: ana.id, id: two.id, text: "right" });
    await world.deleteMessage({ by: ana.id, id: three.id });
    const { events } = await world.listEvents({ by: bo.id, after: cursor, limit: 100 });
    const texts = events.map((event) => "message" in event && event.message.text);
    expect(texts).to.deep.equal(["", "", "right", ""]);
  });

  it("of a read marker in a group: the reader alone; no event for an earlier marker", async () => {
    await send(ana, "a");
    await send(ana, "b");
    const read = (seq: number) => world.markRead({ by: bo.id, chatId: chat.id, seq });
    const event = {
      chatId: chat.id,
      chatKind: "group",
      at,
      type: "chat.read",
      user: person(bo),
      readSeq: 1,
      unreadCount: 1,
      mentionCount: 0,
    };
    expect(await delivered(() => read(1))).to.deep.equal([[], [event], []]);
    await expectNothing(() => read(1));
    await expectNothing(() => read(0));
    expect(await delivered(() => read(99))).to.deep.equal([
      [],
      [{ ...event, readSeq: 2, unreadCount: 0 }],
      [],
    ]);
    await expectNothing(() => read(99));
  });

  it("of a read marker in a p2p chat: both participants", async () => {
    const { chatId } = await write(ana, bo);
    const event = {
      chatId,
      chatKind: "p2p",
      at,
      type: "chat.read",
      user: person(bo),
      readSeq: 1,
      unreadCount: 0,
      mentionCount: 0,
    };
    const all = await delivered(() => world.markRead({ by: bo.id, chatId, seq: 1 }));
    expect(all).to.deep.equal([[event], [event], []]);
  });

  it("who were added and removed since the cursor: their removal alone", async () => {
    const first = await send(ana, "first");
    const [, , ofCy] = await delivered(async () => {
      await world.addParticipant({ by: ana.id, chatId: chat.id, username: "cy" });
      await send(bo, "meanwhile");
      await world.markRead({ by: cy.id, chatId: chat.id, seq: 1 });
      await world.removeParticipant({ by: ana.id, chatId: chat.id, user: "cy" });
      await world.editMessage({ by: ana.id, id: first.id, text: "not for cy" });
    });
    expect(ofCy!.map(({ type }) => type)).to.deep.equal(["participant.removed"]);
  });

  it("of a rejected action: no one", async () => {
    const { id } = await send(ana, "a");
    const to = { chatId: chat.id };
    await expectNothing(() => world.createGroupChat({ by: ana.id, title: "" }));
    await expectNothing(() => world.renameChat({ by: cy.id, chatId: chat.id, title: "x" }));
    await expectNothing(() => world.addParticipant({ by: cy.id, chatId: chat.id, username: "cy" }));
    await expectNothing(() => world.removeParticipant({ by: cy.id, chatId: chat.id, user: "ana" }));
    await expectNothing(() => world.sendMessage({ by: cy.id, to, text: "x" }));
    await expectNothing(() => world.sendMessage({ by: ana.id, to: { username: "nobody" }, text: "x" }));
    await expectNothing(() => world.editMessage({ by: bo.id, id, text: "x" }));
    await expectNothing(() => world.deleteMessage({ by: bo.id, id }));
    await expectNothing(() => world.markRead({ by: cy.id, chatId: chat.id, seq: 1 }));
    await expectNothing(() => world.markRead({ by: ana.id, chatId: 99 as ChatId, seq: 1 }));
  });
});

function withoutCursor(event: ChatEvent): Delivered {
  const { cursor: _, ...rest } = event;
  return rest;
}

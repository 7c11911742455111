import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import fc from "fast-check";
import type { ChatEvent, Client, Message } from "../../src/client/index.js";
import { Blocks } from "../../src/web/state/blocks.js";
import { Chats } from "../../src/web/state/chats.js";
import { Conversation } from "../../src/web/state/conversation.js";
import { Drafts } from "../../src/web/state/drafts.js";
import { Group } from "../../src/web/state/group.js";
import { MAX_WINDOW_MESSAGES } from "../../src/web/state/message-window.js";
import { Outbox } from "../../src/web/state/outbox.js";
import { People } from "../../src/web/state/people.js";
import { memoryStorage } from "../support/memory-storage.js";
import { Tabs } from "../../src/web/state/tabs.js";
import { UserStorage } from "../../src/web/state/user-storage.js";

const ME = "me";
const CHAT = 7;

type Page = Parameters<Client["listGroupMessages"]>[0];

/** A chat on a server whose responses and events arrive when the test lets them. */
class SlowChat {
  messages: Message[] = [];
  readonly events: (() => ChatEvent)[] = [];
  readonly requests: (() => void)[] = [];
  /** Whether the next requests are read when they arrive, or else when they are answered. */
  readsAtOnce = true;
  #cursor = 0;
  #seq = 0;

  readonly client = {
    listGroupMessages: (page: Page, { signal }: { readonly signal: AbortSignal }) =>
      new Promise<readonly Message[]>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
        const early = this.readsAtOnce ? this.#page(page) : undefined;
        this.requests.push(() => resolve(early ?? this.#page(page)));
      }),
  } as unknown as Client;

  send(): void {
    this.#seq += 1;
    // Messages of other chats are between those of this one.
    const id = 3 * this.#seq;
    this.messages.push({
      id,
      destination_chat_id: CHAT,
      seq: this.#seq,
      sender_username: "bo",
      sender_user_id: "bo",
      timestamp: "2026-11-23T10:15:00.123Z",
      message: `message ${id}`,
      reply_to: null,
      mentions: [],
      metadata: null,
      edited_at: null,
      deleted_at: null,
      reactions: [],
    });
    this.#publish(() => ({ type: "message.created", message: this.#at(id) }));
  }

  edit(n: number): void {
    const { id } = this.#change(n, (message) => ({ ...message, message: `edited ${this.#cursor}` }));
    this.#publish(() => ({ type: "message.edited", message: this.#at(id) }));
  }

  delete(n: number): void {
    const { id } = this.#change(n, (message) => ({
      ...message,
      message: "",
      deleted_at: "now",
      reactions: [],
    }));
    this.#publish(() => ({ type: "message.deleted", message: this.#at(id) }));
  }

  react(n: number): void {
    const { id } = this.#change(n, (message) => ({
      ...message,
      reactions: [{ emoji: "👍", count: 1, user_ids: [`user ${this.#cursor}`] }],
    }));
    this.#publish(() => {
      const { reactions } = this.#at(id);
      return {
        type: "reaction.added",
        message_id: id,
        emoji: "👍",
        user_id: "bo",
        username: "bo",
        reactions,
      };
    });
  }

  /** Deletes the oldest messages by age. */
  forget(count: number): void {
    const upTo = this.messages[count - 1]?.seq;
    if (upTo === undefined) return;
    this.messages = this.messages.slice(count);
    this.#publish(() => ({
      type: "chat.history_deleted",
      up_to_seq: upTo,
      up_to_timestamp: "2026-11-23T10:15:00.123Z",
      unread_count: 0,
    }));
  }

  #change(n: number, change: (message: Message) => Message): Message {
    const index = n % this.messages.length;
    const changed = change(this.messages[index]!);
    this.messages[index] = changed;
    return changed;
  }

  /** A message in its current state. One that was deleted by age has none, and its event is not delivered. */
  #at(id: number): Message {
    const message = this.messages.find((each) => each.id === id);
    if (!message) throw new RangeError("deleted by age");
    return message;
  }

  #publish(toEvent: () => object): void {
    this.#cursor += 1;
    const cursor = `c-${this.#cursor}`;
    this.events.push(
      () => ({ cursor, chat_id: CHAT, chat_kind: "group", at: "now", ...toEvent() }) as unknown as ChatEvent,
    );
  }

  #page({ limit = 100, before, after }: Page): readonly Message[] {
    if (after !== undefined) return this.messages.filter(({ id }) => id > after).slice(0, limit);
    return this.messages.filter(({ id }) => id < (before ?? Infinity)).slice(-limit);
  }
}

function open(chat: SlowChat) {
  const { client } = chat;
  const storage = new UserStorage(memoryStorage(), ME);
  const tabs = new Tabs({ post() {}, listen() {}, close() {} });
  const chats = new Chats({ client, now: Date.now, me: ME });
  const outbox = new Outbox({
    client,
    storage,
    tabs,
    now: Date.now,
    chatWith: () => undefined,
    lastSeqOf: () => undefined,
  });
  const drafts = new Drafts(storage, tabs);
  const people = new People(client, ME);
  const blocks = new Blocks(client, tabs);
  const openGroup = (chatId: number) =>
    new Group({ client, chatId, chat: chats.byId(chatId), me: ME, onClose() {} });
  return new Conversation(
    { chatId: CHAT },
    { client, chats, outbox, drafts, people, blocks, now: Date.now, me: ME, openGroup, onClose() {} },
  );
}

/** Delivers the next events. Those of messages that were deleted by age are not delivered. */
function deliver(chat: SlowChat, conversation: Conversation, count: number): void {
  for (const toEvent of chat.events.splice(0, count)) {
    let event: ChatEvent;
    try {
      event = toEvent();
    } catch (error) {
      if (error instanceof RangeError) continue;
      throw error;
    }
    conversation.apply(event);
  }
}

function expectWithoutGaps(conversation: Conversation): void {
  const seqs = conversation.messages.value.map(({ seq }) => seq);
  expect(seqs.length).to.be.at.most(MAX_WINDOW_MESSAGES);
  expect(seqs).to.deep.equal(seqs.map((_, index) => seqs[0]! + index));
}

function expectCurrent(chat: SlowChat, conversation: Conversation): void {
  const window = conversation.messages.value;
  const start = chat.messages.findIndex(({ id }) => id === window[0]?.id);
  if (window.length > 0) expect(window).to.deep.equal(chat.messages.slice(start, start + window.length));
  else if (!conversation.hasNewer.value) expect(chat.messages).to.deep.equal([]);
  if (!conversation.hasNewer.value) expect(window.at(-1)?.id).to.equal(chat.messages.at(-1)?.id);
  if (!conversation.hasOlder.value && window.length > 0) expect(start).to.equal(0);
}

describe("Conversation over a slow network", () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("send" as const), count: fc.integer({ min: 1, max: 90 }) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom("edit" as const, "delete" as const, "react" as const),
        count: fc.nat(500),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), count: fc.nat(100) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom(
          "older" as const,
          "newer" as const,
          "jump" as const,
          "end" as const,
          "reset" as const,
        ),
        count: fc.nat(500),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant("answer" as const), count: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 60 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom("stay" as const, "leave" as const, "early" as const, "late" as const),
        count: fc.constant(0),
      }),
    },
  );

  it("shows a part of the chat as it is, without gaps, whatever the order of responses and events", async () => {
    const property = fc.asyncProperty(
      fc.nat(500),
      fc.array(step, { maxLength: 40, size: "max" }),
      async (history, steps) => {
        const chat = new SlowChat();
        for (let n = 0; n < history; n += 1) chat.send();
        chat.events.splice(0);
        const conversation = open(chat);
        const actions = {
          send: (count: number) => Array.from({ length: count }, () => chat.send()),
          edit: (count: number) => chat.messages.length > 0 && chat.edit(count),
          delete: (count: number) => chat.messages.length > 0 && chat.delete(count),
          react: (count: number) => chat.messages.length > 0 && chat.react(count),
          forget: (count: number) => chat.forget(count),
          older: () => void conversation.loadOlder(),
          newer: () => void conversation.loadNewer(),
          jump: (count: number) => void conversation.jumpTo(3 * count),
          end: () => void conversation.jumpToEnd(),
          reset: () => void conversation.reset(),
          answer: (count: number) => chat.requests.splice(0, count).map((answer) => answer()),
          deliver: (count: number) => deliver(chat, conversation, count),
          stay: () => conversation.setAtEnd(true),
          leave: () => conversation.setAtEnd(false),
          early: () => void (chat.readsAtOnce = true),
          late: () => void (chat.readsAtOnce = false),
        };
        for (const each of steps) {
          actions[each.do](each.count);
          await turn();
          expectWithoutGaps(conversation);
        }
        while (chat.requests.length > 0 || chat.events.length > 0) {
          actions.answer(1);
          actions.deliver(7);
          await turn();
        }
        expectWithoutGaps(conversation);
        expectCurrent(chat, conversation);
        // Scrolling down from anywhere reaches the end of the chat.
        for (let pages = 0; conversation.hasNewer.value; pages += 1) {
          expect(pages).to.be.at.most(30);
          void conversation.loadNewer();
          actions.answer(1);
          await turn();
        }
        expectCurrent(chat, conversation);
        for (let pages = 0; conversation.hasOlder.value; pages += 1) {
          expect(pages).to.be.at.most(100);
          void conversation.loadOlder();
          actions.answer(1);
          await turn();
        }
        expect(conversation.messages.value[0]?.id).to.equal(chat.messages[0]?.id);
        expectCurrent(chat, conversation);
        conversation.close();
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});

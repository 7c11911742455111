import { expect } from "chai";
import { createMessaging } from "../../src/application/messaging.js";
import type { ReadRepositories, Store, UserSlice } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { MessageText } from "../../src/domain/message.js";
import { append, PLAIN, renamed } from "../contract/fixtures.js";
import { createManyChats } from "../support/many-chats.js";
import { everyMessage, openWorld, type World } from "../support/world.js";

const CHATS = 501;
/** Longer than the range that a page visits. */
const OTHERS = 5_500;

describe("the lists of a user with more than 500 chats", () => {
  let world: World;
  let cursor: string;
  let own: number[];

  /** Sends messages of others, which the user does not receive, and their events. */
  const sendOfOthers = async () => {
    const { id: chatId } = await world.createGroupChat({ by: world.cy.id });
    await world.ports.store.transaction(async ({ messages }) => {
      for (let count = OTHERS; count > 0; count -= 1) {
        await messages.append({
          ...PLAIN,
          chatId,
          sender: world.cy,
          text: "hidden" as MessageText,
          sentAt: 1,
        });
      }
    });
    await append(
      world.ports.store,
      ...Array.from({ length: OTHERS }, () => renamed({ id: chatId }, "hidden")),
    );
  };
  const send = async (index: number) => {
    const { message } = await world.sendMessage({
      by: world.bo.id,
      to: { chatId: (index + 1) as ChatId },
      text: "x",
    });
    return message.id;
  };

  before(async () => {
    world = await openWorld();
    await createManyChats(world.ports.store, [world.ana, world.bo], CHATS);
    ({ cursor } = await world.sync({ by: world.ana.id }));
    const first = Array.from({ length: CHATS }, (_, index) => index + 1);
    await sendOfOthers();
    const middle = [await send(0), await send(CHATS - 1)];
    await sendOfOthers();
    own = [...first, ...middle, await send(7)];
  });

  it("page all messages backwards, each once, up to the first one", async () => {
    const found: number[] = [];
    for (let before: number | undefined, isEnd = false; !isEnd;) {
      const page = await world.pageMessages({ by: world.ana.id, of: "all", limit: 100, before });
      found.unshift(...page.messages.map(({ id }) => id));
      before = page.older;
      isEnd = before === undefined;
    }
    expect(found).to.deep.equal(own);
  });

  it("page all messages forwards, each once, up to the last one", async () => {
    const found: number[] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await world.pageMessages({ by: world.ana.id, of: "all", limit: 100, after });
      found.push(...page.messages.map(({ id }) => id));
      after = page.newer;
    }
    expect(found).to.deep.equal(own);
  });

  it("lead from a page in the middle to both ends", async () => {
    const page = await world.pageMessages({ by: world.ana.id, of: "all", limit: 1, after: own[CHATS]! });
    expect(page.messages.map(({ id }) => id)).to.deep.equal([own[CHATS + 1]]);
    expect([page.older, page.newer]).to.deep.equal([own[CHATS + 1], own[CHATS]! + 5_000]);
    const before = await world.pageMessages({
      by: world.ana.id,
      of: "all",
      limit: 1,
      before: own[CHATS + 1]!,
    });
    expect(before.messages.map(({ id }) => id)).to.deep.equal([own[CHATS]]);
    expect(before.newer).to.equal(own[CHATS]);
  });

  it("list all messages, each once", async () => {
    const found = await everyMessage(await world.listMessages({ by: world.ana.id, of: "all" }));
    expect(found.map(({ id }) => id)).to.deep.equal(own);
  });

  it("list the events after a cursor, each once", async () => {
    const found: number[] = [];
    for (let after: string = cursor, isEnd = false; !isEnd;) {
      const page = await world.listEvents({ by: world.ana.id, after, limit: 2 });
      found.push(...page.events.flatMap((event) => ("message" in event ? event.message.id : [])));
      after = page.cursor;
      isEnd = !page.hasMore;
    }
    expect(found).to.deep.equal(own.slice(CHATS));
  });

  it("search all messages, and find each once", async () => {
    const found: number[] = [];
    for (let next: string | undefined, isEnd = false; !isEnd;) {
      const page = await world.searchMessages({ by: world.ana.id, query: "x", limit: 2, cursor: next });
      found.unshift(...page.messages.map(({ id }) => id).toReversed());
      next = page.next;
      isEnd = next === undefined;
    }
    expect(found).to.deep.equal(own.slice(CHATS));
  });

  it("visit at most 5,000 ids for a page, and no chat", async () => {
    const visited: number[] = [];
    const counted = (repositories: ReadRepositories): ReadRepositories => {
      const count = <Slice extends UserSlice & { readonly after: number; readonly upTo: number }>(
        slice: Slice,
      ) => {
        expect(slice.scansRange).to.equal(true);
        visited.push(slice.upTo - slice.after);
        return slice;
      };
      const { messages, events } = repositories;
      return {
        ...repositories,
        messages: {
          ...messages,
          ofUser: (id, slice) => messages.ofUser(id, count(slice)),
          idsOfUser: (id, slice) => messages.idsOfUser(id, count(slice)),
        },
        events: { ...events, ofUser: (id, slice) => events.ofUser(id, count(slice)) },
      };
    };
    const { ports, ana } = world;
    const store: Store = { ...ports.store, read: (work) => ports.store.read((all) => work(counted(all))) };
    const core = createMessaging({ ...ports, store });
    const by = ana.id;
    const pages: readonly (() => Promise<unknown>)[] = [
      () => core.pageMessages({ by, of: "all", limit: 100 }),
      () => core.pageMessages({ by, of: "all", limit: 100, before: own[CHATS]! }),
      () => core.pageMessages({ by, of: "all", limit: 100, after: own[CHATS]! }),
      () => core.listEvents({ by, after: cursor, limit: 100 }),
    ];
    for (const read of pages) {
      visited.length = 0;
      await read();
      // A page of messages also looks for a message on its other side.
      expect(visited).to.satisfy((lengths: number[]) => lengths.length >= 1 && lengths.length <= 2);
      expect(Math.max(...visited)).to.be.at.most(5_000);
    }
    visited.length = 0;
    await core.searchMessages({ by, query: "nothing", limit: 10 });
    expect(visited).to.have.length.greaterThan(2);
    expect(Math.max(...visited)).to.be.at.most(5_000);
  });
});

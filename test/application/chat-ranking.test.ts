import { expect } from "chai";
import fc from "fast-check";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { ChatRankings, type RankedSlice } from "../../src/application/chat-ranking.js";
import type { ChatActivity, Repositories, Store } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import { ana, append, bo, register, renamed, send } from "../contract/fixtures.js";

/** Chats, or messages, that one read ranks. */
const MAX_PER_READ = 4;

describe("ChatRankings.readPage", () => {
  let store: Store;
  let rankings: ChatRankings;
  /** For each read of the store: the chats and messages that it has ranked. */
  let ranked: number[];

  beforeEach(async () => {
    const inner = openMemoryStore();
    ranked = [];
    store = { ...inner, read: (work) => inner.read((all) => work(counted(all as Repositories))) };
    rankings = new ChatRankings(MAX_PER_READ);
    await register(store, ana, bo);
  });

  function counted(all: Repositories): Repositories {
    const index = ranked.push(0) - 1;
    const { chats } = all;
    return {
      ...all,
      chats: {
        ...chats,
        async ofUser(userId, slice) {
          const found = await chats.ofUser(userId, slice);
          ranked[index]! += found.length;
          return found;
        },
        async activeOfUser(userId, range) {
          ranked[index]! += range.upTo - range.after;
          return chats.activeOfUser(userId, range);
        },
      },
    };
  }

  const group = async () => {
    const { id } = await store.transaction(async ({ chats, events }) => {
      const chat = await chats.addGroup(null, 1);
      await chats.addParticipant(chat.id, ana.id, 1);
      await events.append(renamed(chat, "a"));
      return chat;
    });
    return id;
  };
  const page = (slice: RankedSlice, by = rankings) =>
    by.readPage(store, ana.id, slice, async (_, found) => ({
      ids: found.chats.map(({ chat }) => chat.id),
      asOf: found.asOf,
      next: found.next && { chatId: found.next.chatId, activity: found.next.activity },
    }));
  /** The reads that rank something, and what each ranks. */
  async function costOf(work: Promise<unknown>): Promise<number[]> {
    ranked = [];
    await work;
    return ranked;
  }

  it("ranks at most so many chats in each read, and none again for a later page", async () => {
    const ids: ChatId[] = [];
    for (let count = 0; count < 10; count += 1) ids.unshift(await group());
    expect(await costOf(page({ limit: 2 }))).to.deep.equal([4, 4, 2]);
    const first = await page({ limit: 2 });
    expect(first.ids).to.deep.equal(ids.slice(0, 2));
    expect(await costOf(page({ limit: 3, asOf: first.asOf, after: first.next }))).to.deep.equal([0]);
    const second = await page({ limit: 3, asOf: first.asOf, after: first.next });
    expect(second.ids).to.deep.equal(ids.slice(2, 5));
  });

  it("ranks only the chats that have changed since, at most so many in each read", async () => {
    const ids: ChatId[] = [];
    for (let count = 0; count < 10; count += 1) ids.unshift(await group());
    await page({ limit: 2 });
    await send(store, { id: ids[7]! }, ana, "a");
    expect(await costOf(page({ limit: 2 }))).to.deep.equal([1]);
    expect((await page({ limit: 2 })).ids).to.deep.equal([ids[7], ids[0]]);
    const added = await group();
    expect(await costOf(page({ limit: 2 }))).to.deep.equal([1]);
    expect((await page({ limit: 2 })).ids).to.deep.equal([added, ids[7]]);
    for (let count = 0; count < 9; count += 1) await send(store, { id: ids[8]! }, ana, "a");
    expect(await costOf(page({ limit: 2 }))).to.deep.equal([4, 4, 1]);
    expect((await page({ limit: 2 })).ids).to.deep.equal([ids[8], added]);
  });

  it("ranks all chats again where more messages were sent since than there are chats", async () => {
    const ids: ChatId[] = [];
    for (let count = 0; count < 6; count += 1) ids.unshift(await group());
    await page({ limit: 2 });
    for (let count = 0; count < 30; count += 1) await send(store, { id: ids[3]! }, ana, "a");
    expect(await costOf(page({ limit: 2 }))).to.deep.equal([4, 2]);
    expect((await page({ limit: 2 })).ids).to.deep.equal([ids[3], ids[0]]);
  });

  it("ranks all chats again where the user has left many of them", async () => {
    const ids: ChatId[] = [];
    for (let count = 0; count < 20; count += 1) ids.unshift(await group());
    await page({ limit: 2 });
    for (const id of ids.slice(0, 15)) {
      await store.transaction(({ chats }) => chats.removeParticipant(id, ana.id));
    }
    await append(store, renamed({ id: ids[19]! }, "b"));
    expect((await page({ limit: 2 })).ids).to.deep.equal(ids.slice(15, 17));
    expect(await costOf(page({ limit: 2 }))).to.deep.equal([0]);
  });

  it("returns the same pages as without kept rankings, while chats and messages change", async () => {
    const action = fc.oneof(
      fc.record({ type: fc.constant("send" as const), chat: fc.nat(20), by: fc.boolean() }),
      fc.record({ type: fc.constant("create" as const) }),
      fc.record({ type: fc.constant("leave" as const), chat: fc.nat(20) }),
      fc.record({ type: fc.constant("join" as const), chat: fc.nat(20) }),
      fc.record({ type: fc.constant("list" as const), limit: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ type: fc.constant("next" as const), limit: fc.integer({ min: 1, max: 8 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        store = openMemoryStore();
        rankings = new ChatRankings(MAX_PER_READ);
        await register(store, ana, bo);
        const ids: ChatId[] = [];
        for (let count = 0; count < 7; count += 1) ids.push(await group());
        let cursor: { readonly asOf: number; readonly after: ChatActivity } | undefined;
        for (const each of actions) {
          if (each.type === "create") ids.push(await group());
          else if (each.type === "send") {
            await send(store, { id: ids[each.chat % ids.length]! }, each.by ? ana : bo, "a");
          } else if (each.type === "leave" || each.type === "join") {
            const id = ids[each.chat % ids.length]!;
            await store.transaction(async ({ chats, events }) => {
              if (each.type === "leave") await chats.removeParticipant(id, ana.id);
              else await chats.addParticipant(id, ana.id, 1);
              await events.append(renamed({ id }, "a"));
            });
          } else {
            const slice = { limit: each.limit, ...(each.type === "next" && cursor) };
            const found = await page(slice);
            expect(found).to.deep.equal(await page(slice, new ChatRankings(1_000)));
            cursor = found.next && { asOf: found.asOf, after: found.next };
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

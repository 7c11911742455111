import { expect } from "chai";
import type { Destination, MessagePage, PageMessages } from "../../src/application/messages.js";
import type { Chat, ChatId } from "../../src/domain/chat.js";
import type { Message } from "../../src/domain/message.js";
import { errorCodeOf } from "../support/error-code.js";
import { expectRejection, openWorld, type World } from "../support/world.js";

describe("pageMessages", () => {
  let world: World;
  let chat: Chat;
  let other: Chat;
  /** The messages of bo: to `chat`, to `other` and to ana in turn. */
  let sent: readonly Message[];
  beforeEach(async () => {
    world = await openWorld();
    chat = await world.group(world.ana, world.bo);
    other = await world.group(world.ana, world.bo);
    sent = await say(30);
  });

  async function say(count: number): Promise<Message[]> {
    const destinations: readonly Destination[] = [
      { chatId: chat.id },
      { chatId: other.id },
      { username: "ana" },
    ];
    const said = [];
    for (let index = 0; index < count; index += 1) {
      const to = destinations[index % destinations.length]!;
      said.push((await world.sendMessage({ by: world.bo.id, to, text: `${index}` })).message);
    }
    return said;
  }

  const page = (command: Partial<PageMessages> = {}) =>
    world.pageMessages({ by: world.ana.id, of: "all", limit: 7, ...command });
  const idsOf = (messages: readonly Message[]) => messages.map(({ id }) => id);
  const shape = ({ messages, older, newer }: MessagePage) => ({ ids: idsOf(messages), older, newer });

  const lists: readonly [string, () => PageMessages["of"], () => readonly Message[]][] = [
    ["all chats", () => "all", () => sent],
    ["a group", () => ({ chatId: chat.id }), () => sent.filter(({ chatId }) => chatId === chat.id)],
    ["a conversation", () => ({ username: "BO" }), () => sent.filter((_, index) => index % 3 === 2)],
  ];

  for (const [list, of, expected] of lists) {
    describe(`of ${list}`, () => {
      it("returns the newest messages, oldest first, and the bound of the older page", async () => {
        const ids = idsOf(expected());
        expect(await page({ of: of(), limit: 4 })).to.deep.equal({
          messages: expected().slice(-4),
          older: ids.at(-4),
          newer: undefined,
        });
      });

      it("returns all messages and no bounds if the limit is not exceeded", async () => {
        const messages = expected();
        for (const limit of [messages.length, messages.length + 1, 1000]) {
          expect(await page({ of: of(), limit })).to.deep.equal({
            messages,
            older: undefined,
            newer: undefined,
          });
        }
      });

      it("returns the oldest messages after `after`", async () => {
        const ids = idsOf(expected());
        expect(shape(await page({ of: of(), limit: 3, after: ids[1]! }))).to.deep.equal({
          ids: ids.slice(2, 5),
          older: ids[2],
          newer: ids[4],
        });
        expect(shape(await page({ of: of(), limit: 3, after: 0 }))).to.deep.equal({
          ids: ids.slice(0, 3),
          older: undefined,
          newer: ids[2],
        });
        expect(shape(await page({ of: of(), limit: 3, after: ids.at(-4)! }))).to.deep.equal({
          ids: ids.slice(-3),
          older: ids.at(-3),
          newer: undefined,
        });
      });

      it("returns the newest messages before `before`", async () => {
        const ids = idsOf(expected());
        expect(shape(await page({ of: of(), limit: 3, before: ids[5]! }))).to.deep.equal({
          ids: ids.slice(2, 5),
          older: ids[2],
          newer: ids[4],
        });
        expect(shape(await page({ of: of(), limit: 3, before: ids[3]! }))).to.deep.equal({
          ids: ids.slice(0, 3),
          older: undefined,
          newer: ids[2],
        });
      });

      it("returns an empty page at either end, with the bound of the page back", async () => {
        const ids = idsOf(expected());
        const last = ids.at(-1)!;
        const end = await page({ of: of(), after: last });
        expect(end).to.deep.equal({ messages: [], older: last + 1, newer: undefined });
        expect((await page({ of: of(), before: end.older })).messages.at(-1)?.id).to.equal(last);
        const start = await page({ of: of(), before: ids[0]! });
        expect(start).to.deep.equal({ messages: [], older: undefined, newer: ids[0]! - 1 });
        expect((await page({ of: of(), after: start.newer })).messages[0]?.id).to.equal(ids[0]);
      });

      for (const limit of [1, 4, 10]) {
        it(`reaches the first and the last message in pages of ${limit} while messages are sent`, async () => {
          const before = expected();
          const back: Message[] = [];
          let at: number | undefined;
          do {
            const { messages, older }: MessagePage = await page({ of: of(), limit, before: at });
            back.unshift(...messages);
            expect(back.length).to.be.at.most(before.length);
            at = older;
            await say(3);
          } while (at !== undefined);
          expect(back).to.deep.equal(before);

          const forward: Message[] = [];
          at = 0;
          for (let turn = 0; at !== undefined; turn += 1) {
            if (turn < 3) await say(3);
            const { messages, newer }: MessagePage = await page({ of: of(), limit, after: at });
            forward.push(...messages);
            expect(turn).to.be.below(200);
            at = newer;
          }
          expect(forward).to.deep.equal((await page({ of: of(), limit: 1000 })).messages);
        });
      }
    });
  }

  it("returns an empty page without bounds if there are no messages", async () => {
    const empty = await world.group(world.cy);
    for (const of of ["all", { chatId: empty.id }, { username: "ana" }, { username: "cy" }] as const) {
      for (const bounds of [{}, { after: 3 }, { before: 3 }]) {
        expect(await page({ by: world.cy.id, of, ...bounds })).to.deep.equal({
          messages: [],
          older: undefined,
          newer: undefined,
        });
      }
    }
  });

  it("accepts as bounds ids of other chats and ids of no message", async () => {
    const of = { chatId: chat.id };
    const ids = idsOf(sent.filter(({ chatId }) => chatId === chat.id));
    expect(idsOf((await page({ of, after: ids[2]! + 1, limit: 2 })).messages)).to.deep.equal(ids.slice(3, 5));
    expect(idsOf((await page({ of, before: ids[2]! + 2, limit: 2 })).messages)).to.deep.equal(
      ids.slice(1, 3),
    );
    expect(idsOf((await page({ of, before: Number.MAX_SAFE_INTEGER, limit: 1 })).messages)).to.deep.equal(
      ids.slice(-1),
    );
    expect((await page({ of, after: Number.MAX_SAFE_INTEGER })).messages).to.deep.equal([]);
  });

  it("returns edited messages and tombstones in place", async () => {
    const edited = await world.editMessage({ by: world.bo.id, id: sent[28]!.id, text: "edited" });
    const deleted = await world.deleteMessage({ by: world.bo.id, id: sent[29]!.id });
    expect((await page({ limit: 3 })).messages).to.deep.equal([sent[27], edited, deleted]);
  });

  it("returns the messages of a p2p chat by its id", async () => {
    const { chatId } = sent[2]!;
    const byId = await page({ of: { chatId }, by: world.ana.id });
    expect(byId).to.deep.equal(await page({ of: { username: "bo" }, by: world.ana.id }));
    expect(byId.messages.length).to.be.greaterThan(0);
    expect(byId.messages.filter((message) => message.chatId !== chatId)).to.deep.equal([]);
  });

  it("rejects like listMessages", async () => {
    const p2p = sent[2]!.chatId;
    for (const [of, by, code] of [
      [{ chatId: chat.id }, world.cy, "not_a_participant"],
      [{ chatId: 999_999 as ChatId }, world.ana, "not_a_participant"],
      [{ chatId: p2p }, world.cy, "not_a_participant"],
      [{ username: "dora" }, world.ana, "unknown_user"],
    ] as const) {
      await expectRejection(world, () => page({ of, by: by.id }), code);
    }
    await world.removeParticipant({ by: world.bo.id, chatId: chat.id, user: "ana" });
    expect(await errorCodeOf(page({ of: { chatId: chat.id }, after: 1 }))).to.equal("not_a_participant");
  });
});

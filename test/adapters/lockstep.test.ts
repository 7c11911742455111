import { expect } from "chai";
import fc from "fast-check";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import type { UserRecord } from "../../src/application/administration.js";
import type { ChatPage } from "../../src/application/chats.js";
import type { MessagePage, SentMessage } from "../../src/application/messages.js";
import type { Store } from "../../src/application/ports.js";
import { lastSeq, unreadCount, type ChatId, type ChatOverview } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { User } from "../../src/domain/user.js";
import { coreOf, type Core } from "../support/operator.js";
import { testPorts, type TestPorts } from "../support/ports.js";
import { seeded, simulatedDisk, type SimulatedDisk } from "../support/simulated-disk.js";
import { everyMessage } from "../support/world.js";

const NAMES = ["ana", "bo", "cy", "dora"] as const;

/** A command for both stores. Users go by their names until it is carried out. */
type Step = { readonly call: keyof Core; readonly later: number; readonly by?: string } & Readonly<
  Record<string, unknown>
>;

function step(call: keyof Core, fields: Readonly<Record<string, fc.Arbitrary<unknown>>>) {
  return fc.record({ call: fc.constant(call), later: fc.nat(2), ...fields }) as fc.Arbitrary<Step>;
}

/** One of the values, the first ones more often. */
function mostly<Value>(often: readonly Value[], seldom: readonly Value[]): fc.Arbitrary<Value> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...often) },
    { weight: 1, arbitrary: fc.constantFrom(...seldom) },
  );
}

const name = fc.constantFrom(...NAMES);
const by = mostly(["ana", "bo"], ["cy", "dora"]);
const chatId = mostly([1, 3], [2, 4, 5, 99]);
const id = fc.integer({ min: 1, max: 9 });
const text = mostly(["a", "b", "🙂"], [" "]);
const title = fc.option(text);
const limit = fc.integer({ min: 1, max: 4 });
const destination = fc.oneof(fc.record({ chatId }), fc.record({ username: name }));
const of = fc.oneof(fc.constant("all"), destination);
const key = fc.constantFrom("k", "K");
const inGroup = fc.constant({ chatId: 1 });

const writes = [
  step("sendMessage", { by, to: destination, text }),
  step("sendMessage", { by, to: destination, text }),
  step("sendMessage", { by, to: destination, text, idempotencyKey: key }),
  step("sendMessage", { by, to: inGroup, text: mostly(["a"], ["b"]), idempotencyKey: key }),
  step("editMessage", { by, id, text }),
  step("deleteMessage", { by, id }),
  step("markRead", { by, chatId, seq: fc.nat(9) }),
  fc.oneof(
    step("addParticipant", { by, chatId, username: name }),
    step("removeParticipant", { by, chatId, user: name }),
  ),
  fc.oneof(
    step("registerUser", { username: name, password: fc.constant("a password") }),
    step("createGroupChat", { by, title }),
    step("renameChat", { by, chatId, title }),
    step("disableUser", { user: name }),
    step("enableUser", { user: name }),
    step("logIn", { username: name, password: fc.constant("a password") }),
  ),
];
const reads = [
  step("getChat", { by, chatId }),
  step("listChats", { by, limit }),
  step("pageMessages", { by, of, limit }),
  step("pageMessages", { by, of, limit, after: id }),
  step("pageMessages", { by, of, limit, before: id }),
];
const anyWrite = fc.oneof(...writes);
const anyStep = fc.oneof(...writes, ...reads);

/** Three users, two groups, and a conversation. */
const BEGINNING: readonly Omit<Step, "later">[] = [
  ...["ana", "bo", "cy"].map((username) => ({
    call: "registerUser" as const,
    username,
    password: "a password",
  })),
  { call: "createGroupChat", by: "ana" },
  { call: "addParticipant", by: "ana", chatId: 1, username: "bo" },
  { call: "sendMessage", by: "ana", to: { username: "bo" }, text: "hello" },
  { call: "createGroupChat", by: "bo" },
  { call: "addParticipant", by: "bo", chatId: 3, username: "ana" },
];

/** What a call came to: an answer, or the code of a refusal. */
type Outcome = { readonly answer: unknown } | { readonly code: string };

/** Two cores with the same clock, ids and secrets: one over the memory store, one over SQLite. */
interface Pair {
  readonly users: ReadonlyMap<string, User>;
  /** Carries out a command on both, and answers what both answer. */
  run(command: Step): Promise<Outcome>;
  /** Asks both, and answers what both answer. */
  ask<T>(question: (core: Core) => Promise<T>): Promise<T>;
  /** Closes the SQLite store, and opens it again. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

async function openPair(): Promise<Pair> {
  const disk = simulatedDisk(seeded(0));
  const memory = testPorts();
  let sqlite: TestPorts = { ...testPorts(), store: await openOn(disk) };
  let sides = [coreOf(memory), coreOf(sqlite)];
  const users = new Map<string, User>();

  const pair: Pair = {
    users,
    async run({ call, later, by: caller, ...command }) {
      for (const { clock } of [memory, sqlite]) clock.advance(later);
      const given = caller === undefined ? command : { ...command, by: users.get(caller)?.id ?? "nobody" };
      const outcome = await pair.ask((core) =>
        outcomeOf((core[call] as (given: unknown) => Promise<unknown>)(given)),
      );
      if (call === "registerUser" && "answer" in outcome) {
        const user = outcome.answer as User;
        users.set(user.username, user);
      }
      return outcome;
    },
    async ask(question) {
      const [one, other] = await Promise.all(sides.map(question));
      expect(other).to.deep.equal(one);
      return one!;
    },
    async reopen() {
      await sqlite.store.close();
      sqlite = { ...sqlite, store: await openOn(disk) };
      sides = [coreOf(memory), coreOf(sqlite)];
    },
    close: () => sqlite.store.close(),
  };
  for (const command of BEGINNING) await pair.run({ later: 0, ...command } as Step);
  return pair;
}

function openOn(disk: SimulatedDisk): Promise<Store> {
  const mounted = disk.mount();
  return openStoreOn(mounted, inline(mounted), { segmentBytes: 16_384 });
}

async function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  try {
    return { answer: await call };
  } catch (error) {
    if (error instanceof MessagingError) return { code: error.code };
    throw error;
  }
}

/** All that everybody can see, and the operator. */
async function everything(messaging: Core, users: Iterable<User>) {
  const views = [];
  for (const { id: me } of users) {
    const { chats } = await messaging.listChats({ by: me, limit: 1000 });
    const seen = [];
    for (const { chat, withUsername } of chats) {
      const where = withUsername === null ? { chatId: chat.id } : { username: withUsername };
      seen.push({
        ...(await messaging.getChat({ by: me, chatId: chat.id })),
        messages: await everyMessage(await messaging.listMessages({ by: me, of: where })),
      });
    }
    const all = await everyMessage(await messaging.listMessages({ by: me, of: "all" }));
    views.push({ me, chats, seen, all, exported: await messaging.exportUser(me) });
  }
  return {
    views,
    accounts: await messaging.listUsers(),
    summaries: await messaging.listAllChats(),
    stock: await messaging.countStatistics(),
  };
}

describe("the memory store and the SQLite store, whatever is done in whatever order", function () {
  this.timeout(60_000);

  it("answer and refuse alike, count what is unread as it is, and number messages without a gap", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 40, maxLength: 60 }), async (steps) => {
        const pair = await openPair();
        /** How far each has read in each chat, by what they did. */
        const read = new Map([[`${pair.users.get("ana")!.id} 2`, 1]]);
        for (const each of steps) {
          const outcome = await pair.run(each);
          if ("code" in outcome) continue;
          if (each.call === "sendMessage") {
            const { message, replayed } = outcome.answer as SentMessage;
            if (!replayed) read.set(`${message.sender.id} ${message.chatId}`, message.seq);
          } else if (each.call === "markRead") {
            const overview = outcome.answer as ChatOverview;
            const place = `${pair.users.get(each.by!)!.id} ${overview.chat.id}`;
            const reached = Math.min(each.seq as number, lastSeq(overview));
            read.set(place, Math.max(read.get(place) ?? 0, reached));
          }
        }
        const seenByAll = () => pair.ask((core) => everything(core, pair.users.values()));
        const seenNow = await seenByAll();
        const { views, accounts, summaries, stock } = seenNow;
        for (const { me, seen, all } of views) {
          for (const { overview, participants, messages } of seen) {
            const readSeq = read.get(`${me} ${overview.chat.id}`) ?? 0;
            const unread = messages.filter(
              ({ seq, sender, deletedAt }) => seq > readSeq && sender.id !== me && deletedAt === null,
            );
            expect(overview.readSeq).to.equal(readSeq);
            expect(unreadCount(overview)).to.equal(unread.length);
            expect(overview.participantCount).to.equal(participants.length);
            expect(overview.lastMessage).to.deep.equal(messages.at(-1) ?? null);
            expect(messages.map(({ seq }) => seq)).to.deep.equal(messages.map((_, index) => index + 1));
          }
          const merged = seen.flatMap(({ messages }) => messages);
          expect(all).to.deep.equal(merged.toSorted((one, other) => one.id - other.id));
        }
        const records = views.flatMap(({ exported }) => exported);
        const written = records.flatMap((record: UserRecord) =>
          "message" in record ? record.message.id : [],
        );
        expect(new Set(written)).to.have.property("size", stock.messages);
        expect(stock).to.include({ users: accounts.length, messages: written.length });
        expect(stock.groupChats + stock.p2pChats).to.equal(summaries.length);
        for (const { me, exported } of views) {
          const isDisabled = accounts.some(({ user, disabledAt }) => user.id === me && disabledAt !== null);
          expect(isDisabled && exported.some((record) => "session" in record)).to.equal(false);
        }
        await pair.reopen();
        expect(await seenByAll()).to.deep.equal(seenNow);
        await pair.close();
      }),
      { numRuns: 50 },
    );
  });

  const place = fc.oneof(
    fc.constant("all" as const),
    fc.record({ username: name }),
    fc.record({ chatId: fc.constant(1 as ChatId) }),
  );

  for (const direction of ["older", "newer"] as const) {
    it(`meet each message once from page to page, going ${direction}, while anything is written between`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyWrite, { minLength: 20, maxLength: 40 }),
          fc.array(fc.array(anyWrite, { maxLength: 6 }), { maxLength: 12 }),
          place,
          limit,
          async (first, between, where, size) => {
            const pair = await openPair();
            for (const each of first) await pair.run(each);
            const page = (at: number | undefined, most: number) => {
              const bounds = direction === "older" ? { before: at } : { after: at };
              return pair.run({
                call: "pageMessages",
                later: 0,
                by: "ana",
                of: where,
                limit: most,
                ...bounds,
              });
            };
            await expectEachOnce(pair, between, {
              start: direction === "older" ? undefined : 0,
              goesOn: direction === "newer",
              async read(at: number | undefined) {
                const outcome = await page(at, size);
                if ("code" in outcome) return undefined;
                const { messages, older, newer } = outcome.answer as MessagePage;
                const met = messages.map(({ id: each }) => each);
                return direction === "older" ? { met: met.toReversed(), next: older } : { met, next: newer };
              },
              async visible() {
                const outcome = await page(direction === "older" ? undefined : 0, 1000);
                return "code" in outcome
                  ? []
                  : (outcome.answer as MessagePage).messages.map(({ id: each }) => each);
              },
            });
          },
        ),
        { numRuns: 40 },
      );
    });
  }

  it("meet each chat once from page to page, while anything is written between", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyWrite, { minLength: 20, maxLength: 40 }),
        fc.array(fc.array(anyWrite, { maxLength: 6 }), { maxLength: 8 }),
        limit,
        async (first, between, size) => {
          const pair = await openPair();
          for (const each of first) await pair.run(each);
          const list = async (cursor: string | undefined, most: number) => {
            const outcome = await pair.run({ call: "listChats", later: 0, by: "ana", limit: most, cursor });
            return (outcome as { readonly answer: ChatPage }).answer;
          };
          const idsOf = ({ chats }: ChatPage) => chats.map(({ chat }) => chat.id as number);
          await expectEachOnce<string>(pair, between, {
            start: undefined,
            goesOn: false,
            async read(cursor) {
              const page = await list(cursor, size);
              return { met: idsOf(page), next: page.next };
            },
            visible: async () => idsOf(await list(undefined, 1000)),
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});

interface Walk<Place> {
  readonly start: Place | undefined;
  /** Whether what is written meanwhile is still to be met. */
  readonly goesOn: boolean;
  /** A page, and where the next one is; undefined where it is refused. */
  readonly read: (
    at: Place | undefined,
  ) => Promise<{ readonly met: readonly number[]; readonly next: Place | undefined } | undefined>;
  /** All that could be met now. */
  readonly visible: () => Promise<readonly number[]>;
}

/** That a walk meets nothing twice, and all that could be seen whenever a page was read. */
async function expectEachOnce<Place>(
  pair: Pair,
  between: readonly (readonly Step[])[],
  { start, goesOn, read, visible }: Walk<Place>,
): Promise<void> {
  const met: number[] = [];
  let expected = await visible();
  let at = start;
  for (let turn = 0; ; turn += 1) {
    expect(turn, "pages of a walk").to.be.below(1000);
    const seen = new Set(await visible());
    expected = expected.filter((each) => seen.has(each));
    const page = await read(at);
    if (page === undefined) expected = [];
    met.push(...(page?.met ?? []));
    at = page?.next;
    if (at === undefined) break;
    const sent = [];
    for (const each of between[turn] ?? []) {
      const outcome = await pair.run(each);
      if (each.call !== "sendMessage" || "code" in outcome) continue;
      const { message, replayed } = outcome.answer as SentMessage;
      if (!replayed) sent.push(message.id);
    }
    if (goesOn) expected = [...expected, ...sent];
  }
  await pair.close();
  expect(new Set(met)).to.have.property("size", met.length);
  expect(met).to.include.members(expected);
}

import { expect } from "chai";
import fc from "fast-check";
import { openStoreOn } from "../../src/adapters/sqlite/store.js";
import { inline } from "../../src/adapters/sqlite/wal/threads.js";
import type { UserRecord } from "../../src/application/administration.js";
import type { ErasedUser } from "../../src/application/erasure.js";
import type { ChatPage } from "../../src/application/chats.js";
import type { MessagePage, SentMessage } from "../../src/application/messages.js";
import type { Store } from "../../src/application/ports.js";
import type { ReactionPage } from "../../src/application/reactions.js";
import { indexMessages } from "../../src/application/search.js";
import { unreadCount, type ChatId, type ChatOverview } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import { summarize, type EmojiCount } from "../../src/domain/reaction.js";
import { matchesQuery, parseSearchQuery } from "../../src/domain/search.js";
import { DELETED_USERNAME, type User } from "../../src/domain/user.js";
import { coreOf, type Core } from "../support/operator.js";
import { testPorts, type TestPorts } from "../support/ports.js";
import { seeded, simulatedDisk, type SimulatedDisk } from "../support/simulated-disk.js";
import { PostgresStores } from "../support/postgres-stores.js";
import { everyMessage } from "../support/world.js";

const NAMES = ["ana", "bo", "cy", "dora"] as const;

/** When the clocks of both cores start. */
const STARTED_AT = testPorts().clock.now();

/** A call of a use case on both cores. `by` is a username, and `later` the milliseconds by which the clock advances first. */
type Step = { readonly call: keyof Core; readonly later: number; readonly by?: string } & Readonly<
  Record<string, unknown>
>;

function step(call: keyof Core, fields: Readonly<Record<string, fc.Arbitrary<unknown>>>) {
  return fc.record({ call: fc.constant(call), later: fc.nat(2), ...fields }) as fc.Arbitrary<Step>;
}

/** Generates one of the values, the common ones six times as often. */
function mostly<Value>(common: readonly Value[], rare: readonly Value[]): fc.Arbitrary<Value> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...common) },
    { weight: 1, arbitrary: fc.constantFrom(...rare) },
  );
}

const name = fc.constantFrom(...NAMES);
const by = mostly(["ana", "bo"], ["cy", "dora"]);
const chatId = mostly([1, 3], [2, 4, 5, 99]);
const id = fc.integer({ min: 1, max: 9 });
const text = mostly(["a", "b", "Á b", "abc", "🙂"], [" "]);
const query = mostly(["a", "b", "a b", "ab"], ["?", "hello"]);
const title = fc.option(text);
const limit = fc.integer({ min: 1, max: 4 });
const destination = fc.oneof(fc.record({ chatId }), fc.record({ username: name }));
const anyScope = fc.oneof(fc.constant("all"), destination);
const key = fc.constantFrom("k", "K");
const emoji = mostly(["👍", "👩‍👩‍👧‍👦"], ["👎", "two"]);
const mutedUntil = fc.constantFrom(null, 0, Date.parse("2026-11-23T10:15:00.140Z"));
const mentions = fc.array(name, { maxLength: 2 });
const metadata = fc.constantFrom(null, { a: "🙂" });
const inGroup = fc.constant({ chatId: 1 });
/** The codes of the first invitations. */
const code = fc.constantFrom(1, 2, 3).map((n) => `code-${n}`.padEnd(22, "-"));
const invitationId = fc.integer({ min: 4, max: 8 }).map((n) => `id-${String(n).padStart(33, "0")}`);

const role = fc.constantFrom("owner", "admin", "member");
// Mostly the default, so that other steps stay allowed.
const policyChange = fc.record(
  {
    add: mostly(["everyone"], ["admins"]),
    remove: mostly(["everyone"], ["admins"]),
    post: mostly(["everyone"], ["admins"]),
    history: fc.constantFrom("all", "since_join"),
  },
  { requiredKeys: [] },
);

const writes = [
  step("sendMessage", { by, to: destination, text }),
  step("sendMessage", { by, to: destination, text }),
  step("sendMessage", { by, to: destination, text, idempotencyKey: key }),
  step("sendMessage", { by, to: inGroup, text: mostly(["a"], ["b"]), idempotencyKey: key }),
  step("sendMessage", { by, to: inGroup, text, replyTo: id, mentions, metadata }),
  step("sendMessage", { by, to: destination, text, mentions, metadata, idempotencyKey: key }),
  step("editMessage", { by, id, text }),
  step("editMessage", { by, id, mentions, metadata }),
  step("deleteMessage", { by, id }),
  step("markRead", { by, chatId, seq: fc.nat(9) }),
  step("addReaction", { by: name, id, emoji }),
  step("addReaction", { by, id, emoji }),
  step("removeReaction", { by, id, emoji }),
  fc.oneof(
    step("addParticipant", { by, chatId, username: name }),
    step("removeParticipant", { by, chatId, user: name }),
  ),
  fc.oneof(
    step("registerUser", { username: name, password: fc.constant("a password") }),
    step("createGroupChat", { by, title, participants: fc.array(name, { maxLength: 3 }) }),
    step("renameChat", { by, chatId, title }),
    step("changeChat", { by, chatId, policy: policyChange, metadata: fc.constantFrom(null, { a: "🙂" }) }),
    step("changeChat", { by, chatId: fc.constant(1), policy: fc.constant({ history: "since_join" }) }),
    step("forgetMessages", { before: fc.integer({ min: STARTED_AT, max: STARTED_AT + 30 }) }),
    step("setRole", { by, chatId, user: name, role }),
    step("setRole", { by: fc.constant("ana"), chatId: fc.constant(1), user: name, role }),
    step("createInvitation", { by, chatId, maxUses: fc.constantFrom(null, 1) }),
    step("acceptInvitation", { by: name, code }),
    step("acceptInvitation", { by: name, code }),
    step("deleteInvitation", { by, chatId, invitationId }),
    step("changeChatSettings", { by, chatId, archived: fc.boolean(), mutedUntil }),
    step("changeChatSettings", { by, chatId, pinned: fc.boolean() }),
    step("disableUser", { user: name }),
    step("enableUser", { user: name }),
    step("eraseUser", { user: fc.constantFrom("cy", "dora") }),
    step("logIn", { username: name, password: fc.constant("a password") }),
    step("updateProfile", { by, displayName: fc.constantFrom("Ana Bo", "🙂 Bosc", null) }),
    step("blockUser", { by, user: name }),
    step("unblockUser", { by, user: name }),
  ),
];
const reads = [
  step("getChat", { by, chatId }),
  step("listChats", { by, limit }),
  step("findUsers", { prefix: fc.constantFrom("a", "BO", "🙂"), limit }),
  step("getProfile", { user: name }),
  step("listBlocks", { by, limit }),
  step("listReactions", { by, id, limit }),
  step("pageMessages", { by, of: anyScope, limit }),
  step("pageMessages", { by, of: anyScope, limit, after: id }),
  step("pageMessages", { by, of: anyScope, limit, before: id }),
  step("searchMessages", { by, query, limit }),
  step("searchMessages", { by, query, limit, chatId, before: fc.option(id, { nil: undefined }) }),
  step("searchMessages", { by, query, limit, from: name, after: fc.option(id, { nil: undefined }) }),
];
const anyWrite = fc.oneof(...writes);
const anyStep = fc.oneof(...writes, ...reads);

/** Three users, two group chats with ana and bo, and a p2p chat with one message. */
const INITIAL_STEPS: readonly Omit<Step, "later">[] = [
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

/** The result of a call, or the code of its `MessagingError`. */
type Outcome = { readonly result: unknown } | { readonly code: string };

/** A store that keeps its contents when it is closed. */
interface KeptStore {
  /** Opens an empty store. */
  readonly open: () => Promise<Store>;
  readonly reopen: () => Promise<Store>;
  /** Whether an event that is deleted with its chat before it is in the log leaves no gap behind. */
  readonly numbersEventsOnceRelayed?: boolean;
}

function onSimulatedDisk(): KeptStore {
  let disk: SimulatedDisk;
  const reopen = () => {
    const mounted = disk.mount();
    return openStoreOn(mounted, inline(mounted), { segmentBytes: 16_384 });
  };
  const open = () => {
    disk = simulatedDisk(seeded(0));
    return reopen();
  };
  return { open, reopen };
}

/** Two cores with equal clocks, ids and secrets: one over the memory store, one over another store. */
interface CorePair {
  readonly users: ReadonlyMap<string, User>;
  /** Runs a step on both cores, asserts that the outcomes are equal, and returns the outcome. */
  run(step: Step): Promise<Outcome>;
  /** Queries both cores, asserts that the results are equal, and returns the result. */
  query<T>(read: (core: Core) => Promise<T>): Promise<T>;
  /** Indexes the messages of the other store, as far as their ids are settled. */
  index(): Promise<void>;
  /** Closes the other store and opens it again. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

async function openPair({ open, reopen }: KeptStore): Promise<CorePair> {
  const memory = testPorts();
  let kept: TestPorts = { ...testPorts(), store: await open() };
  let cores = [coreOf(memory), coreOf(kept)];
  const users = new Map<string, User>();

  const pair: CorePair = {
    users,
    async run({ call, later, by: caller, ...fields }) {
      for (const { clock } of [memory, kept]) clock.advance(later);
      // Every other search finds all messages by the index, and the others some.
      if (call === "searchMessages" && later === 1) await pair.index();
      const command = caller === undefined ? fields : { ...fields, by: users.get(caller)?.id ?? "nobody" };
      const outcome = await pair.query((core) =>
        outcomeOf((core[call] as (command: unknown) => Promise<unknown>)(command)),
      );
      if (call === "registerUser" && "result" in outcome) {
        const user = outcome.result as User;
        users.set(user.username, user);
      }
      return outcome;
    },
    async query(read) {
      const [one, other] = await Promise.all(cores.map(read));
      expect(other).to.deep.equal(one);
      return one!;
    },
    index: () => indexMessages(kept, async () => {}),
    async reopen() {
      await kept.store.close();
      kept = { ...kept, store: await reopen() };
      cores = [coreOf(memory), coreOf(kept)];
    },
    close: () => kept.store.close(),
  };
  for (const each of INITIAL_STEPS) await pair.run({ later: 0, ...each } as Step);
  return pair;
}

async function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  try {
    return { result: await call };
  } catch (error) {
    if (error instanceof MessagingError) return { code: error.code };
    throw error;
  }
}

async function chatsOf(pair: CorePair, user: User | undefined): Promise<ReadonlySet<number>> {
  if (user === undefined) return new Set();
  const { chats } = await pair.query((core) => core.listChats({ by: user.id, limit: 1000 }));
  return new Set(chats.map(({ chat }) => chat.id));
}

/** Reads everything that the users and the operator can see. */
async function readEverything(core: Core, users: Iterable<User>, countsEvents: boolean) {
  const views = [];
  for (const { id: me } of users) {
    const { chats } = await core.listChats({ by: me, limit: 1000 });
    const seen = [];
    for (const { chat, withUsername } of chats) {
      // Nobody can write to a deleted user by name.
      const byId = withUsername === null || withUsername === DELETED_USERNAME;
      const of = byId ? { chatId: chat.id } : { username: withUsername };
      seen.push({
        ...(await core.getChat({ by: me, chatId: chat.id })),
        messages: await everyMessage(await core.listMessages({ by: me, of })),
      });
    }
    const all = await everyMessage(await core.listMessages({ by: me, of: "all" }));
    const reactions = [];
    for (const { id: of } of all) {
      const listed = await outcomeOf(core.listReactions({ by: me, id: of, limit: 100 }));
      reactions.push("result" in listed ? (listed.result as ReactionPage).reactions : undefined);
    }
    views.push({ me, chats, seen, all, reactions, exported: await core.exportUser(me) });
  }
  const statistics = await core.countStatistics();
  return {
    views,
    accounts: await core.listUsers(),
    summaries: await core.listAllChats(),
    statistics: countsEvents ? statistics : { ...statistics, events: 0 },
  };
}

const postgres = new PostgresStores();
after(() => postgres.drop());

for (const [storeName, store, numRuns] of [
  ["SQLite", onSimulatedDisk(), 25],
  [
    "PostgreSQL",
    { open: () => postgres.openEmpty(), reopen: () => postgres.open(), numbersEventsOnceRelayed: true },
    3,
  ],
] as const) {
  describe(`the memory store and the ${storeName} store under the same random calls`, () =>
    itRunsInLockstep(store, numRuns));
}

function itRunsInLockstep(given: KeptStore, numRuns: number): void {
  const opened = new Set<Store>();
  const tracked = async (opening: Promise<Store>) => {
    const kept = await opening;
    opened.add(kept);
    return kept;
  };
  const store: KeptStore = {
    ...given,
    open: () => tracked(given.open()),
    reopen: () => tracked(given.reopen()),
  };
  // A property that failed has not closed its store.
  afterEach(async () => {
    for (const each of opened) await each.close();
    opened.clear();
  });

  it("return equal results and errors, derive the unread count, and number messages without gaps", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 40, maxLength: 60 }), async (steps) => {
        const pair = await openPair(store);
        /** The expected read positions, by user and chat. */
        const read = new Map([[`${pair.users.get("ana")!.id} 2`, 1]]);
        const lastSeqs = new Map([[2, 1]]);
        for (const each of steps) {
          const before = await chatsOf(pair, pair.users.get(each.by ?? ""));
          const outcome = await pair.run(each);
          if ("code" in outcome) continue;
          if (each.call === "acceptInvitation") {
            const joined = outcome.result as number;
            if (!before.has(joined))
              read.set(`${pair.users.get(each.by!)!.id} ${joined}`, lastSeqs.get(joined) ?? 0);
          } else if (each.call === "addParticipant") {
            const added = outcome.result as User;
            read.set(`${added.id} ${String(each.chatId)}`, lastSeqs.get(each.chatId as number) ?? 0);
          } else if (each.call === "sendMessage") {
            const { message, replayed } = outcome.result as SentMessage;
            if (!replayed) lastSeqs.set(message.chatId, message.seq);
            if (!replayed) read.set(`${message.sender.id} ${message.chatId}`, message.seq);
          } else if (each.call === "eraseUser") {
            const { account } = outcome.result as ErasedUser;
            for (const position of read.keys()) {
              if (position.startsWith(`${account.user.id} `)) read.delete(position);
            }
          } else if (each.call === "markRead") {
            const overview = outcome.result as ChatOverview;
            const position = `${pair.users.get(each.by!)!.id} ${overview.chat.id}`;
            const reached = Math.min(each.seq as number, overview.lastSeq);
            read.set(position, Math.max(read.get(position) ?? 0, reached));
          }
        }
        const readState = () =>
          pair.query((core) => readEverything(core, pair.users.values(), !store.numbersEventsOnceRelayed));
        const state = await readState();
        const { views, accounts, summaries, statistics } = state;
        for (const { me, seen, all, reactions } of views) {
          for (const [index, message] of all.entries()) {
            // A deleted user is in p2p chats, and reads nothing.
            const listed = reactions[index]?.map((each) => ({ emoji: each.emoji, userId: each.user.id }));
            if (listed === undefined) continue;
            const byEmoji = ({ emoji: one }: EmojiCount, { emoji: other }: EmojiCount) =>
              one < other ? -1 : 1;
            expect(message.reactions.toSorted(byEmoji)).to.deep.equal(summarize(listed).toSorted(byEmoji));
          }
          for (const { overview, participants, messages } of seen) {
            const { forgottenSeq } = summaries.find(({ chat }) => chat.id === overview.chat.id)!;
            const readSeq = Math.max(read.get(`${me} ${overview.chat.id}`) ?? 0, forgottenSeq);
            const unread = messages.filter(
              ({ seq, sender, deletedAt }) => seq > readSeq && sender.id !== me && deletedAt === null,
            );
            expect(overview.readSeq).to.equal(readSeq);
            const peer = participants.find((each) => each.id !== me)?.id ?? me;
            const isKept = accounts.some(({ user, deletedAt }) => user.id === peer && deletedAt === null);
            const peerRead = Math.max(read.get(`${peer} ${overview.chat.id}`) ?? 0, forgottenSeq);
            const hasPeer = overview.chat.kind === "p2p" && isKept;
            expect(overview.peerReadSeq).to.equal(hasPeer ? peerRead : null);
            expect(unreadCount(overview)).to.equal(unread.length);
            expect(overview.mentionCount).to.equal(
              unread.filter(({ mentions: ids }) => ids.includes(me)).length,
            );
            expect(overview.participantCount).to.equal(participants.length);
            const owners = participants.filter((each) => each.role === "owner");
            expect(owners).to.have.length(overview.chat.kind === "group" ? 1 : 0);
            expect(overview.lastMessage).to.deep.equal(messages.at(-1) ?? null);
            const hidden = overview.lastSeq - messages.length;
            expect(hidden).to.be.least(forgottenSeq);
            expect(messages.map(({ seq }) => seq)).to.deep.equal(
              messages.map((_, index) => hidden + index + 1),
            );
          }
          for (const each of ["a", "b", "ab", "a b"]) {
            const found = await pair.query((core) =>
              core.searchMessages({ by: me, query: each, limit: 1000 }),
            );
            const matching = all.filter((message) => matchesQuery(parseSearchQuery(each), message.text));
            expect(found).to.deep.equal({
              messages: matching.toReversed(),
              isComplete: true,
              next: undefined,
            });
          }
          const merged = seen.flatMap(({ messages }) => messages);
          expect(all).to.deep.equal(merged.toSorted((one, other) => one.id - other.id));
        }
        const records = views.flatMap(({ exported }) => exported);
        const written = records.flatMap((record: UserRecord) =>
          "message" in record ? record.message.id : [],
        );
        expect(new Set(written)).to.have.property("size", statistics.messages);
        expect(statistics).to.include({ users: accounts.length, messages: written.length });
        expect(statistics.groupChats + statistics.p2pChats).to.equal(summaries.length);
        for (const { me, exported } of views) {
          const isDisabled = accounts.some(({ user, disabledAt }) => user.id === me && disabledAt !== null);
          expect(isDisabled && exported.some((record) => "session" in record)).to.equal(false);
        }
        await pair.reopen();
        expect(await readState()).to.deep.equal(state);
        await pair.close();
      }),
      { numRuns, endOnFailure: true },
    );
  });

  const scope = fc.oneof(
    fc.constant("all" as const),
    fc.record({ username: name }),
    fc.record({ chatId: fc.constant(1 as ChatId) }),
  );

  for (const direction of ["older", "newer"] as const) {
    it(`return each message once across ${direction} pages while other calls write between them`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyWrite, { minLength: 20, maxLength: 40 }),
          fc.array(fc.array(anyWrite, { maxLength: 6 }), { maxLength: 12 }),
          scope,
          limit,
          async (first, between, of, size) => {
            const pair = await openPair(store);
            for (const each of first) await pair.run(each);
            const page = (at: number | undefined, count: number) => {
              const bounds = direction === "older" ? { before: at } : { after: at };
              return pair.run({
                call: "pageMessages",
                later: 0,
                by: "ana",
                of,
                limit: count,
                ...bounds,
              });
            };
            await expectEachOnce(pair, between, {
              start: direction === "older" ? undefined : 0,
              includesNew: direction === "newer",
              async read(at: number | undefined) {
                const outcome = await page(at, size);
                if ("code" in outcome) return undefined;
                const { messages, older, newer } = outcome.result as MessagePage;
                const ids = messages.map(({ id: each }) => each);
                return direction === "older" ? { ids: ids.toReversed(), next: older } : { ids, next: newer };
              },
              async visible() {
                const outcome = await page(direction === "older" ? undefined : 0, 1000);
                return "code" in outcome
                  ? []
                  : (outcome.result as MessagePage).messages.map(({ id: each }) => each);
              },
            });
          },
        ),
        { numRuns, endOnFailure: true },
      );
    });
  }

  it("return each chat once across pages while other calls write between them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyWrite, { minLength: 20, maxLength: 40 }),
        fc.array(fc.array(anyWrite, { maxLength: 6 }), { maxLength: 8 }),
        limit,
        async (first, between, size) => {
          const pair = await openPair(store);
          for (const each of first) await pair.run(each);
          // A deletion by age makes a chat as active as the last message deleted, which is older than any page.
          const withoutDeletions = between.map((steps) =>
            steps.filter(({ call }) => call !== "forgetMessages"),
          );
          const list = async (cursor: string | undefined, count: number) => {
            const outcome = await pair.run({ call: "listChats", later: 0, by: "ana", limit: count, cursor });
            return (outcome as { readonly result: ChatPage }).result;
          };
          const idsOf = ({ chats }: ChatPage) => chats.map(({ chat }) => chat.id as number);
          await expectEachOnce<string>(pair, withoutDeletions, {
            start: undefined,
            includesNew: false,
            async read(cursor) {
              const page = await list(cursor, size);
              return { ids: idsOf(page), next: page.next };
            },
            visible: async () => idsOf(await list(undefined, 1000)),
          });
        },
      ),
      { numRuns, endOnFailure: true },
    );
  });
}

/** How to read all pages of a list. */
interface Pages<Position> {
  readonly start: Position | undefined;
  /** Whether later pages include messages that are sent meanwhile. */
  readonly includesNew: boolean;
  /** Reads a page and the position of the next one; undefined if the user may not read it. */
  readonly read: (
    at: Position | undefined,
  ) => Promise<{ readonly ids: readonly number[]; readonly next: Position | undefined } | undefined>;
  /** Reads all ids that the user can see now. */
  readonly visible: () => Promise<readonly number[]>;
}

/** Asserts that the pages return no id twice, and every id that was visible whenever a page was read. */
async function expectEachOnce<Position>(
  pair: CorePair,
  between: readonly (readonly Step[])[],
  { start, includesNew, read, visible }: Pages<Position>,
): Promise<void> {
  const returned: number[] = [];
  let expected = await visible();
  let at = start;
  for (let turn = 0; ; turn += 1) {
    expect(turn, "number of pages").to.be.below(1000);
    const seen = new Set(await visible());
    expected = expected.filter((each) => seen.has(each));
    const page = await read(at);
    if (page === undefined) expected = [];
    returned.push(...(page?.ids ?? []));
    at = page?.next;
    if (at === undefined) break;
    const sent = [];
    for (const each of between[turn] ?? []) {
      const outcome = await pair.run(each);
      if (each.call !== "sendMessage" || "code" in outcome) continue;
      const { message, replayed } = outcome.result as SentMessage;
      if (!replayed) sent.push(message.id);
    }
    if (includesNew) expected = [...expected, ...sent];
  }
  await pair.close();
  expect(new Set(returned)).to.have.property("size", returned.length);
  expect(returned).to.include.members(expected);
}

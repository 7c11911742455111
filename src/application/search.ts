import { assertParticipant, type ChatId } from "../domain/chat.js";
import type { Message } from "../domain/message.js";
import { matchesQuery, parseSearchQuery, type SearchQuery } from "../domain/search.js";
import type { UserId } from "../domain/user.js";
import { invalidCursor } from "./pages.js";
import type { Ports, ReadRepositories, SearchRange } from "./ports.js";
import { hasManyChats, MAX_RANGE_LENGTH } from "./ranges.js";
import { isFullSlice, MAX_SLICE_CHARACTERS } from "./slices.js";
import { getUserByNameOrId } from "./users.js";

/** `before` and `after` are exclusive bounds of message ids. */
export interface SearchMessages {
  readonly by: UserId;
  /** Words that the texts must have: see `parseSearchQuery`. */
  readonly query: string;
  /** One chat; all chats of the caller by default. */
  readonly chatId?: ChatId | undefined;
  /** The username or id of a sender. */
  readonly from?: string | undefined;
  readonly before?: number | undefined;
  readonly after?: number | undefined;
  /** 1 or more. */
  readonly limit: number;
  /** The `next` of the previous page; the first page by default. */
  readonly cursor?: string | undefined;
}

export interface SearchPage {
  /** Newest first. */
  readonly messages: readonly Message[];
  /**
   * Whether the index has all messages but the newest. Without it, the pages have the same messages, but can be shorter, and it takes
   * more of them.
   */
  readonly isComplete: boolean;
  /** The cursor of the next page; undefined on the last page. */
  readonly next: string | undefined;
}

/** The number of messages that a step reads at most, from the index or from the history. */
const MAX_STEP_LENGTH = 200;

/** The number of texts that a step compares at least, if the index finds so many. */
const MIN_COMPARED = 50;

/** Bounds the work of a page. Each step is a read, between which others have their turn. */
const MAX_STEPS = 20;

/** Bounds the memory of a page: the length of its texts, in UTF-16 code units. It can exceed it by a step. */
const MAX_PAGE_CHARACTERS = 8 * MAX_SLICE_CHARACTERS;

/** So many messages may wait for the index of a store without a notice. A search reads them from the history. */
const MAX_UNINDEXED = 10_000;

/**
 * Finds the messages that the caller can read and that match a query, newest first. A page can have fewer than `limit` messages, or
 * none, and a `next`: the work and the size of a page are bounded. Following `next` finds each message that was stored before once.
 *
 * @throws MessagingError `invalid_query`, `invalid_cursor`; `unknown_user` for `from`; for a `chatId` `not_a_participant`
 */
export async function searchMessages({ store }: Ports, command: SearchMessages): Promise<SearchPage> {
  const { limit, before = Infinity, cursor } = command;
  const query = parseSearchQuery(command.query);
  let position = Math.min(before, cursor === undefined ? MAX_POSITION : parseCursor(cursor));
  const messages: Message[] = [];
  let isComplete = true;
  let characters = 0;
  const pace: Pace = { history: Infinity };
  for (let steps = 1; ; steps += 1) {
    const step = await store.read((repositories) =>
      searchStep(repositories, command, query, position, limit + 1 - messages.length, pace),
    );
    messages.push(...step.messages);
    isComplete &&= step.isComplete;
    if (messages.length > limit) {
      const page = messages.slice(0, limit);
      return { messages: page, isComplete, next: String(page.at(-1)!.id) };
    }
    if (step.reached === undefined) return { messages, isComplete, next: undefined };
    position = step.reached + 1;
    for (const { text } of step.messages) characters += text.length;
    if (steps === MAX_STEPS || characters >= MAX_PAGE_CHARACTERS)
      return { messages, isComplete, next: String(position) };
  }
}

/** Behind every message. */
const MAX_POSITION = Number.MAX_SAFE_INTEGER;

/** The cursor is the id before which the next page starts. */
function parseCursor(cursor: string): number {
  const position = /^[1-9][0-9]{0,15}$/.test(cursor) ? Number(cursor) : Infinity;
  if (position > MAX_POSITION) throw invalidCursor();
  return position;
}

/** The messages of a part of the history. */
interface Part {
  /** Newest first. */
  readonly messages: readonly Message[];
  /** The id down to which the part reaches. */
  readonly reached: number;
}

/** How far the last part of the history reached, in ids, so that later steps know when to leave it out. */
interface Pace {
  history: number;
}

/** @returns a part, with `reached` undefined at the end of the history. */
async function searchStep(
  repositories: ReadRepositories,
  { by, chatId, from, after = 0 }: SearchMessages,
  query: SearchQuery,
  before: number,
  wanted: number,
  pace: Pace,
): Promise<Omit<Part, "reached"> & { readonly reached: number | undefined; readonly isComplete: boolean }> {
  const { chats, messages, search, users } = repositories;
  const membership =
    chatId === undefined ? undefined : assertParticipant(await chats.ofParticipant(chatId, by));
  const senderId = from === undefined ? undefined : (await getUserByNameOrId(users, from)).id;
  const indexedUpTo = await search.indexedUpTo();
  const lastId = await messages.lastId();
  const upTo = Math.min(before - 1, lastId);
  const end = Math.max(after, membership?.historyStart ?? 0);
  const range = { after: end, upTo, chatId, senderId };
  const { messages: found, reached } =
    upTo > indexedUpTo
      ? await searchHistory(repositories, by, query, { ...range, after: Math.max(end, indexedUpTo) })
      : await searchIndexed(repositories, by, query, range, wanted, pace);
  const isComplete = lastId - indexedUpTo <= MAX_UNINDEXED;
  return { messages: found, isComplete, reached: reached > end ? reached : undefined };
}

/**
 * Searches by the index, which skips messages that do not match, and through the history, which skips messages that the user cannot
 * read. Returns the part that reaches further back: a user of few chats has come to the end of their history before the index has left
 * the newest messages with a frequent word, and a rare word leads through a long history at once.
 */
async function searchIndexed(
  repositories: ReadRepositories,
  by: UserId,
  query: SearchQuery,
  range: SearchRange,
  wanted: number,
  pace: Pace,
): Promise<Part> {
  const { messages, search } = repositories;
  const found = await search.find(by, query, range);
  const ids = found.ids.slice(0, Math.max(wanted, MIN_COMPARED));
  const candidates = await messages.byIds(ids, { maxCharacters: MAX_SLICE_CHARACTERS });
  const isWhole = ids.length === found.ids.length && !isFullSlice(candidates);
  const last = isFullSlice(candidates) ? candidates.at(-1)?.id : ids.at(-1);
  const indexed: Part = {
    messages: candidates.filter(({ text }) => matchesQuery(query, text)),
    reached: isWhole ? found.reached : last! - 1,
  };
  if (indexed.reached <= range.after || indexed.messages.length >= wanted) return indexed;
  if (range.upTo - indexed.reached > pace.history) return indexed;
  const read = await searchHistory(repositories, by, query, range);
  pace.history = range.upTo - read.reached;
  return read.reached < indexed.reached ? read : indexed;
}

/** Reads the newest messages of a range, and compares their texts. */
async function searchHistory(
  repositories: ReadRepositories,
  by: UserId,
  query: SearchQuery,
  { after: end, upTo, chatId, senderId }: SearchRange,
): Promise<Part> {
  const { messages } = repositories;
  const scansRange = chatId === undefined && (await hasManyChats(repositories, by));
  const after = scansRange ? Math.max(end, upTo - MAX_RANGE_LENGTH) : end;
  const slice = {
    after,
    upTo,
    limit: MAX_STEP_LENGTH,
    from: "newest",
    maxCharacters: MAX_SLICE_CHARACTERS,
  } as const;
  const read = await (chatId === undefined
    ? messages.ofUser(by, { ...slice, scansRange })
    : messages.ofChat(chatId, slice));
  const isWhole = read.length < MAX_STEP_LENGTH && !isFullSlice(read);
  return {
    messages: read
      .filter(
        ({ sender, text }) => (senderId === undefined || sender.id === senderId) && matchesQuery(query, text),
      )
      .toReversed(),
    reached: isWhole ? after : read[0]!.id - 1,
  };
}

/**
 * Indexes the messages that wait for it.
 *
 * @param pause awaited between two transactions, so that others have their turn.
 * @param isStopped asked between two transactions; true leaves the rest to the next call.
 */
export async function indexMessages(
  { store }: Pick<Ports, "store">,
  pause: () => Promise<void>,
  isStopped: () => boolean = () => false,
): Promise<void> {
  while (!isStopped() && (await store.transaction(({ search }) => search.indexNext()))) await pause();
}

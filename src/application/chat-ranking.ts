import type { ChatOverview } from "../domain/chat.js";
import type { UserId } from "../domain/user.js";
import type { ChatActivity, ChatReader, JoinPosition, Ports, ReadRepositories } from "./ports.js";
import { RankedChats } from "./ranked-chats.js";

/** Bounds the time for which other work has to wait for a read. */
const MAX_RANKED_PER_READ = 1_000;
/** The chats of all rankings that are kept, of at most 60 bytes each. */
const MAX_KEPT_CHATS = 400_000;
/** The listings that one user can page through at once without ranking the chats again. */
const MAX_RANKINGS_PER_USER = 4;

/** The chats of a user in the order of a list, as of a message. Not changed once made. */
interface Ranking {
  /** The id of the message. */
  readonly asOf: number;
  /** Last active first. May hold chats that the user has left since. */
  readonly chats: RankedChats;
  /** Chats behind it, in the order of `ChatReader.ofUser`, are not ranked yet. */
  readonly ranked: JoinPosition | undefined;
  /** The `lastJoin` before the first slice of these chats was read. Chats behind it can have been missed. */
  readonly lastJoin: JoinPosition | undefined;
}

/** The ports, and the rankings of the chats of their store. */
export interface PortsWithRankings extends Ports {
  readonly rankings: ChatRankings;
}

/** A page of a list of chats. */
export interface RankedPage {
  readonly asOf: number;
  readonly chats: readonly ChatOverview[];
  /** Behind the last chat; undefined on the last page. */
  readonly next: ChatActivity | undefined;
}

export interface RankedSlice {
  /** The message as of which the chats are ranked; the last one by default. */
  readonly asOf?: number | undefined;
  /** The `next` of the previous page; the first page by default. */
  readonly after?: ChatActivity | undefined;
  readonly limit: number;
}

/**
 * Ranks the chats of a user by activity. No store keeps that order: each send would then cost each participant. A ranking is made
 * slice by slice, in reads of their own, so that other work runs in between. The last of them ranks what has changed meanwhile
 * and reads the page. Long rankings are kept: a later page finds its ranking, and a later list ranks only the chats that have
 * changed since.
 */
export class ChatRankings {
  /** Newest first. The user whose rankings were used last is the last one. */
  readonly #byUser = new Map<UserId, readonly Ranking[]>();
  readonly #maxPerRead: number;
  #keptChats = 0;

  /** @param maxPerRead chats, or message ids, that one read of the store ranks; 1,000 unless given. */
  constructor(maxPerRead = MAX_RANKED_PER_READ) {
    this.#maxPerRead = maxPerRead;
  }

  /**
   * Reads a page of the user's chats, last active first, then in descending order of id.
   *
   * @param work reads what belongs to the page from the same view.
   */
  async readPage<T>(
    store: Ports["store"],
    by: UserId,
    slice: RankedSlice,
    work: (repositories: ReadRepositories, page: RankedPage) => Promise<T>,
  ): Promise<T> {
    for (let unfinished: Ranking | undefined; ;) {
      const step = await store.read(async (repositories) => {
        const settledId = await repositories.messages.settledId();
        const asOf = Math.min(slice.asOf ?? settledId, settledId);
        const start = unfinished ?? this.#find(by, asOf, slice.asOf === undefined);
        const { ranking, isFinished } = await advance(repositories, by, asOf, start, this.#maxPerRead);
        if (!isFinished) return { ranking };
        const page = await pageOf(repositories.chats, by, ranking, slice, this.#maxPerRead);
        return { ranking, finished: page && { value: await work(repositories, page) }, isStale: !page };
      });
      if (step.finished) {
        this.#keep(by, step.ranking);
        return step.finished.value;
      }
      if (step.isStale) this.#drop(by);
      unfinished = step.isStale ? undefined : step.ranking;
    }
  }

  /** The kept ranking to start from, or an empty one. */
  #find(by: UserId, asOf: number, mayBeOlder: boolean): Ranking {
    const newest = (this.#byUser.get(by) ?? [])
      .filter((each) => (mayBeOlder ? each.asOf <= asOf : each.asOf === asOf))
      .reduce<Ranking | undefined>((one, other) => (one && one.asOf > other.asOf ? one : other), undefined);
    // Beyond that, ranking all chats again costs less than the messages of all users since.
    if (newest && asOf - newest.asOf <= newest.chats.length) return newest;
    return { asOf, chats: new RankedChats(), ranked: undefined, lastJoin: undefined };
  }

  #keep(by: UserId, ranking: Ranking): void {
    const others = (this.#byUser.get(by) ?? []).filter(({ asOf }) => asOf !== ranking.asOf);
    this.#drop(by);
    // A shorter one is made again in one read.
    if (ranking.chats.length < this.#maxPerRead) return;
    const kept = [ranking, ...others].slice(0, MAX_RANKINGS_PER_USER);
    this.#byUser.set(by, kept);
    this.#keptChats += countOf(kept);
    for (const userId of this.#byUser.keys()) {
      if (this.#keptChats <= MAX_KEPT_CHATS) return;
      this.#drop(userId);
    }
  }

  #drop(by: UserId): void {
    this.#keptChats -= countOf(this.#byUser.get(by) ?? []);
    this.#byUser.delete(by);
  }
}

function countOf(rankings: readonly Ranking[]): number {
  return rankings.reduce((sum, { chats }) => sum + chats.length, 0);
}

/**
 * Ranks the next slice: of the chats that the user has joined since, then of the messages up to `asOf`.
 *
 * @returns a ranking, which is finished if it is that of all chats of the user as of this message.
 */
async function advance(
  { chats }: ReadRepositories,
  by: UserId,
  asOf: number,
  { asOf: start, chats: earlier, ranked, lastJoin: firstLastJoin }: Ranking,
  limit: number,
): Promise<{ readonly ranking: Ranking; readonly isFinished: boolean }> {
  const lastJoin = firstLastJoin ?? (await chats.lastJoin());
  const joined = await chats.ofUser(by, { asOf: start, after: ranked, limit });
  // A chat that the user has left and joined again is ranked already, and so can be a chat behind `lastJoin`.
  const withJoined = earlier.move(joined, joined);
  if (joined.length === limit) {
    return {
      ranking: { asOf: start, chats: withJoined, ranked: joined.at(-1), lastJoin },
      isFinished: false,
    };
  }
  const upTo = Math.min(asOf, start + limit);
  const active = start < upTo ? await chats.activeOfUser(by, { after: start, upTo }) : [];
  return {
    ranking: {
      asOf: upTo,
      chats: withJoined.move(
        active.map(({ chatId, before }) => ({ chatId, activity: before })),
        active,
      ),
      ranked: lastJoin,
      lastJoin: undefined,
    },
    isFinished: upTo === asOf,
  };
}

/** @returns undefined if it finds more than about `maxLeft` chats that the user has left. */
async function pageOf(
  chats: ChatReader,
  by: UserId,
  { asOf, chats: ranked }: Ranking,
  { after, limit }: RankedSlice,
  maxLeft: number,
): Promise<RankedPage | undefined> {
  const wanted: ChatActivity[] = [];
  const found: ChatOverview[] = [];
  while (found.length <= limit) {
    if (wanted.length > limit + maxLeft) return undefined;
    const slice = ranked.behind(wanted.at(-1) ?? after, limit + 1);
    if (slice.length === 0) break;
    wanted.push(...slice);
    const ids = slice.map(({ chatId }) => chatId);
    found.push(...(await chats.overviews(by, ids)));
  }
  const page = found.slice(0, limit);
  const lastId = found.length > limit ? page.at(-1)?.chat.id : undefined;
  return { asOf, chats: page, next: wanted.find(({ chatId }) => chatId === lastId) };
}

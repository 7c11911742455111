import { MAX_BLOCKS_PER_USER, type BlockedUser } from "../domain/block.js";
import { MessagingError } from "../domain/errors.js";
import type { UserId } from "../domain/user.js";
import { invalidCursor, toPage } from "./pages.js";
import type { Ports } from "./ports.js";
import { getCaller, getUserByNameOrId } from "./users.js";

export interface BlockUser {
  readonly by: UserId;
  /** A username or user id. */
  readonly user: string;
}

/**
 * Blocks a user: neither of the two writes to the other in their p2p chat, and the blocked user does not add the caller to group
 * chats. Group chats that they share go on. Does nothing if the caller has already blocked the user.
 *
 * @throws MessagingError `unknown_user`, `self_block`, `too_many_blocks`
 */
export async function blockUser({ store, clock }: Ports, { by, user }: BlockUser): Promise<void> {
  await store.transaction(async ({ users, blocks }) => {
    const { id } = await getUserByNameOrId(users, user);
    if (id === by) throw new MessagingError("self_block", "You cannot block yourself. Name another user.");
    const count = await blocks.count(by);
    await getCaller(users, by);
    const isBlocked = (await blocks.between(by, [id])).some((block) => block.by === by);
    if (isBlocked) return;
    if (count >= MAX_BLOCKS_PER_USER) {
      throw new MessagingError(
        "too_many_blocks",
        `You have blocked ${MAX_BLOCKS_PER_USER.toLocaleString("en")} users. Unblock one of them first.`,
      );
    }
    await blocks.add(by, id, clock.now());
  });
}

/**
 * Ends the block of a user. Does nothing if the caller has not blocked the user.
 *
 * @throws MessagingError `unknown_user`
 */
export async function unblockUser({ store }: Ports, { by, user }: BlockUser): Promise<void> {
  await store.transaction(async ({ users, blocks }) => {
    await blocks.remove(by, (await getUserByNameOrId(users, user)).id);
  });
}

export interface ListBlocks {
  readonly by: UserId;
  /** 1 or more. */
  readonly limit: number;
  /** The `next` of the previous page; the first page by default. */
  readonly cursor?: string | undefined;
}

export interface BlockPage {
  readonly blocked: readonly BlockedUser[];
  /** The cursor of the next page; undefined on the last page. */
  readonly next: string | undefined;
}

/**
 * Lists the users that the caller has blocked, by their ids.
 *
 * @throws MessagingError `invalid_cursor`
 */
export async function listBlocks({ store }: Ports, { by, limit, cursor }: ListBlocks): Promise<BlockPage> {
  if (cursor !== undefined && !/^[\w-]{1,64}$/.test(cursor)) throw invalidCursor();
  const page = { after: cursor as UserId | undefined, limit: limit + 1 };
  const found = await store.read(({ blocks }) => blocks.ofUser(by, page));
  const { items, next } = toPage(found, limit, ({ account }) => account.user.id);
  return { blocked: items, next };
}

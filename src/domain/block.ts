import { MessagingError } from "./errors.js";
import type { Account, UserId } from "./user.js";

/** How many users one user can block. */
export const MAX_BLOCKS_PER_USER = 1_000;

/** A user that another user has blocked. */
export interface BlockedUser {
  readonly account: Account;
  /** Epoch milliseconds. */
  readonly blockedAt: number;
}

/** The user `by` has blocked the user `blocked`. */
export interface Block {
  readonly by: UserId;
  readonly blocked: UserId;
}

/**
 * Requires that neither of two users has blocked the other, so that one can write to the other in their p2p chat. Also a user who has
 * blocked the other does not write: the other could not answer.
 *
 * @param blocks the blocks between the two users.
 * @throws MessagingError `blocked`
 */
export function assertMayWriteTo(by: UserId, blocks: readonly Block[]): void {
  if (blocks.some((block) => block.by === by)) {
    throw new MessagingError("blocked", "You have blocked this user. Unblock the user first.");
  }
  if (blocks.length > 0) throw blockedBy();
}

/** The users who have blocked a user. That user cannot add them to groups. */
export function blockersOf(userId: UserId, blocks: readonly Block[]): ReadonlySet<UserId> {
  return new Set(blocks.flatMap(({ by, blocked }) => (blocked === userId ? by : [])));
}

/** The error of a user who writes to, or adds, a user who has blocked them. */
export function blockedBy(): MessagingError {
  return new MessagingError(
    "blocked",
    "This user does not accept messages and additions to groups from you.",
  );
}

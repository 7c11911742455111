import type { ChatId } from "./chat.js";
import { MessagingError } from "./errors.js";
import type { Person } from "./event.js";
import type { InvitationId } from "./ids.js";

export type { InvitationId };

/** Access to a group chat for users who have its code. */
export interface Invitation {
  readonly id: InvitationId;
  readonly chatId: ChatId;
  /** The user who created it. It works while this user may add others to the chat. */
  readonly inviter: Person;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. The invitation works before this time. */
  readonly expiresAt: number;
  /** The number of users who can join with it; null for any number. */
  readonly maxUses: number | null;
  /** The number of users who have joined with it. */
  readonly uses: number;
}

const DAY_S = 24 * 60 * 60;

/** In seconds. */
export const MIN_INVITATION_LIFETIME_S = 60;
export const MAX_INVITATION_LIFETIME_S = 365 * DAY_S;
export const DEFAULT_INVITATION_LIFETIME_S = 7 * DAY_S;

/** The greatest `maxUses`. */
export const MAX_INVITATION_USES = 10_000;

/** The maximum number of live invitations of a chat. */
export const MAX_INVITATIONS_PER_CHAT = 100;

/** What the creator of an invitation chooses. */
export interface InvitationTerms {
  /** In seconds, from 60 to 31,536,000; 7 days by default. */
  readonly expiresIn?: number | undefined;
  /** From 1 to 10,000; null, the default, for any number. */
  readonly maxUses?: number | null | undefined;
}

/**
 * A new invitation.
 *
 * @throws MessagingError `invalid_request` if a term is out of range. Its `errors` list each.
 */
export function newInvitation(
  id: InvitationId,
  chatId: ChatId,
  { id: inviterId, username }: Person,
  { expiresIn = DEFAULT_INVITATION_LIFETIME_S, maxUses = null }: InvitationTerms,
  now: number,
): Invitation {
  const errors = [
    ...faultsOf("expiresIn", expiresIn, MIN_INVITATION_LIFETIME_S, MAX_INVITATION_LIFETIME_S),
    ...(maxUses === null ? [] : faultsOf("maxUses", maxUses, 1, MAX_INVITATION_USES)),
  ];
  if (errors.length > 0) {
    const message = errors.map(({ field, detail }) => `${field}: ${detail}`).join(" ");
    throw new MessagingError("invalid_request", message, { errors });
  }
  return {
    id,
    chatId,
    inviter: { id: inviterId, username },
    createdAt: now,
    expiresAt: now + expiresIn * 1_000,
    maxUses,
    uses: 0,
  };
}

function faultsOf(field: string, value: number, min: number, max: number) {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return [];
  return [{ field, detail: `Must be a whole number from ${min} to ${max}.` }];
}

/** Whether another user can join with the invitation at `now`, as far as its terms decide. */
export function isOpen(invitation: Invitation, now: number): boolean {
  const { maxUses, uses } = invitation;
  return !hasExpired(invitation, now) && (maxUses === null || uses < maxUses);
}

export function hasExpired({ expiresAt }: Invitation, now: number): boolean {
  return now >= expiresAt;
}

/** The one error of a code that is unknown, expired, used up or revoked, or whose inviter may not add users any more. */
export function unknownInvitation(): MessagingError {
  return new MessagingError(
    "unknown_invitation",
    "Unknown invitation, or it no longer works. Ask for another.",
  );
}

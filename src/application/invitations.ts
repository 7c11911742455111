import {
  assertGroup,
  assertMay,
  type ChatId,
  type ChatOverview,
  type GroupMembership,
} from "../domain/chat.js";
import { MessagingError } from "../domain/errors.js";
import {
  hasExpired,
  isOpen,
  MAX_INVITATIONS_PER_CHAT,
  newInvitation,
  unknownInvitation,
  type Invitation,
  type InvitationId,
  type InvitationTerms,
} from "../domain/invitation.js";
import { mayAct } from "../domain/policy.js";
import { isAvailable, type UserId } from "../domain/user.js";
import { joinGroup } from "./chats.js";
import { invalidCursor, toPage } from "./pages.js";
import type { InvitationReader, Ports, ReadRepositories, Repositories } from "./ports.js";
import { getAvailableUserById, getCaller } from "./users.js";

export interface CreateInvitation extends InvitationTerms {
  readonly by: UserId;
  readonly chatId: ChatId;
}

/** An invitation and its code. The code cannot be retrieved again. */
export interface NewInvitation {
  readonly invitation: Invitation;
  readonly code: string;
}

/**
 * Creates an invitation to a group chat, for a caller who may add users. It works while the caller may and is not disabled, so
 * that it gives nobody more rights than the inviter has.
 *
 * @throws MessagingError `invalid_request`, `not_a_participant`, `p2p_chat`, `not_allowed`, `too_many_invitations`
 */
export async function createInvitation(ports: Ports, command: CreateInvitation): Promise<NewInvitation> {
  const { store, secrets, clock, ids } = ports;
  const { by, chatId } = command;
  const id = ids.next() as InvitationId;
  const code = secrets.generateCode();
  const now = clock.now();
  return store.transaction(async (repositories) => {
    const { chats, users, invitations } = repositories;
    assertMay(assertGroup(await chats.ofParticipant(chatId, by)), "add");
    const invitation = newInvitation(id, chatId, await getCaller(users, by), command, now);
    const open = await removeClosed(repositories, chatId, now);
    if (open.length >= MAX_INVITATIONS_PER_CHAT) {
      throw new MessagingError(
        "too_many_invitations",
        `The chat already has ${MAX_INVITATIONS_PER_CHAT} invitations. Revoke one first.`,
      );
    }
    await invitations.add(invitation, secrets.digests(code)[0]);
    return { invitation, code };
  });
}

/** Removes the invitations of a chat that are expired or used up. Returns the others. */
async function removeClosed(
  { invitations }: Repositories,
  chatId: ChatId,
  now: number,
): Promise<readonly Invitation[]> {
  const all = await invitations.ofChat(chatId);
  const closed = all.filter((each) => !isOpen(each, now));
  if (closed.length > 0) await invitations.remove(closed.map(({ id }) => id));
  return all.filter((each) => isOpen(each, now));
}

export interface ListInvitations {
  readonly by: UserId;
  readonly chatId: ChatId;
  /** 1 or more. */
  readonly limit: number;
  /** The `next` of the previous page; the first page by default. */
  readonly cursor?: string | undefined;
}

/** In the order of creation. */
export interface InvitationPage {
  readonly invitations: readonly Invitation[];
  /** The cursor of the next page; undefined on the last page. */
  readonly next: string | undefined;
}

/**
 * Lists the invitations to a group chat that are neither expired nor used up, without their codes, for a caller who may add users.
 *
 * @throws MessagingError `invalid_cursor`, `not_a_participant`, `p2p_chat`, `not_allowed`
 */
export async function listInvitations(
  { store, clock }: Ports,
  { by, chatId, limit, cursor = "" }: ListInvitations,
): Promise<InvitationPage> {
  if (!/^[\w-]{0,64}$/.test(cursor)) throw invalidCursor();
  const now = clock.now();
  return store.read(async ({ chats, invitations }) => {
    assertMay(assertGroup(await chats.ofParticipant(chatId, by)), "add");
    const rest = (await openOfChat(invitations, chatId, now)).filter(({ id }) => id > cursor);
    const { items, next } = toPage(rest, limit, ({ id }) => id);
    return { invitations: items, next };
  });
}

/** The invitations of a chat that are neither expired nor used up, oldest first: at most 100. */
export async function openOfChat(
  invitations: InvitationReader,
  chatId: ChatId,
  now: number,
): Promise<readonly Invitation[]> {
  return (await invitations.ofChat(chatId)).filter((each) => isOpen(each, now));
}

export interface DeleteInvitation {
  readonly by: UserId;
  readonly chatId: ChatId;
  readonly invitationId: InvitationId;
}

/**
 * Revokes an invitation to a group chat, for a caller who may add users. Users who have joined with it stay.
 *
 * @throws MessagingError `not_a_participant`, `p2p_chat`, `not_allowed`, `unknown_invitation`
 */
export async function deleteInvitation(
  { store }: Ports,
  { by, chatId, invitationId }: DeleteInvitation,
): Promise<void> {
  await store.transaction(async ({ chats, invitations }) => {
    assertMay(assertGroup(await chats.ofParticipant(chatId, by)), "add");
    const all = await invitations.ofChat(chatId);
    if (!all.some(({ id }) => id === invitationId)) throw unknownInvitation();
    await invitations.remove([invitationId]);
  });
}

export interface GetInvitation {
  readonly by: UserId;
  readonly code: string;
}

/** What a user sees of a chat before they join it. */
export interface InvitedChat {
  readonly title: string | null;
  readonly participantCount: number;
}

/**
 * Returns what a user with the code may know of the chat.
 *
 * @throws MessagingError `unknown_invitation`
 */
export async function getInvitation(ports: Ports, { by, code }: GetInvitation): Promise<InvitedChat> {
  const now = ports.clock.now();
  return ports.store.read(async (repositories) => {
    const { chats, invitations } = repositories;
    const invitation = await findUnexpired(ports, invitations, code, now);
    const seen = await chats.overview(invitation.chatId, by);
    const { chat, participantCount } = seen ?? (await assertWorking(repositories, invitation, now));
    return { title: chat.title, participantCount };
  });
}

export interface AcceptInvitation {
  readonly by: UserId;
  readonly code: string;
}

/**
 * Adds the caller to the chat of an invitation as a member, with nothing unread. For a participant it does nothing, also if the
 * invitation is used up, so that it can be repeated.
 *
 * @returns the id of the chat.
 * @throws MessagingError `unknown_invitation`, `user_unavailable`
 */
export async function acceptInvitation(ports: Ports, { by, code }: AcceptInvitation): Promise<ChatId> {
  const { store, clock } = ports;
  return store.transaction(async (repositories) => {
    const { chats, users, invitations } = repositories;
    const now = clock.now();
    const invitation = await findUnexpired(ports, invitations, code, now);
    const { chatId } = invitation;
    if (await chats.ofParticipant(chatId, by)) return chatId;
    const seen = await assertWorking(repositories, invitation, now);
    const user = await getAvailableUserById(users, by);
    await invitations.countUse(invitation.id);
    await joinGroup(repositories, { ...seen, user, at: now });
    return chatId;
  });
}

/**
 * The invitation with this code, also if its digest was made with an older key.
 *
 * @throws MessagingError `unknown_invitation` if there is none, or it has expired.
 */
async function findUnexpired(
  { secrets }: Ports,
  invitations: InvitationReader,
  code: string,
  now: number,
): Promise<Invitation> {
  // No other text is a code, and no store has to search for it.
  if (!/^[\w-]{1,64}$/.test(code)) throw unknownInvitation();
  for (const digest of secrets.digests(code)) {
    const invitation = await invitations.byDigest(digest);
    if (invitation && !hasExpired(invitation, now)) return invitation;
  }
  throw unknownInvitation();
}

/**
 * Returns the chat as the inviter sees it, if another user can join.
 *
 * @throws MessagingError `unknown_invitation`
 */
async function assertWorking(
  { chats, users }: Pick<ReadRepositories, "chats" | "users">,
  invitation: Invitation,
  now: number,
): Promise<ChatOverview & GroupMembership> {
  const { id } = invitation.inviter;
  const seen = await chats.overview(invitation.chatId, id);
  const inviter = await users.accountById(id);
  if (seen === undefined || inviter === undefined || !isAvailable(inviter) || !isOpen(invitation, now)) {
    throw unknownInvitation();
  }
  const group = assertGroup(seen);
  if (!mayAct(group.role, group.chat.policy, "add")) throw unknownInvitation();
  return group;
}

import type { Chat, ChatEvent, Message } from "../../client/index.js";

/** A chat, as a list shows it. */
export interface ChatState extends Omit<Chat, "mention_count"> {
  /** The username of the other user of a p2p chat. Null once that user is deleted, and for a group. */
  readonly with_username: string | null;
  /** `undefined` while the events do not determine it; the chat is then read again. */
  readonly mention_count: number | undefined;
  /** The position in the list: the greater, the earlier. */
  readonly activity: number;
  /** The id of the other user of a p2p chat, where it is known. */
  readonly peer_user_id: string | undefined;
}

/** The chats of a user by their ids. */
export type ChatMap = ReadonlyMap<number, ChatState>;

/** 500 stands for more, too. */
const MAX_MENTION_COUNT = 500;

/**
 * Converts a list of the server, last active first.
 *
 * @param known the chats before, from which it takes what the list does not have
 */
export function toChatMap(chats: readonly Chat[], me: string, known: ChatMap = new Map()): ChatMap {
  let activity = 0;
  const states = chats.toReversed().map((chat) => {
    // A chat without a last message is ordered by another id. It is not less than that of the chat behind it.
    activity = Math.max(activity, chat.last_message?.id ?? 0);
    return toChatState(chat, activity, me, known.get(chat.chat_id));
  });
  return new Map(states.toReversed().map((state) => [state.chat_id, state]));
}

/** The server gives each deleted user the reserved name "deleted". */
export function peerNameOf(username: string | null): string | null {
  return username === "deleted" ? null : username;
}

function toChatState(chat: Chat, activity: number, me: string, known?: ChatState): ChatState {
  const with_username = peerNameOf(chat.with_username);
  const state = { ...chat, with_username, activity, peer_user_id: known?.peer_user_id };
  const { last_message } = chat;
  return last_message ? withPeer(state, last_message.sender_user_id, last_message.seq, me) : state;
}

/** The chats after an event of the user `me`. An event of an unknown chat, or of a message that is counted, changes nothing. */
export function applyToChats(chats: ChatMap, event: ChatEvent, me: string): ChatMap {
  if (!("chat_id" in event)) {
    if (event.type !== "user.deleted") return chats;
    const peer = [...chats.values()].find(({ peer_user_id }) => peer_user_id === event.user_id);
    return peer ? withChat(chats, { ...peer, with_username: null, peer_read_seq: null }) : chats;
  }
  if (event.type === "chat.created") {
    const others = event.participants.filter(({ user_id }) => user_id !== me);
    const mine = event.participants.find(({ user_id }) => user_id === me);
    const peer = event.kind === "p2p" ? (others[0] ?? mine) : undefined;
    return withChat(chats, {
      chat_id: event.chat_id,
      kind: event.kind,
      title: event.title,
      policy: event.policy,
      metadata: event.metadata,
      role: mine?.role ?? null,
      with_username: peerNameOf(peer?.username ?? null),
      participant_count: event.participants.length,
      last_message: null,
      last_seq: 0,
      read_seq: 0,
      peer_read_seq: event.kind === "p2p" ? 0 : null,
      unread_count: 0,
      mention_count: 0,
      muted_until: null,
      archived: false,
      pinned: false,
      activity: newestActivity(chats),
      peer_user_id: event.kind === "p2p" ? others[0]?.user_id : undefined,
    });
  }
  if (event.type === "participant.added" && event.chat) {
    const activity = event.chat.last_message?.id ?? newestActivity(chats);
    return withChat(chats, toChatState(event.chat, activity, me));
  }
  const chat = chats.get(event.chat_id);
  if (!chat) return chats;
  if (event.type === "participant.removed" && event.user_id === me) {
    const others = new Map(chats);
    others.delete(event.chat_id);
    return others;
  }
  const changed = afterEvent(chat, event, me);
  return changed === chat ? chats : withChat(chats, changed);
}

function afterEvent(chat: ChatState, event: ChatEvent & { readonly chat_id: number }, me: string): ChatState {
  switch (event.type) {
    case "participant.added":
    case "participant.removed":
      return { ...chat, participant_count: event.participant_count };
    case "participant.role_changed":
      return event.user_id === me ? { ...chat, role: event.role } : chat;
    case "chat.renamed":
      return { ...chat, title: event.title };
    case "chat.changed":
      return { ...chat, policy: event.policy, metadata: event.metadata };
    case "chat.settings_changed": {
      const { muted_until, archived, pinned } = event;
      return { ...chat, muted_until, archived, pinned, last_seq: Math.max(chat.last_seq, event.last_seq) };
    }
    case "chat.read": {
      const { user_id, read_seq, unread_count, mention_count } = event;
      const changed = withPeer(chat, user_id, read_seq, me);
      return user_id === me ? { ...changed, read_seq, unread_count, mention_count } : changed;
    }
    case "chat.history_deleted": {
      const { up_to_seq, up_to_timestamp } = event;
      const returns = up_to_seq > chat.last_seq && !isMutedAt(chat, up_to_timestamp);
      return {
        ...chat,
        last_message: (chat.last_message?.seq ?? 0) > up_to_seq ? chat.last_message : null,
        last_seq: Math.max(chat.last_seq, up_to_seq),
        archived: chat.archived && !returns,
        peer_read_seq: laterSeq(chat.peer_read_seq, up_to_seq),
        ...(chat.read_seq < up_to_seq && {
          read_seq: up_to_seq,
          unread_count: event.unread_count,
          mention_count: chat.mention_count === 0 ? 0 : undefined,
        }),
      };
    }
    case "reaction.added":
    case "reaction.removed": {
      const { last_message } = chat;
      if (last_message?.id !== event.message_id) return chat;
      return { ...chat, last_message: { ...last_message, reactions: event.reactions } };
    }
    case "message.created":
      return withNewMessage(chat, event.message, me);
    case "message.edited":
    case "message.deleted": {
      const { message, type } = event;
      const isUnread = message.seq > chat.read_seq;
      // The event does not have the mentions before the change.
      const keepsCount = !isUnread || (chat.mention_count === 0 && !message.mentions.includes(me));
      return {
        ...chat,
        last_message: message.seq === chat.last_seq ? message : chat.last_message,
        unread_count: Math.max(0, chat.unread_count - (type === "message.deleted" && isUnread ? 1 : 0)),
        mention_count: keepsCount ? chat.mention_count : undefined,
      };
    }
    default:
      // The server may add types.
      return chat;
  }
}

function withNewMessage(chat: ChatState, message: Message, me: string): ChatState {
  if (message.seq <= chat.last_seq) return chat;
  const shown = withPeer(
    {
      ...chat,
      last_message: message,
      last_seq: message.seq,
      archived: chat.archived && isMutedAt(chat, message.timestamp),
      activity: message.id,
    },
    message.sender_user_id,
    message.seq,
    me,
  );
  if (message.sender_user_id === me) {
    return { ...shown, read_seq: message.seq, unread_count: 0, mention_count: 0 };
  }
  const isMentioned = chat.mention_count !== undefined && message.mentions.includes(me);
  return {
    ...shown,
    unread_count: chat.unread_count + 1,
    mention_count: isMentioned ? Math.min(chat.mention_count + 1, MAX_MENTION_COUNT) : chat.mention_count,
  };
}

/**
 * Learns from a user who has read up to a message who the other user of a p2p chat is, and how far they have read. In a chat with
 * oneself, which has one participant, that is the user.
 */
function withPeer(chat: ChatState, userId: string, seq: number, me: string): ChatState {
  const isWithOneself = chat.participant_count === 1;
  if (chat.kind !== "p2p" || (userId === me && !isWithOneself)) return chat;
  const peer_user_id = isWithOneself ? undefined : userId;
  return { ...chat, peer_user_id, peer_read_seq: laterSeq(chat.peer_read_seq, seq) };
}

/** Null, where there is no peer who reads, stays null. */
function laterSeq(known: number | null, seq: number): number | null {
  return known === null ? null : Math.max(known, seq);
}

export function withChat(chats: ChatMap, chat: ChatState): ChatMap {
  return new Map(chats).set(chat.chat_id, chat);
}

/** Both times have the same format, so they compare as text. */
function isMutedAt({ muted_until }: ChatState, time: string): boolean {
  return muted_until !== null && time < muted_until;
}

/** The activity of a new chat, which is the first in the list. */
function newestActivity(chats: ChatMap): number {
  return Math.max(0, ...Array.from(chats.values(), ({ activity }) => activity));
}

/** Last active first. Of chats with the same activity the newer one comes first, as in the lists of the server. */
export function byActivity(one: ChatState, other: ChatState): number {
  return other.activity - one.activity || other.chat_id - one.chat_id;
}

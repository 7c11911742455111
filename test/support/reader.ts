import { unreadCount, type ChatOverview } from "../../src/domain/chat.js";
import { settingsOf, type ChatSettings } from "../../src/domain/chat-settings.js";
import type { ChatEvent } from "../../src/domain/event.js";
import { MAX_MENTION_COUNT } from "../../src/domain/mention.js";
import type { Metadata } from "../../src/domain/metadata.js";
import type { Policy, Role } from "../../src/domain/policy.js";
import type { Message } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";

/** A chat as a client shows it. */
export interface View {
  readonly title: string | null;
  readonly policy: Policy | null;
  readonly metadata: Metadata | null;
  readonly role: Role | null;
  readonly withUsername: string | null;
  readonly participantCount: number;
  readonly lastMessage: Message | null;
  readonly lastSeq: number;
  readonly readSeq: number;
  readonly peerReadSeq: number | null;
  readonly unreadCount: number;
  /** Undefined once the events do not tell it: the client reads the chat again. */
  readonly mentionCount: number | undefined;
  readonly settings: ChatSettings;
}

/** All chats of a user, by id. */
export type Views = Readonly<Record<number, View>>;

/** @param known views that the result is compared with. It leaves out what these do not know. */
export function viewsOf(chats: readonly ChatOverview[], known: Views = {}): Views {
  return Object.fromEntries(
    chats.map((overview) => {
      const { id } = overview.chat;
      const isUnknown = id in known && known[id]!.mentionCount === undefined;
      return [id, isUnknown ? { ...viewOf(overview), mentionCount: undefined } : viewOf(overview)];
    }),
  );
}

function viewOf(overview: ChatOverview): View {
  const { chat, role, withUsername, participantCount, lastMessage, lastSeq, readSeq, peerReadSeq } = overview;
  return {
    title: chat.title,
    policy: chat.policy,
    metadata: chat.metadata,
    role,
    withUsername,
    participantCount,
    lastMessage,
    lastSeq,
    readSeq,
    peerReadSeq,
    unreadCount: unreadCount(overview),
    mentionCount: overview.mentionCount,
    settings: settingsOf(overview),
  };
}

/** The views of a client of `me` after an event, computed from the event and the views before it alone. */
export function after(views: Views, event: ChatEvent, me: User): Views {
  if (!("chatId" in event)) return views;
  const { chatId } = event;
  const view = views[chatId];
  switch (event.type) {
    case "chat.created": {
      const others = event.participants.filter(({ id }) => id !== me.id);
      const fresh: View = {
        title: event.chat.title,
        policy: event.chat.policy,
        metadata: event.chat.metadata,
        role: event.participants.find(({ id }) => id === me.id)?.role ?? null,
        withUsername: event.chat.kind === "p2p" ? (others[0] ?? me).username : null,
        participantCount: event.participants.length,
        lastMessage: null,
        lastSeq: 0,
        readSeq: 0,
        peerReadSeq: event.chat.kind === "p2p" ? 0 : null,
        unreadCount: 0,
        mentionCount: 0,
        settings: { mutedUntil: null, archived: false, pinned: false },
      };
      return { ...views, [chatId]: fresh };
    }
    case "participant.added":
      if (event.overview) return { ...views, [chatId]: viewOf(event.overview) };
      return change(views, chatId, { participantCount: event.participantCount });
    case "participant.removed": {
      if (event.user.id !== me.id) return change(views, chatId, { participantCount: event.participantCount });
      const { [chatId]: _, ...others } = views;
      return others;
    }
    case "chat.renamed":
      return change(views, chatId, { title: event.title });
    case "chat.changed":
      return change(views, chatId, { policy: event.policy, metadata: event.metadata });
    case "participant.role_changed":
      return event.user.id === me.id ? change(views, chatId, { role: event.role }) : views;
    case "chat.history_deleted": {
      const { upToSeq, upToSentAt, unreadCount: unread } = event;
      const { settings } = view!;
      // The last of them can be a message that the client has not received.
      const returns = upToSeq > view!.lastSeq && upToSentAt >= (settings.mutedUntil ?? 0);
      return change(views, chatId, {
        lastMessage: (view!.lastMessage?.seq ?? 0) > upToSeq ? view!.lastMessage : null,
        lastSeq: Math.max(view!.lastSeq, upToSeq),
        peerReadSeq: view!.peerReadSeq === null ? null : Math.max(view!.peerReadSeq, upToSeq),
        ...(returns && { settings: { ...settings, archived: false } }),
        ...(view!.readSeq < upToSeq && {
          readSeq: upToSeq,
          unreadCount: unread,
          mentionCount: view!.mentionCount === 0 ? 0 : undefined,
        }),
      });
    }
    case "chat.read": {
      const peerRead = peerReadBy(view!, event.user, me, event.readSeq);
      if (event.user.id !== me.id) return change(views, chatId, peerRead);
      return change(views, chatId, {
        ...peerRead,
        readSeq: event.readSeq,
        unreadCount: event.unreadCount,
        mentionCount: event.mentionCount,
      });
    }
    case "chat.settings_changed":
      return change(views, chatId, {
        settings: event.settings,
        lastSeq: Math.max(view!.lastSeq, event.lastSeq),
      });
    case "message.created": {
      const { seq, sender, mentions } = event.message;
      const { settings } = view!;
      const stays = settings.mutedUntil !== null && event.message.sentAt < settings.mutedUntil;
      const shown = {
        lastMessage: event.message,
        lastSeq: seq,
        ...peerReadBy(view!, sender, me, seq),
        settings: { ...settings, archived: settings.archived && stays },
      };
      if (sender.id === me.id) {
        return change(views, chatId, { ...shown, readSeq: seq, unreadCount: 0, mentionCount: 0 });
      }
      const isMentioned = view!.mentionCount !== undefined && mentions.includes(me.id);
      return change(views, chatId, {
        ...shown,
        unreadCount: view!.unreadCount + 1,
        ...(isMentioned && { mentionCount: Math.min(view!.mentionCount! + 1, MAX_MENTION_COUNT) }),
      });
    }
    case "message.edited":
    case "message.deleted": {
      const { message, type } = event;
      const isUnread = message.seq > view!.readSeq;
      // The event does not have the mentions before the change.
      const keepsCount = !isUnread || (view!.mentionCount === 0 && !message.mentions.includes(me.id));
      return change(views, chatId, {
        lastMessage: message.seq === view!.lastSeq ? message : view!.lastMessage,
        unreadCount: view!.unreadCount - (type === "message.deleted" && isUnread ? 1 : 0),
        ...(!keepsCount && { mentionCount: undefined }),
      });
    }
    case "reaction.added":
    case "reaction.removed": {
      const { lastMessage } = view!;
      if (lastMessage?.id !== event.messageId) return views;
      return change(views, chatId, { lastMessage: { ...lastMessage, reactions: event.reactions } });
    }
    default:
      return event satisfies never;
  }
}

/** The change of `peerReadSeq` by a user of the chat who has read up to a message. */
function peerReadBy(view: View, reader: Pick<User, "id">, me: User, seq: number): Partial<View> {
  const isPeer = reader.id !== me.id || view.withUsername === me.username;
  return view.peerReadSeq !== null && isPeer ? { peerReadSeq: seq } : {};
}

function change(views: Views, chatId: number, part: Partial<View>): Views {
  const view = views[chatId];
  if (!view) throw new Error(`The event is of chat ${chatId}, which the client does not know.`);
  return { ...views, [chatId]: { ...view, ...part } };
}

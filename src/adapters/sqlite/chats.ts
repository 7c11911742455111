import { setImmediate } from "node:timers/promises";
import type { ChatRepository } from "../../application/ports.js";
import type { Chat, ChatId, ChatOverview } from "../../domain/chat.js";
import { DEFAULT_POLICY, type Role } from "../../domain/policy.js";
import type { UserId } from "../../domain/user.js";
import {
  CHAT,
  MEMBERSHIP,
  OVERVIEW,
  OVERVIEW_WITHOUT_TEXT,
  PARTICIPANT,
  SUMMARY,
  updateChat,
  updateSettings,
} from "../sql/chats.js";
import { insertion } from "../sql/columns.js";
import { numberIn, type Statements } from "./database.js";
import { lastEventId } from "./events.js";
import { lastMessageId } from "./messages.js";

const OVERVIEW_JOINS = `
  LEFT JOIN read_markers ON read_markers.user_id = me AND read_markers.chat_id = chats.id
  LEFT JOIN messages ON messages.chat_id = chats.id
    AND messages.seq = (SELECT max(seq) FROM messages WHERE chat_id = chats.id)
  LEFT JOIN users ON users.id = messages.sender_id`;

const SUMMARIES = `
  FROM chats LEFT JOIN users AS one ON one.id = chats.first_user_id
    LEFT JOIN users AS other ON other.id = chats.second_user_id AND other.id <> one.id
    LEFT JOIN messages ON messages.chat_id = chats.id
      AND messages.seq = (SELECT max(seq) FROM messages WHERE chat_id = chats.id)`;

/** Bounds the time for which other events of the process have to wait: an overview takes about 20 µs. */
const MAX_OVERVIEWS_PER_TURN = 100;

interface NewChat {
  readonly chat: Chat;
  /** Both users of a p2p chat. */
  readonly first: UserId | null;
  readonly second: UserId | null;
  /** The id of the last message on the server, which is the activity of the chat until its first message. */
  readonly bornAfter: number;
}

const insertChat = insertion<NewChat>("chats", {
  id: ({ chat }) => chat.id,
  kind: ({ chat }) => chat.kind,
  title: ({ chat }) => chat.title,
  first_user_id: ({ first }) => first,
  second_user_id: ({ second }) => second,
  created_at: ({ chat }) => chat.createdAt,
  born_after: ({ bornAfter }) => bornAfter,
});

interface NewParticipant {
  readonly userId: UserId;
  readonly chatId: ChatId;
  readonly joinedAt: number;
  /** The id of the last event of the log. */
  readonly joinedAfter: number;
  readonly role: Role | null;
  readonly historyStart: number;
}

const insertParticipant = insertion<NewParticipant>(
  "participants",
  {
    user_id: ({ userId }) => userId,
    chat_id: ({ chatId }) => chatId,
    joined_at: ({ joinedAt }) => joinedAt,
    joined_after: ({ joinedAfter }) => joinedAfter,
    role: ({ role }) => role,
    history_start: ({ historyStart }) => historyStart,
  },
  "ON CONFLICT (user_id, chat_id) DO NOTHING",
);

export function chats(statements: Statements): ChatRepository {
  const { row, rows, change } = statements;

  function lastChatId(): number {
    return numberIn(
      row(
        `SELECT max(coalesce((SELECT max(id) FROM chats), 0), (SELECT id FROM deleted_ids WHERE kind = 'chat'))`,
      ),
    );
  }

  function addChat(draft: Omit<Chat, "id">, first: UserId | null, second: UserId | null): Chat {
    const chat = { id: (lastChatId() + 1) as ChatId, ...draft };
    change(...insertChat({ chat, first, second, bornAfter: lastMessageId(statements) }));
    return chat;
  }

  function addParticipant(participant: Omit<NewParticipant, "joinedAfter">): boolean {
    const joinedAfter = lastEventId(statements);
    return addToCount(participant.chatId, change(...insertParticipant({ ...participant, joinedAfter })));
  }

  /** @returns whether the number of participants has changed. */
  function addToCount(id: ChatId, difference: number): boolean {
    if (difference === 0) return false;
    change("UPDATE chats SET participant_count = participant_count + ? WHERE id = ?", difference, id);
    return true;
  }

  return {
    async ofParticipant(id, userId) {
      const found = row(
        `SELECT ${MEMBERSHIP.sql} FROM participants CROSS JOIN chats ON chats.id = participants.chat_id
           CROSS JOIN users ON users.id = participants.user_id AND users.deleted_at IS NULL
         WHERE participants.user_id = (SELECT ?) AND participants.chat_id = (SELECT ?)`,
        userId,
        id,
      );
      return found && MEMBERSHIP.decode(found);
    },
    async p2p([first, second]) {
      const sql = `SELECT ${CHAT.sql} FROM chats WHERE first_user_id = ? AND second_user_id = ?`;
      const found = row(sql, first, second);
      return found && CHAT.decode(found);
    },
    hasMoreThan: async (userId, count) =>
      row("SELECT 1 FROM participants WHERE user_id = ? LIMIT 1 OFFSET ?", userId, count) !== undefined,
    // A p2p chat has both users; a group has none.
    async memberships(userId, { after, limit }) {
      if (after !== undefined) await setImmediate();
      return rows(
        `SELECT participants.chat_id, joined_after, history_start,
           nullif(iif(first_user_id = ?1, second_user_id, first_user_id), ?1)
         FROM participants CROSS JOIN chats ON chats.id = participants.chat_id
         WHERE participants.user_id = ?1 AND (participants.joined_after, participants.chat_id) > (?2, ?3)
         ORDER BY participants.joined_after, participants.chat_id LIMIT ?4`,
        userId,
        after?.joinedAfter ?? -1,
        after?.chatId ?? 0,
        limit,
      ).map(([chatId, joinedAfter, historyStart, peer]) => ({
        chatId: chatId as ChatId,
        joinedAfter: joinedAfter as number,
        historyStart: historyStart as number,
        peer: (peer ?? undefined) as UserId | undefined,
      }));
    },
    async overview(id, userId) {
      const found = row(
        `SELECT ${OVERVIEW.sql} FROM (SELECT ?1 AS me, ?2 AS id) AS wanted
           CROSS JOIN participants ON participants.user_id = me AND participants.chat_id = wanted.id
           CROSS JOIN chats ON chats.id = wanted.id ${OVERVIEW_JOINS}`,
        userId,
        id,
      );
      return found && OVERVIEW.decode(found);
    },
    async overviews(userId, ids) {
      const found: ChatOverview[] = [];
      for (let start = 0; start < ids.length; start += MAX_OVERVIEWS_PER_TURN) {
        if (start > 0) await setImmediate();
        const slice = rows(
          `SELECT ${OVERVIEW_WITHOUT_TEXT.sql} FROM (SELECT ?1 AS me) AS reader CROSS JOIN json_each(?2) AS wanted
             CROSS JOIN participants ON participants.user_id = me AND participants.chat_id = wanted.value
             CROSS JOIN chats ON chats.id = wanted.value ${OVERVIEW_JOINS}`,
          userId,
          JSON.stringify(ids.slice(start, start + MAX_OVERVIEWS_PER_TURN)),
        );
        found.push(...slice.map(OVERVIEW_WITHOUT_TEXT.decode));
      }
      return found;
    },
    async ofUser(userId, { asOf, after, limit }) {
      return rows(
        `SELECT participants.chat_id, participants.joined_after, coalesce(
           (SELECT max(id) FROM messages WHERE chat_id = participants.chat_id AND id <= ?2), chats.born_after)
         FROM participants CROSS JOIN chats ON chats.id = participants.chat_id
         WHERE participants.user_id = ?1 AND (participants.joined_after, participants.chat_id) > (?3, ?4)
         ORDER BY participants.joined_after, participants.chat_id LIMIT ?5`,
        userId,
        asOf,
        after?.joinedAfter ?? -1,
        after?.chatId ?? 0,
        limit,
      ).map(([chatId, joinedAfter, activity]) => ({
        chatId: chatId as ChatId,
        joinedAfter: joinedAfter as number,
        activity: activity as number,
      }));
    },
    async lastJoin() {
      return { joinedAfter: lastEventId(statements), chatId: 0 as ChatId };
    },
    // `NOT INDEXED` makes it a range scan by id. An index by chat would be a scan of all messages.
    async activeOfUser(userId, { after, upTo }) {
      return rows(
        `WITH active AS MATERIALIZED (
           SELECT messages.chat_id, max(messages.id) AS activity FROM messages NOT INDEXED
             CROSS JOIN participants ON participants.user_id = ?1 AND participants.chat_id = messages.chat_id
           WHERE messages.id > ?2 AND messages.id <= ?3 GROUP BY messages.chat_id
         )
         SELECT chat_id, activity, coalesce(
           (SELECT max(id) FROM messages WHERE chat_id = active.chat_id AND id <= ?2), chats.born_after)
         FROM active CROSS JOIN chats ON chats.id = active.chat_id`,
        userId,
        after,
        upTo,
      ).map(([chatId, activity, before]) => ({
        chatId: chatId as ChatId,
        activity: activity as number,
        before: before as number,
      }));
    },
    async participants(id, { after, limit }) {
      return rows(
        `SELECT ${PARTICIPANT.sql} FROM participants CROSS JOIN users ON users.id = participants.user_id
         WHERE participants.chat_id = ? AND (participants.joined_at, participants.user_id) > (?, ?)
         ORDER BY participants.joined_at, participants.user_id LIMIT ?`,
        id,
        after?.joinedAt ?? Number.MIN_SAFE_INTEGER,
        after?.id ?? "",
        limit,
      ).map(PARTICIPANT.decode);
    },
    async oldest(id, role) {
      const found = row(
        `SELECT ${PARTICIPANT.sql} FROM participants CROSS JOIN users ON users.id = participants.user_id
         WHERE participants.chat_id = ? AND users.deleted_at IS NULL
           ${role === undefined ? "" : "AND participants.role = 'admin'"}
         ORDER BY participants.joined_at, participants.user_id LIMIT 1`,
        id,
      );
      return found && PARTICIPANT.decode(found);
    },
    async summary(id) {
      const found = row(`SELECT ${SUMMARY.sql} ${SUMMARIES} WHERE chats.id = ?`, id);
      return found && SUMMARY.decode(found);
    },
    async abandoned() {
      const [id] = row("SELECT id FROM chats WHERE participant_count = 0 LIMIT 1") ?? [];
      return id as ChatId | undefined;
    },
    async list({ after, limit }) {
      return rows(
        `SELECT ${SUMMARY.sql} ${SUMMARIES} WHERE chats.id > ? ORDER BY chats.id LIMIT ?`,
        after ?? 0,
        limit,
      ).map(SUMMARY.decode);
    },
    async releasePair(id) {
      change("UPDATE chats SET kind = 'group', first_user_id = NULL, second_user_id = NULL WHERE id = ?", id);
    },
    async setRole(id, userId, role) {
      change("UPDATE participants SET role = ? WHERE user_id = ? AND chat_id = ?", role, userId, id);
    },
    async setSettings(id, userId, settings) {
      change(...updateSettings(id, userId, settings));
    },
    async update(chat) {
      change(...updateChat(chat));
    },
    async delete(id, limit) {
      const markers = change(
        "DELETE FROM read_markers WHERE (user_id, chat_id) IN (SELECT user_id, chat_id FROM read_markers WHERE chat_id = ? LIMIT ?)",
        id,
        limit,
      );
      if (markers < limit) {
        change("UPDATE deleted_ids SET id = ?1 WHERE kind = 'chat' AND id < ?1", lastChatId());
        change("DELETE FROM chats WHERE id = ?", id);
      }
      return markers;
    },
    async setRead(id, userId, seq) {
      change(
        `INSERT INTO read_markers (user_id, chat_id, seq) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET seq = excluded.seq`,
        userId,
        id,
        seq,
      );
    },
    async deleteRead(userId, limit) {
      return change(
        "DELETE FROM read_markers WHERE user_id = ?1 AND chat_id IN (SELECT chat_id FROM read_markers WHERE user_id = ?1 LIMIT ?2)",
        userId,
        limit,
      );
    },
    async addGroup(title, createdAt) {
      const draft = { kind: "group", title, createdAt, policy: DEFAULT_POLICY, metadata: null } as const;
      return addChat(draft, null, null);
    },
    async addP2p([first, second], createdAt) {
      const draft = { kind: "p2p", title: null, createdAt, policy: null, metadata: null } as const;
      const chat = addChat(draft, first, second);
      for (const userId of new Set([first, second])) {
        addParticipant({ chatId: chat.id, userId, joinedAt: createdAt, role: null, historyStart: 0 });
      }
      return chat;
    },
    async addParticipant(chatId, userId, joinedAt, role = "member", historyStart = 0) {
      return addParticipant({ chatId, userId, joinedAt, role, historyStart });
    },
    async removeParticipant(id, userId) {
      const removed = change("DELETE FROM participants WHERE user_id = ? AND chat_id = ?", userId, id);
      return addToCount(id, -removed);
    },
  };
}

import type { ChatRepository } from "../../application/ports.js";
import type { Chat, ChatId } from "../../domain/chat.js";
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
import { RacedError, type Scope } from "./scope.js";

const LAST_MESSAGE = `LEFT JOIN LATERAL (
    SELECT * FROM messages WHERE messages.chat_id = chats.id ORDER BY messages.seq DESC LIMIT 1
  ) AS messages ON true`;

const OVERVIEW_JOINS = `
  JOIN chats ON chats.id = participants.chat_id
  LEFT JOIN read_markers ON read_markers.user_id = me AND read_markers.chat_id = chats.id
  ${LAST_MESSAGE}
  LEFT JOIN users ON users.id = messages.sender_id`;

const SUMMARIES = `
  FROM chats LEFT JOIN users AS one ON one.id = chats.first_user_id
    LEFT JOIN users AS other ON other.id = chats.second_user_id AND other.id <> one.id
    ${LAST_MESSAGE}`;

export function chats(scope: Scope): ChatRepository {
  /** @returns undefined if the pair has a chat. */
  async function addChat(
    draft: Omit<Chat, "id">,
    first: UserId | null,
    second: UserId | null,
  ): Promise<Chat | undefined> {
    const inserted = await scope.insert(
      `INSERT INTO chats (kind, title, first_user_id, second_user_id, created_at, born_after)
       VALUES ($1, $2, $3, $4, $5, (SELECT last_value - (NOT is_called)::int FROM message_ids))
       ON CONFLICT (first_user_id, second_user_id) DO NOTHING RETURNING id`,
      draft.kind,
      draft.title,
      first,
      second,
      draft.createdAt,
    );
    return inserted && { id: inserted[0] as ChatId, ...draft };
  }

  async function addParticipant(
    chatId: ChatId,
    userId: UserId,
    joinedAt: number,
    role: Role | null,
    historyStart = 0,
  ): Promise<boolean> {
    scope.lockChat(chatId);
    const added = await scope.change(
      `INSERT INTO participants (user_id, chat_id, joined_at, joined_after, joined_position, role, history_start)
       VALUES ($1, $2, $3, nextval('event_numbers'), (SELECT last FROM event_log), $4, $5)
       ON CONFLICT (user_id, chat_id) DO NOTHING`,
      userId,
      chatId,
      joinedAt,
      role,
      historyStart,
    );
    return addToCount(chatId, added);
  }

  /** @returns whether the number of participants has changed. */
  function addToCount(id: ChatId, difference: number): boolean {
    if (difference === 0) return false;
    scope.send("UPDATE chats SET participant_count = participant_count + $1 WHERE id = $2", difference, id);
    return true;
  }

  return {
    async ofParticipant(id, userId) {
      scope.lockChat(id);
      const found = await scope.each(
        `SELECT ${MEMBERSHIP.sql} FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS given (user_id, chat_id, place)
           LEFT JOIN (participants JOIN users ON users.id = participants.user_id AND users.deleted_at IS NULL)
             USING (user_id, chat_id)
           LEFT JOIN chats ON chats.id = participants.chat_id
         ORDER BY given.place`,
        userId,
        id,
      );
      return found?.[0] == null ? undefined : MEMBERSHIP.decode(found);
    },
    async p2p([first, second]) {
      // A row that another transaction changes is read again once it is locked: the pair can have been released.
      const lock = scope.attempts ? "" : "FOR NO KEY UPDATE";
      const found = await scope.row(
        `SELECT ${CHAT.sql} FROM chats WHERE first_user_id = $1 AND second_user_id = $2 ${lock}`,
        first,
        second,
      );
      return found && CHAT.decode(found);
    },
    async hasMoreThan(userId, count) {
      const sql = "SELECT 1 FROM participants WHERE user_id = $1 LIMIT 1 OFFSET $2";
      return (await scope.row(sql, userId, count)) !== undefined;
    },
    // A p2p chat has both users; a group has none.
    async memberships(userId, { after, limit }) {
      const found = await scope.rows(
        `SELECT participants.chat_id, joined_after, history_start,
           nullif(CASE WHEN first_user_id = $1 THEN second_user_id ELSE first_user_id END, $1)
         FROM participants JOIN chats ON chats.id = participants.chat_id
         WHERE participants.user_id = $1 AND (participants.joined_after, participants.chat_id) > ($2, $3)
         ORDER BY participants.joined_after, participants.chat_id LIMIT $4`,
        userId,
        after?.joinedAfter ?? -1,
        after?.chatId ?? 0,
        limit,
      );
      return found.map(([chatId, joinedAfter, historyStart, peer]) => ({
        chatId: chatId as ChatId,
        joinedAfter: joinedAfter as number,
        historyStart: historyStart as number,
        peer: (peer ?? undefined) as UserId | undefined,
      }));
    },
    async overview(id, userId) {
      scope.lockChat(id);
      const found = await scope.row(
        `SELECT ${OVERVIEW.sql} FROM (SELECT $1::text AS me) AS reader
           JOIN participants ON participants.user_id = me AND participants.chat_id = $2 ${OVERVIEW_JOINS}`,
        userId,
        id,
      );
      return found && OVERVIEW.decode(found);
    },
    async overviews(userId, ids) {
      const found = await scope.rows(
        `SELECT ${OVERVIEW_WITHOUT_TEXT.sql} FROM (SELECT $1::text AS me) AS reader
           CROSS JOIN unnest($2::bigint[]) WITH ORDINALITY AS wanted (id, place)
           JOIN participants ON participants.user_id = me AND participants.chat_id = wanted.id ${OVERVIEW_JOINS}
         ORDER BY wanted.place`,
        userId,
        ids,
      );
      return found.map(OVERVIEW_WITHOUT_TEXT.decode);
    },
    async ofUser(userId, { asOf, after, limit }) {
      const found = await scope.rows(
        `SELECT participants.chat_id, participants.joined_after, coalesce(
           (SELECT max(id) FROM messages WHERE chat_id = participants.chat_id AND id <= $2), chats.born_after)
         FROM participants JOIN chats ON chats.id = participants.chat_id
         WHERE participants.user_id = $1 AND (participants.joined_after, participants.chat_id) > ($3, $4)
         ORDER BY participants.joined_after, participants.chat_id LIMIT $5`,
        userId,
        asOf,
        after?.joinedAfter ?? -1,
        after?.chatId ?? 0,
        limit,
      );
      return found.map(([chatId, joinedAfter, activity]) => ({
        chatId: chatId as ChatId,
        joinedAfter: joinedAfter as number,
        activity: activity as number,
      }));
    },
    async lastJoin() {
      const [number] = (await scope.row("SELECT settled_number FROM event_log"))!;
      return { joinedAfter: number as number, chatId: 0 as ChatId };
    },
    // A range of ids, and not the messages of each chat: the cost depends on the length of the range.
    async activeOfUser(userId, { after, upTo }) {
      const found = await scope.rows(
        `WITH range AS MATERIALIZED (SELECT id, chat_id FROM messages WHERE id > $2 AND id <= $3),
         active AS MATERIALIZED (SELECT chat_id, max(id) AS activity FROM range GROUP BY chat_id)
         SELECT active.chat_id, active.activity, coalesce(
           (SELECT max(id) FROM messages WHERE chat_id = active.chat_id AND id <= $2), chats.born_after)
         FROM active JOIN participants ON participants.user_id = $1 AND participants.chat_id = active.chat_id
           JOIN chats ON chats.id = active.chat_id`,
        userId,
        after,
        upTo,
      );
      return found.map(([chatId, activity, before]) => ({
        chatId: chatId as ChatId,
        activity: activity as number,
        before: before as number,
      }));
    },
    async participants(id, { after, limit }) {
      scope.lockChat(id);
      const found = await scope.rows(
        `SELECT ${PARTICIPANT.sql} FROM participants JOIN users ON users.id = participants.user_id
         WHERE participants.chat_id = $1 AND (participants.joined_at, participants.user_id) > ($2, $3)
         ORDER BY participants.joined_at, participants.user_id LIMIT $4`,
        id,
        after?.joinedAt ?? Number.MIN_SAFE_INTEGER,
        after?.id ?? "",
        limit,
      );
      return found.map(PARTICIPANT.decode);
    },
    async oldest(id, role) {
      scope.lockChat(id);
      const found = await scope.row(
        `SELECT ${PARTICIPANT.sql} FROM participants JOIN users ON users.id = participants.user_id
         WHERE participants.chat_id = $1 AND users.deleted_at IS NULL
           ${role === undefined ? "" : "AND participants.role = 'admin'"}
         ORDER BY participants.joined_at, participants.user_id LIMIT 1`,
        id,
      );
      return found && PARTICIPANT.decode(found);
    },
    async summary(id) {
      scope.lockChat(id);
      const found = await scope.row(`SELECT ${SUMMARY.sql} ${SUMMARIES} WHERE chats.id = $1`, id);
      return found && SUMMARY.decode(found);
    },
    async abandoned() {
      // Another node deletes what it has locked.
      const lock = scope.attempts ? "" : "FOR UPDATE SKIP LOCKED";
      const found = await scope.row(
        `SELECT id FROM chats WHERE participant_count = 0 ORDER BY id LIMIT 1 ${lock}`,
      );
      return found?.[0] as ChatId | undefined;
    },
    async list({ after, limit }) {
      const found = await scope.rows(
        `SELECT ${SUMMARY.sql} ${SUMMARIES} WHERE chats.id > $1 ORDER BY chats.id LIMIT $2`,
        after ?? 0,
        limit,
      );
      return found.map(SUMMARY.decode);
    },
    async releasePair(id) {
      scope.lockChat(id);
      scope.send(
        "UPDATE chats SET kind = 'group', first_user_id = NULL, second_user_id = NULL WHERE id = $1",
        id,
      );
    },
    async setRole(id, userId, role) {
      scope.lockChat(id);
      scope.send("UPDATE participants SET role = $1 WHERE user_id = $2 AND chat_id = $3", role, userId, id);
    },
    async setSettings(id, userId, settings) {
      scope.lockChat(id);
      scope.send(...updateSettings(id, userId, settings));
    },
    async update(chat) {
      scope.lockChat(chat.id);
      scope.send(...updateChat(chat));
    },
    async delete(id, limit) {
      const markers = await scope.change(
        "DELETE FROM read_markers WHERE chat_id = $1 AND user_id IN (SELECT user_id FROM read_markers WHERE chat_id = $1 LIMIT $2)",
        id,
        limit,
      );
      if (markers < limit) scope.send("DELETE FROM chats WHERE id = $1", id);
      return markers;
    },
    async setRead(id, userId, seq) {
      scope.lockChat(id);
      scope.sendEach(
        `INSERT INTO read_markers (user_id, chat_id, seq)
         SELECT user_id, chat_id, max(seq) FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS given (user_id, chat_id, seq)
         GROUP BY user_id, chat_id
         ON CONFLICT (user_id, chat_id) DO UPDATE SET seq = excluded.seq`,
        userId,
        id,
        seq,
      );
    },
    async deleteRead(userId, limit) {
      return scope.change(
        `DELETE FROM read_markers WHERE user_id = $1
           AND chat_id IN (SELECT chat_id FROM read_markers WHERE user_id = $1 LIMIT $2)`,
        userId,
        limit,
      );
    },
    async addGroup(title, createdAt) {
      const draft = { kind: "group", title, createdAt, policy: DEFAULT_POLICY, metadata: null } as const;
      return (await addChat(draft, null, null))!;
    },
    async addP2p([first, second], createdAt) {
      const draft = { kind: "p2p", title: null, createdAt, policy: null, metadata: null } as const;
      const chat = await addChat(draft, first, second);
      if (chat === undefined) throw new RacedError("The pair has a chat already.");
      for (const userId of new Set([first, second])) await addParticipant(chat.id, userId, createdAt, null);
      return chat;
    },
    async addParticipant(id, userId, joinedAt, role = "member", historyStart = 0) {
      return addParticipant(id, userId, joinedAt, role, historyStart);
    },
    async removeParticipant(id, userId) {
      scope.lockChat(id);
      const removed = await scope.change(
        "DELETE FROM participants WHERE user_id = $1 AND chat_id = $2",
        userId,
        id,
      );
      return addToCount(id, -removed);
    },
  };
}

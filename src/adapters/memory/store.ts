import pLimit from "p-limit";
import type { Repositories, Store } from "../../application/ports.js";
import { pairOf } from "../../domain/chat.js";
import { blockRepository } from "./blocks.js";
import { chatRepository, keyOfPair, peerIn, type ChatStates } from "./chats.js";
import { eventLog } from "./events.js";
import { invitationRepository } from "./invitations.js";
import { messageRepository, renameSender } from "./messages.js";
import { reactionRepository } from "./reactions.js";
import { searchIndex } from "./search.js";
import { sessionRepository } from "./sessions.js";
import type { Undo } from "./undo.js";
import { userRepository } from "./users.js";

/** After this many calls, the store yields to the event loop. */
const CALLS_PER_TURN = 10;

/** Opens a store that is lost with the process, for tests and for programs that need no persistence. */
export function openMemoryStore(): Store {
  const exclusive = pLimit(1);
  const undo: Undo = [];
  const states: ChatStates = { byId: new Map(), byPair: new Map(), ofUser: new Map(), messages: [] };
  const users = userRepository(undo, (id) => renameSender(states, id, undo));
  const events = eventLog(
    {
      message: (id) => states.messages[id - 1],
      kindOf: (chatId) => states.byId.get(chatId)?.chat.kind,
      stayOf: (userId, chatId) => states.byId.get(chatId)?.participants.get(userId),
      stayWith: (userId, peer) =>
        states.byPair.get(keyOfPair(pairOf(userId, peer)))?.participants.get(userId),
      *chatsOf(userId) {
        for (const { chat, pair, participants } of states.ofUser.get(userId) ?? []) {
          const { joinedAfter } = participants.get(userId)!;
          yield { chatId: chat.id, peer: peerIn(pair, userId), joinedAfter };
        }
      },
    },
    undo,
  );
  const reactions = reactionRepository(users, undo);
  const subscribers = new Set<() => void>();
  const repositories: Repositories = {
    users,
    blocks: blockRepository(users, undo),
    events,
    chats: chatRepository(states, users, events, undo),
    messages: messageRepository(states, undo, ({ id }) => reactions.discard(id)),
    reactions,
    sessions: sessionRepository(undo),
    invitations: invitationRepository(undo),
    search: searchIndex(states),
  };
  let transactions = 0;
  let closed = false;
  let calls = 0;

  function runExclusive<T>(work: () => Promise<T>): Promise<T> {
    return exclusive(async () => {
      if (closed) throw new Error("The store is closed.");
      calls += 1;
      // The store never waits for I/O, so that callers in a loop would starve all other events.
      if (calls % CALLS_PER_TURN === 0) await new Promise(setImmediate);
      return work();
    });
  }

  return {
    transaction: (work) =>
      runExclusive(async () => {
        try {
          const result = await work(repositories);
          if (undo.length > 0) {
            transactions += 1;
            for (const wake of subscribers) queueMicrotask(() => subscribers.has(wake) && wake());
          }
          return result;
        } catch (error) {
          for (const step of undo.toReversed()) step();
          throw error;
        } finally {
          undo.length = 0;
        }
      }),
    read: (work) => runExclusive(() => work(repositories)),
    subscribe(wake) {
      const subscriber = () => wake();
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    status: () => ({ fault: undefined, transactions, commits: 0 }),
    close: () =>
      exclusive(async () => {
        closed = true;
      }),
  };
}

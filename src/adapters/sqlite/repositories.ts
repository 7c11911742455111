import { randomBytes } from "node:crypto";
import type { Repositories } from "../../application/ports.js";
import { blocks } from "./blocks.js";
import { chats } from "./chats.js";
import type { Statements } from "./database.js";
import { events } from "./events.js";
import { invitations } from "./invitations.js";
import { MessageIndex } from "./message-index.js";
import { messages } from "./messages.js";
import { RecentMessages } from "./recent-messages.js";
import { reactions } from "./reactions.js";
import { searchIndex } from "./search.js";
import { sessions } from "./sessions.js";
import { users } from "./users.js";

/**
 * The repositories over a database. They write by `change` alone, and each keeps its own cache; users clear that of the messages.
 *
 * @param epoch the epoch of the events that they append: 16 random hexadecimal digits, the same in a run.
 * @param onErase called when a text or a name changes or goes, which the files keep until the next snapshot.
 * @param index of the texts. It outlives the repositories.
 */
export function repositories(
  statements: Statements,
  epoch = randomBytes(8).toString("hex"),
  onErase: () => void = () => {},
  index: MessageIndex = new MessageIndex(),
): Repositories {
  const recent = new RecentMessages();
  return {
    users: users(statements, recent, onErase),
    blocks: blocks(statements),
    chats: chats(statements),
    messages: messages(statements, recent, index, onErase),
    reactions: reactions(statements),
    sessions: sessions(statements),
    invitations: invitations(statements),
    events: events(statements, epoch),
    search: searchIndex(statements, index),
  };
}

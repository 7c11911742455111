import type { Repositories } from "../../application/ports.js";
import { blocks } from "./blocks.js";
import { chats } from "./chats.js";
import { events } from "./events.js";
import { invitations } from "./invitations.js";
import { messages } from "./messages.js";
import { reactions } from "./reactions.js";
import type { Scope } from "./scope.js";
import { searchIndex } from "./search.js";
import { sessions } from "./sessions.js";
import { users } from "./users.js";

/** The repositories of one transaction or read. */
export function repositories(scope: Scope): Repositories {
  return {
    users: users(scope),
    blocks: blocks(scope),
    chats: chats(scope),
    messages: messages(scope),
    reactions: reactions(scope),
    sessions: sessions(scope),
    invitations: invitations(scope),
    events: events(scope),
    search: searchIndex(scope),
  };
}

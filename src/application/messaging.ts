import { changePassword, logIn, registerUser } from "./accounts.js";
import {
  addParticipant,
  createGroupChat,
  getChat,
  listChats,
  markRead,
  removeParticipant,
  renameChat,
} from "./chats.js";
import { followEvents, forgetEvents, listEvents, sync, type Feed } from "./events.js";
import { eventFeed } from "./feed.js";
import { deleteMessage, editMessage, listMessages, pageMessages, sendMessage } from "./messages.js";
import type { Ports } from "./ports.js";
import {
  authenticate,
  createToken,
  endOtherSessions,
  endSession,
  endToken,
  listSessions,
  listTokens,
  logOut,
} from "./sessions.js";

const useCases = {
  registerUser,
  logIn,
  changePassword,
  authenticate,
  logOut,
  listSessions,
  endSession,
  endOtherSessions,
  createToken,
  listTokens,
  endToken,
  createGroupChat,
  renameChat,
  addParticipant,
  removeParticipant,
  listChats,
  getChat,
  markRead,
  sendMessage,
  editMessage,
  deleteMessage,
  listMessages,
  pageMessages,
  sync,
  listEvents,
  followEvents,
  forgetEvents,
};

type UseCases = typeof useCases;

/** Everything the messaging core can be asked to do: each use case, as a method that takes its command. */
export type Messaging = {
  readonly [Name in keyof UseCases]: (command: Parameters<UseCases[Name]>[1]) => ReturnType<UseCases[Name]>;
};

/** The core over these ports. It closes none of them. It keeps nothing but who follows the events at the moment. */
export function createMessaging(ports: Ports): Messaging {
  const core: Ports & Feed = { ...ports, feed: eventFeed(ports.store) };
  const bound = Object.entries(useCases).map(([name, useCase]) => [
    name,
    (command: never) => useCase(core, command),
  ]);
  return Object.fromEntries(bound) as Messaging;
}

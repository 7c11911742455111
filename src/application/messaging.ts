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
};

type UseCases = typeof useCases;

/** Everything the messaging core can be asked to do: each use case, as a method that takes its command. */
export type Messaging = {
  readonly [Name in keyof UseCases]: (command: Parameters<UseCases[Name]>[1]) => ReturnType<UseCases[Name]>;
};

/** The core over these ports. It keeps no state of its own, and closes none of them. */
export function createMessaging(ports: Ports): Messaging {
  const bound = Object.entries(useCases).map(([name, useCase]) => [
    name,
    (command: never) => useCase(ports, command),
  ]);
  return Object.fromEntries(bound) as Messaging;
}

import { MessagingError, type FieldError } from "../domain/errors.js";
import { POLICY_VALUES, ROLES } from "../domain/policy.js";

/*
 * Checks the types of commands, which the compiler of a JavaScript program does not. Which values are valid is decided by the use
 * cases.
 */

/** Returns undefined for a value of the right type; otherwise what the value must be. */
export type Check = (value: unknown) => string | undefined;

/** A check for each field of a command. */
export type Checks<Command> = { readonly [Field in keyof Required<Command>]: Check };

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const text: Check = (value) => (typeof value === "string" ? undefined : "Must be a string.");
const number: Check = (value) =>
  typeof value === "number" && !Number.isNaN(value) ? undefined : "Must be a number.";
const flag: Check = (value) => (typeof value === "boolean" ? undefined : "Must be true or false.");
const anything: Check = () => undefined;
const texts: Check = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === "string")
    ? undefined
    : "Must be a list of strings.";
const session: Check = (value) =>
  isObject(value) && typeof value["id"] === "string" && isObject(value["user"])
    ? undefined
    : "Must be a session.";
const destination: Check = (value) =>
  isObject(value) && ("chatId" in value ? !number(value["chatId"]) : !text(value["username"]))
    ? undefined
    : "Must be an object with a chatId (a number) or a username (a string).";
const destinationOrAll: Check = (value) => (value === "all" ? undefined : destination(value));
const policy: Check = (value) =>
  isObject(value) && Object.entries(value).every(([setting, each]) => isSetting(setting, each))
    ? undefined
    : "Must be an object with add, remove, rename or post (everyone or admins), or history (all or since_join).";
const isSetting = (setting: string, value: unknown) =>
  Object.hasOwn(POLICY_VALUES, setting) &&
  (value === undefined ||
    POLICY_VALUES[setting as keyof typeof POLICY_VALUES].some((each) => each === value));
const role: Check = (value) =>
  ROLES.some((each) => each === value) ? undefined : "Must be owner, admin or member.";
const metadata: Check = (value) =>
  isObject(value) && !Array.isArray(value) ? undefined : "Must be an object or null.";
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);
const nullable =
  (check: Check): Check =>
  (value) =>
    value === null ? undefined : check(value);

const page = { by: text, limit: number, cursor: optional(text) };
const messagePage = {
  by: text,
  of: destinationOrAll,
  limit: number,
  before: optional(number),
  after: optional(number),
};
const subscription = { by: text, after: optional(text), session: optional(text) };

/** The checks of each use case. */
export const commandChecks = {
  registerUser: { username: text, password: text },
  ensureUser: { username: text },
  getUser: { user: text },
  getProfile: { user: text },
  updateProfile: { by: text, displayName: nullable(text) },
  findUsers: { prefix: text, limit: number, cursor: optional(text) },
  listBlocks: page,
  blockUser: { by: text, user: text },
  unblockUser: { by: text, user: text },
  logIn: { username: text, password: text, replaces: optional(text), userAgent: optional(text) },
  changePassword: { by: session, currentPassword: text, newPassword: text },
  eraseAccount: { by: session, password: text },
  authenticate: { secret: text, kind: optional(text) },
  logOut: { secret: text },
  listSessions: { by: session },
  endSession: { by: session, sessionId: text },
  endOtherSessions: { by: session },
  createToken: { by: session, name: text },
  listTokens: { by: session },
  endToken: { by: session, tokenId: text },
  createGroupChat: { by: text, title: optional(nullable(text)), participants: optional(texts) },
  changeChat: {
    by: text,
    chatId: number,
    title: optional(nullable(text)),
    policy: optional(policy),
    metadata: optional(nullable(metadata)),
  },
  renameChat: { by: text, chatId: number, title: nullable(text) },
  addParticipant: { by: text, chatId: number, username: text },
  removeParticipant: { by: text, chatId: number, user: text },
  setRole: { by: text, chatId: number, user: text, role },
  createInvitation: {
    by: text,
    chatId: number,
    expiresIn: optional(number),
    maxUses: optional(nullable(number)),
  },
  listInvitations: { ...page, chatId: number },
  deleteInvitation: { by: text, chatId: number, invitationId: text },
  getInvitation: { by: text, code: text },
  acceptInvitation: { by: text, code: text },
  listChats: page,
  sliceChats: page,
  getChat: { by: text, chatId: number },
  listParticipants: { ...page, chatId: number },
  markRead: { by: text, chatId: number, seq: number },
  changeChatSettings: {
    by: text,
    chatId: number,
    mutedUntil: optional(nullable(number)),
    archived: optional(flag),
    pinned: optional(flag),
  },
  sendMessage: {
    by: text,
    to: destination,
    text,
    replyTo: optional(nullable(number)),
    mentions: optional(texts),
    metadata: optional(nullable(metadata)),
    idempotencyKey: optional(text),
  },
  editMessage: {
    by: text,
    id: number,
    text: optional(text),
    mentions: optional(texts),
    metadata: optional(nullable(metadata)),
  },
  deleteMessage: { by: text, id: number },
  listMessages: { by: text, of: destinationOrAll },
  pageMessages: messagePage,
  sliceMessagePage: messagePage,
  sendTyping: { by: text, chatId: number },
  getPresence: { by: text, chatId: number },
  addReaction: { by: text, id: number, emoji: text },
  removeReaction: { by: text, id: number, emoji: text },
  listReactions: { ...page, id: number },
  searchMessages: {
    by: text,
    query: text,
    chatId: optional(number),
    from: optional(text),
    before: optional(number),
    after: optional(number),
    limit: number,
    cursor: optional(text),
  },
  sync: { by: text },
  sliceSync: { by: text },
  listEvents: { ...subscription, limit: number, until: anything },
  subscribe: { ...subscription, signals: optional(flag) },
  events: subscription,
  forgetEvents: { before: number },
  forgetMessages: { before: number },
};

const ofUser = { user: text };

/** The checks of each use case of the operator. */
export const administrationChecks = {
  addUser: { username: text, password: text },
  checkUsername: { username: text },
  disableUser: ofUser,
  enableUser: ofUser,
  eraseUser: ofUser,
  getAccount: ofUser,
  resetPassword: { user: text, newPassword: text },
  sessionsOf: ofUser,
  revokeSessions: { user: text, sessionId: optional(text) },
  createUserToken: { user: text, name: text },
  tokensOf: ofUser,
  revokeTokens: { user: text, tokenId: optional(text) },
  listUsers: {},
  listAllChats: {},
  showChat: { chatId: number },
  changePolicy: { chatId: number, policy },
  deleteChat: { chatId: number },
  invitationsOf: { chatId: number },
  revokeInvitation: { invitationId: text },
  exportUser: ofUser,
  countStatistics: {},
};

/**
 * @param allowsUnknown whether the command may have other fields, as an object that TypeScript accepts may have.
 * @returns an error that lists each missing field, each field of another type and each unknown field that is not allowed;
 * undefined without one.
 */
function commandError(
  command: unknown,
  checks: Readonly<Record<string, Check>>,
  allowsUnknown: boolean,
): MessagingError | undefined {
  if (command === undefined && Object.keys(checks).length === 0) return undefined;
  if (!isObject(command)) return new MessagingError("invalid_request", "The command must be an object.");
  let errors: FieldError[] | undefined;
  for (const field in checks) {
    const detail = checks[field]!(command[field]);
    if (detail !== undefined) (errors ??= []).push({ field, detail });
  }
  // A misspelt optional field would otherwise count as absent: `session` of `revokeSessions` would end all sessions.
  for (const field in allowsUnknown ? {} : command) {
    if (!Object.hasOwn(checks, field)) (errors ??= []).push({ field, detail: "Unknown field." });
  }
  if (errors === undefined) return undefined;
  const message = errors.map(({ field, detail }) => `${field}: ${detail}`).join(" ");
  return new MessagingError("invalid_request", message, { errors });
}

/** How use cases take their commands. */
interface Binding {
  /** The checks of each use case. A command without fields may be left out. */
  readonly checks: Readonly<Record<string, Readonly<Record<string, Check>>>>;
  /** The names of the use cases that return no promise, and therefore throw. */
  readonly synchronous: ReadonlySet<string>;
  /** Whether a command may have other fields. */
  readonly allowsUnknown: boolean;
}

/** Binds use cases to what they work on. Each rejects a wrong command as `invalid_request`. */
export function bindUseCases<Core>(
  useCases: Readonly<Record<string, (core: Core, command: never) => unknown>>,
  core: Core,
  { checks, synchronous, allowsUnknown }: Binding,
): Readonly<Record<string, (command: never) => unknown>> {
  const bound = Object.entries(useCases).map(([name, useCase]) => {
    const checksOfUseCase = checks[name]!;
    const call = (command: never) => {
      const error = commandError(command, checksOfUseCase, allowsUnknown);
      if (error === undefined) return useCase(core, command);
      if (synchronous.has(name)) throw error;
      return Promise.reject(error);
    };
    return [name, call] as const;
  });
  return Object.fromEntries(bound);
}

import { expect } from "chai";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import type { NewInvitation } from "../../src/application/invitations.js";
import type { Store } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { MessageId } from "../../src/domain/message.js";
import type { Session } from "../../src/domain/session.js";
import type { User, UserId } from "../../src/domain/user.js";
import { expectRejection, openWorld, type World } from "../support/world.js";

/** The arguments of the calls: a group chat of ana and bo, and a session and a token of ana. */
interface Scene {
  readonly invitation: NewInvitation;
  /** A user who is in no chat. */
  readonly stranger: UserId;
  readonly by: UserId;
  readonly chatId: ChatId;
  /** A message of ana in the chat, between two messages of bo. */
  readonly messageId: MessageId;
  readonly secret: string;
  readonly session: Session;
  readonly token: Session;
}

const writing: { [Name in keyof Messaging]?: (messaging: Messaging, scene: Scene) => Promise<unknown> } = {
  registerUser: (messaging) => messaging.registerUser({ username: "dora", password: "password of dora" }),
  ensureUser: (messaging) => messaging.ensureUser({ username: "dora" }),
  logIn: (messaging) => messaging.logIn({ username: "ana", password: "password of ana" }),
  logOut: (messaging, { secret }) => messaging.logOut({ secret }),
  changePassword: (messaging, { session }) =>
    messaging.changePassword({
      by: session,
      currentPassword: "password of ana",
      newPassword: "another password",
    }),
  endSession: (messaging, { session }) => messaging.endSession({ by: session, sessionId: session.id }),
  endOtherSessions: (messaging, { session }) => messaging.endOtherSessions({ by: session }),
  createToken: (messaging, { session }) => messaging.createToken({ by: session, name: "bot" }),
  endToken: (messaging, { session, token }) => messaging.endToken({ by: session, tokenId: token.id }),
  changeChat: (messaging, { by, chatId }) => messaging.changeChat({ by, chatId, policy: { add: "admins" } }),
  setRole: (messaging, { by, chatId }) => messaging.setRole({ by, chatId, user: "bo", role: "admin" }),
  createGroupChat: (messaging, { by }) => messaging.createGroupChat({ by }),
  addParticipant: (messaging, { by, chatId }) => messaging.addParticipant({ by, chatId, username: "cy" }),
  removeParticipant: (messaging, { by, chatId }) => messaging.removeParticipant({ by, chatId, user: "bo" }),
  renameChat: (messaging, { by, chatId }) => messaging.renameChat({ by, chatId, title: "title" }),
  markRead: (messaging, { by, chatId }) => messaging.markRead({ by, chatId, seq: 3 }),
  changeChatSettings: (messaging, { by, chatId }) =>
    messaging.changeChatSettings({ by, chatId, pinned: true }),
  sendMessage: (messaging, { by, chatId }) => messaging.sendMessage({ by, to: { chatId }, text: "a" }),
  editMessage: (messaging, { by, messageId: id }) => messaging.editMessage({ by, id, text: "b" }),
  deleteMessage: (messaging, { by, messageId: id }) => messaging.deleteMessage({ by, id }),
  addReaction: (messaging, { by, messageId: id }) => messaging.addReaction({ by, id, emoji: "🙂" }),
  removeReaction: (messaging, { by, messageId: id }) => messaging.removeReaction({ by, id, emoji: "👍" }),
  updateProfile: (messaging, { by }) => messaging.updateProfile({ by, displayName: "Ana" }),
  blockUser: (messaging, { by }) => messaging.blockUser({ by, user: "bo" }),
  unblockUser: (messaging, { by }) => messaging.unblockUser({ by, user: "dan" }),
  createInvitation: (messaging, { by, chatId }) => messaging.createInvitation({ by, chatId }),
  deleteInvitation: (messaging, { by, chatId, invitation }) =>
    messaging.deleteInvitation({ by, chatId, invitationId: invitation.invitation.id }),
  acceptInvitation: (messaging, { stranger: by, invitation }) =>
    messaging.acceptInvitation({ by, code: invitation.code }),
  forgetEvents: (messaging) => messaging.forgetEvents({ before: Number.MAX_SAFE_INTEGER }),
  forgetMessages: (messaging) => messaging.forgetMessages({ before: Number.MAX_SAFE_INTEGER }),
};

const reading: typeof writing = {
  registerUser: writing.registerUser!,
  ensureUser: writing.ensureUser!,
  getUser: (messaging, { by }) => messaging.getUser({ user: by }),
  logIn: writing.logIn!,
  changePassword: writing.changePassword!,
  eraseAccount: (messaging, { session }) =>
    messaging.eraseAccount({ by: session, password: "password of ana" }),
  authenticate: (messaging, { secret }) => messaging.authenticate({ secret }),
  getProfile: (messaging, { by }) => messaging.getProfile({ user: by }),
  findUsers: (messaging) => messaging.findUsers({ prefix: "a", limit: 1 }),
  listBlocks: (messaging, { by }) => messaging.listBlocks({ by, limit: 1 }),
  listChats: (messaging, { by }) => messaging.listChats({ by, limit: 1 }),
  sliceChats: (messaging, { by }) => messaging.sliceChats({ by, limit: 1 }),
  getChat: (messaging, { by, chatId }) => messaging.getChat({ by, chatId }),
  listParticipants: (messaging, { by, chatId }) => messaging.listParticipants({ by, chatId, limit: 1 }),
  listInvitations: (messaging, { by, chatId }) => messaging.listInvitations({ by, chatId, limit: 1 }),
  getInvitation: (messaging, { by, invitation }) => messaging.getInvitation({ by, code: invitation.code }),
  listSessions: (messaging, { session }) => messaging.listSessions({ by: session }),
  listTokens: (messaging, { session }) => messaging.listTokens({ by: session }),
  listMessages: (messaging, { by }) => messaging.listMessages({ by, of: "all" }),
  pageMessages: (messaging, { by }) => messaging.pageMessages({ by, of: "all", limit: 1 }),
  sliceMessagePage: (messaging, { by }) => messaging.sliceMessagePage({ by, of: "all", limit: 1 }),
  sendTyping: (messaging, { by, chatId }) => messaging.sendTyping({ by, chatId }),
  getPresence: (messaging, { by, chatId }) => messaging.getPresence({ by, chatId }),
  listReactions: (messaging, { by, messageId: id }) => messaging.listReactions({ by, id, limit: 1 }),
  searchMessages: (messaging, { by }) => messaging.searchMessages({ by, query: "a", limit: 1 }),
  sync: (messaging, { by }) => messaging.sync({ by }),
  sliceSync: (messaging, { by }) => messaging.sliceSync({ by }),
  listEvents: (messaging, { by }) => messaging.listEvents({ by, limit: 1 }),
  subscribe: (messaging, { by }) => messaging.subscribe({ by }).next(),
  events: (messaging, { by }) => messaging.events({ by }).next(),
};

describe("createMessaging", () => {
  let world: World;
  let scene: Scene;
  beforeEach(async () => {
    world = await openWorld();
    const { ana, bo } = world;
    const { id: chatId } = await world.createGroupChat({ by: ana.id });
    await world.addParticipant({ by: ana.id, chatId, username: bo.username });
    const send = (user: User) => world.sendMessage({ by: user.id, to: { chatId }, text: "a" });
    await send(bo);
    const { message } = await send(ana);
    await send(bo);
    await world.addReaction({ by: ana.id, id: message.id, emoji: "👍" });
    const { session, secret } = await world.logIn({ username: "ana", password: "password of ana" });
    const { session: token } = await world.createToken({ by: session, name: "bot" });
    await world.ensureUser({ username: "dan" });
    await world.blockUser({ by: session.user.id, user: "dan" });
    const invitation = await world.createInvitation({ by: ana.id, chatId });
    scene = {
      invitation,
      stranger: world.cy.id,
      by: ana.id,
      chatId,
      messageId: message.id,
      secret,
      session,
      token,
    };
  });

  const over = (change: Partial<Store>) =>
    createMessaging({ ...world.ports, store: { ...world.ports.store, ...change } });

  it("has no use case that the tests below omit", () => {
    expect({ ...writing, ...reading }).to.have.all.keys(createMessaging(world.ports));
  });

  for (const [name, useCase] of Object.entries(writing)) {
    it(`performs ${name} in one transaction and resolves after it`, async () => {
      let stored = 0;
      const messaging = over({
        async transaction(work) {
          const result = await world.ports.store.transaction(work);
          await new Promise(setImmediate);
          stored += 1;
          return result;
        },
      });
      await useCase(messaging, scene);
      expect(stored).to.equal(1);
    });

    it(`rejects ${name} with the error of a store that cannot write`, async () => {
      const full = new MessagingError("store_unavailable", "The disk is full.");
      const messaging = over({ transaction: () => Promise.reject(full) });
      await expectRejection(world, () => useCase(messaging, scene), "store_unavailable");
    });
  }

  for (const [name, useCase] of Object.entries(reading)) {
    it(`rejects ${name} with the error of a store that is busy`, async () => {
      const busy = new MessagingError("busy", "Too many are waiting.");
      const messaging = over({ read: () => Promise.reject(busy) });
      await expectRejection(world, () => useCase(messaging, scene), "busy");
    });
  }
});

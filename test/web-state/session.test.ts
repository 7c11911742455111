import { effect } from "@preact/signals";
import { expect } from "chai";
import { until } from "../support/fake-browser.js";
import { WebWorld, write } from "./web-world.js";

describe("Session", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  it("sorts and counts the chats by the settings of the user", async () => {
    const { session } = await world.openSession();
    const { chats } = session;
    const [first, second] = [await chats.createGroup("first", ["bo"]), await chats.createGroup(null, [])];
    const ids = () => chats.main.value.map(({ chat_id }) => chat_id);
    await until(() => chats.main.value.length === 3);
    expect(ids()).to.deep.equal([second, first, world.chatId]);
    await world.receive("to @ana", ["ana"]);
    await until(() => ids()[0] === world.chatId);
    await chats.pin(first, true);
    await until(() => ids()[0] === first);
    expect(chats.unreadCount.value).to.equal(1);
    await world.receive("to all");
    await until(() => chats.unreadCount.value === 2);
    await chats.mute(world.chatId, Date.now() + 3_600_000);
    await until(() => chats.unreadCount.value === 1);
    await chats.mute(world.chatId, undefined);
    await chats.archive(world.chatId, true);
    await until(() => chats.archived.value.length === 1);
    expect(ids()).to.deep.equal([first, second]);
    expect(chats.unreadCount.value).to.equal(1);
    await world.receive("again");
    await until(() => chats.archived.value.length === 0);
  });

  it("reads the number of mentions that the events do not tell", async () => {
    const { session } = await world.openSession();
    const chat = session.chats.byId(world.chatId);
    const mention = await world.receive("to you", ["ana"]);
    await world.receive("to you, too", ["ana"]);
    await until(() => chat.value?.mention_count === 2);
    await world.server.messaging.editMessage({ by: world.bo.id, id: mention.id, mentions: [] });
    await until(() => chat.value?.mention_count === 1);
    expect(world.browser.requests.filter(({ path }) => path === `/v1/chats/${world.chatId}`)).to.have.length(
      1,
    );
  });

  it("recognises the deleted user of a p2p chat whose messages it has not seen", async () => {
    const { messaging } = world.server;
    await messaging.sendMessage({ by: world.ana.id, to: { username: "bo" }, text: "hi" });
    const { session } = await world.openSession();
    expect(session.chats.withUser("bo")).to.include({ peer_user_id: undefined, peer_read_seq: 0 });
    const { session: by } = await messaging.logIn({ username: "bo", password: "correct horse" });
    await messaging.eraseAccount({ by, password: "correct horse" });
    const chat = await until(() => session.chats.all.value?.find(({ kind }) => kind === "p2p"));
    await until(() => session.chats.byId(chat.chat_id).value?.with_username === null);
    const peer = { peer_user_id: world.bo.id, peer_read_seq: null };
    expect(session.chats.byId(chat.chat_id).value).to.include(peer);
  });

  it("shows the profiles and the presence of users, and follows them", async () => {
    const { messaging } = world.server;
    const { message } = await messaging.sendMessage({ by: world.bo.id, to: { username: "ana" }, text: "hi" });
    const { session } = await world.openSession();
    const profile = session.people.profileOf("bo");
    await until(() => profile.value?.user_id === world.bo.id);
    await messaging.updateProfile({ by: world.bo.id, displayName: "Bo B." });
    await until(() => profile.value?.display_name === "Bo B.");
    expect(await session.people.find("bo")).to.deep.equal([profile.value]);
    const presence = session.people.presenceIn(message.chatId);
    expect(world.browser.requests.some(({ path }) => path.endsWith("/presence"))).to.equal(false);
    const stop = effect(() => void presence.value);
    await until(() => presence.value?.online === false);
    stop();
  });

  it("shows the participants of a group, and who may do what", async () => {
    const { session } = await world.openSession();
    await world.server.messaging.registerUser({ username: "cy", password: "correct horse" });
    const group = session.openGroup(world.chatId);
    await group.participants.load();
    const names = () => group.participants.value.value?.map(({ username, role }) => `${username} ${role}`);
    expect(names()).to.deep.equal(["ana owner", "bo member"]);
    await group.add("cy");
    await until(() => names()?.length === 3);
    const [, bo, cy] = group.participants.value.value!;
    await group.setRole(bo!.user_id, "admin");
    await until(() => names()?.[1] === "bo admin");
    expect(group.mayRemove(cy!)).to.equal(true);
    await group.remove(cy!.user_id);
    await until(() => names()?.length === 2);
    await group.changePolicy({ remove: "admins", rename: "admins" });
    await group.rename("plans");
    await until(() => group.chat.value?.policy?.rename === "admins");
    expect([group.mayAdd, group.mayRename, group.maySetRoles].map(({ value }) => value)).to.deep.equal([
      true,
      true,
      true,
    ]);
    await group.setRole(bo!.user_id, "owner");
    await until(() => group.chat.value?.role === "admin");
    expect(group.maySetRoles.value).to.equal(false);
    expect(group.mayRemove(group.participants.value.value!.find(({ role }) => role === "owner")!)).to.equal(
      false,
    );
    await group.leave();
    await until(() => group.chat.value === undefined);
  });

  it("invites to a group, and joins one", async () => {
    const { session } = await world.openSession();
    const group = session.openGroup(world.chatId);
    await group.invitations.load();
    const { code, invitation_id } = await group.invite();
    expect(group.invitations.value.value).to.have.length(1);
    expect(await session.readInvitation(code)).to.include({ participant_count: 2 });
    expect(await session.acceptInvitation(code)).to.equal(world.chatId);
    await group.revoke(invitation_id);
    expect(group.invitations.value.value).to.deep.equal([]);
    const error = await session.readInvitation(code).catch((reason: unknown) => reason);
    expect(error).to.include({ code: "unknown_invitation" });
    const { overview } = await world.server.messaging.createGroupChat({ by: world.bo.id, title: "other" });
    const chatId = overview.chat.id;
    const other = await world.server.messaging.createInvitation({ by: world.bo.id, chatId });
    expect(await session.acceptInvitation(other.code)).to.equal(chatId);
    await until(() => session.chats.byId(chatId).value?.title === "other");
  });

  it("searches, and reads on", async () => {
    for (let n = 1; n <= 40; n += 1) await world.receive(`apple ${n}`);
    const { session } = await world.openSession();
    const search = session.openSearch();
    await search.run("apple", world.chatId);
    expect(search.results.value?.[0]?.message).to.equal("apple 40");
    while (search.hasMore.value) await search.loadMore();
    expect(search.results.value).to.have.length(40);
    const slow = search.run("apple");
    await search.run("apple 7");
    await slow;
    expect(search.results.value?.map(({ message }) => message)).to.deep.equal(["apple 7"]);
    await search.run(" ");
    expect([search.results.value, search.isLoading.value]).to.deep.equal([undefined, false]);
    await search.run("!!!");
    expect(search.failure.value?.code).to.equal("invalid_query");
  });

  it("shows and changes the settings of the account", async () => {
    const { session } = await world.openSession();
    const settings = session.openSettings();
    const lists = [settings.profile, settings.sessions, settings.tokens, session.blocks.all];
    for (const list of lists) await list.load();
    await settings.setDisplayName("Ana María");
    expect(settings.profile.value.value?.display_name).to.equal("Ana María");
    const { token_id, token } = await settings.createToken("bot");
    expect(token).to.be.a("string");
    expect(settings.tokens.value.value?.map(({ name }) => name)).to.deep.equal(["bot"]);
    await settings.endToken(token_id);
    expect(settings.tokens.value.value).to.deep.equal([]);
    await session.blocks.block("bo");
    expect(session.blocks.all.value.value?.map(({ username }) => username)).to.deep.equal(["bo"]);
    await session.blocks.unblock(world.bo.id);
    expect(session.blocks.all.value.value).to.deep.equal([]);
    const { session: other } = await world.server.messaging.logIn({
      username: "ana",
      password: "correct horse",
    });
    await settings.sessions.load();
    expect(settings.sessions.value.value).to.have.length(2);
    await settings.endSession(other.id);
    await settings.changePassword("correct horse", "battery staple");
    await settings.endOtherSessions();
    expect(settings.sessions.value.value).to.have.length(1);
    const failed = await settings
      .changePassword("wrong horse", "battery staple")
      .catch((error: unknown) => error);
    expect(failed).to.include({ code: "wrong_password" });
  });

  it("says that the browser does not store what was typed, and sends it nevertheless", async () => {
    const { storage } = world.browser;
    const stored = { ...storage };
    const { session, conversation } = await world.openChat();
    Object.assign(storage, { put: async () => Promise.reject(new Error("The disk is full.")) });
    world.browser.goOffline();
    await write(conversation, "typed");
    expect(session.isUnsaved.value).to.equal(true);
    world.browser.goOnline();
    await until(() => conversation.messages.value.length === 1);
    await until(() => !session.isUnsaved.value);
    conversation.changeDraft({ text: "more" });
    await until(() => session.isUnsaved.value);
    Object.assign(storage, stored);
    conversation.changeDraft({ text: "more and more" });
    await until(() => !session.isUnsaved.value);
  });

  it("reads all chats of a user with more than a thousand", async () => {
    for (let n = 1; n <= 1_010; n += 1) await world.server.messaging.createGroupChat({ by: world.ana.id });
    const { session } = await world.openSession();
    await until(() => session.chats.all.value?.length === 1_011);
    expect(session.chats.byId(world.chatId).value?.chat_id).to.equal(world.chatId);
  });
});

import { expect } from "chai";
import { until } from "../support/fake-browser.js";
import { WebWorld, write } from "./web-world.js";

describe("Conversation", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  const textsOf = (messages: readonly { readonly message: string }[]) =>
    messages.map(({ message }) => message);

  it("shows the newest messages, pages back to the first, and jumps into the past and back", async () => {
    const sent = [];
    for (let n = 1; n <= 400; n += 1) sent.push(await world.receive(`message ${n}`));
    const { conversation, session } = await world.openChat();
    expect(conversation.messages.value.at(-1)?.message).to.equal("message 400");
    expect(conversation.hasNewer.value).to.equal(false);
    conversation.setAtEnd(false);
    while (conversation.hasOlder.value) {
      await conversation.loadOlder();
      expect(conversation.messages.value.length).to.be.at.most(300);
    }
    expect(conversation.messages.value[0]?.message).to.equal("message 1");
    expect(conversation.hasNewer.value).to.equal(true);
    await world.receive("live");
    await until(() => session.chats.byId(world.chatId).value?.last_seq === 401);
    expect(await conversation.jumpTo(sent[349]!.id)).to.equal(true);
    expect(conversation.target.value).to.equal(sent[349]!.id);
    const around = textsOf(conversation.messages.value);
    expect(around).to.include.members(["message 300", "message 350", "message 390"]);
    conversation.clearTarget();
    expect(conversation.target.value).to.equal(undefined);
    while (conversation.hasNewer.value) await conversation.loadNewer();
    expect(conversation.messages.value.at(-1)?.message).to.equal("live");
    expect(await conversation.jumpTo(sent[0]!.id)).to.equal(true);
    await conversation.jumpToEnd();
    await world.receive("live, too");
    await until(() => conversation.messages.value.at(-1)?.message === "live, too");
  });

  it("does not jump to a message of another chat", async () => {
    const { messaging } = world.server;
    const { overview } = await messaging.createGroupChat({ by: world.bo.id });
    const to = { chatId: overview.chat.id };
    const { message } = await messaging.sendMessage({ by: world.bo.id, to, text: "elsewhere" });
    await world.receive("here");
    const { conversation } = await world.openChat();
    expect(await conversation.jumpTo(message.id)).to.equal(false);
    expect(conversation.target.value).to.equal(undefined);
    expect(textsOf(conversation.messages.value)).to.deep.equal(["here"]);
  });

  it("goes to the end of the chat to show what the user sends", async () => {
    const first = await world.receive("message 0");
    for (let n = 1; n <= 200; n += 1) await world.receive(`message ${n}`);
    const { conversation } = await world.openChat();
    await conversation.jumpTo(first.id);
    expect(conversation.hasNewer.value).to.equal(true);
    await write(conversation, "mine");
    await until(() => conversation.messages.value.at(-1)?.message === "mine");
  });

  it("edits, deletes and replies, and reacts", async () => {
    const { conversation, session } = await world.openChat();
    const theirs = await world.receive("Lunch?");
    conversation.changeDraft({ replyTo: theirs.id });
    await write(conversation, "Yse");
    const mine = await until(() => conversation.messages.value[1]);
    expect(mine).to.include({ reply_to: theirs.id, message: "Yse" });
    expect(conversation.draft.value.replyTo).to.equal(null);
    conversation.startEditing(mine);
    expect(conversation.draft.value).to.include({ text: "Yse", editing: mine.id });
    await write(conversation, "Yes");
    await until(() => conversation.messages.value[1]?.message === "Yes");
    expect(conversation.draft.value).to.include({ text: "", editing: null });
    await conversation.reactions.set(theirs.id, "👍", true);
    await until(() => conversation.messages.value[0]?.reactions.length === 1);
    expect(conversation.messages.value[0]?.reactions[0]?.user_ids).to.deep.equal([world.ana.id]);
    await conversation.reactions.set(theirs.id, "👍", false);
    await until(() => conversation.messages.value[0]?.reactions.length === 0);
    await conversation.delete(mine.id);
    await until(() => conversation.messages.value[1]?.deleted_at);
    expect(session.outbox.entries.value).to.deep.equal([]);
  });

  it("keeps the draft of an edit that fails", async () => {
    const { conversation } = await world.openChat();
    const theirs = await world.receive("theirs");
    await until(() => conversation.messages.value.length === 1);
    conversation.changeDraft({ editing: theirs.id, text: "mine" });
    const error = await conversation.submit().catch((reason: unknown) => reason);
    expect(error).to.include({ code: "not_your_message" });
    expect(conversation.draft.value).to.include({ text: "mine", editing: theirs.id });
  });

  it("brings the draft back that an edit has interrupted, when it ends and when it is cancelled", async () => {
    const { conversation } = await world.openChat();
    const theirs = await world.receive("Lunch?");
    await write(conversation, "Yse");
    const mine = await until(() => conversation.messages.value[1]);
    const draft = { text: "And then", replyTo: theirs.id };
    conversation.changeDraft(draft);
    conversation.startEditing(mine);
    conversation.startEditing(mine);
    expect(conversation.draft.value).to.include({ text: "Yse", replyTo: null });
    conversation.cancelDraft();
    expect(conversation.draft.value).to.include({ ...draft, editing: null });
    conversation.startEditing(mine);
    await write(conversation, "Yes");
    await until(() => conversation.messages.value[1]?.message === "Yes");
    expect(conversation.draft.value).to.include({ ...draft, editing: null });
    conversation.cancelDraft();
    expect(conversation.draft.value.text).to.equal("");
  });

  it("does not change a message once its edit is cancelled", async () => {
    const { conversation } = await world.openChat();
    await write(conversation, "as it was");
    const mine = await until(() => conversation.messages.value[0]);
    conversation.startEditing(mine);
    conversation.changeDraft({ text: "changed" });
    const submitted = conversation.submit();
    conversation.cancelDraft();
    await submitted;
    await write(conversation, "the next one");
    await until(() => conversation.messages.value.length === 2);
    expect(conversation.messages.value[0]?.message).to.equal("as it was");
  });

  it("sends mentions as ids, and keeps them in an edit", async () => {
    const { conversation } = await world.openChat();
    const mention = { user_id: world.bo.id, username: "bo" };
    conversation.changeDraft({ text: "@bo and @ana", mentions: [mention] });
    await conversation.submit();
    const mine = await until(() => conversation.messages.value[0]);
    expect(mine.mentions).to.deep.equal([world.bo.id]);
    conversation.startEditing(mine);
    await write(conversation, "@bo, hello");
    await until(() => conversation.messages.value[0]?.message === "@bo, hello");
    expect(conversation.messages.value[0]?.mentions).to.deep.equal([world.bo.id]);
    conversation.startEditing(conversation.messages.value[0]!);
    await write(conversation, "hello");
    await until(() => conversation.messages.value[0]?.message === "hello");
    expect(conversation.messages.value[0]?.mentions).to.deep.equal([]);
  });

  it("reads quoted messages, and follows their changes", async () => {
    const old = await world.receive("old");
    for (let n = 1; n <= 100; n += 1) await world.receive(`message ${n}`);
    const { conversation } = await world.openChat();
    const quote = conversation.quoteOf(old.id);
    expect(conversation.quoteOf(old.id)).to.equal(quote);
    await until(() => quote.value?.message === "old");
    await world.server.messaging.editMessage({ by: world.bo.id, id: old.id, text: "edited" });
    await until(() => quote.value?.message === "edited");
    const missing = conversation.quoteOf(old.id + 1_000);
    await until(() => missing.value === null);
    const shown = conversation.messages.value.at(-1)!;
    expect(conversation.quoteOf(shown.id).value).to.equal(shown);
  });

  it("marks what was seen as read, in few requests, also when it is closed", async () => {
    const { conversation, session } = await world.openChat();
    for (let n = 1; n <= 20; n += 1) await world.receive(`message ${n}`);
    const chat = session.chats.byId(world.chatId);
    await until(() => chat.value?.unread_count === 20);
    for (let seq = 1; seq <= 19; seq += 1) conversation.markRead(seq);
    conversation.close();
    await until(() => chat.value?.unread_count === 1);
    expect(world.browser.requests.filter(({ path }) => path.endsWith("/read"))).to.have.length.at.most(2);
    const again = session.openConversation({ chatId: world.chatId });
    expect(again.readSeqAtOpening).to.equal(19);
    again.markRead(5);
    expect(world.browser.requests.filter(({ path }) => path.endsWith("/read"))).to.have.length.at.most(2);
  });

  it("shows how far the other user of a p2p chat has read, also before this browser came", async () => {
    const { messaging } = world.server;
    const send = (text: string) => messaging.sendMessage({ by: world.ana.id, to: { username: "bo" }, text });
    const { chatId } = (await send("one")).message;
    await send("two");
    await messaging.markRead({ by: world.bo.id, chatId, seq: 1 });
    const { session } = await world.openSession();
    const { chat } = session.openConversation({ chatId });
    expect(chat.value?.peer_read_seq).to.equal(1);
    await messaging.markRead({ by: world.bo.id, chatId, seq: 2 });
    await until(() => chat.value?.peer_read_seq === 2);
  });

  it("moves the draft to a chat that the other user has begun", async () => {
    const { session } = await world.openSession();
    const conversation = session.openConversation({ username: "bo" });
    expect([conversation.chat.value, conversation.messages.value]).to.deep.equal([undefined, []]);
    conversation.changeDraft({ text: "unfinished" });
    await world.server.messaging.sendMessage({ by: world.bo.id, to: { username: "ana" }, text: "hi" });
    await until(() => conversation.messages.value.length === 1);
    expect(conversation.draft.value.text).to.equal("unfinished");
    expect(session.openConversation({ username: "bo" }).destination.value).to.have.property("chatId");
  });

  it("ends when the user is removed, and begins again when the user is added again", async () => {
    const { messaging } = world.server;
    const { conversation } = await world.openChat();
    await world.receive("one");
    await until(() => conversation.messages.value.length === 1);
    await messaging.removeParticipant({ by: world.bo.id, chatId: world.chatId, user: world.ana.id });
    await until(() => conversation.chat.value === undefined);
    expect(conversation.messages.value).to.deep.equal([]);
    await world.receive("two");
    await messaging.addParticipant({ by: world.bo.id, chatId: world.chatId, username: "ana" });
    await until(() => conversation.messages.value.length === 2);
  });

  it("says why a page could not be read, and reads it again", async () => {
    await world.receive("one");
    const { session } = await world.openSession();
    world.browser.intercept = ({ path }) =>
      path.includes("/messages/group/") ? new Response("<html>", { status: 403 }) : undefined;
    const conversation = session.openConversation({ chatId: world.chatId });
    await until(() => conversation.failure.value?.code === "unexpected_answer");
    // A message that arrives meanwhile does not look like the whole chat.
    await world.receive("two");
    await until(() => session.chats.byId(world.chatId).value?.last_seq === 2);
    expect(conversation.messages.value).to.deep.equal([]);
    world.browser.intercept = () => {};
    await conversation.loadNewer();
    expect(textsOf(conversation.messages.value)).to.deep.equal(["one", "two"]);
    expect(conversation.failure.value).to.equal(undefined);
  });

  it("shows who types until an edit of theirs arrives", async () => {
    const { session } = await world.openChat();
    await until(() => session.status.value === "live");
    const typists = session.typing.in(world.chatId);
    const { id } = await world.receive("Lunhc?");
    await until(() => session.chats.byId(world.chatId).value?.last_message?.id === id);
    await world.server.messaging.sendTyping({ by: world.bo.id, chatId: world.chatId });
    await until(() => typists.value.length === 1);
    await world.server.messaging.editMessage({ by: world.bo.id, id, text: "Lunch?" });
    await until(() => typists.value.length === 0);
  });

  it("does not state that the user types once the text is sent or saved", async () => {
    const { conversation } = await world.openChat();
    const { storage, requests } = world.browser;
    const list = storage.list.bind(storage);
    const submitSlowly = async (change: () => void) => {
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      // All requests wait for it.
      Object.assign(storage, {
        list: async (...args: Parameters<typeof storage.list>) => {
          await released;
          return list(...args);
        },
      });
      change();
      conversation.showTyping();
      const submitted = conversation.submit();
      Object.assign(storage, { list });
      release();
      await submitted;
    };
    await submitSlowly(() => conversation.changeDraft({ text: "Yse" }));
    const mine = await until(() => conversation.messages.value[0]);
    world.browser.now = () => Date.now() + 60_000;
    await submitSlowly(() => {
      conversation.startEditing(mine);
      conversation.changeDraft({ text: "Yes" });
    });
    await until(() => conversation.messages.value[0]?.message === "Yes");
    expect(requests.filter(({ path }) => path.endsWith("/typing"))).to.deep.equal([]);
  });

  it("shows who types until a message arrives, and tells others that the user types", async () => {
    const { conversation, session } = await world.openChat();
    await until(() => session.status.value === "live");
    const typists = session.typing.in(world.chatId);
    await world.server.messaging.sendTyping({ by: world.bo.id, chatId: world.chatId });
    await until(() => typists.value.length === 1);
    expect(typists.value[0]).to.include({ username: "bo", user_id: world.bo.id });
    await world.receive("one");
    await until(() => typists.value.length === 0);
    for (let key = 0; key < 10; key += 1) conversation.showTyping();
    const requests = () => world.browser.requests.filter(({ path }) => path.endsWith("/typing"));
    await until(() => requests().length > 0);
    expect(requests()).to.have.length(1);
  });

  it("shows the chat with a user whose name is written in another case, and keeps one draft for them", async () => {
    const { session } = await world.openChat();
    const conversation = session.openConversation({ username: "BO" });
    conversation.changeDraft({ text: "a draft" });
    expect(session.drafts.of({ username: "bo" }).value.text).to.equal("a draft");
    await write(conversation, "hello");
    await until(() => conversation.messages.value.length === 1);
    const again = session.openConversation({ username: "Bo" });
    await until(() => again.messages.value.length === 1);
    expect(again.destination.value).to.deep.equal(conversation.destination.value);
  });

  it("shows a rejected message to a user whose name was written in another case", async () => {
    const { session } = await world.openChat();
    await world.server.messaging.blockUser({ by: world.bo.id, user: "ana" });
    await write(session.openConversation({ username: "BO" }), "hello");
    const conversation = session.openConversation({ username: "bo" });
    await until(() => conversation.pending.value[0]?.state === "rejected");
  });

  it("mentions a participant whose name was typed, in a new message and in an edit", async () => {
    const { conversation } = await world.openChat();
    conversation.changeDraft({ text: "@BO, lunch?" });
    await until(() => conversation.group.value?.participants.value.value);
    await conversation.submit();
    const mine = await until(() => conversation.messages.value[0]);
    expect(mine.mentions).to.deep.equal([world.bo.id]);
    conversation.startEditing(mine);
    await write(conversation, "lunch?");
    await until(() => conversation.messages.value[0]?.mentions.length === 0);
    conversation.startEditing(conversation.messages.value[0]!);
    await write(conversation, "lunch, @bo?");
    await until(() => conversation.messages.value[0]?.mentions.length === 1);
  });

  it("sends at once while the participants cannot be read, and does not mention one who has left", async () => {
    const { conversation } = await world.openChat();
    world.browser.intercept = ({ path }) => {
      if (path.includes("/participants")) throw new TypeError("Failed to fetch");
    };
    await write(conversation, "@bo, lunch?");
    await until(() => conversation.messages.value.length === 1);
    expect(conversation.messages.value[0]?.mentions).to.deep.equal([]);
    world.browser.intercept = () => {};
    const mention = { user_id: world.bo.id, username: "bo" };
    conversation.changeDraft({ text: "@bo!", mentions: [mention] });
    await until(() => conversation.group.value?.participants.value.value);
    await world.server.messaging.removeParticipant({
      by: world.ana.id,
      chatId: world.chatId,
      user: world.bo.id,
    });
    await until(() => conversation.group.value?.participants.value.value?.length === 1);
    await conversation.submit();
    await until(() => conversation.messages.value.length === 2);
  });
});

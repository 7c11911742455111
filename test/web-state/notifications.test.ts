import { expect } from "chai";
import { until } from "../support/fake-browser.js";
import { WebWorld, write } from "./web-world.js";

describe("Desktop notifications", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  it("are shown by one tab while no tab is visible, and open the chat", async () => {
    const first = await world.openChat({ isVisible: false });
    const second = await world.openChat({ isVisible: false });
    const opened: number[] = [];
    first.session.onOpenChat((chatId) => opened.push(chatId));
    await world.receive("hidden");
    await until(() => world.browser.notifications.length > 0);
    second.tab.setVisible(true);
    await world.receive("seen");
    await until(() => first.conversation.messages.value.length === 2);
    await until(() => second.conversation.messages.value.length === 2);
    second.tab.setVisible(false);
    await until(() => !world.browser.heldLocks.some((name) => name.includes("visible")));
    await world.receive("hidden again");
    await until(() => world.browser.notifications.length > 1);
    expect(world.browser.notifications.map(({ body }) => body)).to.deep.equal(["hidden", "hidden again"]);
    expect(world.browser.notifications[0]).to.include({ title: "bo", tag: `palaver ${world.chatId}` });
    world.browser.notifications[0]!.open();
    expect(opened).to.deep.equal([world.chatId]);
  });

  it("are not shown for own messages, and for a muted chat only if they mention the user", async () => {
    const { session, conversation } = await world.openChat({ isVisible: false });
    await write(conversation, "own");
    await session.chats.mute(world.chatId, Infinity);
    await until(() => session.chats.isMuted(session.chats.byId(world.chatId).value!));
    await world.receive("muted");
    await world.receive("to you", ["ana"]);
    await until(() => world.browser.notifications.length > 0);
    expect(world.browser.notifications.map(({ body }) => body)).to.deep.equal(["to you"]);
    expect(session.chats.unreadCount.value).to.equal(1);
  });
});

import { expect } from "chai";
import { until } from "../support/fake-browser.js";
import { WebWorld } from "./web-world.js";

describe("Group", () => {
  let world: WebWorld;

  beforeEach(async () => {
    world = await WebWorld.open();
  });

  afterEach(() => world.close());

  it("does not remove, promote or leave once that is cancelled", async () => {
    const { session } = await world.openSession();
    const group = session.openGroup(world.chatId);
    await group.participants.load();
    const cancelling = new AbortController();
    world.browser.goOffline();
    const { signal } = cancelling;
    const changes = [
      group.remove(world.bo.id, signal),
      group.setRole(world.bo.id, "owner", signal),
      group.leave(signal),
    ];
    const settled = Promise.allSettled(changes);
    cancelling.abort();
    expect((await settled).map(({ status }) => status)).to.deep.equal(["rejected", "rejected", "rejected"]);
    world.browser.goOnline();
    // An event that the page receives shows that it is online.
    await world.receive("hello");
    await until(() => session.chats.byId(world.chatId).value?.last_message?.message === "hello");
    expect(group.participants.value.value?.map(({ username, role }) => [username, role])).to.deep.equal([
      ["ana", "owner"],
      ["bo", "member"],
    ]);
    const sent = world.browser.requests.filter(({ path }) => path.includes("/participants/"));
    expect(sent).to.deep.equal([]);
  });
});

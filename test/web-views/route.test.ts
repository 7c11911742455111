import { expect } from "chai";
import { parseRoute, toHash, type Route } from "../../src/web/route.js";

describe("parseRoute", () => {
  it("reads each route that toHash writes", () => {
    const routes: readonly Route[] = [
      { view: "chats" },
      { view: "archive" },
      { view: "settings" },
      { view: "chat", chatId: 4 },
      { view: "chat", chatId: 4, panel: "details" },
      { view: "chat", chatId: 4, panel: "search" },
      { view: "chat", chatId: 4, messageId: 17 },
      { view: "user", username: "فاطمة/%2e" },
      { view: "invitation", code: "a-b_c" },
    ];
    for (const route of routes) expect(parseRoute(toHash(route))).to.deep.equal(route);
  });

  it("reads anything else as the list of chats", () => {
    for (const hash of ["", "#", "#/", "#/chats", "#/chats/x", "#/chats/-1", "#/users/", "#/nothing"]) {
      expect(parseRoute(hash)).to.deep.equal({ view: "chats" });
    }
    expect(parseRoute("#/users/%")).to.deep.equal({ view: "user", username: "%" });
  });
});

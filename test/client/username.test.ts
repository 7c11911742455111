import { expect } from "chai";
import fc from "fast-check";
import { usernameKey } from "../../src/client/username.js";
import { MAX_USERNAME_UNITS, usernameKey as keyOfServer } from "../../src/domain/user.js";

describe("usernameKey", () => {
  it("is the key by which the server finds a user", () => {
    const examples = ["Bob", "ΟΔΟΣ", "οδος", "STRAẞE", "Straße", "ﬁn", "İ", "e\u0301"];
    for (const name of examples) expect(usernameKey(name)).to.equal(keyOfServer(name));
    for (const length of [MAX_USERNAME_UNITS, MAX_USERNAME_UNITS + 1]) {
      expect(usernameKey("A".repeat(length))).to.equal(keyOfServer("A".repeat(length)));
    }
    fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => usernameKey(name) === keyOfServer(name)));
  });
});

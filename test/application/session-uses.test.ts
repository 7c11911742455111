import { expect } from "chai";
import { SessionUses } from "../../src/application/session-uses.js";
import type { SessionId } from "../../src/domain/session.js";

describe("SessionUses", () => {
  it("forgets the session that was used least recently beyond the maximum", () => {
    const uses = new SessionUses(2);
    const [one, two, three] = ["one", "two", "three"] as SessionId[];
    uses.record(one!, 1);
    uses.record(two!, 2);
    uses.record(one!, 3);
    uses.record(three!, 4);
    expect([one, two, three].map((id) => uses.lastUse(id!))).to.deep.equal([3, undefined, 4]);
  });
});

import { expect } from "chai";
import { SESSION_LIFETIME, requireAlive, type Session, type SessionId } from "../../src/domain/session.js";
import type { UserId } from "../../src/domain/user.js";
import { refusal } from "../support/refusal.js";

const session: Session = {
  id: "session" as SessionId,
  user: { id: "user" as UserId, username: "ana", createdAt: 0 },
  createdAt: 0,
  expiresAt: 100,
};

describe("a session", () => {
  it("is alive until the moment it expires", () => {
    expect(requireAlive(session, 99)).to.equal(session);
    expect(refusal(() => requireAlive(session, 100))).to.equal("not_signed_in");
    expect(refusal(() => requireAlive(session, 101))).to.equal("not_signed_in");
  });

  it("is refused where there is none, in the same words as a dead one", () => {
    const words = [session, undefined].map((given) => {
      try {
        return requireAlive(given, 200);
      } catch (error) {
        return String(error);
      }
    });
    expect(words[0]).to.be.a("string").that.equals(words[1]);
  });

  it("lives for 90 days at the most", () => {
    expect(SESSION_LIFETIME / (24 * 60 * 60 * 1_000)).to.equal(90);
  });
});

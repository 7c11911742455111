import { expect } from "chai";
import fc from "fast-check";
import {
  newSession,
  newToken,
  assertAlive,
  markSeen,
  type Session,
  type SessionId,
} from "../../src/domain/session.js";
import type { User, UserId } from "../../src/domain/user.js";
import { refusal } from "../support/refusal.js";

const HOUR = 60 * 60 * 1_000;
const DAY = 24 * HOUR;
const ana: User = { id: "user" as UserId, username: "ana", createdAt: 0 };
const start = (userAgent?: string) => newSession("session" as SessionId, ana, userAgent, 0);
const token = (name: string) => newToken("token" as SessionId, ana, name, 0);

describe("a session", () => {
  it("is alive until the moment it expires", () => {
    const session: Session = { ...start(), expiresAt: 100 };
    expect(assertAlive(session, 99)).to.equal(session);
    expect(refusal(() => assertAlive(session, 100))).to.equal("not_signed_in");
    expect(refusal(() => assertAlive(session, 101))).to.equal("not_signed_in");
  });

  it("is refused where there is none, in the same words as a dead one", () => {
    const words = [start(), undefined].map((given) => {
      try {
        return assertAlive(given, 1_000 * DAY);
      } catch (error) {
        return String(error);
      }
    });
    expect(words[0]).to.be.a("string").that.equals(words[1]);
  });

  it("lives for 14 days without being used", () => {
    expect(start().expiresAt).to.equal(14 * DAY);
  });

  it("is markSeen at most once an hour", () => {
    const session = start();
    expect(markSeen(session, HOUR - 1)).to.equal(session);
    expect(markSeen(session, HOUR)).to.deep.equal({
      ...session,
      lastSeenAt: HOUR,
      expiresAt: HOUR + 14 * DAY,
    });
  });

  it("lives for 90 days, however often it is used, and no more than an hour short of 14 days after any use", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 13 * DAY }), { maxLength: 40 }), (pauses) => {
        let session = start();
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          if (now >= session.expiresAt) break;
          session = markSeen(session, now);
          expect(session.expiresAt).to.be.at.most(90 * DAY);
          expect(session.expiresAt).to.be.at.least(Math.min(90 * DAY, now - HOUR + 14 * DAY));
        }
      }),
    );
  });

  it("keeps the beginning of what the browser calls itself, if it says", () => {
    expect(start("Firefox").userAgent).to.equal("Firefox");
    expect(start("x".repeat(1_000)).userAgent).to.equal("x".repeat(256));
    expect(start(`${"x".repeat(255)}🙂\0`).userAgent).to.equal(`${"x".repeat(255)}\ufffd`);
    expect([start().userAgent, start("").userAgent]).to.deep.equal([null, null]);
  });
});

describe("a token", () => {
  it("lives for a year, used or not", () => {
    expect(token("bot").expiresAt).to.equal(365 * DAY);
    expect(markSeen(token("bot"), DAY)).to.deep.equal({ ...token("bot"), lastSeenAt: DAY });
  });

  it("has a name of 1 to 100 characters", () => {
    for (const name of ["x", "🙂".repeat(100)]) expect(token(name).name).to.equal(name);
    for (const name of ["", " ", "x".repeat(101), "a\0b", "\ud800"]) {
      expect(refusal(() => token(name))).to.equal("invalid_token_name");
    }
  });
});

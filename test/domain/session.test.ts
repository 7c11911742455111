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
import { errorCode } from "../support/error-code.js";

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;
const ana: User = { id: "user" as UserId, username: "ana", createdAt: 0 };
const start = (userAgent?: string) => newSession("session" as SessionId, ana, userAgent, 0);
const token = (name: string) => newToken("token" as SessionId, ana, name, 0);

describe("a cookie session", () => {
  it("is alive before expiresAt", () => {
    const session: Session = { ...start(), expiresAt: 100 };
    expect(assertAlive(session, 99)).to.equal(session);
    expect(errorCode(() => assertAlive(session, 100))).to.equal("not_signed_in");
    expect(errorCode(() => assertAlive(session, 101))).to.equal("not_signed_in");
  });

  it("is rejected with the same error if it is missing or expired", () => {
    const words = [start(), undefined].map((given) => {
      try {
        return assertAlive(given, 1_000 * DAY_MS);
      } catch (error) {
        return String(error);
      }
    });
    expect(words[0]).to.be.a("string").that.equals(words[1]);
  });

  it("expires after 14 days without use", () => {
    expect(start().expiresAt).to.equal(14 * DAY_MS);
  });

  it("is changed by markSeen at most once an hour", () => {
    const session = start();
    expect(markSeen(session, HOUR_MS - 1)).to.equal(session);
    expect(markSeen(session, HOUR_MS)).to.deep.equal({
      ...session,
      lastSeenAt: HOUR_MS,
      expiresAt: HOUR_MS + 14 * DAY_MS,
    });
  });

  it("expires 14 days after a use, at most an hour earlier, and 90 days after the login", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 13 * DAY_MS }), { maxLength: 40 }), (pauses) => {
        let session = start();
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          if (now >= session.expiresAt) break;
          session = markSeen(session, now);
          expect(session.expiresAt).to.be.at.most(90 * DAY_MS);
          expect(session.expiresAt).to.be.at.least(Math.min(90 * DAY_MS, now - HOUR_MS + 14 * DAY_MS));
        }
      }),
    );
  });

  it("stores the User-Agent, truncated to 256 code units", () => {
    expect(start("Firefox").userAgent).to.equal("Firefox");
    expect(start("x".repeat(1_000)).userAgent).to.equal("x".repeat(256));
    expect(start(`${"x".repeat(255)}🙂\0`).userAgent).to.equal(`${"x".repeat(255)}\ufffd`);
    expect([start().userAgent, start("").userAgent]).to.deep.equal([null, null]);
  });
});

describe("a token", () => {
  it("expires after a year, used or not", () => {
    expect(token("bot").expiresAt).to.equal(365 * DAY_MS);
    expect(markSeen(token("bot"), DAY_MS)).to.deep.equal({ ...token("bot"), lastSeenAt: DAY_MS });
  });

  it("requires a name of 1 to 100 characters", () => {
    for (const name of ["x", "🙂".repeat(100)]) expect(token(name).name).to.equal(name);
    for (const name of ["", " ", "x".repeat(101), "a\0b", "\ud800"]) {
      expect(errorCode(() => token(name))).to.equal("invalid_token_name");
    }
  });
});

import { expect } from "chai";
import { authenticate, type NewSession } from "../../src/application/sessions.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Session, SessionId } from "../../src/domain/session.js";
import { errorCodeOf } from "../support/error-code.js";
import { contents, expectRejection, openWorld, type World } from "../support/world.js";

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;
const ana = { username: "ana", password: "password of ana" };
const bo = { username: "bo", password: "password of bo" };

let world: World;
let session: Session;
let secret: string;

const rejection = () => errorCodeOf(world.authenticate({ secret }));
const hasEnded = async (one: NewSession) =>
  (await errorCodeOf(world.authenticate({ secret: one.secret }))) === "not_signed_in";

describe("a cookie session", () => {
  beforeEach(async () => {
    world = await openWorld();
    ({ session, secret } = await world.logIn(ana));
  });

  it("is not found by an unknown secret", async () => {
    for (const wrong of ["", "no secret", `${secret} `, secret.toUpperCase()]) {
      expect(await errorCodeOf(world.authenticate({ secret: wrong }))).to.equal("not_signed_in");
    }
  });

  it("is rejected if the caller requires another kind", async () => {
    expect(await world.authenticate({ secret, kind: "cookie" })).to.deep.equal(session);
    expect(await errorCodeOf(world.authenticate({ secret, kind: "token" }))).to.equal("not_signed_in");
    const token = await world.createToken({ by: session, name: "bot" });
    const asCookie = world.authenticate({ secret: token.secret, kind: "cookie" });
    expect(await errorCodeOf(asCookie)).to.equal("not_signed_in");
  });

  it("expires exactly 14 days after its last recorded use", async () => {
    world.ports.clock.advance(DAY_MS);
    await world.authenticate({ secret });
    world.ports.clock.advance(14 * DAY_MS - 1);
    const { store } = world.ports;
    const full = { ...store, transaction: () => Promise.reject(new MessagingError("busy", "Too many.")) };
    expect(await errorCodeOf(authenticate({ ...world.ports, store: full }, { secret }))).to.equal(undefined);
    world.ports.clock.advance(1);
    expect(await rejection()).to.equal("not_signed_in");
  });

  it("stays ended after it was rejected as expired, also if the clock goes back", async () => {
    const token = await world.createToken({ by: session, name: "bot" });
    for (const [one, lifetime] of [
      [{ session, secret }, 14 * DAY_MS],
      [token, 365 * DAY_MS],
    ] as const) {
      world.ports.clock.advance(lifetime);
      expect(await hasEnded(one)).to.equal(true);
      world.ports.clock.advance(-lifetime);
      expect(await hasEnded(one)).to.equal(true);
    }
  });

  it("stays ended after a call of its user found it expired, also if the clock goes back", async () => {
    const calls = [
      (by: Session) => world.createToken({ by, name: "bot" }),
      (by: Session) =>
        world.changePassword({ by, currentPassword: ana.password, newPassword: "another password" }),
    ];
    for (const call of calls) {
      const one = await world.logIn(ana);
      world.ports.clock.advance(14 * DAY_MS);
      expect(await errorCodeOf(call(one.session))).to.equal("not_signed_in");
      world.ports.clock.advance(-14 * DAY_MS);
      expect(await hasEnded(one)).to.equal(true);
    }
  });

  it("is rejected as expired while the store cannot write", async () => {
    world.ports.clock.advance(14 * DAY_MS);
    const { store } = world.ports;
    const full = new MessagingError("store_unavailable", "The disk is full.");
    const ports = { ...world.ports, store: { ...store, transaction: () => Promise.reject(full) } };
    expect(await errorCodeOf(authenticate(ports, { secret }))).to.equal("not_signed_in");
  });

  it("expires exactly 90 days after the login despite use", async () => {
    for (let day = 1; day < 90; day += 1) {
      world.ports.clock.advance(DAY_MS);
      expect(await rejection()).to.equal(undefined);
    }
    world.ports.clock.advance(DAY_MS - 1);
    expect(await rejection()).to.equal(undefined);
    world.ports.clock.advance(1);
    expect(await rejection()).to.equal("not_signed_in");
  });

  it("is updated by its use at most once an hour, also for concurrent uses", async () => {
    const before = await contents(world);
    world.ports.clock.advance(HOUR_MS - 1);
    await world.authenticate({ secret });
    expect(await contents(world)).to.deep.equal(before);
    world.ports.clock.advance(1);
    await Promise.all(Array.from({ length: 10 }, () => world.authenticate({ secret })));
    const after = await contents(world);
    expect(after.transactions).to.equal(before.transactions + 1);
    expect(after.sessions).to.deep.equal([
      { ...session, lastSeenAt: world.ports.clock.now(), expiresAt: world.ports.clock.now() + 14 * DAY_MS },
    ]);
  });

  it("can be used while the store cannot write", async () => {
    world.ports.clock.advance(HOUR_MS);
    const { store } = world.ports;
    const full = new MessagingError("store_unavailable", "The disk is full.");
    const ports = { ...world.ports, store: { ...store, transaction: () => Promise.reject(full) } };
    expect(await authenticate(ports, { secret })).to.deep.equal(session);
  });

  it("stays ended if a use is recorded after its end", async () => {
    world.ports.clock.advance(HOUR_MS);
    const { store } = world.ports;
    const ports = {
      ...world.ports,
      store: {
        ...store,
        async transaction<T>(work: Parameters<typeof store.transaction<T>>[0]) {
          await world.logOut({ secret });
          return store.transaction(work);
        },
      },
    };
    expect(await errorCodeOf(authenticate(ports, { secret }))).to.equal("not_signed_in");
    expect(await rejection()).to.equal("not_signed_in");
  });

  it("ends at once by logOut, alone", async () => {
    const other = await world.logIn(ana);
    await world.logOut({ secret });
    expect(await rejection()).to.equal("not_signed_in");
    expect(await world.authenticate({ secret: other.secret })).to.deep.equal(other.session);
  });

  it("makes a repeated logOut, and one of an unknown secret, store nothing", async () => {
    await world.logOut({ secret });
    const before = await contents(world);
    await world.logOut({ secret });
    await world.logOut({ secret: "no secret" });
    expect(await contents(world)).to.deep.equal(before);
  });

  it("is alive or ended for uses that race with its end, and ended for later uses", async () => {
    const uses = [rejection(), world.logOut({ secret }).then(() => undefined), rejection()];
    for (const outcome of await Promise.all(uses)) expect(outcome).to.be.oneOf([undefined, "not_signed_in"]);
    expect(await rejection()).to.equal("not_signed_in");
  });

  it("stays valid under an older key until that key is retired", async () => {
    world.ports.secrets.rotate();
    expect(await rejection()).to.equal(undefined);
    const later = await world.logIn(bo);
    world.ports.secrets.retire();
    expect(await rejection()).to.equal("not_signed_in");
    expect(await world.authenticate({ secret: later.secret })).to.deep.equal(later.session);
  });

  it("can be ended under an older key, by logOut and by a logIn that replaces it", async () => {
    world.ports.secrets.rotate();
    await world.logOut({ secret });
    expect(await rejection()).to.equal("not_signed_in");
    const replaced = await world.logIn(ana);
    world.ports.secrets.rotate();
    await world.logIn({ ...ana, replaces: replaced.secret });
    expect(await hasEnded(replaced)).to.equal(true);
  });

  it("is listed with the other live sessions of its user, oldest first, without tokens", async () => {
    await world.createToken({ by: session, name: "bot" });
    await world.logIn(bo);
    world.ports.clock.advance(13 * DAY_MS);
    const second = await world.logIn({ ...ana, userAgent: "Firefox" });
    expect(await world.listSessions({ by: second.session })).to.deep.equal([session, second.session]);
    world.ports.clock.advance(DAY_MS);
    expect(await world.listSessions({ by: second.session })).to.deep.equal([second.session]);
  });

  it("can be ended by another session of its user and by itself", async () => {
    const other = await world.logIn(ana);
    await world.endSession({ by: session, sessionId: other.session.id });
    expect(await hasEnded(other)).to.equal(true);
    await world.endSession({ by: session, sessionId: session.id });
    expect(await rejection()).to.equal("not_signed_in");
  });

  it("cannot be ended by endSession if it belongs to another user, is a token, has expired or does not exist", async () => {
    const theirs = await world.logIn(bo);
    const token = await world.createToken({ by: session, name: "bot" });
    const ids = [theirs.session.id, token.session.id, "no session" as SessionId];
    for (const sessionId of ids) {
      await expectRejection(world, () => world.endSession({ by: session, sessionId }), "unknown_session");
    }
    world.ports.clock.advance(14 * DAY_MS);
    const endExpired = () => world.endSession({ by: session, sessionId: session.id });
    await expectRejection(world, endExpired, "unknown_session");
  });

  it("remains the only session of its user after endOtherSessions, which ends no tokens", async () => {
    const others = [await world.logIn(ana), await world.logIn(ana)];
    const kept = [await world.createToken({ by: session, name: "bot" }), await world.logIn(bo)];
    await world.endOtherSessions({ by: session });
    for (const other of others) expect(await hasEnded(other)).to.equal(true);
    for (const one of kept) expect(await hasEnded(one)).to.equal(false);
    expect(await world.listSessions({ by: session })).to.deep.equal([session]);
  });
});

describe("a token", () => {
  let token: NewSession;
  beforeEach(async () => {
    world = await openWorld();
    ({ session, secret } = await world.logIn(ana));
    token = await world.createToken({ by: session, name: "bot" });
  });

  it("outlives the session that created it and 14 days without use", async () => {
    await world.logOut({ secret });
    world.ports.clock.advance(300 * DAY_MS);
    const { user, kind, name } = await world.authenticate({ secret: token.secret, kind: "token" });
    expect({ user, kind, name }).to.deep.equal({ user: world.ana, kind: "token", name: "bot" });
  });

  it("expires after a year", async () => {
    world.ports.clock.advance(365 * DAY_MS - 1);
    expect(await hasEnded(token)).to.equal(false);
    world.ports.clock.advance(1);
    expect(await hasEnded(token)).to.equal(true);
  });

  it("is stored only with a digest of its secret", async () => {
    const { store, secrets } = world.ports;
    await store.read(async ({ sessions }) => {
      expect(await sessions.byDigest(token.secret)).to.equal(undefined);
      expect(await sessions.byDigest(secrets.digests(token.secret)[0])).to.deep.equal(token.session);
    });
  });

  it("is listed with the other live tokens of its user, without sessions", async () => {
    const theirs = (await world.logIn(bo)).session;
    await world.createToken({ by: theirs, name: "theirs" });
    const second = await world.createToken({ by: session, name: "second" });
    expect(await world.listTokens({ by: session })).to.deep.equal([token.session, second.session]);
    world.ports.clock.advance(365 * DAY_MS);
    expect(await world.listTokens({ by: session })).to.deep.equal([]);
  });

  it("can be ended only by its owner and only by endToken", async () => {
    const { session: theirs } = await world.logIn(bo);
    const tokenId = token.session.id;
    await expectRejection(world, () => world.endToken({ by: theirs, tokenId }), "unknown_token");
    const asToken = () => world.endToken({ by: session, tokenId: session.id });
    await expectRejection(world, asToken, "unknown_token");
    await world.endToken({ by: session, tokenId });
    expect(await hasEnded(token)).to.equal(true);
    await expectRejection(world, () => world.endToken({ by: session, tokenId }), "unknown_token");
  });

  it("is rejected with an invalid name", async () => {
    for (const name of ["", " ", "x".repeat(101), "a\0b", "a\nb", "a\u202eb"]) {
      await expectRejection(world, () => world.createToken({ by: session, name }), "invalid_token_name");
    }
  });

  it("is rejected beyond 50 live tokens", async () => {
    for (let n = 1; n < 50; n += 1) await world.createToken({ by: session, name: `${n}` });
    await expectRejection(world, () => world.createToken({ by: session, name: "more" }), "too_many_tokens");
    world.ports.clock.advance(365 * DAY_MS);
    const { session: by } = await world.logIn(ana);
    expect(await errorCodeOf(world.createToken({ by, name: "more" }))).to.equal(undefined);
  });

  it("is rejected if the session that creates it has ended meanwhile", async () => {
    await world.logOut({ secret });
    await expectRejection(world, () => world.createToken({ by: session, name: "late" }), "not_signed_in");
  });
});

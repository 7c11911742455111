import { expect } from "chai";
import { authenticate, type NewSession } from "../../src/application/sessions.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Session, SessionId } from "../../src/domain/session.js";
import { refusalOf } from "../support/refusal.js";
import { contents, expectRefusal, openWorld, type World } from "../support/world.js";

const HOUR = 60 * 60 * 1_000;
const DAY = 24 * HOUR;
const ana = { username: "ana", password: "password of ana" };
const bo = { username: "bo", password: "password of bo" };

let world: World;
let session: Session;
let secret: string;

const refused = () => refusalOf(world.authenticate({ secret }));
const isDead = async (one: NewSession) =>
  (await refusalOf(world.authenticate({ secret: one.secret }))) === "not_signed_in";

describe("a session of the core", () => {
  beforeEach(async () => {
    world = await openWorld();
    ({ session, secret } = await world.logIn(ana));
  });

  it("is not there for what is no secret of one", async () => {
    for (const wrong of ["", "no secret", `${secret} `, secret.toUpperCase()]) {
      expect(await refusalOf(world.authenticate({ secret: wrong }))).to.equal("not_signed_in");
    }
  });

  it("is not there for who asks for another kind", async () => {
    expect(await world.authenticate({ secret, kind: "cookie" })).to.deep.equal(session);
    expect(await refusalOf(world.authenticate({ secret, kind: "token" }))).to.equal("not_signed_in");
    const token = await world.createToken({ by: session, name: "bot" });
    const asCookie = world.authenticate({ secret: token.secret, kind: "cookie" });
    expect(await refusalOf(asCookie)).to.equal("not_signed_in");
  });

  it("dies on the millisecond, 14 days after it was seen last", async () => {
    world.ports.clock.advance(DAY);
    await world.authenticate({ secret });
    world.ports.clock.advance(14 * DAY - 1);
    const { store } = world.ports;
    const full = { ...store, transaction: () => Promise.reject(new MessagingError("busy", "Too many.")) };
    expect(await refusalOf(authenticate({ ...world.ports, store: full }, { secret }))).to.equal(undefined);
    world.ports.clock.advance(1);
    expect(await refused()).to.equal("not_signed_in");
  });

  it("dies on the millisecond, 90 days after its start, though it is used", async () => {
    for (let day = 1; day < 90; day += 1) {
      world.ports.clock.advance(DAY);
      expect(await refused()).to.equal(undefined);
    }
    world.ports.clock.advance(DAY - 1);
    expect(await refused()).to.equal(undefined);
    world.ports.clock.advance(1);
    expect(await refused()).to.equal("not_signed_in");
  });

  it("is only looked at by being used, but for once an hour, however many use it at once", async () => {
    const before = await contents(world);
    world.ports.clock.advance(HOUR - 1);
    await world.authenticate({ secret });
    expect(await contents(world)).to.deep.equal(before);
    world.ports.clock.advance(1);
    await Promise.all(Array.from({ length: 10 }, () => world.authenticate({ secret })));
    const after = await contents(world);
    expect(after.transactions).to.equal(before.transactions + 1);
    expect(after.sessions).to.deep.equal([
      { ...session, lastSeenAt: world.ports.clock.now(), expiresAt: world.ports.clock.now() + 14 * DAY },
    ]);
  });

  it("can be used while nothing can be stored", async () => {
    world.ports.clock.advance(HOUR);
    const { store } = world.ports;
    const full = new MessagingError("store_unavailable", "The disk is full.");
    const ports = { ...world.ports, store: { ...store, transaction: () => Promise.reject(full) } };
    expect(await authenticate(ports, { secret })).to.deep.equal(session);
  });

  it("is not brought back by a use that is noted after its end", async () => {
    world.ports.clock.advance(HOUR);
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
    expect(await refusalOf(authenticate(ports, { secret }))).to.equal("not_signed_in");
    expect(await refused()).to.equal("not_signed_in");
  });

  it("dies at once when it is logged out of, and no other with it", async () => {
    const other = await world.logIn(ana);
    await world.logOut({ secret });
    expect(await refused()).to.equal("not_signed_in");
    expect(await world.authenticate({ secret: other.secret })).to.deep.equal(other.session);
  });

  it("can be logged out of twice, and so can one that never was", async () => {
    await world.logOut({ secret });
    const before = await contents(world);
    await world.logOut({ secret });
    await world.logOut({ secret: "no secret" });
    expect(await contents(world)).to.deep.equal(before);
  });

  it("is dead for a use that races with its end, or alive, and dead from then on", async () => {
    const uses = [refused(), world.logOut({ secret }).then(() => undefined), refused()];
    for (const outcome of await Promise.all(uses)) expect(outcome).to.be.oneOf([undefined, "not_signed_in"]);
    expect(await refused()).to.equal("not_signed_in");
  });

  it("outlives the key that its secret is stored under, until that is retired", async () => {
    world.ports.secrets.rotate();
    expect(await refused()).to.equal(undefined);
    const later = await world.logIn(bo);
    world.ports.secrets.retire();
    expect(await refused()).to.equal("not_signed_in");
    expect(await world.authenticate({ secret: later.secret })).to.deep.equal(later.session);
  });

  it("can be ended under an older key, by logging out and by a login in its place", async () => {
    world.ports.secrets.rotate();
    await world.logOut({ secret });
    expect(await refused()).to.equal("not_signed_in");
    const replaced = await world.logIn(ana);
    world.ports.secrets.rotate();
    await world.logIn({ ...ana, replaces: replaced.secret });
    expect(await isDead(replaced)).to.equal(true);
  });

  it("is listed with the other live ones of its user, the oldest first, and no tokens", async () => {
    await world.createToken({ by: session, name: "bot" });
    await world.logIn(bo);
    world.ports.clock.advance(13 * DAY);
    const second = await world.logIn({ ...ana, userAgent: "Firefox" });
    expect(await world.listSessions({ by: second.session })).to.deep.equal([session, second.session]);
    world.ports.clock.advance(DAY);
    expect(await world.listSessions({ by: second.session })).to.deep.equal([second.session]);
  });

  it("can be ended by another one of the same user, or by itself", async () => {
    const other = await world.logIn(ana);
    await world.endSession({ by: session, sessionId: other.session.id });
    expect(await isDead(other)).to.equal(true);
    await world.endSession({ by: session, sessionId: session.id });
    expect(await refused()).to.equal("not_signed_in");
  });

  it("can't be ended as one where it is somebody else's, a token, dead, or none", async () => {
    const theirs = await world.logIn(bo);
    const token = await world.createToken({ by: session, name: "bot" });
    const ids = [theirs.session.id, token.session.id, "no session" as SessionId];
    for (const sessionId of ids) {
      await expectRefusal(world, () => world.endSession({ by: session, sessionId }), "unknown_session");
    }
    world.ports.clock.advance(14 * DAY);
    const dead = () => world.endSession({ by: session, sessionId: session.id });
    await expectRefusal(world, dead, "unknown_session");
  });

  it("is the only one left of its user once it has ended the others; tokens and other users stay", async () => {
    const others = [await world.logIn(ana), await world.logIn(ana)];
    const kept = [await world.createToken({ by: session, name: "bot" }), await world.logIn(bo)];
    await world.endOtherSessions({ by: session });
    for (const other of others) expect(await isDead(other)).to.equal(true);
    for (const one of kept) expect(await isDead(one)).to.equal(false);
    expect(await world.listSessions({ by: session })).to.deep.equal([session]);
  });
});

describe("a token of the core", () => {
  let token: NewSession;
  beforeEach(async () => {
    world = await openWorld();
    ({ session, secret } = await world.logIn(ana));
    token = await world.createToken({ by: session, name: "bot" });
  });

  it("gives access as its user, outlives the session that made it, and 14 days without use", async () => {
    await world.logOut({ secret });
    world.ports.clock.advance(300 * DAY);
    const { user, kind, name } = await world.authenticate({ secret: token.secret, kind: "token" });
    expect({ user, kind, name }).to.deep.equal({ user: world.ana, kind: "token", name: "bot" });
  });

  it("dies after a year", async () => {
    world.ports.clock.advance(365 * DAY - 1);
    expect(await isDead(token)).to.equal(false);
    world.ports.clock.advance(1);
    expect(await isDead(token)).to.equal(true);
  });

  it("is stored as the digest of its secret only", async () => {
    const { store, secrets } = world.ports;
    await store.read(async ({ sessions }) => {
      expect(await sessions.byDigest(token.secret)).to.equal(undefined);
      expect(await sessions.byDigest(secrets.digests(token.secret)[0])).to.deep.equal(token.session);
    });
  });

  it("is listed with the live ones of its user, and no sessions", async () => {
    const theirs = (await world.logIn(bo)).session;
    await world.createToken({ by: theirs, name: "theirs" });
    const second = await world.createToken({ by: session, name: "second" });
    expect(await world.listTokens({ by: session })).to.deep.equal([token.session, second.session]);
    world.ports.clock.advance(365 * DAY);
    expect(await world.listTokens({ by: session })).to.deep.equal([]);
  });

  it("can be ended by its owner, and by nobody else, and not as a session", async () => {
    const { session: theirs } = await world.logIn(bo);
    const tokenId = token.session.id;
    await expectRefusal(world, () => world.endToken({ by: theirs, tokenId }), "unknown_token");
    const asToken = () => world.endToken({ by: session, tokenId: session.id });
    await expectRefusal(world, asToken, "unknown_token");
    await world.endToken({ by: session, tokenId });
    expect(await isDead(token)).to.equal(true);
    await expectRefusal(world, () => world.endToken({ by: session, tokenId }), "unknown_token");
  });

  it("is refused with no name to speak of", async () => {
    for (const name of ["", " ", "x".repeat(101), "a\0b"]) {
      await expectRefusal(world, () => world.createToken({ by: session, name }), "invalid_token_name");
    }
  });

  it("is refused where there are 50, of which the dead do not count", async () => {
    for (let n = 1; n < 50; n += 1) await world.createToken({ by: session, name: `${n}` });
    await expectRefusal(world, () => world.createToken({ by: session, name: "more" }), "too_many_tokens");
    world.ports.clock.advance(365 * DAY);
    const { session: by } = await world.logIn(ana);
    expect(await refusalOf(world.createToken({ by, name: "more" }))).to.equal(undefined);
  });

  it("is refused where the session that asks has ended meanwhile", async () => {
    await world.logOut({ secret });
    await expectRefusal(world, () => world.createToken({ by: session, name: "late" }), "not_signed_in");
  });
});

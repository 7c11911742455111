import { expect } from "chai";
import { authenticate, logIn, registerUser } from "../../src/application/accounts.js";
import { MessagingError } from "../../src/domain/errors.js";
import { contents, expectRefusal, openWorld, type World } from "../support/world.js";
import { refusalOf } from "../support/refusal.js";

const DAY = 24 * 60 * 60 * 1_000;
const dora = { username: "dora", password: "password of dora" };

async function busy(): Promise<never> {
  throw new MessagingError("busy", "Too many are waiting.");
}

describe("registering", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });

  it("answers the account, with the name as it was written and an id longer than any name", async () => {
    const user = await world.registerUser({ ...dora, username: "Ｄora" });
    expect(user).to.deep.equal({ id: user.id, username: "Ｄora", createdAt: world.ports.clock.now() });
    expect(user.id.length).to.be.above(32);
    expect(user.id).not.to.equal(world.ana.id);
  });

  it("lets that user log in under every form of the name, and as they typed the password", async () => {
    const user = await world.registerUser({ username: "Dóra", password: "cafe\u0301 noir" });
    for (const username of ["Dóra", "DÓRA", "do\u0301ra", "ｄóra"]) {
      const { session } = await world.logIn({ username, password: "caf\u00e9 noir" });
      expect(session.user).to.deep.equal(user);
    }
  });

  it("stores no password, only its digest", async () => {
    await world.registerUser(dora);
    const { users } = await contents(world);
    expect(users.at(-1)?.credentials?.passwordDigest).to.equal("digest of password of dora");
  });

  it("does not log in", async () => {
    await world.registerUser(dora);
    expect(world.ports.secrets.generated).to.deep.equal([]);
  });

  it("is refused with a name that breaks the rules", async () => {
    for (const username of ["", " dora", ".dora", "d".repeat(33), "do\u200bra"]) {
      await expectRefusal(world, () => world.registerUser({ ...dora, username }), "invalid_username");
    }
  });

  it("is refused with a password that breaks the rules", async () => {
    for (const password of ["", "1234567", "x".repeat(257), "12345678\ud800"]) {
      await expectRefusal(world, () => world.registerUser({ ...dora, password }), "invalid_password");
    }
  });

  it("is refused with a name that is in use in any form, before a password is hashed for it", async () => {
    const { hashed } = world.ports.passwords;
    for (const username of ["ana", "ANA", "Ａｎａ"]) {
      await expectRefusal(world, () => world.registerUser({ ...dora, username }), "username_taken");
    }
    expect(world.ports.passwords.hashed).to.equal(hashed);
  });

  it("is refused while too many passwords are waiting to be hashed", async () => {
    const ports = { ...world.ports, passwords: { ...world.ports.passwords, hash: busy } };
    await expectRefusal(world, () => registerUser(ports, dora), "busy");
  });

  it("makes one account of 20 that race for a name, in whatever form", async () => {
    const forms = ["dora", "Dora", "DORA", "ｄora"];
    const attempts = Array.from({ length: 20 }, (_, index) =>
      world.registerUser({ username: forms[index % 4]!, password: `password ${index}` }),
    );
    const outcomes = await Promise.allSettled(attempts);
    const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
    const refusals = await Promise.all(attempts.toSpliced(winner, 1).map((attempt) => refusalOf(attempt)));
    expect(refusals).to.deep.equal(Array.from({ length: 19 }, () => "username_taken"));
    const { session } = await world.logIn({ username: "dora", password: `password ${winner}` });
    expect(session.user).to.deep.equal(await attempts[winner]);
  });
});

describe("logging in", () => {
  let world: World;
  const ana = { username: "ana", password: "password of ana" };
  beforeEach(async () => {
    world = await openWorld();
  });

  it("starts a session of that user, which the secret gives access to for 90 days", async () => {
    const { session, secret } = await world.logIn(ana);
    const now = world.ports.clock.now();
    expect(session).to.deep.equal({
      id: session.id,
      user: world.ana,
      createdAt: now,
      expiresAt: now + 90 * DAY,
    });
    expect(await world.authenticate({ secret })).to.deep.equal(session);
  });

  it("starts a new session each time, and leaves the others alive", async () => {
    const first = await world.logIn(ana);
    const second = await world.logIn(ana);
    expect(second.secret).not.to.equal(first.secret);
    expect(second.session.id).not.to.equal(first.session.id);
    for (const { session, secret } of [first, second]) {
      expect(await world.authenticate({ secret })).to.deep.equal(session);
    }
  });

  it("stores the secret as its digest only", async () => {
    const { session, secret } = await world.logIn(ana);
    const { store, secrets } = world.ports;
    await store.read(async ({ sessions }) => {
      expect(await sessions.byDigest(secret)).to.equal(undefined);
      expect(await sessions.byDigest(secrets.digests(secret)[0])).to.deep.equal(session);
    });
  });

  it("ends the session that it takes the place of, in the same step, whosever it was", async () => {
    for (const [old, replacing] of [
      [ana, ana],
      [{ username: "bo", password: "password of bo" }, ana],
    ] as const) {
      const { secret: replaces } = await world.logIn(old);
      const before = world.ports.store.status().transactions;
      const { session, secret } = await world.logIn({ ...replacing, replaces });
      expect(world.ports.store.status().transactions).to.equal(before + 1);
      expect(await refusalOf(world.authenticate({ secret: replaces }))).to.equal("not_signed_in");
      expect(await world.authenticate({ secret })).to.deep.equal(session);
    }
  });

  it("does not mind if the session that it takes the place of has ended", async () => {
    const { secret: replaces } = await world.logIn(ana);
    await world.logOut({ secret: replaces });
    for (const gone of [replaces, "no secret", ""]) {
      const { session, secret } = await world.logIn({ ...ana, replaces: gone });
      expect(await world.authenticate({ secret })).to.deep.equal(session);
    }
  });

  it("forgets the sessions of that user that have expired, and nobody else's", async () => {
    const expired = await world.logIn(ana);
    const other = await world.logIn({ username: "bo", password: "password of bo" });
    world.ports.clock.advance(90 * DAY);
    await world.logIn(ana);
    const { secrets } = world.ports;
    await world.ports.store.read(async ({ sessions }) => {
      expect(await sessions.byDigest(secrets.digests(expired.secret)[0])).to.equal(undefined);
      expect(await sessions.byDigest(secrets.digests(other.secret)[0])).to.deep.equal(other.session);
    });
  });

  it("is refused alike for a wrong password and for an unknown user, and ends no session", async () => {
    const { secret: replaces } = await world.logIn(ana);
    const wrong = { ...ana, password: "password of bo", replaces };
    const unknown = { ...dora, replaces };
    const noName = { ...dora, username: "no name at all!\ud800", replaces };
    for (const command of [wrong, unknown, noName]) {
      await expectRefusal(world, () => world.logIn(command), "wrong_credentials");
    }
    const words = [wrong, unknown, noName].map((command) => world.logIn(command).catch(String));
    expect(new Set(await Promise.all(words))).to.have.property("size", 1);
  });

  it("does the same work for an unknown user as for a known one", async () => {
    const { verified } = world.ports.passwords;
    await refusalOf(world.logIn({ ...ana, password: "another password" }));
    await refusalOf(world.logIn(dora));
    expect(verified).to.deep.equal(["digest of password of ana", undefined]);
  });

  it("is refused with a password that nobody can have, before any work is done for it", async () => {
    for (const password of ["1234567", "x".repeat(257), "12345678\ud800"]) {
      await expectRefusal(world, () => world.logIn({ ...ana, password }), "invalid_password");
    }
    expect(world.ports.passwords.verified).to.deep.equal([]);
  });

  it("is refused while too many passwords are waiting, and ends no session", async () => {
    const { secret: replaces } = await world.logIn(ana);
    const ports = { ...world.ports, passwords: { ...world.ports.passwords, verify: busy } };
    await expectRefusal(world, () => logIn(ports, { ...ana, replaces }), "busy");
  });
});

describe("a session", () => {
  let world: World;
  let secret: string;
  beforeEach(async () => {
    world = await openWorld();
    ({ secret } = await world.logIn({ username: "ana", password: "password of ana" }));
  });

  const refused = () => refusalOf(world.authenticate({ secret }));

  it("is not there for what is no secret of one", async () => {
    for (const wrong of ["", "no secret", `${secret} `, secret.toUpperCase()]) {
      expect(await refusalOf(world.authenticate({ secret: wrong }))).to.equal("not_signed_in");
    }
  });

  it("dies on the millisecond, 90 days after its start", async () => {
    world.ports.clock.advance(90 * DAY - 1);
    expect(await refused()).to.equal(undefined);
    world.ports.clock.advance(1);
    expect(await refused()).to.equal("not_signed_in");
  });

  it("is not lengthened by being used", async () => {
    const { expiresAt } = await world.authenticate({ secret });
    world.ports.clock.advance(DAY);
    expect((await world.authenticate({ secret })).expiresAt).to.equal(expiresAt);
  });

  it("is only looked at by being used", async () => {
    const before = await contents(world);
    await world.authenticate({ secret });
    expect(await contents(world)).to.deep.equal(before);
  });

  it("dies at once when it is logged out of, and no other with it", async () => {
    const other = await world.logIn({ username: "ana", password: "password of ana" });
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
    const later = await world.logIn({ username: "bo", password: "password of bo" });
    world.ports.secrets.retire();
    expect(await refused()).to.equal("not_signed_in");
    expect(await world.authenticate({ secret: later.secret })).to.deep.equal(later.session);
  });

  it("can be ended under an older key, by logging out and by a login in its place", async () => {
    world.ports.secrets.rotate();
    await world.logOut({ secret });
    expect(await refused()).to.equal("not_signed_in");
    const { secret: replaces } = await world.logIn({ username: "ana", password: "password of ana" });
    world.ports.secrets.rotate();
    await world.logIn({ username: "ana", password: "password of ana", replaces });
    expect(await refusalOf(authenticate(world.ports, { secret: replaces }))).to.equal("not_signed_in");
  });
});

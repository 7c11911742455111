import { expect } from "chai";
import { logIn, registerUser, type LogIn } from "../../src/application/accounts.js";
import type { PasswordHasher } from "../../src/application/ports.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Session } from "../../src/domain/session.js";
import { usernameKey } from "../../src/domain/user.js";
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
    expect(users.at(-1)?.credentials?.passwordDigest).to.equal("digest:password of dora");
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

  it("is refused with a password of the operator's list, in any case and form", async () => {
    for (const password of ["password123", "PassWord123", "ｐassword123"]) {
      await expectRefusal(world, () => world.registerUser({ ...dora, password }), "refused_password");
    }
    expect(await refusalOf(world.registerUser({ ...dora, password: "password1234" }))).to.equal(undefined);
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

  it("starts a session of that user, which the secret gives access to", async () => {
    const { session, secret } = await world.logIn({ ...ana, userAgent: "Firefox" });
    const now = world.ports.clock.now();
    expect(session).to.deep.equal({
      id: session.id,
      user: world.ana,
      kind: "cookie",
      name: null,
      userAgent: "Firefox",
      createdAt: now,
      lastSeenAt: now,
      expiresAt: now + 14 * DAY,
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
    expect(verified).to.deep.equal(["digest:password of ana", undefined]);
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

  it("ends the oldest session where there would be more than 50, and no token", async () => {
    const first = await world.logIn(ana);
    const token = await world.createToken({ by: first.session, name: "bot" });
    const secrets = [first.secret];
    for (let n = 1; n < 50; n += 1) {
      world.ports.clock.advance(1);
      secrets.push((await world.logIn(ana)).secret);
    }
    expect(await refusalOf(world.authenticate({ secret: first.secret }))).to.equal(undefined);
    secrets.push((await world.logIn(ana)).secret);
    const outcomes = secrets.map((secret) => refusalOf(world.authenticate({ secret })));
    const [oldest, ...others] = await Promise.all(outcomes);
    expect(oldest).to.equal("not_signed_in");
    expect(new Set(others)).to.deep.equal(new Set([undefined]));
    expect(await world.authenticate({ secret: token.secret })).to.deep.equal(token.session);
  });

  it("hashes the password anew where its digest was made in an old way, once, in the same step", async () => {
    const { passwords, store } = world.ports;
    passwords.outdate();
    const { transactions } = store.status();
    const { hashed } = passwords;
    await world.logIn(ana);
    expect(store.status().transactions).to.equal(transactions + 1);
    await world.logIn(ana);
    expect(passwords.hashed).to.equal(hashed + 1);
    const found = await store.read(({ users }) => users.credentials(usernameKey("ana")));
    expect(found?.passwordDigest).to.equal("new digest:password of ana");
  });

  it("goes on with the old digest while too many passwords are waiting to be hashed", async () => {
    world.ports.passwords.outdate();
    const ports = { ...world.ports, passwords: { ...world.ports.passwords, hash: busy } };
    const { session, secret } = await logIn(ports, ana);
    expect(await world.authenticate({ secret })).to.deep.equal(session);
  });

  it("is refused with a password that is changed while it is verified", async () => {
    const { session: by } = await world.logIn(ana);
    const passwords: PasswordHasher = {
      ...world.ports.passwords,
      async verify(digest, password) {
        const right = await world.ports.passwords.verify(digest, password);
        await world.changePassword({ by, currentPassword: ana.password, newPassword: "another password" });
        return right;
      },
    };
    expect(await refusalOf(logIn({ ...world.ports, passwords }, ana))).to.equal("wrong_credentials");
    expect(await world.listSessions({ by })).to.have.length(1);
  });

  it("tells, for the log, which account was tried, if there is one", async () => {
    const accountOf = (command: LogIn) =>
      world.logIn(command).then(
        () => "none",
        (error: MessagingError) => error.account,
      );
    expect(await accountOf({ ...ana, password: "password of bo" })).to.equal(world.ana.id);
    expect(await accountOf(dora)).to.equal(undefined);
  });
});

describe("a change of the password", () => {
  let world: World;
  let by: Session;
  const ana = { username: "ana", password: "password of ana" };
  const change = (currentPassword: string, newPassword: string) =>
    world.changePassword({ by, currentPassword, newPassword });
  beforeEach(async () => {
    world = await openWorld();
    by = (await world.logIn(ana)).session;
  });

  it("lets that user log in with the new password, and not with the old one", async () => {
    await change(ana.password, "cafe\u0301 noir");
    expect(await refusalOf(world.logIn({ ...ana, password: "caf\u00e9 noir" }))).to.equal(undefined);
    expect(await refusalOf(world.logIn(ana))).to.equal("wrong_credentials");
  });

  it("ends all other sessions and all tokens of that user, and nobody else's", async () => {
    const others = [await world.logIn(ana), await world.createToken({ by, name: "bot" })];
    const bo = await world.logIn({ username: "bo", password: "password of bo" });
    await change(ana.password, "another password");
    for (const { secret } of others) {
      expect(await refusalOf(world.authenticate({ secret }))).to.equal("not_signed_in");
    }
    expect(await world.listSessions({ by })).to.deep.equal([by]);
    expect(await world.authenticate({ secret: bo.secret })).to.deep.equal(bo.session);
  });

  it("is refused with a wrong password, also one that nobody can have, and ends nothing", async () => {
    await world.logIn(ana);
    for (const wrong of ["password of bo", "1234567", "\ud800".repeat(8)]) {
      await expectRefusal(world, () => change(wrong, "another password"), "wrong_password");
    }
  });

  it("is refused with a new password that breaks the rules, before any work is done for it", async () => {
    const { verified } = world.ports.passwords;
    const before = verified.length;
    for (const password of ["", "1234567", "x".repeat(257)]) {
      await expectRefusal(world, () => change(ana.password, password), "invalid_password");
    }
    await expectRefusal(world, () => change(ana.password, "Password123"), "refused_password");
    expect(verified.length).to.equal(before);
  });

  it("is refused where the session has ended meanwhile", async () => {
    await world.endSession({ by, sessionId: by.id });
    await expectRefusal(world, () => change(ana.password, "another password"), "not_signed_in");
  });

  it("happens once where two race with the same current password", async () => {
    const outcomes = await Promise.all(
      ["another password", "a third password"].map((password) => refusalOf(change(ana.password, password))),
    );
    expect(outcomes).to.have.members([undefined, "wrong_password"]);
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openMemoryStore } from "../../src/adapters/memory/store.js";
import { openSqliteStore } from "../../src/adapters/sqlite/store.js";
import { ensureUser, logIn, registerUser, type LogIn } from "../../src/application/accounts.js";
import type { PasswordHasher } from "../../src/application/ports.js";
import { MessagingError } from "../../src/domain/errors.js";
import type { Session } from "../../src/domain/session.js";
import type { User, UserId } from "../../src/domain/user.js";
import { usernameKey } from "../../src/domain/user.js";
import { resetPassword } from "../../src/application/administration.js";
import { contents, expectRejection, openWorld, type World } from "../support/world.js";
import { errorCodeOf } from "../support/error-code.js";

const DAY_MS = 24 * 60 * 60 * 1_000;
const dora = { username: "dora", password: "password of dora" };

async function busy(): Promise<never> {
  throw new MessagingError("busy", "Too many are waiting.");
}

describe("registerUser", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });

  it("returns the account with the username as written and an id longer than any username", async () => {
    const user = await world.registerUser({ ...dora, username: "Ｄora" });
    expect(user).to.deep.equal({ id: user.id, username: "Ｄora", createdAt: world.ports.clock.now() });
    expect(user.id.length).to.be.above(32);
    expect(user.id).not.to.equal(world.ana.id);
  });

  it("lets the user log in with any equivalent form of the username and of the password", async () => {
    const user = await world.registerUser({ username: "Dóra", password: "cafe\u0301 noir" });
    for (const username of ["Dóra", "DÓRA", "do\u0301ra", "ｄóra"]) {
      const { session } = await world.logIn({ username, password: "caf\u00e9 noir" });
      expect(session.user).to.deep.equal(user);
    }
  });

  it("stores the password only as a digest", async () => {
    await world.registerUser(dora);
    const { users } = await contents(world);
    expect(users.at(-1)?.credentials?.passwordDigest).to.equal("digest:password of dora");
  });

  it("does not start a session", async () => {
    await world.registerUser(dora);
    expect(world.ports.secrets.generated).to.deep.equal([]);
  });

  it("rejects an invalid username", async () => {
    for (const username of ["", " dora", ".dora", "d".repeat(33), "do\u200bra"]) {
      await expectRejection(world, () => world.registerUser({ ...dora, username }), "invalid_username");
    }
  });

  it("rejects a reserved username in any form", async () => {
    for (const username of ["admin", "ADMIN", "Ａｌｌ"]) {
      await expectRejection(world, () => world.registerUser({ ...dora, username }), "username_reserved");
    }
  });

  it("rejects an invalid password", async () => {
    for (const password of ["", "1234567", "x".repeat(257), "12345678\ud800"]) {
      await expectRejection(world, () => world.registerUser({ ...dora, password }), "invalid_password");
    }
  });

  it("rejects a refused password in any case and compatibility form", async () => {
    for (const password of ["password123", "PassWord123", "ｐassword123"]) {
      await expectRejection(world, () => world.registerUser({ ...dora, password }), "refused_password");
    }
    expect(await errorCodeOf(world.registerUser({ ...dora, password: "password1234" }))).to.equal(undefined);
  });

  it("rejects a username that is taken in any form, without hashing the password", async () => {
    const { hashed } = world.ports.passwords;
    for (const username of ["ana", "ANA", "Ａｎａ"]) {
      await expectRejection(world, () => world.registerUser({ ...dora, username }), "username_taken");
    }
    expect(world.ports.passwords.hashed).to.equal(hashed);
  });

  it("rejects with `busy` while the hasher is busy", async () => {
    const ports = { ...world.ports, passwords: { ...world.ports.passwords, hash: busy } };
    await expectRejection(world, () => registerUser(ports, dora), "busy");
  });

  it("creates one account when 20 calls race for equivalent usernames", async () => {
    const forms = ["dora", "Dora", "DORA", "ｄora"];
    const attempts = Array.from({ length: 20 }, (_, index) =>
      world.registerUser({ username: forms[index % 4]!, password: `password ${index}` }),
    );
    const outcomes = await Promise.allSettled(attempts);
    const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
    const refusals = await Promise.all(attempts.toSpliced(winner, 1).map((attempt) => errorCodeOf(attempt)));
    expect(refusals).to.deep.equal(Array.from({ length: 19 }, () => "username_taken"));
    const { session } = await world.logIn({ username: "dora", password: `password ${winner}` });
    expect(session.user).to.deep.equal(await attempts[winner]);
  });
});

describe("logIn", () => {
  let world: World;
  const ana = { username: "ana", password: "password of ana" };
  beforeEach(async () => {
    world = await openWorld();
  });

  it("starts a session to which the secret gives access", async () => {
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
      expiresAt: now + 14 * DAY_MS,
    });
    expect(await world.authenticate({ secret })).to.deep.equal(session);
  });

  it("starts a new session each time and keeps the others alive", async () => {
    const first = await world.logIn(ana);
    const second = await world.logIn(ana);
    expect(second.secret).not.to.equal(first.secret);
    expect(second.session.id).not.to.equal(first.session.id);
    for (const { session, secret } of [first, second]) {
      expect(await world.authenticate({ secret })).to.deep.equal(session);
    }
  });

  it("stores the secret only as a digest", async () => {
    const { session, secret } = await world.logIn(ana);
    const { store, secrets } = world.ports;
    await store.read(async ({ sessions }) => {
      expect(await sessions.byDigest(secret)).to.equal(undefined);
      expect(await sessions.byDigest(secrets.digests(secret)[0])).to.deep.equal(session);
    });
  });

  it("ends the session that it replaces in the same transaction, also the session of another user", async () => {
    for (const [old, replacing] of [
      [ana, ana],
      [{ username: "bo", password: "password of bo" }, ana],
    ] as const) {
      const { secret: replaces } = await world.logIn(old);
      const before = world.ports.store.status().transactions;
      const { session, secret } = await world.logIn({ ...replacing, replaces });
      expect(world.ports.store.status().transactions).to.equal(before + 1);
      expect(await errorCodeOf(world.authenticate({ secret: replaces }))).to.equal("not_signed_in");
      expect(await world.authenticate({ secret })).to.deep.equal(session);
    }
  });

  it("ignores `replaces` if that session has ended or does not exist", async () => {
    const { secret: replaces } = await world.logIn(ana);
    await world.logOut({ secret: replaces });
    for (const gone of [replaces, "no secret", ""]) {
      const { session, secret } = await world.logIn({ ...ana, replaces: gone });
      expect(await world.authenticate({ secret })).to.deep.equal(session);
    }
  });

  it("removes the expired sessions of the user and of no other user", async () => {
    const expired = await world.logIn(ana);
    const other = await world.logIn({ username: "bo", password: "password of bo" });
    world.ports.clock.advance(90 * DAY_MS);
    await world.logIn(ana);
    const { secrets } = world.ports;
    await world.ports.store.read(async ({ sessions }) => {
      expect(await sessions.byDigest(secrets.digests(expired.secret)[0])).to.equal(undefined);
      expect(await sessions.byDigest(secrets.digests(other.secret)[0])).to.deep.equal(other.session);
    });
  });

  it("rejects a wrong password and an unknown user with the same error, and ends no session", async () => {
    const { secret: replaces } = await world.logIn(ana);
    const wrong = { ...ana, password: "password of bo", replaces };
    const unknown = { ...dora, replaces };
    const noName = { ...dora, username: "no name at all!\ud800", replaces };
    for (const command of [wrong, unknown, noName]) {
      await expectRejection(world, () => world.logIn(command), "wrong_credentials");
    }
    const words = [wrong, unknown, noName].map((command) => world.logIn(command).catch(String));
    expect(new Set(await Promise.all(words))).to.have.property("size", 1);
  });

  it("verifies a password also for an unknown user", async () => {
    const { verified } = world.ports.passwords;
    await errorCodeOf(world.logIn({ ...ana, password: "another password" }));
    await errorCodeOf(world.logIn(dora));
    expect(verified).to.deep.equal(["digest:password of ana", undefined]);
  });

  it("rejects an invalid password without verifying it", async () => {
    for (const password of ["1234567", "x".repeat(257), "12345678\ud800"]) {
      await expectRejection(world, () => world.logIn({ ...ana, password }), "invalid_password");
    }
    expect(world.ports.passwords.verified).to.deep.equal([]);
  });

  it("rejects with `busy` while the hasher is busy, and ends no session", async () => {
    const { secret: replaces } = await world.logIn(ana);
    const ports = { ...world.ports, passwords: { ...world.ports.passwords, verify: busy } };
    await expectRejection(world, () => logIn(ports, { ...ana, replaces }), "busy");
  });

  it("keeps a session in use through the logins of a script, in both stores", async () => {
    const directory = mkdtempSync(join(tmpdir(), "palaver-"));
    for (const store of [openMemoryStore(), await openSqliteStore(directory)]) {
      const { ports, logIn: logInAgain, authenticate, listSessions } = await openWorld(store);
      const used = await logInAgain(ana);
      const unused = await logInAgain(ana);
      for (let n = 0; n < 60; n += 1) {
        ports.clock.advance(1_000);
        await authenticate({ secret: used.secret });
        await logInAgain(ana);
      }
      expect(await errorCodeOf(authenticate({ secret: used.secret }))).to.equal(undefined);
      expect(await errorCodeOf(authenticate({ secret: unused.secret }))).to.equal("not_signed_in");
      expect(await listSessions({ by: used.session })).to.have.length(50);
      await store.close();
    }
    rmSync(directory, { recursive: true });
  });

  it("ends the least recently used session instead of exceeding 50, and no token", async () => {
    const first = await world.logIn(ana);
    const token = await world.createToken({ by: first.session, name: "bot" });
    const secrets = [first.secret];
    for (let n = 1; n < 50; n += 1) {
      world.ports.clock.advance(1);
      secrets.push((await world.logIn(ana)).secret);
    }
    expect(await errorCodeOf(world.authenticate({ secret: first.secret }))).to.equal(undefined);
    secrets.push((await world.logIn(ana)).secret);
    const outcomes = await Promise.all(secrets.map((secret) => errorCodeOf(world.authenticate({ secret }))));
    expect(outcomes.splice(1, 1)).to.deep.equal(["not_signed_in"]);
    expect(new Set(outcomes)).to.deep.equal(new Set([undefined]));
    expect(await world.authenticate({ secret: token.secret })).to.deep.equal(token.session);
  });

  it("replaces an outdated digest once, in the same transaction", async () => {
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

  it("keeps an outdated digest while the hasher is busy", async () => {
    world.ports.passwords.outdate();
    const ports = { ...world.ports, passwords: { ...world.ports.passwords, hash: busy } };
    const { session, secret } = await logIn(ports, ana);
    expect(await world.authenticate({ secret })).to.deep.equal(session);
  });

  it("rejects a password that is changed during its verification", async () => {
    const { session: by } = await world.logIn(ana);
    const passwords: PasswordHasher = {
      ...world.ports.passwords,
      async verify(digest, password) {
        const right = await world.ports.passwords.verify(digest, password);
        await world.changePassword({ by, currentPassword: ana.password, newPassword: "another password" });
        return right;
      },
    };
    expect(await errorCodeOf(logIn({ ...world.ports, passwords }, ana))).to.equal("wrong_credentials");
    expect(await world.listSessions({ by })).to.have.length(1);
  });

  it("reports the account of a failed attempt, if it exists, in the error", async () => {
    const accountById = (command: LogIn) =>
      world.logIn(command).then(
        () => "none",
        (error: MessagingError) => error.account,
      );
    expect(await accountById({ ...ana, password: "password of bo" })).to.equal(world.ana.id);
    expect(await accountById(dora)).to.equal(undefined);
  });
});

describe("changePassword", () => {
  let world: World;
  let by: Session;
  const ana = { username: "ana", password: "password of ana" };
  const change = (currentPassword: string, newPassword: string) =>
    world.changePassword({ by, currentPassword, newPassword });
  beforeEach(async () => {
    world = await openWorld();
    by = (await world.logIn(ana)).session;
  });

  it("lets the user log in with the new password and not with the old one", async () => {
    await change(ana.password, "cafe\u0301 noir");
    expect(await errorCodeOf(world.logIn({ ...ana, password: "caf\u00e9 noir" }))).to.equal(undefined);
    expect(await errorCodeOf(world.logIn(ana))).to.equal("wrong_credentials");
  });

  it("ends all other sessions and all tokens of the user, and none of other users", async () => {
    const others = [await world.logIn(ana), await world.createToken({ by, name: "bot" })];
    const bo = await world.logIn({ username: "bo", password: "password of bo" });
    await change(ana.password, "another password");
    for (const { secret } of others) {
      expect(await errorCodeOf(world.authenticate({ secret }))).to.equal("not_signed_in");
    }
    expect(await world.listSessions({ by })).to.deep.equal([by]);
    expect(await world.authenticate({ secret: bo.secret })).to.deep.equal(bo.session);
  });

  it("rejects a wrong current password, also an invalid one, and ends no session", async () => {
    await world.logIn(ana);
    for (const wrong of ["password of bo", "1234567", "\ud800".repeat(8)]) {
      await expectRejection(world, () => change(wrong, "another password"), "wrong_password");
    }
  });

  it("rejects an invalid or refused new password without verifying the current one", async () => {
    const { verified } = world.ports.passwords;
    const before = verified.length;
    for (const password of ["", "1234567", "x".repeat(257)]) {
      await expectRejection(world, () => change(ana.password, password), "invalid_password");
    }
    await expectRejection(world, () => change(ana.password, "Password123"), "refused_password");
    expect(verified.length).to.equal(before);
  });

  it("rejects if the session of the caller has ended meanwhile", async () => {
    await world.endSession({ by, sessionId: by.id });
    await expectRejection(world, () => change(ana.password, "another password"), "not_signed_in");
  });

  it("succeeds once when two calls race with the same current password", async () => {
    const outcomes = await Promise.all(
      ["another password", "a third password"].map((password) => errorCodeOf(change(ana.password, password))),
    );
    expect(outcomes).to.have.members([undefined, "wrong_password"]);
  });
});

describe("an account whose username is no longer valid for a new one", () => {
  for (const username of ["\u0301", `a${"\u0301".repeat(31)}`, "admin"]) {
    it(`logs in, and is found by its username: ${JSON.stringify(username.slice(0, 5))}`, async () => {
      const world = await openWorld();
      const user: User = { id: "an id that is longer than any username" as UserId, username, createdAt: 1 };
      const digest = `digest:${dora.password}`;
      await world.ports.store.transaction(({ users }) => users.add(user, usernameKey(username), digest));
      const { session } = await world.logIn({ username, password: dora.password });
      expect(session.user).to.deep.equal(user);
      const { message } = await world.sendMessage({ by: world.ana.id, to: { username }, text: "hello" });
      const { overview } = await world.getChat({ by: user.id, chatId: message.chatId });
      expect(overview.lastMessage).to.deep.equal(message);
      const { chatId } = message;
      expect((await world.getChat({ by: world.ana.id, chatId })).overview.withUsername).to.equal(username);
    });
  }
});

describe("ensureUser", () => {
  let world: World;
  const ensure = (username = "dora") => world.ensureUser({ username });
  beforeEach(async () => {
    world = await openWorld();
  });

  it("creates an account, and returns the same one for any equivalent username", async () => {
    const user = await ensure("Dora");
    expect(user).to.deep.equal({ id: user.id, username: "Dora", createdAt: world.ports.clock.now() });
    const { transactions } = world.ports.store.status();
    for (const username of ["Dora", "DORA", "ｄora"]) expect(await ensure(username)).to.deep.equal(user);
    expect(world.ports.store.status().transactions).to.equal(transactions);
  });

  it("returns one account to 20 calls that race", async () => {
    const users = await Promise.all(Array.from({ length: 20 }, (_, n) => ensure(n % 2 ? "dora" : "DORA")));
    expect(new Set(users.map(({ id }) => id))).to.have.property("size", 1);
  });

  it("rejects the username of an account with a password, also if that registers meanwhile", async () => {
    await expectRejection(world, () => ensure("ANA"), "username_taken");
    const { store } = world.ports;
    const transaction: typeof store.transaction = async (work) => {
      await world.registerUser(dora);
      return store.transaction(work);
    };
    const meanwhile = { ...world.ports, store: { ...store, transaction } };
    expect(await errorCodeOf(ensureUser(meanwhile, { username: "dora" }))).to.equal("username_taken");
  });

  it("rejects a new username that is invalid or reserved", async () => {
    await expectRejection(world, () => ensure(".dora"), "invalid_username");
    await expectRejection(world, () => ensure("Admin"), "username_reserved");
  });

  it("creates an account that sends and receives messages", async () => {
    const { id: by } = await ensure();
    const { message } = await world.sendMessage({ by, to: { username: "ana" }, text: "hello" });
    const { overview } = await world.getChat({ by: world.ana.id, chatId: message.chatId });
    expect(overview.withUsername).to.equal("dora");
  });

  it("creates an account that no login opens, after the same work as for an unknown user", async () => {
    await ensure();
    const { verified } = world.ports.passwords;
    for (const password of ["password", "********", "*".padEnd(8, "\0")]) {
      await expectRejection(world, () => world.logIn({ username: "dora", password }), "wrong_credentials");
      await expectRejection(world, () => world.logIn({ username: "nobody", password }), "wrong_credentials");
      expect(verified.slice(-2)).to.deep.equal([undefined, undefined]);
    }
    expect(verified).to.have.length(6);
  });

  it("creates an account whose name cannot be registered, until the operator sets a password", async () => {
    const user = await ensure();
    await expectRejection(world, () => world.registerUser(dora), "username_taken");
    await resetPassword(world.ports, { user: "dora", newPassword: dora.password });
    expect((await world.logIn(dora)).session.user).to.deep.equal(user);
    await expectRejection(world, () => ensure(), "username_taken");
  });
});

describe("getUser", () => {
  it("finds a user by a username in any equivalent form, and by id", async () => {
    const world = await openWorld();
    for (const user of ["ana", "ANA", "Ａｎａ", world.ana.id]) {
      expect(await world.getUser({ user })).to.deep.equal(world.ana);
    }
  });

  it("rejects an unknown username or id", async () => {
    const world = await openWorld();
    for (const user of ["", "nobody", `${world.ana.id}x`, "a".repeat(100_000)]) {
      await expectRejection(world, () => world.getUser({ user }), "unknown_user");
    }
  });
});

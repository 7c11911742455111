import { expect } from "chai";
import { logIn } from "../../src/application/accounts.js";
import {
  addUser,
  disableUser,
  enableUser,
  exportUser,
  resetPassword,
  revokeSessions,
  sessionsOf,
} from "../../src/application/administration.js";
import type { PasswordHasher } from "../../src/application/ports.js";
import type { MessagingError } from "../../src/domain/errors.js";
import { errorCodeOf } from "../support/error-code.js";
import { contents, expectRejection, openWatchedWorld, openWorld, type World } from "../support/world.js";

const DAY = 24 * 60 * 60 * 1_000;
const ana = { username: "ana", password: "password of ana" };

/** Verifies passwords, and meanwhile something else happens. */
function whileVerifying(world: World, meanwhile: () => Promise<unknown>): PasswordHasher {
  return {
    ...world.ports.passwords,
    async verify(digest, password) {
      const right = await world.ports.passwords.verify(digest, password);
      await meanwhile();
      return right;
    },
  };
}

describe("addUser", () => {
  it("creates an account under a reserved username, which logs in", async () => {
    const world = await openWorld();
    const support = { username: "Support", password: "password of support" };
    const user = await addUser(world.ports, support);
    expect((await world.logIn(support)).session.user).to.deep.equal(user);
  });

  it("rejects an invalid username and one that is taken", async () => {
    const world = await openWorld();
    for (const [username, code] of [
      ["\u0301", "invalid_username"],
      ["ANA", "username_taken"],
    ] as const) {
      await expectRejection(world, () => addUser(world.ports, { ...ana, username }), code);
    }
  });
});

describe("disableUser", () => {
  let world: World;
  const disable = () => disableUser(world.ports, { user: "ana" });
  beforeEach(async () => {
    world = await openWorld();
  });

  it("returns the account, found by any form of its name or by its id, with the time of disabling", async () => {
    const disabledAt = world.ports.clock.now();
    for (const user of ["ana", "ANA", world.ana.id]) {
      expect(await disableUser(world.ports, { user })).to.deep.equal({
        user: world.ana,
        displayName: null,
        disabledAt,
        deletedAt: null,
      });
    }
  });

  it("ends all sessions and tokens of the user in the same transaction, and none of other users", async () => {
    const first = await world.logIn(ana);
    const token = await world.createToken({ by: first.session, name: "bot" });
    const bo = await world.logIn({ username: "bo", password: "password of bo" });
    const { transactions } = world.ports.store.status();
    await disable();
    expect(world.ports.store.status().transactions).to.equal(transactions + 1);
    for (const { secret } of [first, token]) {
      expect(await errorCodeOf(world.authenticate({ secret }))).to.equal("not_signed_in");
    }
    expect(await world.authenticate({ secret: bo.secret })).to.deep.equal(bo.session);
  });

  it("ends the streams of the user's sessions", async () => {
    const { core, world: watchedWorld, bo, session } = await openWatchedWorld();
    const events = core.subscribe({ by: bo.id, session });
    await events.next();
    const next = events.next();
    await disableUser(watchedWorld.ports, { user: "bo" });
    expect(await next).to.equal(undefined);
  });

  it("makes the user's logins reject with the id of the account", async () => {
    await disable();
    await expectRejection(world, () => world.logIn(ana), "account_disabled");
    const account = await world.logIn(ana).catch((error: MessagingError) => error.account);
    expect(account).to.equal(world.ana.id);
  });

  it("reveals nothing to a login with a wrong password: it gets the same error, after the same work", async () => {
    const wrong = { ...ana, password: "password of bo" };
    const before = await world.logIn(wrong).catch(String);
    await disable();
    const { verified } = world.ports.passwords;
    const count = verified.length;
    expect(await world.logIn(wrong).catch(String)).to.equal(before);
    expect(verified.slice(count)).to.deep.equal(["digest:password of ana"]);
    await expectRejection(world, () => world.logIn(wrong), "wrong_credentials");
  });

  it("makes a login reject whose password is being verified, and starts no session", async () => {
    const { secret: replaces } = await world.logIn({ username: "bo", password: "password of bo" });
    const passwords = whileVerifying(world, disable);
    const attempt = logIn({ ...world.ports, passwords }, { ...ana, replaces });
    expect(await errorCodeOf(attempt)).to.equal("account_disabled");
    expect(await sessionsOf(world.ports, { user: "ana" })).to.deep.equal([]);
    expect((await world.authenticate({ secret: replaces })).user).to.deep.equal(world.bo);
  });

  it("makes requests of ended sessions for a token or a new password reject", async () => {
    const { session: by } = await world.logIn(ana);
    await disable();
    await expectRejection(world, () => world.createToken({ by, name: "bot" }), "not_signed_in");
    const change = { by, currentPassword: ana.password, newPassword: "another password" };
    await expectRejection(world, () => world.changePassword(change), "not_signed_in");
  });

  it("leaves no session alive that races with it", async () => {
    const racing = Array.from({ length: 20 }, () => errorCodeOf(world.logIn(ana)));
    await disable();
    const outcomes = new Set(await Promise.all(racing));
    expect([...outcomes].filter((code) => code !== "account_disabled" && code !== undefined)).to.deep.equal(
      [],
    );
    expect(await sessionsOf(world.ports, { user: "ana" })).to.deep.equal([]);
  });

  it("keeps the user in their chats, where others can still write to a group", async () => {
    const chat = await world.group(world.bo, world.ana);
    await disable();
    await world.sendMessage({ by: world.bo.id, to: { chatId: chat.id }, text: "still there?" });
    const { participants } = await world.getChat({ by: world.bo.id, chatId: chat.id });
    expect(participants.map(({ username }) => username)).to.have.members(["ana", "bo"]);
  });

  it("changes nothing for a user who is already disabled", async () => {
    const { disabledAt } = await disable();
    world.ports.clock.advance(DAY);
    const before = await contents(world);
    expect((await disable()).disabledAt).to.equal(disabledAt);
    expect(await contents(world)).to.deep.equal(before);
  });

  it("is undone by enableUser, after which the user can log in", async () => {
    const { secret } = await world.logIn(ana);
    await disable();
    for (let again = 0; again < 2; again += 1) {
      const account = { user: world.ana, displayName: null, disabledAt: null, deletedAt: null };
      expect(await enableUser(world.ports, { user: world.ana.id })).to.deep.equal(account);
    }
    expect(await errorCodeOf(world.authenticate({ secret }))).to.equal("not_signed_in");
    expect((await world.logIn(ana)).session.user).to.deep.equal(world.ana);
  });
});

describe("resetPassword", () => {
  let world: World;
  const reset = (newPassword: string) => resetPassword(world.ports, { user: "ana", newPassword });
  beforeEach(async () => {
    world = await openWorld();
  });

  it("accepts the new password only, and ends all sessions and tokens of the user", async () => {
    const first = await world.logIn(ana);
    const token = await world.createToken({ by: first.session, name: "bot" });
    expect(await reset("cafe\u0301 noir")).to.deep.equal({
      user: world.ana,
      displayName: null,
      disabledAt: null,
      deletedAt: null,
    });
    for (const { secret } of [first, token]) {
      expect(await errorCodeOf(world.authenticate({ secret }))).to.equal("not_signed_in");
    }
    expect(await errorCodeOf(world.logIn(ana))).to.equal("wrong_credentials");
    expect(await errorCodeOf(world.logIn({ ...ana, password: "caf\u00e9 noir" }))).to.equal(undefined);
  });

  it("makes a login reject whose old password is being verified", async () => {
    const passwords = whileVerifying(world, () => reset("another password"));
    expect(await errorCodeOf(logIn({ ...world.ports, passwords }, ana))).to.equal("wrong_credentials");
    expect(await sessionsOf(world.ports, { user: "ana" })).to.deep.equal([]);
  });

  it("does not enable a disabled user", async () => {
    await disableUser(world.ports, { user: "ana" });
    expect((await reset("another password")).disabledAt).to.equal(world.ports.clock.now());
    expect(await errorCodeOf(world.logIn({ ...ana, password: "another password" }))).to.equal(
      "account_disabled",
    );
  });

  it("rejects an invalid password before hashing it", async () => {
    const { hashed } = world.ports.passwords;
    await expectRejection(world, () => reset("1234567"), "invalid_password");
    await expectRejection(world, () => reset("Password123"), "refused_password");
    expect(world.ports.passwords.hashed).to.equal(hashed);
  });
});

describe("revokeSessions", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });

  it("ends one or all of the user's sessions and tokens, and returns them", async () => {
    const first = await world.logIn(ana);
    world.ports.clock.advance(1);
    const { session: second } = await world.logIn(ana);
    world.ports.clock.advance(1);
    const { session: token } = await world.createToken({ by: second, name: "bot" });
    const live = await sessionsOf(world.ports, { user: "ana" });
    expect(live).to.deep.equal([first.session, second, token]);
    const sessionId = first.session.id;
    const one = await revokeSessions(world.ports, { user: world.ana.id, sessionId });
    expect(one).to.deep.equal([first.session]);
    expect(await errorCodeOf(world.authenticate({ secret: first.secret }))).to.equal("not_signed_in");
    expect(await revokeSessions(world.ports, { user: "ana" })).to.deep.equal([second, token]);
    expect(await sessionsOf(world.ports, { user: "ana" })).to.deep.equal([]);
  });

  it("ignores expired sessions", async () => {
    const { session } = await world.logIn(ana);
    const { session: token } = await world.createToken({ by: session, name: "bot" });
    world.ports.clock.advance(14 * DAY);
    expect(await sessionsOf(world.ports, { user: "ana" })).to.deep.equal([token]);
    const one = { user: "ana", sessionId: session.id };
    await expectRejection(world, () => revokeSessions(world.ports, one), "unknown_session");
    expect(await revokeSessions(world.ports, { user: "ana" })).to.deep.equal([token]);
  });

  it("ends the open streams of the session", async () => {
    const { core, world: watchedWorld, bo, session } = await openWatchedWorld();
    const events = core.subscribe({ by: bo.id, session });
    await events.next();
    const next = events.next();
    await revokeSessions(watchedWorld.ports, { user: "bo", sessionId: session });
    expect(await next).to.equal(undefined);
  });

  it("rejects a session of another user, an ended session and an unknown id", async () => {
    const { session: ofBo } = await world.logIn({ username: "bo", password: "password of bo" });
    const { session: ended, secret } = await world.logIn(ana);
    await world.logOut({ secret });
    for (const sessionId of [ofBo.id, ended.id, "none", ""]) {
      await expectRejection(
        world,
        () => revokeSessions(world.ports, { user: "ana", sessionId }),
        "unknown_session",
      );
    }
  });
});

describe("the operator's use cases for one user", () => {
  it("reject with unknown_user for an unknown name or id", async () => {
    const world = await openWorld();
    for (const user of ["dora", "", "an", world.ana.id.slice(1)]) {
      for (const attempt of [
        () => disableUser(world.ports, { user }),
        () => enableUser(world.ports, { user }),
        () => resetPassword(world.ports, { user, newPassword: "another password" }),
        () => sessionsOf(world.ports, { user }),
        () => revokeSessions(world.ports, { user }),
        () => exportUser(world.ports, { user }).next(),
      ]) {
        await expectRejection(world, attempt, "unknown_user");
      }
    }
  });
});

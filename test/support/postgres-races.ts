import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import sinon from "sinon";
import type { ChatEvent } from "../../src/domain/event.js";
import { pairOf, type Chat } from "../../src/domain/chat.js";
import type { MessageId } from "../../src/domain/message.js";
import { MAX_SESSIONS_PER_USER } from "../../src/domain/session.js";
import { usernameKey, type User } from "../../src/domain/user.js";
import { createUserToken, disableUser, sessionsOf } from "../../src/application/administration.js";
import { eraseDeletedUsers, eraseUser } from "../../src/application/erasure.js";
import type { Subscription } from "../../src/application/events.js";
import type { Messaging } from "../../src/application/messaging.js";
import type { Ports } from "../../src/application/ports.js";
import { errorCodeOf } from "./error-code.js";
import {
  PASSWORD,
  settledOrBlocked,
  settledOrWaiting,
  THE_LOG,
  whileLocked,
  type TestNode,
  type TestNodes,
  type HeldCall,
} from "./postgres-nodes.js";
import { after, viewsOf } from "./reader.js";

/**
 * Races of two nodes in a fixed order, by behaviour. Each rejects if the store behaves otherwise, and can run many times on one
 * database.
 */
export const RACES = {
  "delivers the events of a transaction that commits after later ones": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow, quick } = await twoChats(nodes);
    const reader = await readerOf(other.core, ana);
    const sending = await one.hold((core) =>
      core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "first" }),
    );
    await other.core.sendMessage({ by: bo.id, to: { chatId: quick.id }, text: "second" });
    expect(textsOf(await reader.events())).to.deep.equal(["second"]);
    await sending.commit();
    expect(textsOf(await reader.events())).to.deep.equal(["first"]);
  },

  "runs a transaction again that adds a p2p chat which another node has added since": async (nodes) => {
    const [ana, bo] = await nodes.users("ana", "bo");
    const pair = pairOf(ana!.id, bo!.id);
    const add = ({ ports }: TestNode, afterLook = async () => {}) =>
      ports.store.transaction(async ({ chats }) => {
        const known = await chats.p2p(pair);
        await afterLook();
        return { chat: known ?? (await chats.addP2p(pair, 1)), isAdded: known === undefined };
      });
    let first: Chat | undefined;
    const second = await add(nodes.one, async () => void (first ??= (await add(nodes.other)).chat));
    expect(second).to.deep.equal({ chat: first, isAdded: false });
  },

  "pages forward past a transaction that commits after later ones": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow, quick } = await twoChats(nodes);
    const sending = await one.hold((core) =>
      core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "first" }),
    );
    await other.core.sendMessage({ by: bo.id, to: { chatId: quick.id }, text: "second" });
    await expectBothOnPages(other, ana, sending);
  },

  "pages forward past a transaction that started while a relay was running": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow, quick } = await twoChats(nodes);
    const sending = await whileLocked(nodes, THE_LOG, async (unlockLog) => {
      await one.core.renameChat({ by: ana.id, chatId: quick.id, title: "moved late" });
      return whileLocked(nodes, "SELECT FROM outbox FOR UPDATE", async () => {
        await unlockLog();
        await settledOrWaiting(nodes, new Promise(() => {}), 1, `query LIKE '%DELETE FROM outbox%'`);
        const held = await one.hold((core) =>
          core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "first" }),
        );
        await other.core.sendMessage({ by: bo.id, to: { chatId: quick.id }, text: "second" });
        return held;
      });
    });
    await relayed(nodes);
    await expectBothOnPages(other, ana, sending);
  },

  "pages to the end while another program has a transaction open": async (nodes) => {
    const { ana, bo, quick } = await twoChats(nodes);
    await whileLocked(nodes, "SELECT pg_current_xact_id()", async () => {
      for (const text of ["first", "second"]) {
        await nodes.one.core.sendMessage({ by: bo.id, to: { chatId: quick.id }, text });
        const found = await nodes.other.core.pageMessages({ by: ana.id, of: "all", limit: 10, after: 0 });
        expect(found.messages.at(-1)).to.include({ text });
      }
    });
  },

  "returns a last join behind which every later join appears": async (nodes) => {
    const { one, other } = nodes;
    const { ana, slow, quick } = await twoChats(nodes);
    const [cy] = await nodes.users("cy");
    const join = ({ id: chatId }: Chat) => ({ by: ana.id, chatId, username: cy!.username });
    const joining = await one.hold((core) => core.addParticipant(join(slow)));
    await other.core.addParticipant(join(quick));
    await relayed(nodes);
    const start = await other.ports.store.read(({ chats }) => chats.lastJoin());
    await joining.commit();
    const joined = await other.ports.store.read(({ chats }) =>
      chats.ofUser(cy!.id, { asOf: Number.MAX_SAFE_INTEGER, after: start, limit: 10 }),
    );
    expect(joined.map(({ chatId }) => chatId)).to.include(slow.id);
  },

  "deletes each old message once while both nodes do it": async (nodes) => {
    const { one, other } = nodes;
    const { bo, slow } = await twoChats(nodes);
    for (const text of ["first", "second"]) {
      await one.core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text });
    }
    const forget = ({ ports }: TestNode) =>
      ports.store.transaction(({ messages }) => messages.forget(slow.id, Number.MAX_SAFE_INTEGER, 300));
    const deleted = await Promise.all([one, other, one, other].map(forget));
    expect(deleted.filter((left) => left !== undefined)).to.have.length(1);
  },

  "reads one view while another node commits": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow } = await twoChats(nodes);
    await other.ports.store.read(async ({ chats }) => {
      const before = await chats.overview(slow.id, ana.id);
      await one.core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "meanwhile" });
      expect(await chats.overview(slow.id, ana.id)).to.deep.equal(before);
    });
  },

  "returns a snapshot to which the events behind its cursor add up, before they are relayed": async (
    nodes,
  ) => {
    const { one, other } = nodes;
    const { ana, bo, slow } = await twoChats(nodes);
    const { message } = await one.core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "unread" });
    // Its id is settled then, so that the snapshot does not wait for a relay because of it.
    await relayed(nodes);
    const { syncing } = await whileLocked(nodes, THE_LOG, async () => {
      await one.core.deleteMessage({ by: bo.id, id: message.id });
      const snapshot = other.core.sync({ by: ana.id });
      await settledOrWaiting(nodes, snapshot, 2);
      return { syncing: snapshot };
    });
    const snapshot = await syncing;
    let views = viewsOf(snapshot.chats);
    const { events } = await other.core.listEvents({ by: ana.id, after: snapshot.cursor, limit: 10 });
    for (const event of events) views = after(views, event, ana);
    expect(views).to.deep.equal(viewsOf((await one.core.sync({ by: ana.id })).chats, views));
  },

  "finds everything that was acknowledged on the other node": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow } = await twoChats(nodes);
    const { cursor } = await one.core.sync({ by: ana.id });
    const { listing } = await whileLocked(nodes, THE_LOG, async () => {
      await one.core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "acknowledged" });
      const page = other.core.listEvents({ by: ana.id, after: cursor, limit: 10 });
      await settledOrWaiting(nodes, page, 2);
      return { listing: page };
    });
    expect(textsOf((await listing).events)).to.deep.equal(["acknowledged"]);
  },

  "stores one message under an idempotency key that both nodes use at once": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow, quick } = await twoChats(nodes);
    const command = { by: bo.id, to: { chatId: slow.id }, text: "once", idempotencyKey: "the-same-key" };
    // The lock of the chat does not keep these from the key.
    const elsewhere = [{ chatId: quick.id }, { username: ana.username }];
    const first = await one.hold((core) => core.sendMessage(command));
    const second = other.core.sendMessage(command);
    const rejected = [
      errorCodeOf(other.core.sendMessage({ ...command, text: "something else" })),
      ...elsewhere.map((to) => errorCodeOf(other.core.sendMessage({ ...command, to }))),
    ];
    await settledOrBlocked(nodes, second);
    const { message, replayed } = await first.commit();
    expect(replayed).to.equal(false);
    expect(await second).to.deep.equal({ message, replayed: true });
    for (const each of rejected) expect(await each).to.equal("idempotency_key_reused");
  },

  "sends to other chats while another transaction has locked a chat": async (nodes) => {
    const { core } = nodes.one;
    const { ana, bo, slow, quick } = await twoChats(nodes);
    const send = ({ id: chatId }: Chat) => core.sendMessage({ by: bo.id, to: { chatId }, text: "hello" });
    const { sending } = await whileLocked(
      nodes,
      `SELECT FROM chats WHERE id = ${slow.id} FOR NO KEY UPDATE`,
      async () => {
        let hasSentToSlow = false;
        const toSlow = Promise.all(Array.from({ length: 20 }, () => send(slow)));
        void toSlow.then(() => (hasSentToSlow = true));
        const toQuick = Promise.all(Array.from({ length: 20 }, () => send(quick)));
        const sent = toQuick.then(() => send(quick)).then(() => "sent");
        expect(await Promise.race([sent, sleep(nodes.patience)])).to.equal("sent");
        expect(hasSentToSlow).to.equal(false);
        // More of them than a pool has connections do not keep others from one.
        const { overview } = await core.getChat({ by: ana.id, chatId: quick.id });
        expect(overview.lastMessage?.seq).to.equal(21);
        return { sending: toSlow };
      },
    );
    const seqs = (await sending).map(({ message }) => message.seq);
    expect(seqs.toSorted((one, another) => one - another)).to.deep.equal(seqs.map((_, index) => index + 1));
  },

  "creates one p2p chat for the first messages of both users": async (nodes) => {
    const { one, other } = nodes;
    const [ana, bo] = (await nodes.users("ana", "bo")) as [User, User];
    const reader = await readerOf(other.core, ana);
    const first = await one.hold((core) =>
      core.sendMessage({ by: ana.id, to: { username: bo.username }, text: "hello" }),
    );
    const second = other.core.sendMessage({ by: bo.id, to: { username: ana.username }, text: "hi" });
    await settledOrBlocked(nodes, second);
    const { message } = await first.commit();
    expect((await second).message.chatId).to.equal(message.chatId);
    const types = (await reader.events()).map(({ type }) => type);
    expect(types).to.deep.equal(["chat.created", "message.created", "message.created"]);
  },

  "delivers a change of a user who creates a p2p chat meanwhile, or shows it with the chat": async (
    nodes,
  ) => {
    const { one, other } = nodes;
    const [ana, bo] = (await nodes.users("ana", "bo")) as [User, User];
    const renaming = await one.hold((core) => core.updateProfile({ by: ana.id, displayName: "New" }));
    const to = { username: bo.username };
    const sending = other.core.sendMessage({ by: ana.id, to, text: "hello" });
    await settledOrBlocked(nodes, sending);
    const { chats, cursor } = await other.core.sync({ by: bo.id });
    const { displayName } = await other.core.getProfile({ user: ana.id });
    await Promise.all([renaming.commit(), sending]);
    // Without the chat, the reader sees the name with it later.
    const seen = chats.length === 0 ? await other.core.getProfile({ user: ana.id }) : { displayName };
    const { events } = await other.core.listEvents({ by: bo.id, after: cursor, limit: 10 });
    const names = events.flatMap((event) => (event.type === "user.updated" ? [event.user.displayName] : []));
    expect(names.at(-1) ?? seen.displayName).to.equal("New");
  },

  "shows no change of a peer in a snapshot before its event is relayed": async (nodes) => {
    const { one, other } = nodes;
    const [ana, bo] = (await nodes.users("ana", "bo")) as [User, User];
    await one.core.sendMessage({ by: ana.id, to: { username: bo.username }, text: "hello" });
    await relayed(nodes);
    const { reading } = await whileLocked(nodes, THE_LOG, async () => {
      await one.core.updateProfile({ by: ana.id, displayName: "New" });
      const view = other.ports.store.read(async ({ users, events }) => ({
        bounds: await events.bounds(bo.id),
        account: await users.accountById(ana.id),
      }));
      await settledOrWaiting(nodes, view, 2);
      return { reading: view };
    });
    const { bounds, account } = await reading;
    expect(account?.displayName).to.equal("New");
    const slice = { after: bounds.last, upTo: Number.MAX_SAFE_INTEGER, limit: 10 };
    expect(await other.ports.store.read(({ events }) => events.ofUser(bo.id, slice))).to.deep.equal([]);
  },

  "adds and writes to no user who is disabled or blocks the caller meanwhile": async (nodes) => {
    for (const { approach, bar, code } of await approaches(nodes)) {
      const changing = await nodes.one.hold((core) => bar(core, nodes.one.ports));
      const approaching = errorCodeOf(approach(nodes.other.core));
      await settledOrBlocked(nodes, approaching);
      await changing.commit();
      expect(await approaching).to.equal(code);
    }
  },

  "disables a user, and blocks another one, only behind the messages and additions before": async (nodes) => {
    for (const { approach, bar } of await approaches(nodes)) {
      const approaching = await nodes.one.hold((core) => approach(core));
      let isBarred = false;
      const changing = bar(nodes.other.core, nodes.other.ports).then(() => (isBarred = true));
      await settledOrBlocked(nodes, changing);
      const wasBarred = isBarred;
      await Promise.all([approaching.commit(), changing]);
      expect(wasBarred).to.equal(false);
    }
  },

  "stores no message of a user behind their removal": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow } = await twoChats(nodes);
    const reader = await readerOf(other.core, ana);
    const sending = await one.hold((core) =>
      core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "the last one" }),
    );
    const removing = other.core.removeParticipant({ by: ana.id, chatId: slow.id, user: bo.id });
    await settledOrBlocked(nodes, removing);
    await Promise.all([sending.commit(), removing]);
    const types = (await reader.events()).map(({ type }) => type);
    expect(types).to.deep.equal(["message.created", "participant.removed"]);
  },

  "ends a session that a login starts during a password change": async (nodes) => {
    const { one, other } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    const credentials = { username: ana.username, password: PASSWORD };
    const { session: by } = await other.core.logIn(credentials);
    const login = await one.hold((core) => core.logIn(credentials));
    const change = { by, currentPassword: PASSWORD, newPassword: `a new ${PASSWORD}` };
    const changing = other.core.changePassword(change);
    await settledOrBlocked(nodes, changing);
    await Promise.all([login.commit(), changing]);
    const sessions = await one.core.listSessions({ by });
    expect(sessions.map(({ id }) => id)).to.deep.equal([by.id]);
  },

  "rejects a login by a password that is changed meanwhile": async (nodes) => {
    const { one, other } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    const credentials = { username: ana.username, password: PASSWORD };
    const { session: by } = await other.core.logIn(credentials);
    const change = { by, currentPassword: PASSWORD, newPassword: `a new ${PASSWORD}` };
    const changing = await one.hold((core) => core.changePassword(change));
    const login = errorCodeOf(other.core.logIn(credentials));
    await settledOrBlocked(nodes, login);
    await changing.commit();
    expect(await login).to.equal("wrong_credentials");
    expect(await one.core.listSessions({ by })).to.have.lengthOf(1);
  },

  "ends a session that a login starts while the user is disabled": async (nodes) => {
    const { one, other } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    const login = await one.hold((core) => core.logIn({ username: ana.username, password: PASSWORD }));
    const disabling = disableUser(other.ports, { user: ana.id });
    await settledOrBlocked(nodes, disabling);
    const [{ secret }] = await Promise.all([login.commit(), disabling]);
    for (const { core, ports } of [one, other]) {
      expect(await errorCodeOf(core.authenticate({ secret }))).to.equal("not_signed_in");
      expect(await sessionsOf(ports, { user: ana.id })).to.deep.equal([]);
    }
  },

  "rejects a login of a user who is disabled meanwhile": async (nodes) => {
    const { one, other } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    const disabling = await one.hold(() => disableUser(one.ports, { user: ana.id }));
    const login = errorCodeOf(other.core.logIn({ username: ana.username, password: PASSWORD }));
    await settledOrBlocked(nodes, login);
    await disabling.commit();
    expect(await login).to.equal("account_disabled");
    expect(await sessionsOf(one.ports, { user: ana.id })).to.deep.equal([]);
  },

  "creates no token of a user who is disabled meanwhile": async (nodes) => {
    const { one, other } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    const disabling = await one.hold(() => disableUser(one.ports, { user: ana.id }));
    const creation = errorCodeOf(createUserToken(other.ports, { user: ana.id, name: "bot" }));
    await settledOrBlocked(nodes, creation);
    await disabling.commit();
    expect(await creation).to.equal("account_disabled");
    expect(await sessionsOf(one.ports, { user: ana.id })).to.deep.equal([]);
  },

  "adds no user who is erased meanwhile": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, quick } = await twoChats(nodes);
    const [cy] = (await nodes.users("cy")) as [User];
    const erasing = await one.hold(() => eraseUser(one.ports, { user: cy.id }));
    const adding = errorCodeOf(
      other.core.addParticipant({ by: ana.id, chatId: quick.id, username: cy.username }),
    );
    await settledOrBlocked(nodes, adding);
    await erasing.commit();
    expect(await adding).to.equal("unknown_user");
    const { participants } = await one.core.getChat({ by: bo.id, chatId: quick.id });
    expect(participants.map(({ id }) => id)).to.not.include(cy.id);
  },

  "erases a user who is added meanwhile": async (nodes) => {
    const { one, other } = nodes;
    const { ana, quick } = await twoChats(nodes);
    const [cy] = (await nodes.users("cy")) as [User];
    const adding = await one.hold((core) =>
      core.addParticipant({ by: ana.id, chatId: quick.id, username: cy.username }),
    );
    const erasing = eraseUser(other.ports, { user: cy.id });
    await settledOrBlocked(nodes, erasing);
    await Promise.all([adding.commit(), erasing]);
    await eraseDeletedUsers(other.ports);
    const { participants } = await one.core.getChat({ by: ana.id, chatId: quick.id });
    expect(participants.map(({ id }) => id)).to.not.include(cy.id);
  },

  "deletes a text that a user is sending while they are erased": async (nodes) => {
    const { one, other } = nodes;
    const [ana, bo] = (await nodes.users("ana", "bo")) as [User, User];
    const { message } = await one.core.sendMessage({
      by: ana.id,
      to: { username: bo.username },
      text: "first",
    });
    const erasing = await one.hold(() => eraseUser(one.ports, { user: ana.id }));
    const to = { chatId: message.chatId };
    const sending = errorCodeOf(other.core.sendMessage({ by: ana.id, to, text: "second" }));
    await settledOrBlocked(nodes, sending);
    await Promise.all([erasing.commit(), sending]);
    await eraseDeletedUsers(one.ports);
    const page = await other.core.pageMessages({ by: bo.id, of: to, limit: 10 });
    expect(page.messages.map(({ text, sender }) => `${sender.username} ${text}`).join()).to.match(
      /^deleted (,deleted )?$/,
    );
  },

  "gives nobody the username of a user who is erased meanwhile": async (nodes) => {
    const { one, other } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    const erasing = await one.hold(() => eraseUser(one.ports, { user: ana.id }));
    const second = { ...ana, id: `${ana.id}-other` as User["id"] };
    const adding = other.ports.store.transaction(({ users }) =>
      users.add(second, usernameKey(ana.username), "digest"),
    );
    await settledOrBlocked(nodes, adding);
    await erasing.commit();
    expect(await adding).to.equal(false);
  },

  "shows the username of a user whom another node has erased to nobody": async (nodes) => {
    const { one, other } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    expect((await other.core.getUser({ user: ana.id })).username).to.equal(ana.username);
    await eraseUser(one.ports, { user: ana.id });
    expect((await other.core.getUser({ user: ana.id })).username).to.equal("deleted");
  },

  "ends exactly the least recently used sessions if both nodes start more than the maximum": async (
    nodes,
  ) => {
    const { one, other, sql } = nodes;
    const [ana] = (await nodes.users("ana")) as [User];
    const logIn = ({ core }: Pick<TestNode, "core">) =>
      core.logIn({ username: ana.username, password: PASSWORD });
    const logInOnBoth = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => logIn(n % 2 === 0 ? one : other)));
    const old = await logInOnBoth(MAX_SESSIONS_PER_USER);
    // The order of their last uses is not the one in which they started.
    await sql.query(
      `UPDATE sessions SET last_seen_at = created_at - 1000 * place
       FROM (SELECT id, row_number() OVER (ORDER BY digest) AS place FROM sessions WHERE user_id = $1) AS places
       WHERE sessions.id = places.id`,
      [ana.id],
    );
    const before = await sessionsOf(one.ports, { user: ana.id });
    const first = await one.hold((core) => logIn({ core }));
    const second = logIn(other);
    await settledOrBlocked(nodes, second);
    const fresh = [...(await Promise.all([first.commit(), second])), ...(await logInOnBoth(8))];
    const leastRecent = before.toSorted((earlier, later) => earlier.lastSeenAt - later.lastSeenAt);
    const kept = [...leastRecent.slice(fresh.length), ...fresh.map(({ session }) => session)];
    const left = await sessionsOf(other.ports, { user: ana.id });
    expect(left).to.have.lengthOf(MAX_SESSIONS_PER_USER);
    expect(left.map(({ id }) => id)).to.have.members(kept.map(({ id }) => id));
    const isKept = new Set(left.map(({ id }) => id));
    for (const { session, secret } of old) {
      const code = await errorCodeOf(one.core.authenticate({ secret }));
      expect(code).to.equal(isKept.has(session.id) ? undefined : "not_signed_in");
    }
  },

  "restores no text that is deleted during an edit": async (nodes) => {
    const { one, other } = nodes;
    const { ana, slow } = await twoChats(nodes);
    const { message } = await one.core.sendMessage({ by: ana.id, to: { chatId: slow.id }, text: "secret" });
    const { id }: { readonly id: MessageId } = message;
    const deleting = await one.hold((core) => core.deleteMessage({ by: ana.id, id }));
    const editing = errorCodeOf(other.core.editMessage({ by: ana.id, id, text: "another secret" }));
    await settledOrBlocked(nodes, editing);
    await deleting.commit();
    expect(await editing).to.equal("message_deleted");
    const stored = await other.ports.store.read(({ messages }) => messages.byId(id));
    expect(stored).to.deep.include({ text: "", editedAt: null });
  },

  "adds a user once if both nodes add the same one": async (nodes) => {
    const { one, other } = nodes;
    const { ana, slow } = await twoChats(nodes);
    const [cy] = (await nodes.users("cy")) as [User];
    const join = { by: ana.id, chatId: slow.id, username: cy.username };
    const first = await one.hold((core) => core.addParticipant(join));
    const second = errorCodeOf(other.core.addParticipant(join));
    await settledOrBlocked(nodes, second);
    await first.commit();
    expect(await second).to.equal("already_participant");
    const { overview } = await other.core.getChat({ by: ana.id, chatId: slow.id });
    expect(overview.participantCount).to.equal(3);
  },

  "reads on one node while the relay of the other is slow": async (nodes) => {
    const { one, other } = nodes;
    const { ana, bo, slow, quick } = await twoChats(nodes);
    const reader = await readerOf(other.core, ana);
    const { reading } = await whileLocked(nodes, THE_LOG, async () => {
      await one.core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "first" });
      await settledOrWaiting(nodes, new Promise(() => {}), 1);
      await one.core.sendMessage({ by: bo.id, to: { chatId: quick.id }, text: "second" });
      const events = reader.events();
      await settledOrWaiting(nodes, events, 2);
      return { reading: events };
    });
    expect(textsOf(await reading)).to.deep.equal(["first", "second"]);
  },

  "wakes the subscribers of a node by a notification alone": async (nodes) => {
    const poll = sinon.stub(globalThis, "setInterval").returns(setTimeout(() => {}, 0));
    const listening = await nodes.add().finally(() => poll.restore());
    await expectDelivery(nodes, listening);
  },

  "wakes the subscribers of a node whose notifications are lost": async (nodes) => {
    // Nobody listens there, and notifications come with this connection alone.
    const elsewhere = new URL(nodes.url);
    elsewhere.host = "127.0.0.1:1";
    await expectDelivery(nodes, await nodes.add({ directUrl: elsewhere.href }));
  },

  "relays the events of a node that died between its commit and its relay": async (nodes) => {
    const { one, other, sql } = nodes;
    const { ana, slow } = await twoChats(nodes);
    const subscription = await liveSubscription(other, ana);
    await one.core.renameChat({ by: ana.id, chatId: slow.id, title: "known" });
    await nextEvents(nodes, subscription);
    await sql.query(
      "INSERT INTO outbox (chat_id, outside, at, what) SELECT chat_id, outside, at, what FROM events ORDER BY id DESC LIMIT 1",
    );
    expect(textsOf(await nextEvents(nodes, subscription))).to.deep.equal(["chat.renamed"]);
    subscription.close();
  },
} satisfies Readonly<Record<string, (nodes: TestNodes) => Promise<void>>>;

async function liveSubscription({ core }: TestNode, { id: by }: User): Promise<Subscription> {
  const subscription = core.subscribe({ by });
  await subscription.next();
  return subscription;
}

/** Returns no events if none come. */
async function nextEvents(
  { patience }: TestNodes,
  subscription: Subscription,
): Promise<readonly ChatEvent[]> {
  const timeout = setTimeout(() => subscription.close(), patience);
  const batch = await subscription.next();
  clearTimeout(timeout);
  return batch?.events ?? [];
}

async function expectDelivery(nodes: TestNodes, node: TestNode): Promise<void> {
  const { ana, bo, slow } = await twoChats(nodes);
  const subscription = await liveSubscription(node, ana);
  await nodes.one.core.sendMessage({ by: bo.id, to: { chatId: slow.id }, text: "delivered" });
  expect(textsOf(await nextEvents(nodes, subscription))).to.deep.equal(["delivered"]);
  subscription.close();
}

/** Two chats of two users. */
async function twoChats(nodes: TestNodes) {
  const [ana, bo] = (await nodes.users("ana", "bo")) as [User, User];
  const slow = await nodes.group(ana, bo);
  const quick = await nodes.group(ana, bo);
  return { ana, bo, slow, quick };
}

/** Expects that pages of all chats of the reader have both messages, of which the first is committed between two pages. */
async function expectBothOnPages(
  { core }: TestNode,
  { id: by }: User,
  held: HeldCall<unknown>,
): Promise<void> {
  const page = async (behind: number) =>
    (await core.pageMessages({ by, of: "all", limit: 10, after: behind })).messages;
  const messages = [...(await page(0))];
  await held.commit();
  messages.push(...(await page(messages.at(-1)?.id ?? 0)));
  expect(messages.map(({ text }) => text)).to.deep.equal(["first", "second"]);
}

/** Reads the events of a user from this moment on, each call those since the last. */
async function readerOf(core: Messaging, { id: by }: User) {
  let { cursor } = await core.sync({ by });
  return {
    async events(): Promise<readonly ChatEvent[]> {
      const page = await core.listEvents({ by, after: cursor, limit: 100 });
      ({ cursor } = page);
      return page.events;
    },
  };
}

function textsOf(events: readonly ChatEvent[]): string[] {
  return events.map((event) => ("message" in event ? event.message.text : event.type));
}

/** Resolves once both nodes have relayed, twice: an id is settled by the second relay after it. */
async function relayed({ one, other }: TestNodes): Promise<void> {
  for (const { core, ports } of [one, other, one, other]) {
    const user = await ports.store.read(({ users }) => users.list({ after: undefined, limit: 1 }));
    await core.createGroupChat({ by: user[0]!.user.id });
    await ports.store.read(({ events }) => events.bounds());
  }
}

/** A way in which one user writes to another or adds them to a group, and a way in which the other one keeps them from it. */
interface Approach {
  readonly approach: (core: Messaging) => Promise<unknown>;
  readonly bar: (core: Messaging, ports: Ports) => Promise<unknown>;
  /** The error of an approach behind the bar. */
  readonly code: "blocked" | "user_unavailable";
}

/** Each approach with each bar, of other users. */
async function approaches(nodes: TestNodes): Promise<readonly Approach[]> {
  const all: Approach[] = [];
  for (const code of ["blocked", "user_unavailable"] as const) {
    for (const way of ["first message", "username", "chat id", "addition", "creation"] as const) {
      const [ana, bo] = (await nodes.users("ana", "bo")) as [User, User];
      const { id: by } = ana;
      const { username } = bo;
      const write = (core: Messaging) => core.sendMessage({ by, to: { username }, text: "hello" });
      const hasChat = way === "username" || way === "chat id";
      const chatId = hasChat ? (await write(nodes.one.core)).message.chatId : undefined;
      const group = await nodes.group(ana);
      const approach = (core: Messaging): Promise<unknown> => {
        if (way === "addition") return core.addParticipant({ by, chatId: group.id, username });
        if (way === "creation") return core.createGroupChat({ by, participants: [username] });
        if (way === "chat id") return core.sendMessage({ by, to: { chatId: chatId! }, text: "hello" });
        return write(core);
      };
      const bar = (core: Messaging, ports: Ports): Promise<unknown> =>
        code === "blocked"
          ? core.blockUser({ by: bo.id, user: ana.id })
          : disableUser(ports, { user: bo.id });
      all.push({ approach, bar, code });
    }
  }
  return all;
}

import { expect } from "chai";
import { unreadCount } from "../../src/domain/chat.js";
import { MessagingError } from "../../src/domain/errors.js";
import { openTestMessaging, type Seed, type TestMessaging } from "../../src/main/testing.js";

const DAY = 24 * 60 * 60 * 1_000;

describe("TestMessaging.seed", () => {
  let messaging: TestMessaging;
  let now: number;

  /** The code, the message and the field of the error that a seed is rejected with. */
  const faultOf = async (seed: Seed) => {
    const error = await messaging.seed(seed).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(MessagingError);
    const { code, message, errors } = error as MessagingError;
    return { code, message, field: errors[0]?.field };
  };

  beforeEach(() => {
    messaging = openTestMessaging();
    now = messaging.clock.now();
  });

  afterEach(() => messaging.close());

  it("stores users, chats and messages with their times, and leaves the clock as it was", async () => {
    const { users, chats, messages } = await messaging.seed({
      users: ["ana", { username: "bob", displayName: "Bob B." }, { username: "cy", at: now - DAY }],
      chats: [{ name: "team", title: "Team", participants: ["cy", "ana", "bob"], at: now - DAY + 5 }],
      messages: [
        { from: "ana", to: "team", text: "a", at: "2026-11-22T12:00:00+01:00" },
        { from: "bob", to: "ana", text: "b" },
        { from: "cy", to: "team", text: "c", at: now },
      ],
    });
    expect(messaging.clock.now()).to.equal(now);
    expect(users.ana.createdAt).to.equal(now - DAY);
    expect(users.cy.createdAt).to.equal(now - DAY);
    expect(chats.team.createdAt).to.equal(now - DAY + 5);
    const noon = Date.parse("2026-11-22T11:00:00Z");
    expect(messages.map(({ text, sentAt }) => [text, sentAt])).to.deep.equal([
      ["a", noon],
      ["b", noon],
      ["c", now],
    ]);
    const { chats: listed } = await messaging.sync({ by: users.ana.id });
    expect(listed.map((overview) => [overview.chat.kind, unreadCount(overview)])).to.deep.equal([
      ["group", 1],
      ["p2p", 1],
    ]);
    const shown = await messaging.getChat({ by: users.bob.id, chatId: chats.team.id });
    expect(shown.overview.chat).to.include({ title: "Team" });
    expect(shown.participants.map(({ username, role }) => [username, role])).to.have.deep.members([
      ["cy", "owner"],
      ["ana", "member"],
      ["bob", "member"],
    ]);
    expect((await messaging.getProfile({ user: "bob" })).displayName).to.equal("Bob B.");
    const { session } = await messaging.logIn({ username: "bob", password: "password of bob" });
    expect(session.user).to.deep.equal(users.bob);
  });

  it("stores in the order of time, and returns messages in the order of the seed", async () => {
    const { messages } = await messaging.seed({
      users: ["ana", "bob"],
      messages: [
        { from: "ana", to: "bob", text: "second", at: now - 1 },
        { from: "ana", to: "bob", text: "third" },
        { from: "bob", to: "ana", text: "first", at: now - 2 },
      ],
    });
    expect(messages.map(({ text, seq }) => [text, seq])).to.deep.equal([
      ["second", 2],
      ["third", 3],
      ["first", 1],
    ]);
  });

  it("stores replies, mentions and metadata", async () => {
    const { users, messages } = await messaging.seed({
      users: ["ana", "bob"],
      messages: [
        { from: "bob", to: "ana", text: "b", replyTo: 1, at: now },
        { from: "ana", to: "bob", text: "a", mentions: ["bob"], metadata: { n: 1 }, at: now - 1 },
      ],
    });
    expect(messages[0]?.replyTo).to.equal(messages[1]?.id);
    expect(messages[1]?.mentions).to.deep.equal([users.bob.id]);
    expect(messages[1]?.metadata).to.deep.equal({ n: 1 });
  });

  it("has events like those of the same calls at those times", async () => {
    const { ana } = await messaging.users("ana");
    const { cursor: after } = await messaging.sync({ by: ana.id });
    messaging.clock.advance(1_000);
    await messaging.seed({
      users: [{ username: "bob", at: now + 100 }],
      chats: [{ name: "team", participants: ["bob", "ana"] }],
      messages: [{ from: "bob", to: "team", text: "a", at: now + 700 }],
    });
    const { events } = await messaging.listEvents({ by: ana.id, after, limit: 10 });
    expect(events.map(({ type, at }) => [type, at - now])).to.deep.equal([
      ["chat.created", 100],
      ["message.created", 700],
    ]);
  });

  it("continues with the users and chats that were there before", async () => {
    const { ana } = await messaging.users("ana");
    const first = await messaging.seed({
      users: ["bob"],
      chats: [{ name: "team", participants: ["ana", "bob"] }],
    });
    const { messages } = await messaging.seed({ messages: [{ from: "Ana", to: "team", text: "a" }] });
    expect(messages[0]).to.include({ chatId: first.chats.team.id });
    expect(messages[0]?.sender.id).to.equal(ana.id);
  });

  it("adds more participants than a new chat can have", async () => {
    const names = Array.from({ length: 130 }, (_, n) => `user${n}`);
    const { users, chats } = await messaging.seed({
      users: names,
      chats: [{ name: "all", participants: names }],
    });
    const { overview } = await messaging.getChat({ by: users["user129"]!.id, chatId: chats.all.id });
    expect(overview.participantCount).to.equal(130);
  });

  it("is not affected by faults, which the next call then meets", async () => {
    messaging.failNextCommit();
    const { users } = await messaging.seed({ users: ["ana"] });
    const failed = await messaging.createGroupChat({ by: users.ana.id }).catch((error: unknown) => error);
    expect(failed).to.include({ code: "store_unavailable" });
  });

  for (const [mistake, seed, field, detail] of [
    ["an unknown sender", { messages: [{ from: "dora", to: "ana", text: "a" }] }, "messages[0]", /"dora"/],
    ["an unknown recipient", { messages: [{ from: "ana", to: "dora", text: "a" }] }, "messages[0]", /"dora"/],
    [
      "an unknown participant",
      { chats: [{ name: "b", participants: ["ana", "dora"] }] },
      "chats[0]",
      /"dora"/,
    ],
    ["a chat without participants", { chats: [{ name: "b", participants: [] }] }, "chats[0]", /participant/],
    [
      "the name of a user as the name of a chat",
      { chats: [{ name: "ana", participants: ["ana"] }] },
      "chats[0]",
      /already/,
    ],
    ["a taken username", { users: ["bob", "Ana"] }, "users[1]", /taken/],
    ["a username that is given twice", { users: ["bob", "BOB"] }, "users[1]", /taken/],
    [
      "a time after the clock",
      { users: [{ username: "bob", at: "2026-11-23T10:15:00.124Z" }] },
      "users[0]",
      /clock/,
    ],
    ["a date without a time", { users: [{ username: "bob", at: "2026-11-23" }] }, "users[0]", /"2026-11-23"/],
    [
      "a time that is no number",
      { users: [{ username: "bob", at: Number.NaN }] },
      "users[0]",
      /Invalid time/,
    ],
    [
      "a message before its sender",
      { users: [{ username: "bob", at: 2 }], messages: [{ from: "bob", to: "bob", text: "a", at: 1 }] },
      "messages[0]",
      /1970-01-01T00:00:00.002Z/,
    ],
    [
      "a reply to a later message",
      {
        messages: [
          { from: "ana", to: "ana", text: "a", replyTo: 1 },
          { from: "ana", to: "ana", text: "b" },
        ],
      },
      "messages[0]",
      /replies to messages\[1\]/,
    ],
    [
      "a reply to no message",
      { messages: [{ from: "ana", to: "ana", text: "a", replyTo: -1 }] },
      "messages[0]",
      /messages\[-1\]/,
    ],
    [
      "an unknown mentioned user",
      { messages: [{ from: "ana", to: "ana", text: "a", mentions: ["dora"] }] },
      "messages[0]",
      /"dora"/,
    ],
    [
      "a misspelt field",
      { messages: [{ from: "ana", to: "ana", text: "a", reply_to: 0 }] },
      "messages[0]",
      /reply_to/,
    ],
    [
      "a misspelt field of a user",
      { users: [{ username: "bob", display_name: "B" }] },
      "users[0]",
      /display_name/,
    ],
    ["a misspelt list", { message: [] }, "message", /Unknown field/],
    [
      "an existing user before the registration",
      { messages: [{ from: "ana", to: "ana", text: "a", at: 1 }] },
      "messages[0]",
      /no ana yet/,
    ],
  ] as const) {
    it(`rejects ${mistake} before it stores anything`, async () => {
      await messaging.users("ana");
      const { transactions } = messaging.status();
      const fault = await faultOf({ users: ["zoe"], ...seed } as Seed);
      expect(fault.field).to.equal(field);
      expect(fault.message).to.match(detail).and.include(`${field}: `);
      expect(messaging.status().transactions).to.equal(transactions);
    });
  }

  it("names the item that a use case rejects", async () => {
    const fault = await faultOf({
      users: ["ana", "bob"],
      chats: [{ name: "team", participants: ["ana"] }],
      messages: [{ from: "bob", to: "team", text: "a" }],
    });
    expect(fault).to.include({ code: "not_a_participant", field: "messages[0]" });
    expect(fault.message).to.match(/^messages\[0\]: /);
  });
});

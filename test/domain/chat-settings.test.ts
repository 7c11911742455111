import { expect } from "chai";
import fc from "fast-check";
import type { ChatOverview } from "../../src/domain/chat.js";
import {
  changeSettings,
  DEFAULT_CHAT_SETTINGS,
  isArchived,
  settingsOf,
  type ChatSettingsChange,
} from "../../src/domain/chat-settings.js";
import { MessagingError } from "../../src/domain/errors.js";

type Chat = Pick<ChatOverview, "settings" | "lastSeq" | "lastSentAt">;

const EMPTY: Chat = { settings: DEFAULT_CHAT_SETTINGS, lastSeq: 0, lastSentAt: null };

function sent(chat: Chat, sentAt: number): Chat {
  return { ...chat, lastSeq: chat.lastSeq + 1, lastSentAt: sentAt };
}

function changed(chat: Chat, change: ChatSettingsChange): Chat {
  return { ...chat, settings: changeSettings(chat, change) };
}

describe("isArchived", () => {
  it("is false for a chat that was not archived, muted or not", () => {
    for (const mutedUntil of [null, 100]) {
      expect(isArchived(sent(changed(EMPTY, { mutedUntil }), 1))).to.equal(false);
    }
  });

  it("is true until the next message, also in a chat without messages", () => {
    for (const chat of [EMPTY, sent(EMPTY, 1)]) {
      const archived = changed(chat, { archived: true });
      expect(isArchived(archived)).to.equal(true);
      expect(isArchived(sent(archived, 2))).to.equal(false);
    }
  });

  it("stays true with messages while muted, and when the muting ends, until the next message", () => {
    const archived = changed(sent(EMPTY, 1), { archived: true, mutedUntil: 100 });
    const muted = sent(sent(archived, 50), 99);
    expect(isArchived(muted)).to.equal(true);
    expect(isArchived(sent(muted, 100))).to.equal(false);
    expect(isArchived(sent(sent(muted, 100), 101))).to.equal(false);
  });

  it("stays as it is when the muting changes", () => {
    const archived = changed(EMPTY, { archived: true, mutedUntil: 100 });
    const unmuted = changed(sent(archived, 50), { mutedUntil: null });
    expect(settingsOf(unmuted)).to.deep.equal({ mutedUntil: null, archived: true, pinned: false });
    expect(isArchived(sent(unmuted, 51))).to.equal(false);
    const returned = sent(archived, 100);
    expect(isArchived(changed(returned, { mutedUntil: 200 }))).to.equal(false);
  });
});

describe("changeSettings", () => {
  it("changes what is given, and returns the same object if that changes nothing", () => {
    const chat = changed(EMPTY, { mutedUntil: 5, pinned: true });
    expect(settingsOf(chat)).to.deep.equal({ mutedUntil: 5, archived: false, pinned: true });
    for (const change of [
      {},
      { mutedUntil: 5 },
      { archived: false },
      { pinned: true, mutedUntil: undefined },
    ]) {
      expect(changeSettings(chat, change)).to.equal(chat.settings);
    }
    const unset = changed(chat, { mutedUntil: null, pinned: false });
    expect(unset.settings).to.deep.equal(DEFAULT_CHAT_SETTINGS);
  });

  it("accepts times that RFC 3339 can express, and no others", () => {
    for (const mutedUntil of [
      Date.parse("0000-01-01T00:00:00Z"),
      0,
      Date.parse("9999-12-31T23:59:59.999Z"),
    ]) {
      expect(changeSettings(EMPTY, { mutedUntil })).to.include({ mutedUntil });
    }
    for (const mutedUntil of [-62_167_219_200_001, 253_402_300_800_000, 0.5, Infinity]) {
      expect(() => changeSettings(EMPTY, { mutedUntil }))
        .to.throw(MessagingError)
        .with.property("code", "invalid_request");
    }
  });

  it("gives the settings that a client derives from the changes and the messages alone", () => {
    const change = fc.record(
      {
        mutedUntil: fc.option(fc.nat(40)),
        archived: fc.boolean(),
        pinned: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const step = fc.oneof(fc.constant("message" as const), change);
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(3)), { maxLength: 30 }), (steps) => {
        let chat = EMPTY;
        let client = settingsOf(EMPTY);
        let now = 0;
        for (const [each, later] of steps) {
          now += later;
          if (each === "message") {
            chat = sent(chat, now);
            const isMuted = client.mutedUntil !== null && now < client.mutedUntil;
            client = { ...client, archived: client.archived && isMuted };
          } else {
            chat = changed(chat, each);
            client = { ...client, ...each };
          }
          expect(settingsOf(chat)).to.deep.equal(client);
        }
      }),
    );
  });
});

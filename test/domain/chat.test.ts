import { expect } from "chai";
import fc from "fast-check";
import {
  advanceReadSeq,
  pairOf,
  assertGroup,
  assertParticipant,
  unreadCount,
  type Chat,
  type ChatId,
  type ChatOverview,
} from "../../src/domain/chat.js";
import { DEFAULT_CHAT_SETTINGS } from "../../src/domain/chat-settings.js";
import { DEFAULT_POLICY } from "../../src/domain/policy.js";
import type { UserId } from "../../src/domain/user.js";
import { errorCode } from "../support/error-code.js";

const group: Chat = {
  id: 1 as ChatId,
  kind: "group",
  title: null,
  createdAt: 0,
  policy: DEFAULT_POLICY,
  metadata: null,
};
const p2p: Chat = { id: 2 as ChatId, kind: "p2p", title: null, createdAt: 0, policy: null, metadata: null };

describe("assertParticipant", () => {
  it("returns a chat that was found and rejects undefined", () => {
    const found = { chat: p2p, role: null, historyStart: 0 };
    expect(assertParticipant(found)).to.equal(found);
    expect(errorCode(() => assertParticipant(undefined))).to.equal("not_a_participant");
  });
});

describe("assertGroup", () => {
  it("returns a group chat and rejects a p2p chat", () => {
    const found = { chat: group, role: "member", historyStart: 0 } as const;
    expect(assertGroup(found)).to.equal(found);
    expect(errorCode(() => assertGroup({ chat: p2p, role: null, historyStart: 0 }))).to.equal("p2p_chat");
    expect(errorCode(() => assertGroup(undefined))).to.equal("not_a_participant");
  });
});

describe("pairOf", () => {
  it("returns the same pair for both orders of its users", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (one, other) => {
        const pair = pairOf(one as UserId, other as UserId);
        expect(pairOf(other as UserId, one as UserId)).to.deep.equal(pair);
        expect([one, other]).to.have.members([...pair]);
      }),
    );
  });
});

describe("read state of a chat", () => {
  const empty: ChatOverview = {
    chat: group,
    role: "owner",
    withUsername: null,
    participantCount: 1,
    historyStart: 0,
    lastMessage: null,
    lastSeq: 0,
    lastSentAt: null,
    readSeq: 0,
    peerReadSeq: null,
    deletedSinceRead: 0,
    mentionCount: 0,
    settings: DEFAULT_CHAT_SETTINGS,
  };

  it("is 0 before the first message", () => {
    expect([unreadCount(empty), advanceReadSeq(empty, 5)]).to.deep.equal([0, 0]);
  });

  it("counts the messages after readSeq as unread, without deleted ones", () => {
    const overview = { ...empty, lastSeq: 9 };
    expect(unreadCount(overview)).to.equal(9);
    expect(unreadCount({ ...overview, readSeq: 4 })).to.equal(5);
    expect(unreadCount({ ...overview, readSeq: 4, deletedSinceRead: 3 })).to.equal(2);
    expect(unreadCount({ ...overview, readSeq: 9 })).to.equal(0);
  });

  it("never decreases readSeq and never exceeds the last message", () => {
    const overview = { ...empty, lastSeq: 9, readSeq: 4 };
    for (const [seq, reached] of [
      [-1, 4],
      [0, 4],
      [4, 4],
      [5, 5],
      [9, 9],
      [10, 9],
      [Number.MAX_SAFE_INTEGER, 9],
    ] as const) {
      expect(advanceReadSeq(overview, seq)).to.equal(reached);
    }
  });
});

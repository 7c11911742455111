import { expect } from "chai";
import fc from "fast-check";
import { pairOf, requireGroup, requireParticipant, type Chat, type ChatId } from "../../src/domain/chat.js";
import type { UserId } from "../../src/domain/user.js";
import { refusal } from "../support/refusal.js";

const group: Chat = { id: 1 as ChatId, kind: "group", title: null, createdAt: 0 };
const p2p: Chat = { id: 2 as ChatId, kind: "p2p", title: null, createdAt: 0 };

describe("a chat", () => {
  it("is a participant's, and nobody else's", () => {
    expect(requireParticipant(p2p)).to.equal(p2p);
    expect(refusal(() => requireParticipant(undefined))).to.equal("not_a_participant");
  });

  it("is refused where a group is needed and it is between two people", () => {
    expect(requireGroup(group)).to.equal(group);
    expect(refusal(() => requireGroup(p2p))).to.equal("p2p_chat");
    expect(refusal(() => requireGroup(undefined))).to.equal("not_a_participant");
  });

  it("of two people has one pair from both sides, which holds both of them", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (one, other) => {
        const pair = pairOf(one as UserId, other as UserId);
        expect(pairOf(other as UserId, one as UserId)).to.deep.equal(pair);
        expect([one, other]).to.have.members([...pair]);
      }),
    );
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { assertMay, successorOf, type ChatId, type Participant } from "../../src/domain/chat.js";
import { changePolicy, DEFAULT_POLICY, mayAct, POLICY_VALUES, ROLES } from "../../src/domain/policy.js";
import type { UserId } from "../../src/domain/user.js";
import { errorCode } from "../support/error-code.js";
import { ACTIONS, isAllowed, POLICIES } from "../support/rights.js";

describe("mayAct", () => {
  it("agrees with the table of rights for each role, policy and action", () => {
    expect(POLICIES).to.have.length(32);
    for (const policy of POLICIES) {
      for (const role of ROLES) {
        for (const action of ACTIONS) {
          const label = JSON.stringify([role, action, policy]);
          expect(mayAct(role, policy, action), label).to.equal(isAllowed(role, policy, action));
        }
      }
    }
  });
});

describe("assertMay", () => {
  const chat = { id: 1 as ChatId, title: null, createdAt: 0, metadata: null };

  it("rejects exactly what mayAct denies in a group, and nothing in a p2p chat", () => {
    for (const policy of POLICIES) {
      for (const role of ROLES) {
        for (const action of ACTIONS) {
          const membership = { role, historyStart: 0, chat: { ...chat, kind: "group", policy } } as const;
          const code = isAllowed(role, policy, action) ? undefined : "not_allowed";
          expect(errorCode(() => assertMay(membership, action))).to.equal(code);
        }
      }
    }
    for (const action of ACTIONS) {
      assertMay({ role: null, historyStart: 0, chat: { ...chat, kind: "p2p", policy: null } }, action);
    }
  });
});

describe("changePolicy", () => {
  it("changes the given settings, and keeps the others", () => {
    for (const policy of POLICIES) {
      for (const [setting, values] of Object.entries(POLICY_VALUES)) {
        for (const value of values) {
          expect(changePolicy(policy, { [setting]: value })).to.deep.equal({ ...policy, [setting]: value });
        }
        expect(changePolicy(policy, { [setting]: undefined })).to.deep.equal(policy);
      }
    }
    const defaults = Object.fromEntries(
      Object.entries(POLICY_VALUES).map(([name, [first]]) => [name, first]),
    );
    expect(DEFAULT_POLICY).to.deep.equal(defaults);
  });
});

describe("successorOf", () => {
  const participant = fc.record({
    joinedAt: fc.nat(3),
    role: fc.constantFrom("admin" as const, "member" as const),
  });
  const participants = fc.array(participant, { maxLength: 8 }).map((all) =>
    all.map((each, n): Participant => {
      const id = `user-${n}` as UserId;
      return { ...each, id, username: id };
    }),
  );

  it("returns the first admin, or else the first participant, also of these two alone", () => {
    fc.assert(
      fc.property(participants, (all) => {
        const ordered = all.toSorted(
          (one, other) => one.joinedAt - other.joinedAt || (one.id < other.id ? -1 : 1),
        );
        const admin = ordered.find(({ role }) => role === "admin");
        expect(successorOf(all)).to.equal(admin ?? ordered[0]);
        expect(successorOf(admin ? [ordered[0]!, admin] : ordered.slice(0, 1))).to.equal(admin ?? ordered[0]);
      }),
    );
  });
});

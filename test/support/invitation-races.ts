import { expect } from "chai";
import type { Store } from "../../src/application/ports.js";
import { MAX_INVITATIONS_PER_CHAT } from "../../src/domain/invitation.js";
import { errorCodeOf } from "./error-code.js";
import { openWorld, type World } from "./world.js";

/**
 * Defines tests of invitations whose uses race.
 *
 * @param open opens an empty store.
 */
export function describeInvitationRaces(open: () => Promise<Store>): void {
  let world: World;
  beforeEach(async () => {
    world = await openWorld(await open());
  });
  afterEach(() => world.close());

  const codesOf = (calls: readonly Promise<unknown>[]) => Promise.all(calls.map(errorCodeOf));
  const countOf = (codes: readonly unknown[], code: unknown) => codes.filter((each) => each === code).length;
  const strangers = async (count: number) =>
    Object.values(await world.users(...Array.from({ length: count }, (_, n) => `user${n}`)));

  it("lets exactly 10 of 50 users join with an invitation for 10", async () => {
    const { ana } = world;
    const { id: chatId } = await world.group(ana);
    const users = await strangers(50);
    const { code } = await world.createInvitation({ by: ana.id, chatId, maxUses: 10 });
    const codes = await codesOf(users.map(({ id: by }) => world.acceptInvitation({ by, code })));
    expect(countOf(codes, undefined)).to.equal(10);
    expect(countOf(codes, "unknown_invitation")).to.equal(40);
    const { overview, participants } = await world.getChat({ by: ana.id, chatId });
    expect(overview.participantCount).to.equal(11);
    expect(participants).to.have.length(11);
    const stored = await world.ports.store.read(({ invitations }) => invitations.ofChat(chatId));
    expect(stored.map(({ uses }) => uses)).to.deep.equal([10]);
  });

  it("counts one use of a user who accepts 10 times at once", async () => {
    const { ana, bo } = world;
    const { id: chatId } = await world.group(ana);
    const { code } = await world.createInvitation({ by: ana.id, chatId, maxUses: 2 });
    const accept = () => world.acceptInvitation({ by: bo.id, code });
    const accepted = await Promise.all(Array.from({ length: 10 }, accept));
    expect(new Set(accepted)).to.deep.equal(new Set([chatId]));
    const { invitations } = await world.listInvitations({ by: ana.id, chatId, limit: 9 });
    expect(invitations.map(({ uses }) => uses)).to.deep.equal([1]);
  });

  it("lets nobody join after the inviter has left or the invitation is revoked, in any order", async () => {
    const { ana, bo } = world;
    const { id: chatId } = await world.group(ana, bo);
    const users = await strangers(20);
    const { code, invitation } = await world.createInvitation({ by: bo.id, chatId });
    const { code: other } = await world.createInvitation({ by: bo.id, chatId });
    const change = async (count: number) => {
      if (count === 5) {
        await world.deleteInvitation({ by: ana.id, chatId, invitationId: invitation.id });
      } else if (count === 10) {
        await world.removeParticipant({ by: bo.id, chatId, user: bo.id });
      }
    };
    const codes = await codesOf(
      users.flatMap(({ id: by }, count) => [
        world.acceptInvitation({ by, code: count % 2 ? code : other }),
        change(count),
      ]),
    );
    expect(countOf(codes, undefined) + countOf(codes, "unknown_invitation")).to.equal(codes.length);
    const { overview } = await world.getChat({ by: ana.id, chatId });
    // The two changes are accepted, too, and so are the calls that change nothing.
    expect(overview.participantCount).to.equal(1 + countOf(codes, undefined) - users.length);
    const late = Object.values(await world.users("late"))[0]!;
    for (const each of [code, other]) {
      const attempt = world.acceptInvitation({ by: late.id, code: each });
      expect(await errorCodeOf(attempt)).to.equal("unknown_invitation");
    }
  });

  it("creates exactly the maximum number of invitations of a chat", async () => {
    const { ana, bo } = world;
    const { id: chatId } = await world.group(ana, bo);
    const create = (_: unknown, n: number) => world.createInvitation({ by: (n % 2 ? ana : bo).id, chatId });
    const codes = await codesOf(Array.from({ length: MAX_INVITATIONS_PER_CHAT + 20 }, create));
    expect(countOf(codes, undefined)).to.equal(MAX_INVITATIONS_PER_CHAT);
    expect(countOf(codes, "too_many_invitations")).to.equal(20);
  });
}

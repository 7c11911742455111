import { expect } from "chai";
import fc from "fast-check";
import { eraseDeletedUsers, eraseUser } from "../../src/application/erasure.js";
import type { Store } from "../../src/application/ports.js";
import type { MessageId } from "../../src/domain/message.js";
import { summarize, type EmojiCount, type Reactions } from "../../src/domain/reaction.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "./error-code.js";
import { seeded } from "./simulated-disk.js";
import { openWorld, type World } from "./world.js";

const READERS = Array.from({ length: 30 }, (_, index) => `reader-${index}`);
const CALLS_PER_READER = 4;

type Call = (world: World, by: User, id: MessageId) => Promise<unknown>;

const put =
  (emoji: string): Call =>
  (world, { id: by }, id) =>
    world.addReaction({ by, id, emoji });
const takeBack: Call = (world, { id: by }, id) => world.removeReaction({ by, id, emoji: "👍" });
const CALLS: readonly Call[] = [
  put("👍"),
  put("👍"),
  put("👍"),
  put("👎"),
  takeBack,
  takeBack,
  ({ ports }, { id: user, username }) =>
    username === "reader-1" ? eraseUser(ports, { user }) : Promise.resolve(),
];

/** Without the order of the emoji, which does not follow from the list of all reactions. */
const byEmoji = (reactions: Reactions) =>
  reactions.toSorted(({ emoji: one }: EmojiCount, { emoji: other }: EmojiCount) => (one < other ? -1 : 1));

/**
 * Defines tests of reactions that race.
 *
 * @param open opens an empty store.
 */
export function describeReactionRaces(open: () => Promise<Store>, numRuns: number): void {
  it("are counted as they are listed, and as the events add up to, after 120 concurrent changes", async () => {
    const property = fc.asyncProperty(fc.nat(), async (seed) => {
      const store = await open();
      try {
        const random = seeded(seed);
        const world = await openWorld(store);
        const { ana } = world;
        const users = Object.values(await world.users(...READERS));
        const { id: chatId } = await world.createGroupChat({ by: ana.id, participants: READERS });
        const { message } = await world.sendMessage({ by: ana.id, to: { chatId }, text: "react" });
        let { cursor } = await world.sync({ by: ana.id });
        await Promise.all(
          users.map(async (by) => {
            for (let count = 0; count < CALLS_PER_READER; count += 1) {
              await errorCodeOf(CALLS[random(CALLS.length)]!(world, by, message.id));
            }
          }),
        );
        await eraseDeletedUsers(world.ports);
        const list = await world.listReactions({ by: ana.id, id: message.id, limit: 1_000 });
        const listed = list.reactions.map(({ emoji, user }) => ({ emoji, userId: user.id }));
        const newest = { by: ana.id, of: { chatId }, limit: 1 };
        const [now] = (await world.pageMessages(newest)).messages;
        expect(byEmoji(now!.reactions)).to.deep.equal(byEmoji(summarize(listed)));
        const known = new Set<string>();
        for (let more = true; more;) {
          const { events, ...page } = await world.listEvents({ by: ana.id, after: cursor, limit: 100 });
          ({ cursor, hasMore: more } = page);
          for (const event of events) {
            if (event.type !== "reaction.added" && event.type !== "reaction.removed") continue;
            const reaction = `${event.emoji} ${event.user.id}`;
            expect(known.has(reaction), reaction).to.equal(event.type === "reaction.removed");
            if (event.type === "reaction.added") known.add(reaction);
            else known.delete(reaction);
            expect(event.reactions).to.deep.equal(now!.reactions);
          }
        }
        expect([...known]).to.have.members(listed.map(({ emoji, userId }) => `${emoji} ${userId}`));
      } finally {
        await store.close();
      }
    });
    await fc.assert(property, { numRuns, endOnFailure: true });
  });

  it("go as a whole if the message is deleted meanwhile", async () => {
    const store = await open();
    try {
      const world = await openWorld(store);
      const { ana } = world;
      const users = Object.values(await world.users(...READERS));
      const { id: chatId } = await world.createGroupChat({ by: ana.id, participants: READERS });
      const { message } = await world.sendMessage({ by: ana.id, to: { chatId }, text: "react" });
      const react = (by: User) => errorCodeOf(put("👍")(world, by, message.id));
      const early = users.slice(0, 15).map(react);
      const deleting = world.deleteMessage({ by: ana.id, id: message.id });
      const late = users.slice(15).map(react);
      const deleted = await deleting;
      expect(await Promise.all([...early, ...late])).to.include("message_deleted");
      expect(deleted.reactions).to.deep.equal([]);
      for (const { id } of users) {
        expect(
          await store.read(({ reactions }) => reactions.ofUser(id, { after: undefined, limit: 9 })),
        ).to.deep.equal([]);
      }
      expect(await store.transaction(({ reactions }) => reactions.deleteOfDeleted(99))).to.equal(0);
    } finally {
      await store.close();
    }
  });
}

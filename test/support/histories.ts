import { expect } from "chai";
import type { Store } from "../../src/application/ports.js";
import { unreadCount, type ChatId } from "../../src/domain/chat.js";
import type { User } from "../../src/domain/user.js";
import { errorCodeOf } from "./error-code.js";
import { after, viewsOf } from "./reader.js";
import { everyMessage, openWorld, type World } from "./world.js";

interface Scene {
  readonly world: World;
  /** A group of ana alone. */
  readonly chatId: ChatId;
}

/**
 * Defines tests of what users who join can read, and of messages that are deleted by age meanwhile.
 *
 * @param open opens an empty store.
 */
export function describeHistories(open: () => Promise<Store>): void {
  const inScene = (use: (scene: Scene) => Promise<void>) => async () => {
    const store = await open();
    try {
      const world = await openWorld(store);
      const { id: chatId } = await world.createGroupChat({ by: world.ana.id });
      await use({ world, chatId });
    } finally {
      await store.close();
    }
  };

  for (const history of ["all", "since_join"] as const) {
    it(
      `gives a user who joins or joins again nothing unread, with history: ${history}`,
      inScene(async ({ world, chatId }) => {
        const { ana, bo } = world;
        await world.changeChat({ by: ana.id, chatId, policy: { history } });
        const send = (text: string) => world.sendMessage({ by: ana.id, to: { chatId }, text });
        const join = () => world.addParticipant({ by: ana.id, chatId, username: "bo" });
        const leave = () => world.removeParticipant({ by: bo.id, chatId, user: "bo" });
        const unread = async () => unreadCount((await world.getChat({ by: bo.id, chatId })).overview);
        await join();
        expect(await unread()).to.equal(0);
        await send("a");
        const { message } = await send("b");
        expect(await unread()).to.equal(2);
        await leave();
        await send("c");
        await world.deleteMessage({ by: ana.id, id: message.id });
        await join();
        expect(await unread()).to.equal(0);
        await send("d");
        expect(await unread()).to.equal(1);
        await leave();
        world.clock.advance(1);
        await world.forgetMessages({ before: world.clock.now() });
        await join();
        expect(await unread()).to.equal(0);
        await send("e");
        expect(await unread()).to.equal(1);
      }),
    );
  }

  it(
    "shows every user one history while others join, send, edit and old messages are deleted at once",
    inScene(async ({ world, chatId }) => {
      const { ana, bo, cy } = world;
      await world.changeChat({ by: ana.id, chatId, policy: { history: "since_join" } });
      const send = ({ id: by }: User) => {
        world.clock.advance(1);
        return errorCodeOf(world.sendMessage({ by, to: { chatId }, text: "hello" }));
      };
      const add = ({ username }: User) => errorCodeOf(world.addParticipant({ by: ana.id, chatId, username }));
      const leave = ({ id: by }: User) => errorCodeOf(world.removeParticipant({ by, chatId, user: by }));
      const snapshots = await Promise.all([ana, bo, cy].map(({ id: by }) => world.sync({ by })));
      for (let round = 0; round < 6; round += 1) {
        const known = await everyMessage(await world.listMessages({ by: ana.id, of: { chatId } }));
        const edits = known
          .slice(-4)
          .map(({ id, sender: { id: by } }, index) =>
            errorCodeOf(
              index % 2 ? world.editMessage({ by, id, text: `${round}` }) : world.deleteMessage({ by, id }),
            ),
          );
        await Promise.all([
          ...[ana, ana, bo, cy, ana].map(send),
          add(bo),
          ...edits,
          add(cy),
          ...[ana, bo].map(send),
          world.forgetMessages({ before: world.clock.now() - 8 }),
          ...(round % 2 ? [leave(bo)] : [leave(cy)]),
          send(ana),
        ]);
        await expectSoundHistories({ world, chatId });
      }
      for (const [index, me] of [ana, bo, cy].entries()) {
        let views = viewsOf(snapshots[index]!.chats);
        let { cursor }: { cursor: string } = snapshots[index]!;
        for (let more = true; more;) {
          const page = await world.listEvents({ by: me.id, after: cursor, limit: 7 });
          for (const event of page.events) views = after(views, event, me);
          ({ cursor, hasMore: more } = page);
        }
        expect(views).to.deep.equal(viewsOf((await world.sync({ by: me.id })).chats, views));
      }
    }),
  );

  it(
    "deletes each old message once if several nodes do it at once",
    inScene(async ({ world, chatId }) => {
      const { ana } = world;
      const { cursor } = await world.sync({ by: ana.id });
      for (let n = 0; n < 20; n += 1) await world.sendMessage({ by: ana.id, to: { chatId }, text: `${n}` });
      world.clock.advance(1);
      const before = world.clock.now();
      const counts = await Promise.all([1, 2, 3].map(() => world.forgetMessages({ before })));
      expect(counts.reduce((sum, count) => sum + count)).to.equal(20);
      const { events } = await world.listEvents({ by: ana.id, after: cursor, limit: 100 });
      expect(events.map((event) => event.type === "chat.history_deleted" && event.upToSeq)).to.deep.equal([
        20,
      ]);
    }),
  );
}

/** Expects that each participant sees the messages behind the start of the history, without a gap, and counts them right. */
async function expectSoundHistories({ world, chatId }: Scene): Promise<void> {
  const { participants, overview: ofAna } = await world.getChat({ by: world.ana.id, chatId });
  const whole = await everyMessage(await world.listMessages({ by: world.ana.id, of: { chatId } }));
  const first = ofAna.lastSeq - whole.length + 1;
  expect(whole.map(({ seq }) => seq)).to.deep.equal(whole.map((_, index) => first + index));
  for (const { id: by } of participants) {
    const { overview } = await world.getChat({ by, chatId });
    const seen = await everyMessage(await world.listMessages({ by, of: "all" }));
    expect(seen).to.deep.equal(whole.filter(({ id }) => id > overview.historyStart));
    expect(overview.lastMessage).to.deep.equal(seen.at(-1) ?? null);
    expect(overview.lastSeq).to.equal(ofAna.lastSeq);
    const unread = seen.filter(({ seq, deletedAt }) => seq > overview.readSeq && deletedAt === null);
    expect(unreadCount(overview)).to.equal(unread.length);
  }
}

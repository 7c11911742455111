import { expect } from "chai";
import fc from "fast-check";
import type { Snapshot } from "../../src/application/events.js";
import { eraseDeletedUsers, eraseUser } from "../../src/application/erasure.js";
import type { Store } from "../../src/application/ports.js";
import type { Chat, ChatId, Participant } from "../../src/domain/chat.js";
import type { UserRef } from "../../src/domain/event.js";
import type { Role } from "../../src/domain/policy.js";
import type { MessageId } from "../../src/domain/message.js";
import type { User, UserId } from "../../src/domain/user.js";
import { errorCodeOf } from "./error-code.js";
import { after as afterEvent, viewsOf } from "./reader.js";
import { seeded } from "./simulated-disk.js";
import { openWorld, type World } from "./world.js";

const NAMES = ["ana", "bo", "cy", "dora", "eve", "finn"] as const;
const MAX = Number.MAX_SAFE_INTEGER;

/** A user and what the user saw before a race. */
interface Reader {
  readonly me: User;
  readonly snapshot: Snapshot;
}

interface Scene {
  readonly world: World;
  readonly users: readonly User[];
  readonly chatId: ChatId;
}

/** Opens a group of all users, of which ana is the owner. */
async function openScene(store: Store, names: readonly string[] = NAMES): Promise<Scene> {
  const world = await openWorld(store);
  const { ana, bo, cy } = world;
  const users = [ana, bo, cy, ...Object.values(await world.users(...names.slice(3)))];
  const participants = users.map(({ username }) => username);
  const { id: chatId } = await world.createGroupChat({ by: ana.id, participants });
  return { world, users, chatId };
}

/** A group chat as its participants see it. */
type Group = Pick<Chat, "title" | "policy" | "metadata"> & { readonly participants: readonly Participant[] };

/** The state of a group chat that the events of the log alone add up to; undefined without participants. */
async function replayed({ world: { ports }, users, chatId }: Scene): Promise<Group | undefined> {
  const entries = await ports.store.read(({ events }) => events.all({ after: 0, upTo: MAX, limit: MAX }));
  let group: Omit<Group, "participants"> = { title: null, policy: null, metadata: null };
  const participants = new Map<string, Participant>();
  const usernameOf = (user: UserRef) => users.find(({ id }) => id === user.id)!.username;
  for (const entry of entries) {
    if (!("chatId" in entry) || entry.chatId !== chatId) continue;
    const { change, at: joinedAt } = entry;
    switch (change.type) {
      case "chat.created":
        group = change.chat;
        for (const { id, role } of change.participants) {
          participants.set(id, { id, username: usernameOf({ id }), joinedAt, role });
        }
        break;
      case "participant.added":
        participants.set(change.user.id, {
          id: change.user.id,
          username: usernameOf(change.user),
          joinedAt,
          role: "member",
        });
        break;
      case "participant.removed":
        participants.delete(change.user.id);
        break;
      case "participant.role_changed":
        participants.set(change.user.id, { ...participants.get(change.user.id)!, role: change.role });
        break;
      case "chat.renamed":
        group = { ...group, title: change.title };
        break;
      case "chat.changed":
        group = { ...group, policy: change.policy, metadata: change.metadata };
        break;
      default:
    }
  }
  if (participants.size === 0) return undefined;
  const { title, policy, metadata } = group;
  const inOrder = [...participants.values()].toSorted(
    (one, other) => one.joinedAt - other.joinedAt || (one.id < other.id ? -1 : 1),
  );
  return { title, policy, metadata, participants: inOrder };
}

/** Expects one owner, a right number of participants, and a state that the events add up to. */
async function expectSound(scene: Scene): Promise<readonly Participant[]> {
  const { world, users, chatId } = scene;
  const slice = { after: undefined, limit: MAX };
  const stored = await world.ports.store.read(({ chats }) => chats.participants(chatId, slice));
  const [first] = stored;
  const before = await replayed(scene);
  if (first === undefined) {
    for (const { id: by } of users) {
      expect(await errorCodeOf(world.getChat({ by, chatId }))).to.equal("not_a_participant");
    }
    expect(before).to.equal(undefined);
    return stored;
  }
  const { overview, participants } = await world.getChat({ by: first.id, chatId });
  expect(participants).to.deep.equal(stored);
  expect(participants.filter(({ role }) => role === "owner")).to.have.length(1);
  expect(overview.participantCount).to.equal(participants.length);
  const { title, policy, metadata } = overview.chat;
  expect(before).to.deep.equal({ title, policy, metadata, participants });
  return stored;
}

type Call = (core: World, by: User, other: User, chatId: ChatId) => Promise<unknown>;

const leave: Call = (core, by, _, chatId) => core.removeParticipant({ by: by.id, chatId, user: by.username });
const remove: Call = (core, by, other, chatId) =>
  core.removeParticipant({ by: by.id, chatId, user: other.username });
const add: Call = (core, by, { username }, chatId) => core.addParticipant({ by: by.id, chatId, username });
const give =
  (role: Role): Call =>
  (core, by, { username: user }, chatId) =>
    core.setRole({ by: by.id, chatId, user, role });
const CALLS: readonly Call[] = [
  leave,
  remove,
  add,
  add,
  give("owner"),
  give("admin"),
  give("member"),
  (core, by, _, chatId) => core.sendMessage({ by: by.id, to: { chatId }, text: "hello" }),
  (core, by, other, chatId) => core.changeChat({ by: by.id, chatId, metadata: { with: other.username } }),
  (core, by, other, chatId) => {
    const permitted = other.username === "ana" ? "everyone" : "admins";
    return core.changeChat({ by: by.id, chatId, policy: { add: permitted, remove: permitted } });
  },
];

const CALLS_OF_WRITERS: readonly Call[] = [
  ...CALLS,
  ...CALLS.slice(-3, -2),
  ...CALLS.slice(-3, -2),
  (core, by) => core.deleteMessage({ by: by.id, id: 1 as MessageId }),
  ({ ports }, { id: user }) => eraseUser(ports, { user }),
];

const anyCall = fc.tuple(fc.constantFrom(...CALLS), fc.nat(NAMES.length - 1), fc.nat(NAMES.length - 1));

const WRITERS = Array.from({ length: 50 }, (_, index) => NAMES[index] ?? `writer-${index}`);

const CALLS_PER_WRITER = 4;

/** Expects each stored message of the chat to be created by one event, in the order of `seq`, and deleted by at most one. */
async function expectMessagesToReplay({ world: { ports }, chatId }: Scene): Promise<void> {
  const slice = { after: 0, upTo: MAX, limit: MAX };
  const [stored, log] = await ports.store.read(async ({ messages, events }) => [
    await messages.ofChat(chatId, { ...slice, from: "oldest" }),
    await events.all(slice),
  ]);
  const idsOf = (type: string) =>
    log.flatMap((entry) =>
      "message" in entry && entry.chatId === chatId && entry.change.type === type ? entry.message!.id : [],
    );
  expect(idsOf("message.created")).to.deep.equal(stored.map(({ id }) => id));
  expect(idsOf("message.deleted").toSorted((one, two) => one - two)).to.deep.equal(
    stored.filter(({ deletedAt }) => deletedAt !== null).map(({ id }) => id),
  );
  expect(stored.map(({ seq }) => seq)).to.deep.equal(stored.map((_, index) => index + 1));
}

/** Expects that no message of a deleted user has a text or a name. */
async function expectNoTextsOf(
  { world: { ports }, chatId }: Scene,
  deleted: ReadonlySet<UserId>,
): Promise<void> {
  const slice = { after: 0, upTo: MAX, limit: MAX, from: "oldest" } as const;
  const stored = await ports.store.read(({ messages }) => messages.ofChat(chatId, slice));
  const own = stored.filter(({ sender }) => deleted.has(sender.id));
  expect(own.filter(({ text, sender }) => text !== "" || sender.username !== "deleted")).to.deep.equal([]);
}

/** Expects the events after each of the cursors to turn the snapshot that it belongs to into a fresh one. */
async function expectViewsToReplay({ world }: Scene, readers: readonly Reader[]): Promise<void> {
  for (const { me, snapshot } of readers) {
    let views = viewsOf(snapshot.chats);
    let { cursor } = snapshot;
    for (let more = true; more;) {
      const page = await world.listEvents({ by: me.id, after: cursor, limit: 100 });
      for (const event of page.events) views = afterEvent(views, event, me);
      ({ cursor, hasMore: more } = page);
    }
    expect(views).to.deep.equal(viewsOf((await world.sync({ by: me.id })).chats, views));
  }
}

/**
 * Defines tests of changes of a group that race.
 *
 * @param open opens an empty store.
 */
export function describeGroupRaces(open: () => Promise<Store>, numRuns: number): void {
  const inScene = async (use: (scene: Scene) => Promise<void>, names?: readonly string[]) => {
    const store = await open();
    try {
      await use(await openScene(store, names));
    } finally {
      await store.close();
    }
  };

  /** Runs calls by username at once, and returns the codes of their errors and the roles after them. */
  const race = async (
    scene: Scene,
    ...calls: readonly (readonly [Call, string, string?])[]
  ): Promise<{ readonly codes: unknown[]; readonly roles: Readonly<Record<string, Role | null>> }> => {
    const { world, users, chatId } = scene;
    const userOf = (name: string) => users.find(({ username }) => username === name)!;
    const codes = await Promise.all(
      calls.map(([call, by, other = by]) => errorCodeOf(call(world, userOf(by), userOf(other), chatId))),
    );
    const participants = await expectSound(scene);
    return { codes, roles: Object.fromEntries(participants.map(({ username, role }) => [username, role])) };
  };

  it("leaves one owner if the owner and each successor leave at once", () =>
    inScene(async (scene) => {
      const { roles } = await race(scene, [leave, "ana"], [leave, "bo"], [leave, "cy"], [leave, "dora"]);
      expect(roles).to.deep.equal({ eve: "owner", finn: "member" });
    }));

  it("leaves one owner if the owner leaves while passing ownership on", () =>
    inScene(async (scene) => {
      const { codes, roles } = await race(scene, [leave, "ana"], [give("owner"), "ana", "finn"]);
      // Ownership passes to finn, or ana has left before and bo follows.
      const owner = codes[1] === undefined ? "finn" : "bo";
      expect(codes[1]).to.be.oneOf([undefined, "not_a_participant"]);
      expect(roles)
        .to.include({ [owner]: "owner" })
        .and.not.to.have.property("ana");
    }));

  it("leaves one owner if the last admin leaves while the owner does", () =>
    inScene(async (scene) => {
      await race(scene, [give("admin"), "ana", "cy"]);
      const { roles } = await race(scene, [leave, "cy"], [leave, "ana"]);
      expect(roles).to.deep.equal({ bo: "owner", dora: "member", eve: "member", finn: "member" });
    }));

  it("passes ownership on once if the owner gives it to two users at once", () =>
    inScene(async (scene) => {
      const { codes, roles } = await race(scene, [give("owner"), "ana", "bo"], [give("owner"), "ana", "cy"]);
      expect(codes).to.have.members([undefined, "not_allowed"]);
      expect(roles).to.include({ ana: "admin" });
    }));

  it("replays exactly from the events after 50 concurrent changes", async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { minLength: 50, maxLength: 50 }), (calls) =>
        inScene(async (scene) => {
          const { world, users, chatId } = scene;
          for (const part of [calls.slice(0, 25), calls.slice(25)]) {
            const codes = await Promise.all(
              part.map(([call, by, other]) => errorCodeOf(call(world, users[by]!, users[other]!, chatId))),
            );
            accepted += codes.filter((code) => code === undefined).length;
            const left = await expectSound(scene);
            if (left.length === 0) return;
          }
        }),
      ),
      { numRuns, endOnFailure: true },
    );
    expect(accepted).to.be.greaterThan(numRuns);
  });

  it("leaves a state that replays exactly from the events if 50 writers add, remove, promote, leave, erase and send", async () => {
    const property = fc.asyncProperty(fc.nat(), (seed) =>
      inScene(async (scene) => {
        const random = seeded(seed);
        const { world, users, chatId } = scene;
        const readers = await Promise.all(
          users.map(async (me) => ({ me, snapshot: await world.sync({ by: me.id }) })),
        );
        const write = async (by: User) => {
          for (let count = 0; count < CALLS_PER_WRITER; count += 1) {
            const call = CALLS_OF_WRITERS[random(CALLS_OF_WRITERS.length)]!;
            await errorCodeOf(call(world, by, users[random(users.length)]!, chatId));
          }
        };
        await Promise.all(users.map(write));
        await eraseDeletedUsers(world.ports);
        const left = await expectSound(scene);
        if (left.length > 0) await expectMessagesToReplay(scene);
        const accounts = await world.ports.store.read(({ users: all }) =>
          all.accountsById(users.map(({ id }) => id)),
        );
        const deleted = new Set(
          accounts.flatMap(({ user, deletedAt }) => (deletedAt === null ? [] : user.id)),
        );
        await expectViewsToReplay(
          scene,
          readers.filter(({ me }) => !deleted.has(me.id)),
        );
        if (left.length > 0) await expectNoTextsOf(scene, deleted);
      }, WRITERS),
    );
    await fc.assert(property, { numRuns: Math.ceil(numRuns / 10), endOnFailure: true });
  });
}

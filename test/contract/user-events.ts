import assert from "node:assert/strict";
import type { EventSlice, LogEntry, Store } from "../../src/application/ports.js";
import { pairOf } from "../../src/domain/chat.js";
import { chatCreated, userChanged, type StoredEvent } from "../../src/domain/event.js";
import type { User } from "../../src/domain/user.js";
import {
  MAX_ID,
  ana,
  append,
  bo,
  createGroup,
  cy,
  person,
  receivedBy,
  register,
  renamed,
  type Runner,
} from "./fixtures.js";

const ALL: EventSlice = { after: 0, upTo: MAX_ID, limit: MAX_ID };

/** How many users race in one case. */
const RACERS = 20;

/** Tests the promises of `EventLog` about events of users. */
export function userEventContract({ describe, it, beforeEach }: Runner, store: () => Store): void {
  const all = () => store().read(({ events }) => events.all(ALL));
  const ofUser = (user: User, slice: Partial<EventSlice> = {}) =>
    receivedBy(store(), user, { ...ALL, ...slice });
  const open = (one: User, other: User) =>
    store().transaction(async ({ users, chats, events }) => {
      for (const { id } of [one, other]) await users.lockedAccountById(id);
      const chat = await chats.addP2p(pairOf(one.id, other.id), 1);
      await events.append(chatCreated(chat, one.id === other.id ? [one] : [one, other]));
      return chat;
    });
  const rename = ({ id }: User, displayName: string | null) =>
    store().transaction(async ({ users, events }) => {
      await users.setDisplayName(id, displayName);
      await events.append(userChanged(id, "user.updated", 1));
    });
  /** The ids of the users that the events are about, and the types of all other events. */
  const subjectsOf = (found: readonly StoredEvent[]) =>
    found.map((event) => ("chatId" in event ? event.change.type : event.to.peersOf));

  describe("Events about users", () => {
    beforeEach(() => register(store(), ana, bo, cy));

    it("are returned to the user and to the users with whom they have a p2p chat", async () => {
      await createGroup(store(), ana, bo, cy);
      await open(ana, ana);
      await open(bo, ana);
      await rename(ana, "A");
      await rename(bo, "B");
      await rename(cy, "C");
      await rename(ana, "🙂");
      const about = (found: readonly LogEntry[]) =>
        found.flatMap((entry) => ("change" in entry && !("chatId" in entry) ? [entry.to.peersOf] : []));
      assert.deepEqual(about(await all()), [ana.id, bo.id, cy.id, ana.id]);
      assert.deepEqual(about(await ofUser(ana)), [ana.id, bo.id, ana.id]);
      assert.deepEqual(about(await ofUser(bo)), [ana.id, bo.id, ana.id]);
      assert.deepEqual(about(await ofUser(cy)), [cy.id]);
    });

    it("are returned to a peer if they were appended since the chat exists", async () => {
      await rename(ana, "before");
      await store().transaction(async ({ chats, events }) => {
        await events.append(userChanged(ana.id, "user.updated", 1));
        await chats.addP2p(pairOf(ana.id, bo.id), 1);
        await events.append(userChanged(ana.id, "user.deleted", 1));
      });
      assert.deepEqual(
        (await ofUser(bo)).map(({ change }) => change.type),
        ["user.deleted"],
      );
      assert.equal((await ofUser(ana)).length, 3);
    });

    it("are in the order of the log among the events of chats, in each slice", async () => {
      const group = await createGroup(store(), ana);
      const { id: chatId } = await open(ana, bo);
      await open(ana, cy);
      const { last } = await store().read(({ events }) => events.bounds());
      const [a, b, c] = [ana, bo, cy].map(({ id }) => userChanged(id, "user.updated", 1));
      const alone = { user: ana.id, includesRemoved: false };
      await append(
        store(),
        b!,
        renamed(group, "1"),
        a!,
        c!,
        renamed({ id: chatId }, "2", alone),
        b!,
        c!,
        b!,
        a!,
      );
      const expected = [bo.id, "chat.renamed", ana.id, cy.id, "chat.renamed", bo.id, cy.id, bo.id, ana.id];
      const found = await ofUser(ana, { after: last });
      assert.deepEqual(subjectsOf(found), expected);
      const ids = [last, ...found.map(({ id }) => id)];
      for (let from = 0; from < ids.length; from += 1) {
        for (const limit of [1, 2, 5]) {
          const slice = await ofUser(ana, { after: ids[from]!, upTo: ids[7]!, limit });
          assert.deepEqual(
            subjectsOf(slice),
            expected.slice(from, Math.max(from, Math.min(from + limit, 7))),
          );
        }
      }
    });

    it("stay when events of chats are deleted, and are deleted by their age", async () => {
      const group = await createGroup(store(), ana);
      await append(store(), renamed(group, "a"), userChanged(ana.id, "user.updated", 1), renamed(group, "b"));
      await store().transaction(async ({ chats, events }) => {
        await chats.removeParticipant(group.id, ana.id);
        assert.equal(await events.deleteOfChat(group.id, 9), 2);
      });
      assert.deepEqual(subjectsOf(await ofUser(ana)), [ana.id]);
      await append(store(), userChanged(ana.id, "user.updated", 2));
      await store().transaction(({ events }) => events.forget(2, MAX_ID));
      assert.deepEqual(
        (await ofUser(ana)).map(({ at }) => at),
        [2],
      );
    });

    it("follow a view that does not reflect them, while p2p chats are created and their users change", async () => {
      const people = Array.from({ length: RACERS }, (_, index) => person(`racer-${index}`));
      await register(store(), ...people);
      await Promise.all(
        people.map(async (user, index) => {
          const early = index % 2 === 0 ? rename(user, "early") : undefined;
          const opening = open(ana, user);
          const renaming = [rename(user, "late")];
          await opening;
          const reading = store().read(async ({ users, events }) => ({
            after: (await events.bounds(ana.id)).last,
            name: (await users.accountById(user.id))!.displayName,
          }));
          if (index % 3 > 0) renaming.push(rename(user, "last"));
          const view = await reading;
          await Promise.all([early, ...renaming]);
          const later = await ofUser(ana, { after: view.after });
          const isAnnounced = later.some((event) => !("chatId" in event) && event.to.peersOf === user.id);
          const { displayName } = (await store().read(({ users }) => users.accountById(user.id)))!;
          assert.ok(isAnnounced || view.name === displayName);
        }),
      );
    });
  });
}

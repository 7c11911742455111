import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk } from "../src/adapters/sqlite/disk.js";
import { openStore } from "../src/adapters/sqlite/store.js";
import { keyedSecrets, systemClock, uuids } from "../src/adapters/system.js";
import { createMessaging, type Messaging } from "../src/application/messaging.js";
import type { Store } from "../src/application/ports.js";
import type { ChatId } from "../src/domain/chat.js";
import type { UserId, UsernameKey } from "../src/domain/user.js";
import { inTurn, ratio, type Figure } from "./figures.js";
import { copyStore } from "./loaded-store.js";
import { MESSAGE } from "./members.js";
import { noThreads } from "./no-threads.js";
import type { Setting } from "./setting.js";

const CALLS = 2_000;
const FEW = 1_000;
const MANY_PARTICIPANTS = 10_000;

/** A chat, and somebody in it. */
interface Scene {
  readonly messaging: Messaging;
  readonly by: UserId;
  readonly chatId: ChatId;
}

const calls: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  send: ({ messaging, by, chatId }) => messaging.sendMessage({ by, to: { chatId }, text: MESSAGE }),
  // The newest are remembered.
  "page of 50 of the past": ({ messaging, by, chatId }) =>
    messaging.pageMessages({ by, of: { chatId }, limit: 50, before: FEW }),
  "list of chats": ({ messaging, by }) => messaging.listChats({ by, limit: 50 }),
};

/** What the core and the store cost, without HTTP and the disk, as the history of a chat and the people in it grow. */
export async function measureGrowth({
  scratch,
  rounds,
  quick,
  ...setting
}: Setting): Promise<readonly Figure[]> {
  const loaded = await setting.loaded();
  const directories = [join(scratch, "grown"), join(scratch, "small")];
  copyStore(loaded, directories[0]!);
  mkdirSync(directories[1]!);
  const [longStore, store] = await Promise.all(
    directories.map((directory) => openStore(nodeDisk(directory), noThreads, {})),
  );
  const { chatId, userIds } = loaded.members;
  const long: Scene = {
    messaging: messagingOver(longStore!),
    by: userIds[0] as UserId,
    chatId: chatId as ChatId,
  };
  const short = await openChat(store!, userIds.length);
  const crowded = await openChat(store!, MANY_PARTICIPANTS);
  const figures: Figure[] = [];
  const times = quick ? CALLS / 4 : CALLS;
  for (const [name, call] of Object.entries(calls)) {
    figures.push(
      await compare(
        `A ${name} with 1,000,000 messages in the chat, against 1,000`,
        call,
        [long, short],
        rounds,
        times,
      ),
      await compare(
        `A ${name} with 10,000 people in the chat, against 16`,
        call,
        [crowded, short],
        rounds,
        times,
      ),
    );
  }
  await Promise.all([longStore!.close(), store!.close()]);
  for (const directory of directories) rmSync(directory, { recursive: true });
  return figures;
}

async function compare(
  name: string,
  call: (scene: Scene) => Promise<unknown>,
  [large, small]: readonly [Scene, Scene],
  rounds: number,
  times: number,
): Promise<Figure> {
  const measured = await inTurn(rounds + 1, {
    large: () => microseconds(call, large, times),
    small: () => microseconds(call, small, times),
  });
  return ratio(
    name,
    { atMost: 1.5 },
    // The first round is of code that is not compiled yet.
    measured.slice(1),
    [(round) => round.large, (round) => round.small],
    (value) => `${value.toFixed(0)} µs`,
  );
}

async function microseconds(
  call: (scene: Scene) => Promise<unknown>,
  scene: Scene,
  times: number,
): Promise<number> {
  const began = performance.now();
  for (let count = 0; count < times; count++) await call(scene);
  return ((performance.now() - began) * 1000) / times;
}

/** A group of so many, with a thousand messages. */
async function openChat(store: Store, participants: number): Promise<Scene> {
  const messaging = messagingOver(store);
  const now = systemClock.now();
  const [by, ...others] = Array.from({ length: participants }, () => uuids.next() as UserId);
  await store.transaction(async ({ users }) => {
    await users.add({ id: by!, username: by!, createdAt: now }, by as string as UsernameKey, "");
  });
  const { id: chatId } = await messaging.createGroupChat({ by: by! });
  for (const id of others) {
    await store.transaction(async ({ users, chats }) => {
      await users.add({ id, username: id, createdAt: now }, id as string as UsernameKey, "");
      await chats.addParticipant(chatId, id, now);
    });
  }
  for (let count = 0; count < FEW; count++) {
    await messaging.sendMessage({ by: by!, to: { chatId }, text: MESSAGE });
  }
  return { messaging, by: by!, chatId };
}

function messagingOver(store: Store): Messaging {
  const unused = () => Promise.reject(new Error("Nobody logs in here."));
  return createMessaging({
    store,
    passwords: { hash: unused, verify: unused, isOutdated: () => false },
    secrets: keyedSecrets([""]),
    clock: systemClock,
    ids: uuids,
    refusedPasswords: new Set<string>(),
  });
}

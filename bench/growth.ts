import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk } from "../src/adapters/sqlite/wal/disk.js";
import { openStoreOn } from "../src/adapters/sqlite/store.js";
import { keyedSecrets, systemClock, uuids } from "../src/adapters/system.js";
import { createMessaging, type Messaging } from "../src/application/messaging.js";
import type { Store } from "../src/application/ports.js";
import type { ChatId } from "../src/domain/chat.js";
import type { UserId, UsernameKey } from "../src/domain/user.js";
import { compare, measureRounds, type Figure } from "./figures.js";
import { copyStore } from "./loaded-store.js";
import { MESSAGE } from "./members.js";
import { noThreads } from "./no-threads.js";
import type { Settings } from "./settings.js";

const CALLS = 2_000;
const SHORT_HISTORY = 1_000;
const MANY_PARTICIPANTS = 10_000;

/** A chat and one of its participants, on whose behalf the calls are made. */
interface Subject {
  readonly messaging: Messaging;
  readonly by: UserId;
  readonly chatId: ChatId;
}

const calls: Readonly<Record<string, (subject: Subject) => Promise<unknown>>> = {
  send: ({ messaging, by, chatId }) => messaging.sendMessage({ by, to: { chatId }, text: MESSAGE }),
  // The latest messages are cached, so the page lies in the past.
  "page of 50 of the past": ({ messaging, by, chatId }) =>
    messaging.pageMessages({ by, of: { chatId }, limit: 50, before: SHORT_HISTORY }),
  "list of chats": ({ messaging, by }) => messaging.listChats({ by, limit: 50 }),
};

/** Measures calls of the core over the store, without HTTP and disk, for long histories and many participants. */
export async function measureGrowth({
  scratch,
  rounds,
  quick,
  loadedStore,
}: Settings): Promise<readonly Figure[]> {
  const loaded = await loadedStore();
  const directories = [join(scratch, "grown"), join(scratch, "small")];
  copyStore(loaded, directories[0]!);
  mkdirSync(directories[1]!);
  const [longStore, store] = await Promise.all(
    directories.map((directory) => openStoreOn(nodeDisk(directory), noThreads, {})),
  );
  const { chatId, userIds } = loaded.members;
  const long: Subject = {
    messaging: messagingOver(longStore!),
    by: userIds[0] as UserId,
    chatId: chatId as ChatId,
  };
  const short = await createChat(store!, userIds.length);
  const crowded = await createChat(store!, MANY_PARTICIPANTS);
  const figures: Figure[] = [];
  const times = quick ? CALLS / 4 : CALLS;
  for (const [name, call] of Object.entries(calls)) {
    figures.push(
      await compareCalls(
        `A ${name} with 1,000,000 messages in the chat, against 1,000`,
        call,
        [long, short],
        rounds,
        times,
      ),
      await compareCalls(
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

async function compareCalls(
  name: string,
  call: (subject: Subject) => Promise<unknown>,
  [large, small]: readonly [Subject, Subject],
  rounds: number,
  times: number,
): Promise<Figure> {
  const results = await measureRounds(rounds + 1, {
    large: () => microseconds(call, large, times),
    small: () => microseconds(call, small, times),
  });
  return compare(
    name,
    // V8 compiles the code in the first round.
    results.slice(1),
    [(round) => round.large, (round) => round.small],
    (value) => `${value.toFixed(0)} µs`,
  );
}

async function microseconds(
  call: (subject: Subject) => Promise<unknown>,
  subject: Subject,
  times: number,
): Promise<number> {
  const start = performance.now();
  for (let count = 0; count < times; count++) await call(subject);
  return ((performance.now() - start) * 1000) / times;
}

/** Creates a group chat with a thousand messages. */
async function createChat(store: Store, participants: number): Promise<Subject> {
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
  for (let count = 0; count < SHORT_HISTORY; count++) {
    await messaging.sendMessage({ by: by!, to: { chatId }, text: MESSAGE });
  }
  return { messaging, by: by!, chatId };
}

function messagingOver(store: Store): Messaging {
  const unused = () => Promise.reject(new Error("This benchmark does not use passwords."));
  return createMessaging({
    store,
    passwords: { hash: unused, verify: unused, isOutdated: () => false },
    secrets: keyedSecrets([""]),
    clock: systemClock,
    ids: uuids,
    refusedPasswords: new Set<string>(),
  });
}

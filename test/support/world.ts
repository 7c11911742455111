import { expect } from "chai";
import { createMessaging } from "../../src/application/messaging.js";
import type { Store } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import type { ErrorCode } from "../../src/domain/errors.js";
import type { Message } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import { openTestMessaging, type TestMessaging } from "../../src/main/testing.js";
import { contentsOf, person } from "../contract/fixtures.js";
import { testPorts, type TestPorts } from "./ports.js";
import { errorCodeOf } from "./error-code.js";
import { watched } from "./watched-store.js";

/** The test harness with three users. */
export interface World extends TestMessaging {
  readonly ports: TestPorts;
  readonly ana: User;
  readonly bo: User;
  readonly cy: User;
}

/** @param store defaults to a memory store */
export async function openWorld(store?: Store): Promise<World> {
  const ports = testPorts(store);
  const messaging = openTestMessaging(ports);
  return { ...messaging, ports, ...(await messaging.users("ana", "bo", "cy")) };
}

/** Opens a world with Ana and Bo in a group, a session of Bo, and a core over a watched store. */
export async function openWatchedWorld() {
  const world = await openWorld();
  const { ana, bo, ports } = world;
  const chat = await world.group(ana, bo);
  const store = watched(ports.store);
  const core = createMessaging({ ...ports, store });
  const logIn = () => world.logIn({ username: "bo", password: "password of bo" });
  const { session, secret } = await logIn();
  return {
    world,
    ana,
    bo,
    chat,
    store,
    core,
    session: session.id,
    logIn,
    endSession: () => world.logOut({ secret }),
    rename: (title: string) => world.renameChat({ by: ana.id, chatId: chat.id, title }),
  };
}

/** Collects the slices of a list. */
export async function everyMessage(slices: AsyncIterable<readonly Message[]>): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const slice of slices) messages.push(...slice);
  return messages;
}

export function textsOf(messages: readonly Message[]): string[] {
  return messages.map(({ text }) => text);
}

/** Returns the contents of the store and its number of transactions. */
export async function contents({ ports, ana, bo, cy }: World) {
  const { store, secrets } = ports;
  const { sessions, invited, ...others } = await contentsOf(store, {
    people: [ana, bo, cy, person("dora")],
    chatIds: Array.from({ length: 9 }, (_, index) => (index + 1) as ChatId),
    keys: ["key"],
    digests: secrets.generated.flatMap((secret) => secrets.digests(secret)),
  });
  const { transactions } = store.status();
  const found = <Item>(items: readonly (Item | undefined)[]) => items.filter((item) => item !== undefined);
  return { ...others, sessions: found(sessions), invited: found(invited), transactions };
}

/** Asserts that the attempt is rejected with the code and changes nothing. */
export async function expectRejection(
  world: World,
  attempt: () => Promise<unknown>,
  code: ErrorCode,
): Promise<void> {
  const before = await contents(world);
  expect(await errorCodeOf(attempt())).to.equal(code);
  expect(await contents(world)).to.deep.equal(before);
}

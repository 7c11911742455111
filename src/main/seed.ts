import { parseTime, timeJson } from "../adapters/http/json/time.js";
import { registerUser } from "../application/accounts.js";
import { addParticipant, createGroupChat } from "../application/chats.js";
import { sendMessage } from "../application/messages.js";
import { updateProfile } from "../application/people.js";
import type { Ports } from "../application/ports.js";
import { isTime } from "../domain/chat-settings.js";
import { MAX_INITIAL_PARTICIPANTS, type Chat } from "../domain/chat.js";
import { MessagingError, type ErrorCode } from "../domain/errors.js";
import type { Message } from "../domain/message.js";
import type { Metadata } from "../domain/metadata.js";
import { usernameKey, type User, type UsernameKey } from "../domain/user.js";

/** A time: epoch milliseconds, or RFC 3339. Not after the clock. */
export type SeedTime = number | string;

/**
 * Users, group chats and messages to store. Without `at`, an item has the time of the item before it, users first, then chats,
 * then messages; the first one has the earliest time that is given, or the time of the clock.
 */
export interface Seed {
  /** A username, or a user. */
  readonly users?: readonly (string | SeedUser)[] | undefined;
  readonly chats?: readonly SeedChat[] | undefined;
  readonly messages?: readonly SeedMessage[] | undefined;
}

export interface SeedUser {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly at?: SeedTime | undefined;
}

export interface SeedChat {
  /** By which messages and the result refer to the chat. It is not stored. */
  readonly name: string;
  readonly title?: string | undefined;
  /** Usernames. The first one owns the chat. */
  readonly participants: readonly string[];
  readonly at?: SeedTime | undefined;
}

export interface SeedMessage {
  /** The username of the sender. */
  readonly from: string;
  /** The name of a chat, or a username for the p2p chat. */
  readonly to: string;
  readonly text: string;
  /** The position in `messages` of the message that this one replies to. */
  readonly replyTo?: number | undefined;
  /** Usernames of participants. */
  readonly mentions?: readonly string[] | undefined;
  readonly metadata?: Metadata | undefined;
  readonly at?: SeedTime | undefined;
}

/** What was stored: users and chats by name, and messages in the order of the seed. */
export interface Seeded<Given extends Seed = Seed> {
  readonly users: Readonly<Record<UsernameIn<ItemOf<Given["users"]>>, User>>;
  readonly chats: Readonly<Record<NameIn<ItemOf<Given["chats"]>>, Chat>>;
  readonly messages: readonly Message[];
}

type ItemOf<List> = List extends readonly (infer Item)[] ? Item : never;
type UsernameIn<Item> = Item extends { readonly username: infer Username extends string }
  ? Username
  : Extract<Item, string>;
type NameIn<Item> = Item extends { readonly name: infer Name extends string } ? Name : never;

/** A user or chat that is stored, or is going to be. */
interface Planned<Value> {
  /** Epoch milliseconds. */
  readonly at: number;
  value: Value | undefined;
}

/** A step that stores one item of a seed. */
interface Step {
  /** For instance `messages[3]`. */
  readonly item: string;
  readonly at: number;
  /** @param ports have a clock that stands at `at`. */
  readonly store: (ports: Ports) => Promise<void>;
}

const FIELDS = {
  users: ["username", "displayName", "at"],
  chats: ["name", "title", "participants", "at"],
  messages: ["from", "to", "text", "replyTo", "mentions", "metadata", "at"],
} satisfies { readonly [List in keyof Seed]-?: readonly (keyof ItemWithFields<List>)[] };

type ItemWithFields<List extends keyof Seed> = Exclude<ItemOf<NonNullable<Seed[List]>>, string>;

/** A misspelt field would seed another world without a notice. */
function assertFields(seed: Seed): void {
  for (const list of Object.keys(seed)) {
    if (!Object.hasOwn(FIELDS, list))
      throw faultOf(list, "Unknown field. A seed has users, chats and messages.");
  }
  for (const [list, known] of Object.entries<readonly string[]>(FIELDS)) {
    const items: readonly (string | object)[] = seed[list as keyof Seed] ?? [];
    for (const [index, item] of items.entries()) {
      const unknown =
        typeof item === "string" ? undefined : Object.keys(item).find((name) => !known.includes(name));
      if (unknown !== undefined)
        throw faultOf(`${list}[${index}]`, `Unknown field ${unknown}. Use ${known.join(", ")}.`);
    }
  }
}

/** Stores seeds in a store, with the use cases. */
export class Seeder {
  readonly #ports: Ports;
  readonly #passwordOf: (username: string) => string;
  /** By name, also those of the seeds before. */
  readonly #chats = new Map<string, Chat>();

  constructor(ports: Ports, passwordOf: (username: string) => string) {
    this.#ports = ports;
    this.#passwordOf = passwordOf;
  }

  /** See `TestMessaging.seed`. */
  async store<const Given extends Seed>(seed: Given): Promise<Seeded<Given>> {
    const users: [string, User][] = [];
    const chats: [string, Chat][] = [];
    const messages: Message[] = [];
    const steps = await this.#plan(seed, users, chats, messages);
    for (const { item, at, store } of steps.toSorted((one, other) => one.at - other.at)) {
      try {
        await store({ ...this.#ports, clock: { ...this.#ports.clock, now: () => at } });
      } catch (error) {
        throw error instanceof MessagingError ? faultOf(item, error.message, error.code) : error;
      }
    }
    return {
      users: Object.fromEntries(users) as Seeded<Given>["users"],
      chats: Object.fromEntries(chats) as Seeded<Given>["chats"],
      messages,
    };
  }

  /** Checks all names and times. The steps add what they store to the lists. */
  async #plan(
    seed: Seed,
    users: [string, User][],
    chats: [string, Chat][],
    messages: Message[],
  ): Promise<readonly Step[]> {
    assertFields(seed);
    const { store } = this.#ports;
    const steps: Step[] = [];
    const people = new Map<UsernameKey, Planned<User>>();
    const named = new Map<string, Planned<Chat>>();
    for (const [name, value] of this.#chats) named.set(name, { at: value.createdAt, value });
    const times = timesOf(seed, this.#ports.clock.now());

    const isUsername = async (name: string) => {
      const key = usernameKey(name);
      return people.has(key) || (await store.read((repositories) => repositories.users.isTaken(key)));
    };
    const find = async (item: string, username: string, at: number): Promise<Planned<User>> => {
      const key = usernameKey(username);
      const stored = people.get(key) ?? (await store.read((repositories) => repositories.users.byKey(key)));
      if (stored === undefined) throw faultOf(item, `Unknown user ${JSON.stringify(username)}.`);
      const person = "at" in stored ? stored : { at: stored.createdAt, value: stored };
      people.set(key, person);
      assertBefore(item, username, person, at);
      return person;
    };

    for (const [index, given] of (seed.users ?? []).entries()) {
      const item = `users[${index}]`;
      const at = times.get(item)!;
      const { username, displayName }: SeedUser = typeof given === "string" ? { username: given } : given;
      if (await isUsername(username)) throw faultOf(item, "Username already taken.", "username_taken");
      const person: Planned<User> = { at, value: undefined };
      people.set(usernameKey(username), person);
      steps.push({
        item,
        at,
        store: async (ports) => {
          const user = await registerUser(ports, { username, password: this.#passwordOf(username) });
          if (displayName !== undefined) await updateProfile(ports, { by: user.id, displayName });
          person.value = user;
          users.push([username, user]);
        },
      });
    }

    for (const [index, { name, title, participants }] of (seed.chats ?? []).entries()) {
      const item = `chats[${index}]`;
      const at = times.get(item)!;
      if (named.has(name) || (await isUsername(name))) {
        throw faultOf(item, `The name ${JSON.stringify(name)} is already that of a chat or user.`);
      }
      const [owner, ...others] = participants;
      if (owner === undefined) throw faultOf(item, "The chat needs a participant, who owns it.");
      const planned: Planned<Chat> = { at, value: undefined };
      named.set(name, planned);
      const creator = await find(item, owner, at);
      for (const username of others) await find(item, username, at);
      steps.push({
        item,
        at,
        store: async (ports) => {
          const by = creator.value!.id;
          const initial = others.slice(0, MAX_INITIAL_PARTICIPANTS);
          const created = await createGroupChat(ports, { by, title, participants: initial });
          const { chat } = created.overview;
          for (const username of others.slice(MAX_INITIAL_PARTICIPANTS)) {
            await addParticipant(ports, { by, chatId: chat.id, username });
          }
          planned.value = chat;
          this.#chats.set(name, chat);
          chats.push([name, chat]);
        },
      });
    }

    for (const [index, given] of (seed.messages ?? []).entries()) {
      const { from, to, text, replyTo, mentions, metadata } = given;
      const item = `messages[${index}]`;
      const at = times.get(item)!;
      const sender = await find(item, from, at);
      const chat = named.get(to);
      if (chat === undefined) await find(item, to, at);
      else assertBefore(item, to, chat, at);
      for (const username of mentions ?? []) await find(item, username, at);
      if (replyTo !== undefined)
        assertEarlier(item, [at, index], [times.get(`messages[${replyTo}]`), replyTo]);
      steps.push({
        item,
        at,
        store: async (ports) => {
          const destination = chat === undefined ? { username: to } : { chatId: chat.value!.id };
          const sent = await sendMessage(ports, {
            by: sender.value!.id,
            to: destination,
            text,
            replyTo: replyTo === undefined ? null : messages[replyTo]!.id,
            mentions,
            metadata,
          });
          messages[index] = sent.message;
        },
      });
    }
    return steps;
  }
}

/** Returns the time of each item in epoch milliseconds, as `Seed` describes it. */
function timesOf({ users = [], chats = [], messages = [] }: Seed, now: number): ReadonlyMap<string, number> {
  const given = [
    ...users.map(
      (user, index) => [`users[${index}]`, typeof user === "string" ? undefined : user.at] as const,
    ),
    ...chats.map(({ at }, index) => [`chats[${index}]`, at] as const),
    ...messages.map(({ at }, index) => [`messages[${index}]`, at] as const),
  ].map(([item, at]) => [item, at === undefined ? undefined : parseSeedTime(item, at, now)] as const);
  let time = given.reduce((earliest, [, at]) => Math.min(earliest, at ?? now), now);
  return new Map<string, number>(given.map(([item, at]) => [item, (time = at ?? time)] as const));
}

function parseSeedTime(item: string, at: SeedTime, now: number): number {
  const time = typeof at === "string" ? parseTime(at) : at;
  if (time === undefined || !isTime(time)) {
    throw faultOf(item, `Invalid time ${JSON.stringify(at)}. Use epoch milliseconds, or RFC 3339.`);
  }
  if (time > now) {
    throw faultOf(item, `The time ${timeJson(time)} is after that of the clock, ${timeJson(now)}.`);
  }
  return time;
}

/** Throws unless the message that is replied to is stored before: the times, then the positions in the seed, are in order. */
function assertEarlier(
  item: string,
  [at, index]: readonly [number, number],
  [repliedAt, replied]: readonly [number | undefined, number],
): void {
  if (repliedAt !== undefined && (repliedAt < at || (repliedAt === at && replied < index))) return;
  throw faultOf(item, `It replies to messages[${replied}], which is no earlier message of the seed.`);
}

function assertBefore(item: string, name: string, { at }: Planned<unknown>, time: number): void {
  if (at <= time) return;
  throw faultOf(item, `At ${timeJson(time)} there is no ${name} yet, only from ${timeJson(at)} on.`);
}

function faultOf(item: string, detail: string, code: ErrorCode = "invalid_request"): MessagingError {
  return new MessagingError(code, `${item}: ${detail}`, { errors: [{ field: item, detail }] });
}

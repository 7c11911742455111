import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import fc from "fast-check";
import sinon from "sinon";
import type { ChatId } from "../../../src/domain/chat.js";
import type { User } from "../../../src/domain/user.js";
import type { Client } from "../../support/client.js";
import { cursorOf, eventsAfter, openStream, until, type EventJson } from "../../support/event-stream.js";
import { openTestServer, type TestServer } from "../../support/server.js";

interface Person {
  readonly user: User;
  readonly client: Client;
}

describe("GET /v1/events/stream, resumed", () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await openTestServer({ streams: { heartbeatMs: 100 } });
  });

  afterEach(() => server.close());

  const people = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, n) => server.signIn(`person-${n}`)));

  async function openGroup([first, ...others]: readonly Person[]): Promise<ChatId> {
    const { id } = await server.messaging.createGroupChat({ by: first!.user.id });
    for (const { user } of others) {
      await server.messaging.addParticipant({ by: first!.user.id, chatId: id, username: user.username });
    }
    return id;
  }

  /** Reads `count` events over consecutive streams, each of which is cut after `cut()` bytes. */
  async function readResuming(client: Client, { after, count, cut }: Reading): Promise<EventJson[]> {
    const events: EventJson[] = [];
    for (let lastEventId: string | undefined; ;) {
      const stream = await openStream(client, { after, lastEventId, cutAfter: cut() });
      await stream.received(count - events.length);
      stream.leave();
      events.push(...stream.events);
      if (events.length >= count) return events;
      lastEventId = stream.lastId();
    }
  }

  it("streams the events of the log, cut at any byte and resumed, 300 times", async () => {
    const [ana, bob] = (await people(2)) as [Person, Person];
    const after = await cursorOf(ana.client);
    const chatId = await openGroup([ana, bob]);
    const by = bob.user.id;
    let sent = 0;
    const send = async () => {
      sent += 1;
      const text = `${sent}\r\n\n: data\u2028 ${"é\u{1f9a6}".repeat(sent % 10)}`;
      return (await server.messaging.sendMessage({ by, to: { chatId }, text })).message;
    };
    for (let n = 1; n <= 30; n += 1) {
      const { id, seq, text } = await send();
      if (n % 3 === 0) await server.messaging.editMessage({ by, id, text: `${text}!` });
      if (n % 7 === 0) await server.messaging.deleteMessage({ by, id });
      if (n % 5 === 0) await server.messaging.markRead({ by: ana.user.id, chatId, seq });
    }
    let left = 300;
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.integer({ min: 1, max: 1_000 })), async (bytes) => {
        const live = 3;
        const count = (await eventsAfter(ana.client, after)).length + live;
        const cut = () => (left > 0 ? (left--, Number(bytes.next().value)) : Number.POSITIVE_INFINITY);
        const reading = readResuming(ana.client, { after, count, cut });
        for (let n = 0; n < live; n += 1) {
          await delay(5);
          await send();
        }
        expect(await reading).to.deep.equal(await eventsAfter(ana.client, after));
      }),
      { numRuns: 8, endOnFailure: true },
    );
    expect(left).to.equal(0);
  });

  it("streams to each client its own events, once and in order, while 50 users write and clients come and go", async () => {
    const writers = await people(50);
    const chatIds: ChatId[] = [];
    for (let n = 0; n < 5; n += 1)
      chatIds.push(await openGroup(writers.filter((_, index) => index % 5 === n)));
    const begins = await Promise.all(writers.map(({ client }) => cursorOf(client)));
    let writing = true;
    let round = 0;
    const readers = writers.map(async ({ client }, n) => {
      const events: EventJson[] = [];
      let lastEventId = begins[n]!;
      for (let last = false; !last;) {
        // The last round reads everything.
        last = !writing;
        round += 1;
        const stream = await openStream(client, { lastEventId });
        const all = last ? (await eventsAfter(client, lastEventId)).length : (round * 7) % 9;
        await Promise.race([stream.received(all), delay(20 + (round % 30))]);
        if (last) await stream.received(all);
        stream.leave();
        events.push(...stream.events);
        lastEventId = stream.lastId();
      }
      return events;
    });
    await Promise.all(
      writers.map(async ({ user }, n) => {
        for (let message = 0; message < 6; message += 1) {
          const to =
            message % 3 === 2
              ? { username: writers[(n + message) % 50]!.user.username }
              : { chatId: chatIds[n % 5]! };
          await server.messaging.sendMessage({ by: user.id, to, text: `${n}/${message}` });
          await delay((n * 7 + message * 11) % 40);
        }
      }),
    );
    writing = false;
    for (const [n, events] of (await Promise.all(readers)).entries()) {
      const log = await eventsAfter(writers[n]!.client, begins[n]!);
      expect(events).to.deep.equal(log);
      expect(log.filter(({ type }) => type === "message.created").length).to.be.at.least(40);
    }
  });

  it("serializes a message for 200 streams once, and reads nothing while nothing is stored", async () => {
    const listeners = await people(200);
    const chatId = await openGroup(listeners);
    const streams = await Promise.all(listeners.map(({ client }) => openStream(client)));
    await until(() => streams.every(({ frames }) => frames.length > 0));
    const { reads } = server.store;
    await delay(1_000);
    expect(server.store.reads).to.equal(reads);
    const [{ user }] = listeners as [Person];
    const serialize = sinon.spy(JSON, "stringify");
    try {
      await server.messaging.sendMessage({ by: user.id, to: { chatId }, text: "to all" });
      for (const stream of streams) await stream.received(1);
      // A store serializes the change of an event alone.
      const times = serialize.args.filter(([value]) => {
        const { type, chat_id } = (value ?? {}) as { readonly type?: unknown; readonly chat_id?: unknown };
        return type === "message.created" && chat_id !== undefined;
      });
      expect(times).to.have.length(1);
    } finally {
      serialize.restore();
    }
    for (const { events } of streams) {
      expect(events.map(({ message }) => message?.message)).to.deep.equal(["to all"]);
    }
    for (const stream of streams) stream.leave();
    await until(() => server.store.subscribers === 0);
  });
});

interface Reading {
  readonly after: string;
  readonly count: number;
  /** The number of bytes after which the next stream is cut. */
  readonly cut: () => number;
}

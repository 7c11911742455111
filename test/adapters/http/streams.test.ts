import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { EventStreams, type StreamRequest } from "../../../src/adapters/http/streams.js";
import type { EventBatch } from "../../../src/application/events.js";
import type { ChatId } from "../../../src/domain/chat.js";
import { MessagingError } from "../../../src/domain/errors.js";
import type { Session } from "../../../src/domain/session.js";
import type { ChatEvent, EventCursor } from "../../../src/domain/event.js";
import { usernameKey } from "../../../src/domain/user.js";
import { expectProblem } from "../../support/api/scene.js";
import { Client, PASSWORD, signedIn } from "../../support/client.js";
import { cursorOf, openStream, until, type EventStream } from "../../support/event-stream.js";
import { openTestServer, type TestServer } from "../../support/server.js";

const DAY = 24 * 60 * 60 * 1_000;

/** A cursor of another database. */
const FOREIGN_CURSOR = "0000000000000000-1";

/** A response whose client reads nothing. */
async function unreadResponse(): Promise<ServerResponse> {
  const connection = new Duplex({ read() {}, write() {} });
  connection.push("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const server = createServer();
  server.emit("connection", connection);
  const [, response] = (await once(server, "request")) as [IncomingMessage, ServerResponse];
  return response;
}

describe("GET /v1/events/stream", () => {
  let server: TestServer;
  let ana: Client;
  let bob: Client;

  beforeEach(async () => {
    server = await openTestServer({ streams: { heartbeatMs: 20, stallTimeoutMs: 200 } });
    [ana, bob] = [await signedIn(server.url, "ana"), await signedIn(server.url, "bob")];
  });

  afterEach(() => server.close());

  const send = (message: string) => bob.post("/v1/messages", { dest_username: ana.username, message });
  const texts = ({ events }: EventStream) => events.flatMap(({ message }) => message?.message ?? []);
  const copyOf = (client: Client) => Object.assign(new Client(client.url), { cookie: client.cookie });
  const openStreams = async () => {
    const { text } = await ana.get("/metrics");
    return Number(/^palaver_event_streams (\d+)$/m.exec(text)?.[1]);
  };

  describe("at its start", () => {
    it("sends the retry interval and the cursor at once", async () => {
      const stream = await openStream(ana);
      await until(() => stream.frames.length > 0);
      expect(stream.frames[0]).to.deep.equal({ retry: "3000", id: await cursorOf(ana) });
    });

    it("has headers that keep proxies from buffering or changing it", async () => {
      const { headers } = await openStream(ana);
      expect(headers["content-type"]).to.match(/^text\/event-stream/);
      expect(headers).to.include({ "x-accel-buffering": "no", "cache-control": "no-store" });
      expect(headers).to.not.have.any.keys("content-encoding", "content-length");
    });

    it("sends the events after the cursor and then live ones, each with its cursor, type and data", async () => {
      const cursor = await cursorOf(ana);
      await send("before");
      const stream = await openStream(ana, { after: cursor });
      await stream.received(2);
      await send("now");
      await stream.received(3);
      const { json } = await ana.get(`/v1/events?after=${cursor}`);
      expect(stream.events).to.deep.equal(json["events"]);
      const received = stream.frames.filter(({ data }) => data !== undefined);
      expect(received.map(({ id, event }) => [id, event])).to.deep.equal(
        stream.events.map((event) => [event.cursor, event.type]),
      );
      expect(stream.events.map(({ type }) => type)).to.deep.equal([
        "chat.created",
        "message.created",
        "message.created",
      ]);
    });

    it("resumes from Last-Event-ID rather than from the URL", async () => {
      const cursor = await cursorOf(ana);
      await send("seen");
      const lastEventId = await cursorOf(ana);
      await send("unseen");
      const stream = await openStream(ana, { after: cursor, lastEventId });
      await stream.received(1);
      expect(texts(stream)).to.deep.equal(["unseen"]);
    });

    it("sends a resync if the cursor has expired, and continues live", async () => {
      const stream = await openStream(ana, { lastEventId: FOREIGN_CURSOR });
      await until(() => stream.frames.length > 0);
      const cursor = await cursorOf(ana);
      expect(stream.frames[0]).to.deep.equal({
        retry: "3000",
        id: cursor,
        event: "resync",
        data: JSON.stringify({ cursor }),
      });
      await send("live");
      await stream.received(2);
      expect(texts(stream)).to.deep.equal(["live"]);
    });

    it("answers 401 if the session ends meanwhile", async () => {
      server.store.beforeRead = async (count) => {
        if (count === 2) await copyOf(ana).post("/v1/auth/logout");
      };
      expectProblem(await ana.get("/v1/events/stream"), 401, "not_signed_in");
      expect(server.store.subscribers).to.equal(0);
    });

    it("leaves nothing open for HEAD, or for a client that has disconnected", async () => {
      await ana.request("HEAD", "/v1/events/stream");
      const outgoing = request(`${server.url}/v1/events/stream`, { headers: { Cookie: ana.cookie } });
      outgoing.on("error", () => {});
      server.store.beforeRead = async (count) => {
        if (count !== 2) return;
        outgoing.destroy();
        await until(() => server.lines.some(({ cut }) => cut === true));
      };
      outgoing.end();
      await until(() => server.lines.some(({ cut }) => cut === true));
      await until(() => server.store.subscribers === 0);
      expect(await openStreams()).to.equal(0);
    });
  });

  describe("on the wire", () => {
    let cursor: string;
    let connection: Socket;
    let received: string;

    beforeEach(async () => {
      cursor = await cursorOf(ana);
      await send("before");
      received = "";
      connection = connect(Number(new URL(server.url).port), "127.0.0.1");
      connection.setEncoding("latin1").on("data", (text: string) => (received += text));
    });

    afterEach(() => connection.destroy());

    const head = (start: string) => `${start}\r\nHost: 127.0.0.1\r\nCookie: ${ana.cookie}\r\n\r\n`;
    const streamRequest = (method: string, version = "1.1") =>
      head(`${method} /v1/events/stream?after=${cursor} HTTP/${version}`);

    it("is chunked, before and after it is live", async () => {
      connection.write(streamRequest("GET"));
      await until(() => received.includes('"before"'));
      await send("now");
      await until(() => received.includes('"now"'));
      let body = "";
      for (let rest = received.slice(received.indexOf("\r\n\r\n") + 4); rest !== "";) {
        const [, size = ""] = /^([0-9a-f]+)\r\n/.exec(rest) ?? [];
        const end = size.length + 2 + Number.parseInt(size, 16);
        body += rest.slice(size.length + 2, end);
        expect(rest.slice(end, end + 2)).to.equal("\r\n");
        rest = rest.slice(end + 2);
        // Heartbeats follow, possibly in part.
        if (body.includes('"now"')) break;
      }
      expect(body.match(/^event: .*$/gm))
        .to.include("event: message.created")
        .and.have.lengthOf(3);
    });

    it("is not chunked for HTTP/1.0", async () => {
      connection.write(streamRequest("GET", "1.0"));
      await until(() => received.includes('"before"'));
      await send("now");
      await until(() => received.includes('"now"'));
      expect(received.slice(received.indexOf("\r\n\r\n") + 4)).to.match(/^retry: 3000\n\nid: /);
      expect(received)
        .to.not.include("\r\n\r\n\r\n")
        .and.not.match(/^[0-9a-f]+\r$/m);
    });

    it("has only a head for HEAD, and keeps the connection usable", async () => {
      connection.write(streamRequest("HEAD") + head("GET /healthz HTTP/1.1"));
      await until(() => received.split("HTTP/1.1 ").length === 3);
      await until(() => !received.endsWith("\r\n\r\n"));
      expect(received).to.not.include("event: ");
      expect(received.match(/^HTTP\/1.1 \d+/gm)).to.deep.equal(["HTTP/1.1 200", "HTTP/1.1 200"]);
    });

    it("waits for the responses before it", async () => {
      connection.write(head("GET /v1/sync HTTP/1.1") + streamRequest("GET"));
      await until(() => received.includes("event: message.created"));
      expect(received.indexOf('"chats":')).to.be.greaterThan(0).and.lessThan(received.indexOf("retry: 3000"));
    });
  });

  describe("while it is open", () => {
    it("continues when its user opens a 21st, which is rejected until one of them ends", async () => {
      const other = await signedInAgain(ana);
      const streams: EventStream[] = [];
      for (let n = 0; n < 20; n += 1) streams.push(await openStream(n % 2 === 0 ? ana : other));
      streams.push(await openStream(bob));
      const path = "/v1/events/stream";
      for (const client of [ana, other]) {
        const rejected = await client.get(path);
        expect(rejected.status).to.equal(429);
        expect(rejected.json["code"]).to.equal("too_many_streams");
        expect(rejected.headers["retry-after"]).to.equal("10");
      }
      await send("for all");
      for (const stream of streams) await stream.received(2);
      expect(streams.map((stream) => texts(stream))).to.deep.equal(streams.map(() => ["for all"]));
      expect((await ana.get(`${path}?after=x`)).status).to.equal(429);
      streams[3]!.leave();
      while ((await openStreams()) === 21) await delay(5);
      for (let n = 0; n < 3; n += 1) expect((await ana.get(`${path}?after=x`)).status).to.equal(400);
      await openStream(ana);
      expect((await ana.get(path)).status).to.equal(429);
    });

    it("lets other work run between the reads of a replay", async () => {
      const cursor = await cursorOf(ana);
      const user = await server.store.read(({ users }) => users.byKey(usernameKey(bob.username)));
      for (let n = 0; n < 2_000; n += 1) {
        await server.messaging.sendMessage({ by: user!.id, to: { username: ana.username }, text: String(n) });
      }
      let turn = 0;
      let counting = true;
      const count = () => {
        turn += 1;
        if (counting) setImmediate(count);
      };
      count();
      const turns: number[] = [];
      server.store.beforeRead = async () => turns.push(turn);
      const stream = await openStream(ana, { after: cursor });
      await stream.received(2_001);
      counting = false;
      server.store.beforeRead = undefined;
      expect(turns.length).to.be.greaterThan(10);
      expect(new Set(turns).size).to.be.within(turns.length - 1, turns.length);
    });

    it("sends heartbeats", async () => {
      const stream = await openStream(ana);
      await until(() => stream.frames.filter((frame) => "" in frame).length >= 3);
      expect(stream.events).to.deep.equal([]);
    });

    it("is counted in the metrics", async () => {
      const streams = [await openStream(ana), await openStream(bob)];
      expect(await openStreams()).to.equal(2);
      for (const stream of streams) stream.leave();
      await until(() => server.store.subscribers === 0);
      expect(await openStreams()).to.equal(0);
    });

    it("sends a removed user their removal, and nothing after it", async () => {
      const chatId = String((await bob.post("/v1/group_chat")).json["chat_id"]);
      const participants = `/v1/group_chat/${chatId}/participants`;
      const say = (message: string) => bob.post("/v1/messages", { group_chat_id: chatId, message });
      const stream = await openStream(ana);
      await bob.post(participants, { username: ana.username });
      await say("for all");
      await bob.delete(`${participants}/${ana.username}`);
      await say("after the removal");
      await send("for ana");
      await stream.received(5);
      const received = stream.events.map(({ type, message }) => message?.message ?? type);
      const expected = ["participant.added", "for all", "participant.removed", "chat.created", "for ana"];
      expect(received).to.deep.equal(expected);
      const again = await openStream(ana, { after: stream.events[0]!.cursor });
      await again.received(3);
      // Of a chat that she has left, a new stream sends only her removal.
      expect(again.events).to.deep.equal(stream.events.slice(2));
    });
  });

  describe("at its end", () => {
    it("ends with its session at a logout, and no other stream does", async () => {
      const others = await signedInAgain(ana);
      const [stream, other] = [await openStream(ana), await openStream(others)];
      await ana.post("/v1/auth/logout");
      expect(await stream.ended).to.equal(true);
      await send("for the other one");
      await other.received(2);
      expect([texts(stream), texts(other)]).to.deep.equal([[], ["for the other one"]]);
    });

    it("ends with its session at a login that replaces it", async () => {
      const stream = await openStream(ana);
      await signedInAgain(ana, ana.cookie);
      expect(await stream.ended).to.equal(true);
    });

    it("ends when its session expires, and counts as use of the session until then", async () => {
      const stream = await openStream(ana);
      const { id } = (await server.store.read(({ users }) => users.byKey(usernameKey(ana.username))))!;
      const lastSeen = async () =>
        (await server.store.read(({ sessions }) => sessions.ofUser(id)))[0]!.lastSeenAt;
      const login = await lastSeen();
      server.ports.clock.advance(14 * DAY - 1);
      while ((await lastSeen()) === login) await delay(20);
      server.ports.clock.advance(1);
      await bob.post("/v1/auth/login", { username: bob.username, password: PASSWORD });
      await send("in time");
      await stream.received(2);
      server.ports.clock.advance(14 * DAY);
      expect(await stream.ended).to.equal(true);
      expect(texts(stream)).to.deep.equal(["in time"]);
    });

    it("ends when the server closes, after everything that has been written", async () => {
      const [stream, other] = [await openStream(ana), await openStream(ana)];
      await until(() => stream.frames.length > 0);
      stream.pause();
      const message = "\u{1f9a6}".repeat(1_000);
      for (let n = 0; n < 40; n += 1) await send(message);
      // Each message is written to the first stream before the second.
      await other.received(41);
      const closing = server.close(60_000);
      stream.resume();
      expect(await stream.ended).to.equal(true);
      expect(texts(stream)).to.deep.equal(Array.from({ length: 40 }, () => message));
      await closing;
    });

    it("is cut for a client that does not read, which can resume, while others continue", async () => {
      const cursor = await cursorOf(ana);
      const [stuck, other] = [await openStream(ana), await openStream(ana)];
      await until(() => stuck.frames.length > 0);
      stuck.pause();
      const message = "\u{1f9a6}".repeat(10_000);
      const user = await server.store.read(({ users }) => users.byKey(bob.username.toLowerCase() as never));
      let sent = 0;
      // The buffers of the operating system can hold some megabytes.
      while ((await openStreams()) === 2 && sent < 1_000) {
        for (let n = 0; n < 20; n += 1, sent += 1) {
          const to = { username: ana.username };
          await server.messaging.sendMessage({ by: user!.id, to, text: `${sent} ${message.slice(20)}` });
        }
        await delay(20);
      }
      expect(sent).to.be.lessThan(1_000);
      await other.received(sent + 1);
      stuck.resume();
      expect(await stuck.ended).to.equal(false);
      const rest = await openStream(ana, { after: cursor, lastEventId: stuck.lastId() });
      await rest.received(sent + 1 - stuck.events.length);
      expect([...stuck.events, ...rest.events]).to.deep.equal(other.events);
      expect(other.events).to.have.length(sent + 1);
    });
  });

  describe("whose client does not read", () => {
    const event: ChatEvent = {
      cursor: "cursor" as EventCursor,
      chatId: 1 as ChatId,
      chatKind: "group",
      at: 0,
      type: "chat.renamed",
      title: "\u20ac".repeat(10_000),
    };
    const bytes = Buffer.byteLength(event.type === "chat.renamed" ? String(event.title) : "");

    for (const [method, buffered] of Object.entries({ next: 0, drain: Infinity })) {
      it(`consumes no more from ${method} than its buffer holds, and is cut`, async () => {
        const { stream, consumed, closed } = await unread(buffered);
        expect(consumed() * bytes)
          .to.be.greaterThan(200 * 1024)
          .and.lessThan(512 * 1024);
        await once(stream, "close");
        await closed;
        expect(stream.writableLength).to.be.lessThan(512 * 1024);
      });

      it(`is cut after its end, with events from ${method}`, async () => {
        const { stream, streams, closed } = await unread(buffered);
        streams.close();
        await closed;
        expect(streams.count()).to.equal(0);
        await once(stream, "close");
      });
    }

    it("is not written to before its buffer has room, even when it is woken", async () => {
      const { consumed, wake, closed } = await unread(1, 20);
      expect(consumed()).to.equal(20);
      wake();
      await delay(20);
      expect(consumed()).to.equal(20);
      await closed;
    });

    /**
     * Opens a stream with endless events whose client reads nothing, and resolves when its buffer is full.
     *
     * @param buffered the number of batches that `drain` returns; 0 leaves all of them to `next`.
     * @param size the number of events in a batch.
     */
    async function unread(buffered: number, size = 1) {
      const streams = new EventStreams(server.ports.clock, { stallTimeoutMs: 100 });
      const { secret } = await server.messaging.logIn({ username: ana.username, password: PASSWORD });
      const session = await server.messaging.authenticate({ secret });
      const { cursor } = event;
      let count = 0;
      let wake = () => {};
      let ended = false;
      let close = () => {};
      const closed = new Promise<void>((resolve) => (close = resolve));
      const batch = () => {
        count += size;
        return { events: Array.from({ length: size }, () => event), cursor };
      };
      const subscription: StreamRequest["subscription"] = {
        next: async () => (ended ? undefined : batch()),
        drain(woken) {
          if (ended || buffered === 0) return undefined;
          wake = woken;
          if (count >= buffered * size) return { events: [], cursor };
          setImmediate(wake);
          return batch();
        },
        close() {
          ended = true;
          close();
        },
      };
      const stream = await unreadResponse();
      streams.open(stream, {
        session,
        first: { events: [], cursor },
        renew: async () => session,
        subscription,
        resync: false,
      });
      for (let before = -1; before !== count; await delay(20)) before = count;
      return { stream, streams, consumed: () => count, wake: () => wake(), closed };
    }
  });

  it("is cut when its subscription fails, and no other stream is", async () => {
    const streams = new EventStreams(server.ports.clock);
    const { secret } = await server.messaging.logIn({ username: ana.username, password: PASSWORD });
    const session = await server.messaging.authenticate({ secret });
    const batch = { events: [], cursor: "cursor" as EventCursor };
    const wakes: (() => void)[] = [];
    const open = async (drainAgain: () => EventBatch) => {
      const response = await unreadResponse();
      let drained = 0;
      const subscription: StreamRequest["subscription"] = {
        next: () => new Promise(() => {}),
        drain(wake) {
          wakes.push(wake);
          drained += 1;
          return drained === 1 ? batch : drainAgain();
        },
        close() {},
      };
      streams.open(response, {
        session,
        renew: async () => session,
        first: batch,
        subscription,
        resync: false,
      });
      return response;
    };
    const failing = await open(() => {
      throw new Error("This event cannot be serialized.");
    });
    let drainedAgain = 0;
    const other = await open(() => {
      drainedAgain += 1;
      return batch;
    });
    await until(() => wakes.length === 2);
    for (const wake of wakes) wake();
    await once(failing, "close");
    expect(drainedAgain).to.equal(1);
    expect([streams.count(), other.destroyed]).to.deep.equal([1, false]);
    streams.close();
  });

  it("uses its session once a minute, so that logins end other sessions first", async () => {
    const { clock, streams, renewals } = await openIdle(async (session) => session);
    await delay(1_200);
    expect(renewals()).to.equal(0);
    clock.advance(60_000);
    await until(() => renewals() > 0);
    await delay(1_200);
    expect(renewals()).to.equal(1);
    streams.close();
  });

  for (const [code, end] of [
    ["store_unavailable", "stays open"],
    ["not_signed_in", "ends"],
  ] as const) {
    it(`${end} if its session cannot be used because of ${code}`, async () => {
      const { clock, streams, renewals } = await openIdle(async () => {
        throw new MessagingError(code, "Rejected.");
      });
      await delay(600);
      clock.advance(60_000);
      await until(() => renewals() > 0);
      await delay(20);
      expect(streams.count()).to.equal(code === "store_unavailable" ? 1 : 0);
      streams.close();
    });
  }

  /** Opens a stream without events, and counts how often it uses its session. */
  async function openIdle(renew: (session: Session) => Promise<Session>) {
    const { clock } = server.ports;
    const streams = new EventStreams(clock);
    const { session } = await server.messaging.logIn({ username: ana.username, password: PASSWORD });
    let renewals = 0;
    streams.open(await unreadResponse(), {
      session,
      first: { events: [], cursor: "cursor" as EventCursor },
      renew() {
        renewals += 1;
        return renew(session);
      },
      subscription: { next: () => new Promise(() => {}), drain: () => undefined, close() {} },
      resync: false,
    });
    return { clock, streams, renewals: () => renewals };
  }

  /** A client of the same user with another session. */
  async function signedInAgain(client: Client, cookie = ""): Promise<Client> {
    const again = Object.assign(new Client(client.url), { cookie });
    await again.post("/v1/auth/login", { username: client.username, password: PASSWORD });
    return again;
  }
});

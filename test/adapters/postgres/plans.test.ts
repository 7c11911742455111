import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { expect } from "chai";
import pg from "pg";
import sinon from "sinon";
import { openPostgresStore, type PostgresStore } from "../../../src/adapters/postgres/store.js";
import { createMessaging, type Messaging } from "../../../src/application/messaging.js";
import type { ChatId } from "../../../src/domain/chat.js";
import type { UserId } from "../../../src/domain/user.js";
import { testPorts } from "../../support/ports.js";
import { PostgresStores } from "../../support/postgres-stores.js";

const PASSWORD = "correct horse";

describe("PostgresStore", () => {
  const stores = new PostgresStores();
  let store: PostgresStore;
  let messaging: Messaging;
  let by: UserId;
  let chatId: ChatId;

  beforeEach(async () => {
    store = await stores.openEmpty();
    messaging = createMessaging(testPorts(store));
    by = (await messaging.registerUser({ username: "ana", password: PASSWORD })).id;
    await messaging.registerUser({ username: "bo", password: PASSWORD });
    chatId = (await messaging.createGroupChat({ by, participants: ["bo"] })).id;
    await messaging.sendMessage({ by, to: { chatId }, text: "hello" });
  });
  afterEach(() => store.close());
  after(() => stores.drop());

  describe("behind a proxy that counts", () => {
    let proxy: CountingProxy;
    let node: PostgresStore;

    beforeEach(async () => {
      proxy = await CountingProxy.start(stores.url);
      node = await openPostgresStore(proxy.url, { poolSize: 1, directUrl: stores.url });
    });
    afterEach(async () => {
      await node.close();
      await proxy.stop();
    });

    for (const [way, trips] of [
      ["username", 5],
      ["chat id", 6],
    ] as const) {
      it(`sends a p2p message by ${way} in ${trips} round trips, with the lookup of its blocks`, async () => {
        const core = createMessaging(testPorts(node));
        const { username } = await messaging.ensureUser({ username: `peer-by-${way.replace(" ", "-")}` });
        const first = await core.sendMessage({ by, to: { username }, text: "hello" });
        const to = way === "username" ? { username } : { chatId: first.message.chatId };
        const counts: number[] = [];
        for (let send = 0; send < 10; send += 1) {
          const before = proxy.roundTrips;
          await core.sendMessage({ by, to, text: "hello" });
          counts.push(proxy.roundTrips - before);
        }
        expect(Math.min(...counts)).to.equal(trips);
      });
    }

    for (const [name, keyOf, trips] of [
      ["a message", () => undefined, 4],
      ["a message with an idempotency key", (send: number) => `key-${send}`, 4],
      ["a message again with its idempotency key", () => "key", 3],
    ] as const) {
      it(`looks up a session and sends ${name} in ${trips} round trips`, async () => {
        const core = createMessaging(testPorts(node));
        const { secret } = await core.logIn({ username: "ana", password: PASSWORD });
        const counts: number[] = [];
        // The poll of the event log can fall into one of them.
        for (let send = 0; send < 10; send += 1) {
          // Waits for the relay of the send before, which has the connection.
          await node.read(({ sessions }) => sessions.byDigest("digest"));
          const before = proxy.roundTrips;
          await core.authenticate({ secret });
          await core.sendMessage({ by, to: { chatId }, text: "hello", idempotencyKey: keyOf(send) });
          counts.push(proxy.roundTrips - before);
        }
        expect(Math.min(...counts)).to.equal(trips);
      });
    }
  });

  it("stores the sends of one turn together, at most 100 in a transaction, each chat in their order", async () => {
    const other = (await messaging.createGroupChat({ by })).id;
    const before = store.status();
    const sent = await Promise.all(
      Array.from({ length: 250 }, (_, index) =>
        messaging.sendMessage({ by, to: { chatId: index % 2 === 0 ? chatId : other }, text: "hello" }),
      ),
    );
    const { transactions, commits } = store.status();
    expect([transactions - before.transactions, commits - before.commits]).to.deep.equal([250, 3]);
    const seqs = sent.map(({ message }) => message.seq);
    expect(seqs).to.deep.equal(seqs.map((_, index) => (index % 2 === 0 ? index / 2 + 2 : (index + 1) / 2)));
  });

  describe("with ten times as many messages, events and participants of a chat", () => {
    let query: sinon.SinonSpy;
    let late: UserId;
    beforeEach(() => {
      query = sinon.spy(pg.Client.prototype, "query");
    });
    afterEach(() => query.restore());

    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      sendMessage: () => messaging.sendMessage({ by, to: { chatId }, text: "hello" }),
      pageMessages: () => messaging.pageMessages({ by, of: { chatId }, limit: 50 }),
      listChats: () => messaging.listChats({ by, limit: 20 }),
      sync: () => messaging.sync({ by }),
      "pageMessages of a user who joined late": () =>
        messaging.pageMessages({ by: late, of: "all", limit: 50 }),
      "pageMessages after an id, of a user who joined late": () =>
        messaging.pageMessages({ by: late, of: "all", limit: 50, after: 0 }),
      findUsers: () => messaging.findUsers({ prefix: "user", limit: 20 }),
      listEvents: async () => {
        const { cursor } = await messaging.sync({ by });
        await messaging.sendMessage({ by, to: { chatId }, text: "hello" });
        return messaging.listEvents({ by, after: cursor, limit: 50 });
      },
    };

    it("reads no more pages in any call", async function () {
      this.timeout(60_000);
      late = (await messaging.registerUser({ username: "late", password: PASSWORD })).id;
      await messaging.changeChat({ by, chatId, policy: { history: "since_join" } });
      await grow(5_000);
      await messaging.addParticipant({ by, chatId, username: "late" });
      const few = await pagesOfCalls();
      await grow(50_000);
      await messaging.removeParticipant({ by: late, chatId, user: late });
      await messaging.addParticipant({ by, chatId, username: "late" });
      const many = await pagesOfCalls();
      for (const [name, pages] of Object.entries(few)) {
        expect(pages, name).to.be.greaterThan(0);
        // An index can have one more level. A scan of the added rows of a table would read more than 200.
        expect(many[name]! - pages, name).to.be.lessThan(100);
      }
    });

    async function pagesOfCalls(): Promise<Readonly<Record<string, number>>> {
      const pages: Record<string, number> = {};
      for (const [name, call] of Object.entries(calls)) {
        await call();
        query.resetHistory();
        await call();
        pages[name] = await pagesOf(statementsIn(query));
      }
      return pages;
    }

    async function grow(rows: number): Promise<void> {
      await stores.execute(`
        INSERT INTO users SELECT 'user ' || ${rows} + n, 'user', 'user ' || ${rows} + n, 'digest', n
          FROM generate_series(1, ${rows}) AS n;
        INSERT INTO user_words SELECT username_key, id FROM users WHERE username = 'user' ON CONFLICT DO NOTHING;
        INSERT INTO participants (user_id, chat_id, joined_at, joined_after, joined_position)
          SELECT 'user ' || ${rows} + n, ${chatId}, n, 0, 0 FROM generate_series(1, ${rows}) AS n;
        INSERT INTO read_markers SELECT 'user ' || ${rows} + n, ${chatId}, 1 FROM generate_series(1, ${rows}) AS n;
        INSERT INTO messages SELECT nextval('message_ids'), ${chatId}, (SELECT max(seq) FROM messages) + n, '${by}', 'text', n
          FROM generate_series(1, ${rows}) AS n;
        INSERT INTO events SELECT last + n, nextval('event_numbers'), ${chatId}, NULL, 0, n, '{"type":"chat.renamed","title":null}', NULL
          FROM event_log, generate_series(1, ${rows}) AS n;
        UPDATE event_log SET last = (SELECT max(id) FROM events);`);
      await stores.execute("VACUUM ANALYZE");
    }

    async function pagesOf(statements: readonly Statement[]): Promise<number> {
      const client = new pg.Client(stores.url);
      await client.connect();
      try {
        await client.query("BEGIN");
        let pages = 0;
        for (const { text, values } of statements) {
          const { rows } = await client.query<{ "QUERY PLAN": readonly Explained[] }>(
            `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
            values as unknown[],
          );
          const [{ Plan }] = rows[0]!["QUERY PLAN"] as [Explained];
          pages += Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"];
        }
        await client.query("ROLLBACK");
        return pages;
      } finally {
        await client.end();
      }
    }
  });
});

interface Explained {
  readonly Plan: { readonly "Shared Hit Blocks": number; readonly "Shared Read Blocks": number };
}

interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * The prepared statements that the spy has seen, without those of the relay and the poll. A read repeats its statements while a
 * transaction of another test is open on the same server, so each counts once.
 */
function statementsIn(query: sinon.SinonSpy): readonly Statement[] {
  const seen = query
    .getCalls()
    .map(({ args }) => args[0] as Statement | string)
    .filter((config) => typeof config === "object")
    .filter(
      ({ name, text }) =>
        name !== undefined && !/event_log FOR UPDATE|moved|set_config|clock_timestamp/.test(text),
    );
  return [...new Map(seen.map((each) => [JSON.stringify([each.text, each.values]), each])).values()];
}

/** Forwards connections to a server, and counts how often data of a client follows data of the server. */
class CountingProxy {
  readonly #server: Server;
  readonly #target: URL;
  roundTrips = 0;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => this.#forward(client));
  }

  static async start(url: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(new URL(url));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    const url = new URL(this.#target);
    url.hostname = "127.0.0.1";
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  async stop(): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }

  #forward(client: Socket): void {
    const server = connect({ host: this.#target.hostname, port: Number(this.#target.port) });
    let isAnswered = true;
    client.on("data", () => {
      if (isAnswered) this.roundTrips += 1;
      isAnswered = false;
    });
    server.on("data", () => {
      isAnswered = true;
    });
    for (const socket of [client, server]) socket.on("error", () => {});
    client.pipe(server).pipe(client);
  }
}

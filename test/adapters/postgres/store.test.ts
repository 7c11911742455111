import { expect } from "chai";
import pg from "pg";
import sinon from "sinon";
import { storeContract } from "../../contract/index.js";
import { PostgresStores } from "../../support/postgres-stores.js";

describe("openPostgresStore", () => {
  const stores = new PostgresStores();
  after(() => stores.drop());
  const prepared = new Set<string>();
  let query: sinon.SinonSpy;
  before(() => {
    query = sinon.spy(pg.Client.prototype, "query");
  });
  after(() => query.restore());
  afterEach(() => {
    for (const { args } of query.getCalls()) {
      const [config] = args as [string | { readonly name?: string; readonly text: string }];
      if (typeof config === "object" && config.name !== undefined) prepared.add(config.text);
    }
    query.resetHistory();
  });

  storeContract(
    { describe, it, beforeEach, afterEach },
    { open: () => stores.openEmpty(), reopen: () => stores.open() },
  );

  describe("with many rows", () => {
    before(async () => {
      const store = await stores.openEmpty();
      await store.close();
      await stores.execute(MANY_ROWS);
    });

    it("finds rows by an index in each statement of the contract", async () => {
      expect(prepared.size).to.be.greaterThan(40);
      const scans: string[] = [];
      for (const sql of prepared) {
        const [explained] = await stores.execute(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${sql}`);
        for (const table of scannedTables(explained!["QUERY PLAN"])) {
          if (!BOUNDED_TABLES.has(table)) scans.push(`${table}: ${sql}`);
        }
      }
      expect(scans).to.deep.equal([]);
    });
  });
});

/** Tables with few rows at any time. */
const BOUNDED_TABLES: ReadonlySet<string> = new Set([
  "outbox",
  "event_log",
  "settings",
  "digest_keys",
  "deleted_ids",
  "message_ids",
  "event_numbers",
  "incarnation",
  "schema_version",
  "request_counts",
  // The catalogue, which a node reads once, when it starts.
  "pg_class",
  "pg_depend",
  "earlier_epochs",
  "search_progress",
]);

const MANY_ROWS = `
  INSERT INTO users SELECT 'user ' || n, 'user ' || n, 'user ' || n, 'digest', n FROM generate_series(1, 5000) AS n;
  INSERT INTO blocks SELECT 'user ' || n, 'user ' || n % 5000 + 1, n FROM generate_series(1, 5000) AS n;
  INSERT INTO user_words SELECT username_key, id FROM users;
  INSERT INTO sessions SELECT 'session ' || n, 'digest ' || n, 'user ' || n, 'cookie', NULL, NULL, n, n, n
    FROM generate_series(1, 5000) AS n;
  INSERT INTO chats (kind, first_user_id, second_user_id, created_at, participant_count, born_after)
    SELECT 'p2p', least('user ' || n, 'user ' || n + 1), greatest('user ' || n, 'user ' || n + 1), n, 2, 0
    FROM generate_series(1, 1000) AS n;
  INSERT INTO chats (kind, created_at, participant_count, born_after)
    SELECT 'group', n, 20, 0 FROM generate_series(1, 1000) AS n;
  INSERT INTO participants SELECT 'user ' || (chat * 7 + n) % 5000 + 1, chat, n, chat * 10 + n, 0
    FROM generate_series(1, 2000) AS chat, generate_series(1, 10) AS n;
  INSERT INTO read_markers SELECT user_id, chat_id, 1 FROM participants;
  INSERT INTO messages SELECT nextval('message_ids'), chat, seq, 'user ' || (chat * 7 + seq % 10) % 5000 + 1, 'text', seq
    FROM generate_series(1, 100) AS seq, generate_series(1, 2000) AS chat;
  INSERT INTO mentions SELECT 'user ' || (chat * 7 + seq % 10) % 5000 + 1, chat, seq
    FROM generate_series(1, 100) AS seq, generate_series(1, 2000) AS chat;
  INSERT INTO reactions SELECT id, n, 'emoji ' || n % 3, 'user ' || (id * 7 + n) % 5000 + 1, n
    FROM messages, generate_series(1, 3) AS n WHERE seq <= 5;
  INSERT INTO deleted_reactions SELECT id FROM messages WHERE seq = 1;
  INSERT INTO search_terms SELECT id, (CASE WHEN id % 2 = 0 THEN 'often' ELSE 'rare' || id END)::tsvector FROM messages;
  UPDATE search_progress SET indexed_up_to = (SELECT max(id) FROM messages);
  INSERT INTO invitations SELECT 'invitation ' || n, 'digest ' || n, n % 2000 + 1, 'user ' || n % 5000 + 1, n, n, NULL, 0
    FROM generate_series(1, 10000) AS n;
  INSERT INTO events SELECT n, n, n % 2000 + 1, CASE WHEN n % 10 = 0 THEN 'user ' || n % 5000 END, 0, n, '{}', n
    FROM generate_series(1, 300000) AS n;
  ANALYZE;`;

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Plans?: readonly Plan[];
}

function scannedTables(explained: unknown): readonly string[] {
  const scansOf = (plan: Plan): readonly string[] => [
    ...(plan["Node Type"] === "Seq Scan" ? [plan["Relation Name"]!] : []),
    ...(plan.Plans ?? []).flatMap(scansOf),
  ];
  return (explained as readonly { readonly Plan: Plan }[]).flatMap(({ Plan: root }) => scansOf(root));
}

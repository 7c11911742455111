import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect } from "chai";
import { openNodes, type OpenPostgresStore } from "../../support/postgres-nodes.js";
import { createDatabase, type TestDatabase } from "../../support/postgres.js";
import { RACES } from "../../support/postgres-races.js";

/** A store with a mistake that shows only where two nodes work at once. */
interface Mutant {
  readonly mistake: string;
  /** The race that finds it. */
  readonly found: keyof typeof RACES;
  readonly file: string;
  /** Texts of the compiled file, or of another one, each of which must occur once, and what replaces them. */
  readonly edits: readonly (readonly [text: string, instead: string, file?: string])[];
}

/** A login locks the user twice: with the password, and with the sessions. */
const WITHOUT_LOCKS_OF_USERS: Pick<Mutant, "file" | "edits"> = {
  file: "scope.js",
  edits: [
    [`"SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"`, `"SELECT FROM users WHERE id = $1"`],
    [`"FOR NO KEY UPDATE"`, `""`, "users.js"],
  ],
};

const WITHOUT_LOCKED_ACCOUNTS: Pick<Mutant, "file" | "edits"> = {
  file: "users.js",
  edits: [
    ["id = $1 FOR SHARE", "id = $1"],
    ["username_key = $1 FOR SHARE", "username_key = $1"],
  ],
};

const MUTANTS: readonly Mutant[] = [
  {
    mistake: "deletes messages by age without the lock of the chat",
    found: "deletes each old message once while both nodes do it",
    file: "messages.js",
    edits: [["scope.lockChat(chatId);", ""]],
  },
  {
    mistake: "relays without the lock of the log",
    found: "reads on one node while the relay of the other is slow",
    file: "relay.js",
    edits: [[`"SELECT FROM event_log FOR UPDATE"`, `"SELECT FROM event_log"`]],
  },
  {
    mistake: "orders events by the numbers of a sequence",
    found: "delivers the events of a transaction that commits after later ones",
    file: "relay.js",
    edits: [
      ["SELECT event_log.last + row_number() OVER (ORDER BY number), number,", "SELECT number, number,"],
      ["last = last + (SELECT count(*) FROM added)", "last = greatest(last, (SELECT max(id) FROM added))"],
    ],
  },
  {
    mistake: "reads each statement on a snapshot of its own",
    found: "reads one view while another node commits",
    file: "read.js",
    edits: [["ISOLATION LEVEL REPEATABLE READ READ ONLY", "READ ONLY"]],
  },
  {
    mistake: "takes a snapshot while the outbox has events of its chats",
    found: "returns a snapshot to which the events behind its cursor add up, before they are relayed",
    file: "events.js",
    edits: [["if (isWaiting)", "if (false)"]],
  },
  {
    mistake: "reads the log without the events that are in the outbox",
    found: "finds everything that was acknowledged on the other node",
    file: "events.js",
    edits: [["await assertRelayed(userId);\n            const [epoch", "const [epoch"]],
  },
  {
    mistake: "does not run a transaction again after a race for a unique value",
    found: "stores one message under an idempotency key that both nodes use at once",
    file: "transaction.js",
    edits: [["const MAX_ATTEMPTS = 10;", "const MAX_ATTEMPTS = 1;"]],
  },
  {
    mistake: "rejects the sends of a shared transaction that has failed",
    found: "stores one message under an idempotency key that both nodes use at once",
    file: "shared-transactions.js",
    edits: [["this.#runAlone(append.work).then(append.resolve, append.reject)", "append.reject(error)"]],
  },
  {
    mistake: "waits for a locked chat in a transaction of several chats",
    found: "sends to other chats while another transaction has locked a chat",
    file: "scope.js",
    edits: [["FOR NO KEY UPDATE SKIP LOCKED", "FOR NO KEY UPDATE"]],
  },
  {
    mistake: "does not lock the chats of a transaction of several chats",
    found: "sends to other chats while another transaction has locked a chat",
    file: "scope.js",
    edits: [["FOR NO KEY UPDATE SKIP LOCKED", ""]],
  },
  {
    mistake: "decides that a pair has no chat, and uses the one that was opened since",
    found: "runs a transaction again that adds a p2p chat which another node has added since",
    file: "chats.js",
    edits: [
      [`throw new RacedError("The pair has a chat already.");`, "return (await this.p2p([first, second]));"],
    ],
  },
  {
    mistake: "creates a p2p chat while one of its users changes",
    found: "delivers a change of a user who creates a p2p chat meanwhile, or shows it with the chat",
    ...WITHOUT_LOCKED_ACCOUNTS,
  },
  {
    mistake: "takes a snapshot while the outbox has events about peers of its user",
    found: "shows no change of a peer in a snapshot before its event is relayed",
    file: "events.js",
    edits: [["OR (${IS_ABOUT_USER} AND EXISTS (", "OR (false AND EXISTS ("]],
  },
  {
    mistake: "does not lock the user who is written to",
    found: "adds and writes to no user who is disabled or blocks the caller meanwhile",
    ...WITHOUT_LOCKED_ACCOUNTS,
  },
  {
    mistake: "does not lock the user who is written to until the end",
    found: "disables a user, and blocks another one, only behind the messages and additions before",
    ...WITHOUT_LOCKED_ACCOUNTS,
  },
  {
    mistake: "does not lock the user who blocks another one",
    found: "disables a user, and blocks another one, only behind the messages and additions before",
    file: "scope.js",
    edits: [[`"SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"`, `"SELECT FROM users WHERE id = $1"`]],
  },
  {
    mistake: "does not lock the chat",
    found: "stores no message of a user behind their removal",
    file: "scope.js",
    edits: [[`"SELECT FROM chats WHERE id = $1 FOR NO KEY UPDATE"`, `"SELECT FROM chats WHERE id = $1"`]],
  },
  {
    mistake: "does not lock the user whose sessions it reads",
    found: "ends a session that a login starts during a password change",
    file: "scope.js",
    edits: [[`"SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"`, `"SELECT FROM users WHERE id = $1"`]],
  },
  {
    mistake: "does not lock the user whose password it reads",
    found: "rejects a login by a password that is changed meanwhile",
    file: "users.js",
    edits: [[`"FOR NO KEY UPDATE"`, `""`]],
  },
  {
    mistake: "does not lock the user whose account it reads",
    found: "rejects a login of a user who is disabled meanwhile",
    file: "users.js",
    edits: [[`"FOR NO KEY UPDATE"`, `""`]],
  },
  {
    mistake: "does not lock the user who gets a token",
    found: "creates no token of a user who is disabled meanwhile",
    file: "scope.js",
    edits: [[`"SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"`, `"SELECT FROM users WHERE id = $1"`]],
  },
  {
    mistake: "does not lock the user whom it adds",
    found: "adds no user who is erased meanwhile",
    ...WITHOUT_LOCKED_ACCOUNTS,
  },
  {
    mistake: "looks for a reserved username before it waits for the erasure",
    found: "gives nobody the username of a user who is erased meanwhile",
    file: "users.js",
    edits: [
      [
        "(await scope.row(sql, await reserved(key))) !== undefined",
        "(await scope.row(sql, await reserved(key))) === null",
      ],
    ],
  },
  {
    mistake: "does not lock the user who logs in",
    found: "ends a session that a login starts while the user is disabled",
    ...WITHOUT_LOCKS_OF_USERS,
  },
  {
    mistake: "does not lock the user whose sessions it counts",
    found: "ends exactly the least recently used sessions if both nodes start more than the maximum",
    ...WITHOUT_LOCKS_OF_USERS,
  },
  {
    mistake: "does not lock the message that it changes",
    found: "restores no text that is deleted during an edit",
    file: "messages.js",
    edits: [[`"FOR NO KEY UPDATE OF messages"`, `""`]],
  },
  {
    mistake: "takes the last message id for settled",
    found: "pages forward past a transaction that commits after later ones",
    file: "relay.js",
    edits: [
      [
        "THEN next_message ELSE settled_message END",
        "THEN 0 ELSE 0 END + coalesce((SELECT max(id) FROM messages), 0)",
      ],
    ],
  },
  {
    mistake: "waits for no transaction that has taken an id",
    found: "pages forward past a transaction that commits after later ones",
    file: "relay.js",
    edits: [["OR NOT EXISTS (", "OR true OR NOT EXISTS ("]],
  },
  {
    mistake: "waits for the transactions of other programs",
    found: "pages to the end while another program has a transaction open",
    file: "relay.js",
    edits: [["OR NOT EXISTS (", "OR false AND NOT EXISTS ("]],
  },
  {
    mistake: "does not wait until a message id is settled",
    found: "pages forward past a transaction that commits after later ones",
    file: "messages.js",
    edits: [["Math.min(settled, lastId)", "lastId"]],
  },
  {
    mistake: "notes the last message id after the transaction has its id",
    found: "pages forward past a transaction that started while a relay was running",
    file: "relay.js",
    edits: [
      [
        "current_setting('palaver.message_id')::bigint",
        "(SELECT last_value - (NOT is_called)::int FROM message_ids)",
      ],
    ],
  },
  {
    mistake: "takes the last number for the last join",
    found: "returns a last join behind which every later join appears",
    file: "chats.js",
    edits: [["SELECT settled_number FROM event_log", "SELECT last_value FROM event_numbers"]],
  },
  {
    mistake: "relies on notifications alone",
    found: "relays the events of a node that died between its commit and its relay",
    file: "listener.js",
    edits: [["this.#polling = this.#runRelay();", ""]],
  },
  {
    mistake: "does not notify",
    found: "wakes the subscribers of a node by a notification alone",
    file: "relay.js",
    edits: [["WHERE EXISTS (SELECT FROM added)", "WHERE false"]],
  },
];

/** A transaction in another database of the server can hide a mistake for a moment. */
const MAX_RUNS = 5;
/** Longer than the time between two polls. */
const PATIENCE_MS = 1_500;

const compiled = fileURLToPath(new URL("../../../src/", import.meta.url));
// Within `dist`, so that the copy resolves the packages.
const mutants = fileURLToPath(new URL("../../../mutants-postgres/", import.meta.url));

describe("The races of two nodes on PostgreSQL find a store that", () => {
  let database: TestDatabase;

  before(async () => {
    database = await createDatabase();
    await mkdir(join(mutants, "adapters"), { recursive: true });
    for (const shared of ["domain", "application", "adapters/sql"]) {
      await symlink(join(compiled, shared), join(mutants, shared), "junction");
    }
  });
  after(async () => {
    await rm(mutants, { recursive: true, force: true });
    await database.drop();
  });

  for (const [n, mutant] of MUTANTS.entries()) {
    it(mutant.mistake, async () => {
      const open = await compiledWith(mutant, join(mutants, "adapters", String(n)));
      const nodes = await openNodes(open, database.url, PATIENCE_MS);
      try {
        let failure: unknown;
        for (let run = 0; run < MAX_RUNS && failure === undefined; run += 1) {
          failure = await RACES[mutant.found](nodes).catch((error: unknown) => error);
        }
        expect(failure).to.be.an.instanceOf(Error);
      } finally {
        await nodes.close();
      }
    });
  }
});

async function compiledWith({ file, edits }: Mutant, directory: string): Promise<OpenPostgresStore> {
  await cp(join(compiled, "adapters/postgres"), directory, { recursive: true });
  for (const [text, instead, edited = file] of edits) {
    const path = join(directory, edited);
    const [before, after, ...more] = (await readFile(path, "utf8")).split(text);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`"${text}" should occur once in ${edited}. Update this mutant.`);
    }
    await writeFile(path, before + instead + after);
  }
  const { openPostgresStore } = (await import(pathToFileURL(join(directory, "store.js")).href)) as {
    readonly openPostgresStore: OpenPostgresStore;
  };
  return openPostgresStore;
}

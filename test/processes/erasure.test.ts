import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import pg from "pg";
import { openDatabase } from "../../src/adapters/sqlite/database.js";
import { nodeDisk } from "../../src/adapters/sqlite/wal/disk.js";
import { filesOn } from "../../src/adapters/sqlite/wal/files.js";
import { replaceFiles } from "../../src/adapters/sqlite/wal/snapshot.js";
import { verifyErasedInDatabase, verifyErasedInDirectory } from "../../src/main/cli/verify-erased.js";
import { Client, PASSWORD } from "../support/client.js";
import { createDatabase } from "../support/postgres.js";
import { cli, run, runServer } from "../support/process.js";

/** Longer than a page of the database, with characters that JSON escapes. */
const LONG_TEXT = `"the long secret" of zacharias\n${"x".repeat(9_000)}`;

describe("palaver user erase and verify-erased", () => {
  let scratch: string;
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), "palaver-"));
  });
  afterEach(async () => {
    for (const { child, ended } of servers.splice(0)) {
      child.kill("SIGKILL");
      await ended;
    }
    await rm(scratch, { recursive: true });
  });

  const servers: Awaited<ReturnType<typeof runServer>>[] = [];

  async function signIn(url: string, username: string): Promise<Client> {
    const client = new Client(url);
    for (const path of ["register", "login"]) {
      await client.post(`/v1/auth/${path}`, { username, password: PASSWORD });
    }
    return client;
  }

  const palaver = async (env: Readonly<Record<string, string>>, ...args: string[]) => {
    const ran = run(args, env);
    return { status: await ran.ended, output: ran.output() };
  };

  interface Scene {
    readonly env: Readonly<Record<string, string>>;
    readonly userId: string;
    /** An export from before the erasure. */
    readonly exported: string;
    readonly bob: Client;
    readonly server: Awaited<ReturnType<typeof runServer>>;
  }

  /** Serves a store in which Zacharias has written to Bob, and has not been erased. */
  async function openScene(env: Readonly<Record<string, string>>): Promise<Scene> {
    const server = await runServer(env["DATA_DIR"]!, env);
    servers.push(server);
    const ana = await signIn(server.url, "zacharias");
    const bob = await signIn(server.url, "bob");
    const chatId = String((await ana.post("/v1/group_chat", { participants: ["bob"] })).json["chat_id"]);
    const say = (message: string) => ana.post("/v1/messages", { group_chat_id: chatId, message });
    await say("a secret of zacharias");
    await say(LONG_TEXT);
    const metadata = { note: ['the "noted" secret'] };
    await ana.post("/v1/messages", { group_chat_id: chatId, message: "ok", mentions: ["bob"], metadata });
    await ana.post("/v1/messages", { dest_username: "bob", message: "another secret" });
    const { json } = await bob.post("/v1/messages", {
      dest_username: "zacharias",
      message: "something of bob",
    });
    await ana.put(`/v1/messages/${String(json["id"])}/reactions/${encodeURIComponent("👍")}`, undefined);
    await ana.patch("/v1/users/me", { display_name: "Zacharias the Great" });
    await ana.put("/v1/users/me/blocks/bob", undefined);
    await ana.post(`/v1/group_chat/${chatId}/invitations`);
    const chats = JSON.parse((await ana.get("/v1/chats")).text) as readonly { readonly chat_id: number }[];
    for (const { chat_id: id } of chats) await ana.patch(`/v1/chats/${id}/settings`, { pinned: true });
    const userId = String((await ana.get("/v1/auth/session")).json["user_id"]);
    const exported = join(scratch, "zacharias.jsonl");
    writeFileSync(exported, (await palaver(env, "export", "zacharias")).output);
    return { env, userId, exported, bob, server };
  }

  async function stop({ server }: Scene): Promise<void> {
    server.child.kill("SIGKILL");
    await server.ended;
  }

  const dataDir = () => join(scratch, "data");

  /** The contents of all files of the store, as one text. */
  const bytesOf = (directory: string) =>
    readdirSync(directory)
      .filter((name) => name !== "control")
      .map((name) => readFileSync(join(directory, name), "latin1"))
      .join("\n");

  it("erase a user at a running server, and prove it when the server is stopped", async () => {
    const scene = await openScene({ DATA_DIR: dataDir() });
    const { env, userId, exported, bob } = scene;
    const early = await palaver(env, "verify-erased", userId, "--json");
    expect(early.status).to.equal(1);
    expect(JSON.parse(early.output)).to.have.property("code", "failed");

    const erased = await palaver(env, "user", "erase", "zacharias", "--json");
    expect(erased.status, erased.output).to.equal(0);
    expect(JSON.parse(erased.output)).to.include({
      user_id: userId,
      username: "deleted",
      erasure: "complete",
    });
    expect((await palaver(env, "user", "erase", userId)).output).to.equal(`The user ${userId} is erased.\n`);
    const listed = await palaver(env, "user", "list", "--json");
    expect(listed.output).to.include(`"user_id":"${userId}"`).and.not.include("zacharias");
    const added = await palaver(env, "user", "add", "Zacharias", "--json");
    expect(JSON.parse(added.output)).to.have.property("code", "username_taken");
    expect((await bob.get("/v1/messages")).text).to.not.include("zacharias");
    await stop(scene);

    expect(bytesOf(dataDir())).to.include("a secret of zacharias");
    const { status, output } = await palaver(env, "verify-erased", userId, "--export", exported);
    expect(status, output).to.equal(0);
    expect(output).to.include("was compacted.\nSearched for names and texts: 6.\n");
    expect(output).to.include(
      "Not searched: Names and texts that are too short to be told apart from others: 1.\n",
    );
    expect(output).to.match(/Nothing of the user \S+ was found in \S+data\.\n$/);
    const bytes = bytesOf(dataDir());
    for (const text of ["zacharias", "the Great", "secret", "x".repeat(50)])
      expect(bytes).to.not.include(text);
    expect(bytes).to.include("something of bob");
    const checked = await palaver(env, "check");
    expect(checked.status, checked.output).to.equal(0);
    const server = await runServer(dataDir());
    servers.push(server);
    const login = await new Client(server.url).post("/v1/auth/login", {
      username: "bob",
      password: PASSWORD,
    });
    expect(login.status).to.equal(200);
  });

  it("find a user who is not erased, and one whose erasure is not complete", async () => {
    const scene = await openScene({ DATA_DIR: dataDir() });
    const { env, userId, exported } = scene;
    await stop(scene);
    const before = await palaver(env, "verify-erased", userId, "--export", exported, "--json");
    expect(before.status).to.equal(1);
    const { remnants, state } = JSON.parse(before.output) as { remnants: string[]; state: string };
    expect(state).to.equal("not_deleted");
    expect(remnants.slice(0, 2)).to.deep.equal([
      `The user ${userId} is not deleted. Run \`palaver user erase\`.`,
      "The store has rows with a name, its key or a password of the user: 1.",
    ]);
    const texts = [
      "memberships in chats that end",
      "settings of chats",
      "words of the directory",
      "blocks",
      "invitations",
      "read markers",
      "reactions",
      "messages that count reactions",
      "messages that are not deleted",
      "sessions",
    ];
    for (const text of texts) expect(remnants.join()).to.include(text);
    expect(remnants.at(-1)).to.match(/The file \S+snapshot-\S+ has names of the user: \d+, and texts: [1-9]/);
    const command = { userId: "nobody", exportPath: undefined, searched: [] };
    const unknown = await verifyErasedInDirectory(dataDir(), command);
    expect(unknown.sound).to.equal(false);
    expect(unknown.lines[0]).to.equal("No user has the user_id nobody.");
  });

  it("find remnants in the snapshot and log of a backup, and in exports", async () => {
    const scene = await openScene({ DATA_DIR: dataDir() });
    const { env, userId, exported } = scene;
    const [backup, copy] = [join(scratch, "backup"), join(scratch, "copy")];
    expect((await palaver(env, "backup", dataDir(), backup)).status).to.equal(0);
    mkdirSync(copy);
    for (const name of readdirSync(dataDir()).filter((each) => each.endsWith(".palaver"))) {
      cpSync(join(dataDir(), name), join(copy, name));
    }
    await palaver(env, "user", "erase", "zacharias");
    await stop(scene);
    const places = [backup, copy, exported];
    const options = places.flatMap((path) => ["--in", path]);
    const ran = await palaver(env, "verify-erased", userId, "--export", exported, ...options, "--json");
    expect(ran.status).to.equal(1);
    const { remnants } = JSON.parse(ran.output) as { remnants: string[] };
    expect(remnants).to.have.length(3);
    for (const [index, pattern] of [/backup\/snapshot-/, /copy\/log-/, /zacharias\.jsonl/].entries()) {
      expect(remnants[index])
        .to.match(pattern)
        .and.match(/names of the user: [1-9]\d*, and texts: [2-9]/);
    }
    const without = await palaver(env, "verify-erased", userId, "--in", backup);
    expect(without.status).to.equal(2);
    const attempt = async (id: string, exportPath: string) =>
      String(
        await verifyErasedInDirectory(dataDir(), { userId: id, exportPath, searched: [] }).catch(
          (error: unknown) => error,
        ),
      );
    expect(await attempt("other", exported)).to.include(`is the export of the user ${userId}`);
    expect(await attempt(userId, join(backup, "session-secret"))).to.include("is no export of a user.");
  });

  it("reject an export that is missing, a directory or of another user before they compact the data", async () => {
    const scene = await openScene({ DATA_DIR: dataDir() });
    const { env, userId, exported } = scene;
    await palaver(env, "user", "erase", "zacharias");
    await stop(scene);
    const before = bytesOf(dataDir());
    expect(before).to.include("a secret of zacharias");
    const missing = join(scratch, "missing.jsonl");
    for (const path of [missing, scratch]) {
      const { status, output } = await palaver(env, "verify-erased", userId, "--export", path);
      expect(status).to.equal(1);
      expect(output)
        .to.match(path === missing ? /ENOENT/ : /EISDIR/)
        .and.include(`The export ${path} could not be read: `)
        .and.match(/\. Use the output of `palaver export`\.\n$/);
    }
    const other = await palaver(env, "verify-erased", "other", "--export", exported);
    expect(other.output).to.include(`is the export of the user ${userId}`);
    expect(bytesOf(dataDir())).to.equal(before);
    const command = { userId, exportPath: missing, searched: [] };
    const unreachable = verifyErasedInDatabase({ postgres: "postgres://127.0.0.1:1/palaver" }, command);
    expect(await unreachable.catch(String)).to.include("could not be read: ENOENT");
  });

  it("find a name or a text that an erasure has missed, with and without an export", async () => {
    const scene = await openScene({ DATA_DIR: dataDir() });
    const { env, userId, exported } = scene;
    await palaver(env, "user", "erase", "zacharias");
    await stop(scene);
    const verify = async (exportPath?: string) => {
      const { lines, fields, sound } = await verifyErasedInDirectory(dataDir(), {
        userId,
        exportPath,
        searched: [],
      });
      const remnants = fields["remnants"] as readonly string[];
      expect(sound).to.equal(remnants.length === 0);
      expect(lines).to.include(
        exportPath === undefined
          ? "Searched for the username by its digest."
          : "Searched for names and texts: 6.",
      );
      return remnants;
    };
    expect(await verify()).to.deep.equal([]);

    writeFileSync(join(dataDir(), "notes.txt"), "about zacharias");
    const inNotes = [`The file ${join(dataDir(), "notes.txt")} has names of the user: 1, and texts: 0.`];
    expect(await verify()).to.deep.equal(inNotes);
    expect(await verify(exported)).to.deep.equal(inNotes);
    await rm(join(dataDir(), "notes.txt"));

    async function plant(sql: string): Promise<void> {
      const disk = nodeDisk(dataDir());
      const files = filesOn(disk);
      const database = await openDatabase(disk.read(files.snapshots.at(-1)!.name));
      database.execute(sql);
      replaceFiles(disk, files, files.snapshots.at(-1)!.transaction, database.toFile());
      database.close();
    }
    await plant(`UPDATE events SET what = json_set(what, '$.user', json_object('username', 'zacharias'))
      WHERE id = (SELECT max(id) FROM events WHERE chat_id IS NOT NULL)`);
    expect(await verify()).to.deep.equal(["The event log has names or texts of the user: 1."]);
    await plant(`UPDATE events SET what = json_remove(what, '$.user')`);
    expect(await verify()).to.deep.equal([]);

    await plant(`UPDATE messages SET text = 'something new' WHERE id = 1`);
    expect(await verify()).to.deep.equal(["The store has messages that are not deleted of the user: 1."]);
    await plant(`UPDATE messages SET text = '', text_digest = 'digest' WHERE id = 1`);
    expect(await verify()).to.deep.equal([
      "The store has idempotency keys or digests of texts of the user: 1.",
    ]);
    await plant(`UPDATE messages SET text_digest = NULL`);

    // What others have written stays, and is reported apart.
    await plant(`UPDATE chats SET title = 'a secret of zacharias' WHERE kind = 'group'`);
    const { fields, sound } = await verifyErasedInDirectory(dataDir(), {
      userId,
      exportPath: exported,
      searched: [],
    });
    expect(sound).to.equal(true);
    expect(fields["in_rows_that_stay"]).to.deep.equal({ "chats.title": 2 });
  });

  it("prove what can be seen of a PostgreSQL database, and say what cannot", async () => {
    const database = await createDatabase();
    try {
      const scene = await openScene({ DATABASE_URL: database.url, DATA_DIR: dataDir() });
      const { env, userId, exported } = scene;
      await palaver(env, "user", "erase", "zacharias");
      const running = await palaver(env, "verify-erased", userId, "--export", exported);
      await stop(scene);
      expect(running.status, running.output).to.equal(0);
      expect(running.output).to.match(/The tables of the database .+ were vacuumed\./);
      expect(running.output).to.include(
        "Not searched: The write-ahead log, its archive, standbys, and backups.",
      );
      expect(existsSync(dataDir())).to.equal(false);
      const client = new pg.Client(database.url);
      await client.connect();
      await client.query("UPDATE messages SET text = 'something new' WHERE seq = 1");
      await client.end();
      const { status, output } = await palaver(env, "verify-erased", userId);
      expect(status).to.equal(1);
      expect(output).to.include("The store has messages that are not deleted of the user: 2.");
    } finally {
      await database.drop();
    }
  });

  it("explain their options", async () => {
    const { status, output } = await palaver({}, "verify-erased", "--help");
    expect(status).to.equal(0);
    expect(output).to.include("--export FILE").and.include("--in PATH");
    const wrong = await palaver({}, "check", "--export", cli);
    expect(wrong.status).to.equal(2);
  });
});

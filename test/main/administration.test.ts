import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";
import { argon2Hasher } from "../../src/adapters/argon2.js";
import { keyedSecrets, systemClock, uuids } from "../../src/adapters/system.js";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import { administration, type Data } from "../../src/main/administration.js";
import { readConfig } from "../../src/main/config.js";
import { administer, listenForCommands } from "../../src/main/control.js";
import { openStore } from "../../src/main/storage.js";
import type { Row } from "../../src/main/terminal.js";
import { collected } from "../support/operator.js";
import { refusalOf } from "../support/refusal.js";

const PASSWORD = "correct horse";
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const silent = pino({ level: "silent" });

function fail(error: Error): never {
  throw error;
}

describe("Administration", () => {
  let directory: string;
  let data: Data;
  let stopListening: () => Promise<void>;
  let messaging: Messaging;

  const config = () => readConfig({ DATA_DIR: directory });

  /** What a server does with the data. */
  async function take(): Promise<void> {
    const store = await openStore(config(), silent, fail);
    const refusedPasswords = new Set(["password123"]);
    data = { store, directory, refusedPasswords, passwords: argon2Hasher(), clock: systemClock, ids: uuids };
    messaging = createMessaging({ ...data, secrets: keyedSecrets(["a key of sixteen"]) });
    stopListening = await listenForCommands(data, silent);
  }

  async function letGo(): Promise<void> {
    await stopListening();
    await data.store.close();
  }

  const rows = (command: string, ...args: string[]) =>
    collected(administer(config(), { command, args }, fail));
  const row = async (command: string, ...args: string[]) => {
    const found = await rows(command, ...args);
    expect(found).to.have.length(1);
    return found[0]!;
  };
  const shown = async (command: string, ...args: string[]) =>
    (await collected(administration[command]!.shows(administer(config(), { command, args }, fail)))).join("");

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "palaver-"));
    await take();
  });

  after(async () => {
    await letGo();
    await rm(directory, { recursive: true });
  });

  it("adds users, who then can log in, and lists them", async () => {
    expect(await rows("user list")).to.deep.equal([]);
    expect(await shown("user list")).to.equal("");
    const ana = await row("user add", "Ana", PASSWORD);
    expect(ana).to.deep.equal({ ...ana, username: "Ana", disabled_at: null });
    expect(ana["created_at"]).to.match(TIME);
    expect(await shown("user add", "bo", PASSWORD)).to.match(/^bo has an account, with the user_id \S+\.\n$/);
    const { session } = await messaging.logIn({ username: "ana", password: PASSWORD });
    expect(session.user.id).to.equal(ana["user_id"]);
    const all = await rows("user list");
    expect(all.map(({ username }) => username)).to.deep.equal(["Ana", "bo"]);
    expect(all[0]).to.deep.equal(ana);
  });

  it("refuses with the codes of the core", async () => {
    expect(await refusalOf(rows("user add", "ANA", PASSWORD))).to.equal("username_taken");
    expect(await refusalOf(rows("user add", "not a name", PASSWORD))).to.equal("invalid_username");
    expect(await refusalOf(rows("user password", "ana", "short"))).to.equal("invalid_password");
    for (const [name, { takes, password }] of Object.entries(administration)) {
      if (takes[0] !== "USER") continue;
      const args = password ? ["nobody", PASSWORD] : ["nobody"];
      expect(await refusalOf(rows(name, ...args)), name).to.equal("unknown_user");
    }
  });

  it("disables a user, whom no login lets in, and enables them again", async () => {
    const logIn = () => refusalOf(messaging.logIn({ username: "bo", password: PASSWORD }));
    const disabled = await row("user disable", "bo");
    expect(disabled["disabled_at"]).to.match(TIME);
    expect(await shown("user disable", String(disabled["user_id"]))).to.equal(
      `bo is disabled since ${String(disabled["disabled_at"])}.\n`,
    );
    expect((await rows("user list"))[1]).to.deep.equal(disabled);
    expect(await logIn()).to.equal("account_disabled");
    expect(await shown("user enable", "bo")).to.equal("bo can log in.\n");
    expect(await logIn()).to.equal(undefined);
  });

  it("gives a user another password", async () => {
    expect(await shown("user password", "bo", "another horse")).to.match(/^bo has another password/);
    const logIn = (password: string) => refusalOf(messaging.logIn({ username: "bo", password }));
    expect(await logIn(PASSWORD)).to.equal("wrong_credentials");
    expect(await logIn("another horse")).to.equal(undefined);
    await rows("user disable", "bo");
    expect(await shown("user password", "bo", "another horse")).to.include("disabled still");
    await rows("user enable", "bo");
  });

  it("lists the sessions of a user, and ends one of them or all", async () => {
    await rows("session revoke", "ana");
    const logIn = { username: "ana", password: PASSWORD, userAgent: "Mozilla \u001b[31mred" };
    const { session: first } = await messaging.logIn(logIn);
    await messaging.logIn(logIn);
    const { session: token } = await messaging.createToken({ by: first, name: "bot" });
    const all = await rows("session list", "ana");
    expect(all.map(({ kind }) => kind)).to.deep.equal(["cookie", "cookie", "token"]);
    expect(all[2]).to.deep.equal({
      session_id: token.id,
      kind: "token",
      created_at: new Date(token.createdAt).toISOString(),
      last_seen_at: new Date(token.lastSeenAt).toISOString(),
      expires_at: new Date(token.expiresAt).toISOString(),
      name: "bot",
      user_agent: null,
    });
    expect(await shown("session list", "ana"))
      .to.include("Mozilla \ufffd[31mred")
      .and.not.include("\u001b");
    expect(await rows("session revoke", "ana", first.id)).to.deep.equal([all[0]]);
    expect(await refusalOf(rows("session revoke", "ana", first.id))).to.equal("unknown_session");
    expect(await rows("session revoke", "ana")).to.deep.equal(all.slice(1));
    expect(await rows("session list", "ana")).to.deep.equal([]);
  });

  it("lists the chats, exports what is of one user, and counts what there is", async () => {
    const { session } = await messaging.logIn({ username: "ana", password: PASSWORD });
    const bo = await messaging.logIn({ username: "bo", password: "another horse" });
    const by = session.user.id;
    const chat = await messaging.createGroupChat({ by, title: "Plans \u202e" });
    await messaging.sendMessage({ by, to: { chatId: chat.id }, text: "one\u2028two" });
    await messaging.sendMessage({ by: bo.session.user.id, to: { username: "ana" }, text: "of bo" });
    await messaging.sendMessage({ by, to: { username: "bo" }, text: "of ana" });
    const chats = await rows("chat list");
    const [group, p2p] = chats;
    expect(group).to.deep.include({ chat_id: 1, kind: "group", participant_count: 1, last_seq: 1 });
    expect(p2p).to.deep.include({ kind: "p2p", between: ["Ana", "bo"], last_seq: 2, title: null });
    expect(p2p!["last_sent_at"]).to.match(TIME);
    expect(await shown("chat list"))
      .to.include("Plans \ufffd\n")
      .and.include(" Ana bo ");

    const records = await rows("export", "ana");
    const of = (kind: string) => records.filter(({ record }) => record === kind);
    expect(records.map(({ record }) => record)).to.deep.equal([
      "account",
      "session",
      "chat",
      "chat",
      "message",
      "message",
    ]);
    expect(of("account")[0]).to.deep.include({ username: "Ana", disabled_at: null });
    expect(
      of("chat").map(({ with_username, last_seq, read_seq }) => [with_username, last_seq, read_seq]),
    ).to.have.deep.members([
      [null, 1, 1],
      ["bo", 2, 2],
    ]);
    expect(of("message").map(({ message }) => message)).to.deep.equal(["one\u2028two", "of ana"]);
    const lines = (await shown("export", "ana")).split("\n").slice(0, -1);
    expect(lines.map((line) => JSON.parse(line) as Row)).to.deep.equal(records);

    const stats = await row("stats");
    expect(stats).to.deep.include({
      users: 2,
      disabled_users: 0,
      group_chats: 1,
      p2p_chats: 1,
      messages: 3,
      sessions: 2,
      tokens: 0,
    });
    expect(stats["transactions"]).to.be.above(15);
    expect(stats["bytes_on_disk"]).to.be.above(2 ** 20);
    expect(await shown("stats")).to.match(/^ {2}users +2\n {2}disabled users +0\n/);
  });

  it("does all of it alike where no server runs", async () => {
    const look = async () => ({
      users: await rows("user list"),
      sessions: await rows("session list", "ana"),
      chats: await rows("chat list"),
      records: await rows("export", "ana"),
      stats: { ...(await row("stats")), bytes_on_disk: 0 },
    });
    const before = await look();
    await letGo();
    expect(await look()).to.deep.equal(before);
    const cy = await row("user add", "cy", PASSWORD);
    expect(await row("user disable", "cy"))
      .to.include({ username: "cy" })
      .and.not.include({ disabled_at: null });
    expect(await row("user enable", "cy")).to.deep.equal(cy);
    expect(await row("user password", "cy", "another horse")).to.deep.equal(cy);
    expect(await rows("session revoke", "ana")).to.deep.equal(before.sessions);
    expect(await refusalOf(rows("export", "nobody"))).to.equal("unknown_user");
    await take();
    expect((await rows("user list")).at(-1)).to.deep.equal(cy);
    expect(await rows("session list", "ana")).to.deep.equal([]);
    expect(await refusalOf(messaging.logIn({ username: "cy", password: "another horse" }))).to.equal(
      undefined,
    );
  });
});

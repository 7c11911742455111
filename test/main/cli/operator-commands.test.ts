import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Messaging } from "../../../src/application/messaging.js";
import { sendRequest } from "../../../src/main/cli/operator-client.js";
import { operatorCommands } from "../../../src/main/cli/operator-commands.js";
import type { OutputRow } from "../../../src/main/cli/terminal.js";
import { readConfig } from "../../../src/main/config.js";
import { createContainer, tokens } from "../../../src/main/container.js";
import { createControlApp, serveControl } from "../../../src/main/control.js";
import { openLog } from "../../../src/main/log.js";
import { collected, operatorErrorOf } from "../../support/operator.js";
import { errorCodeOf } from "../../support/error-code.js";

const PASSWORD = "correct horse";
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function fail(error: Error): never {
  throw error;
}

describe("operatorCommands", () => {
  let directory: string;
  let messaging: Messaging;
  let stopServing: () => Promise<void>;

  const config = () => readConfig({ DATA_DIR: directory });

  /** Opens the data and the control socket, as a server does. */
  async function startServer(): Promise<void> {
    const container = createContainer({ ...config(), refusedPasswords: new Set(["password123"]) });
    messaging = await container.getAsync(tokens.messaging);
    const ports = await container.getAsync(tokens.ports);
    const log = openLog("silent");
    const stopControl = await serveControl(createControlApp(ports, directory, log), directory, log);
    stopServing = async () => {
      await stopControl();
      await container.unbindAsync(tokens.store);
    };
  }

  const send = (command: string, args: readonly string[]) =>
    sendRequest(config(), operatorCommands[command]!.request(...args), fail);
  const rows = (command: string, ...args: string[]) => collected(send(command, args));
  const row = async (command: string, ...args: string[]) => {
    const found = await rows(command, ...args);
    expect(found).to.have.length(1);
    return found[0]!;
  };
  const printed = async (command: string, ...args: string[]) =>
    (await collected(operatorCommands[command]!.format(send(command, args)))).join("");

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "palaver-"));
    await startServer();
  });

  after(async () => {
    await stopServing();
    await rm(directory, { recursive: true });
  });

  it("adds users, who can log in, and lists them", async () => {
    expect(await rows("user list")).to.deep.equal([]);
    expect(await printed("user list")).to.equal("");
    const ana = await row("user add", "Ana", PASSWORD);
    expect(ana).to.deep.equal({ ...ana, username: "Ana", disabled_at: null });
    expect(ana["created_at"]).to.match(TIME);
    expect(await printed("user add", "bo", PASSWORD)).to.match(
      /^Created the account bo, with the user_id \S+\.\n$/,
    );
    const { session } = await messaging.logIn({ username: "ana", password: PASSWORD });
    expect(session.user.id).to.equal(ana["user_id"]);
    expect(await rows("user show", "Ana")).to.deep.equal([ana]);
    expect(ana).to.include({ state: "active", display_name: null });
    const all = await rows("user list");
    expect(all.map(({ username }) => username)).to.deep.equal(["Ana", "bo"]);
    expect(all[0]).to.deep.equal(ana);
  });

  it("rejects with the codes of the core", async () => {
    expect(await operatorErrorOf(rows("user add", "ANA", PASSWORD))).to.equal("username_taken");
    expect(await operatorErrorOf(rows("user add", "not a name", PASSWORD))).to.equal("invalid_username");
    expect(await operatorErrorOf(rows("user password", "ana", "short"))).to.equal("invalid_password");
    for (const [name, { args: names, password }] of Object.entries(operatorCommands)) {
      if (names[0] !== "USER") continue;
      const args = ["nobody", ...(password ? [PASSWORD] : []), ...(names[1] === "NAME" ? ["backup"] : [])];
      expect(await operatorErrorOf(rows(name, ...args)), name).to.equal("unknown_user");
    }
  });

  it("disables a user, whose login is rejected, and enables them again", async () => {
    const logIn = () => errorCodeOf(messaging.logIn({ username: "bo", password: PASSWORD }));
    const disabled = await row("user disable", "bo");
    expect(disabled["disabled_at"]).to.match(TIME);
    expect(await printed("user disable", String(disabled["user_id"]))).to.equal(
      `bo is disabled since ${String(disabled["disabled_at"])}.\n`,
    );
    expect((await rows("user list"))[1]).to.deep.equal(disabled);
    expect(await logIn()).to.equal("account_disabled");
    expect(await printed("user enable", "bo")).to.equal("bo can log in.\n");
    expect(await logIn()).to.equal(undefined);
  });

  it("sets the password of a user", async () => {
    expect(await printed("user password", "bo", "another horse")).to.match(
      /^bo has a new password, and must log in/,
    );
    const logIn = (password: string) => errorCodeOf(messaging.logIn({ username: "bo", password }));
    expect(await logIn(PASSWORD)).to.equal("wrong_credentials");
    expect(await logIn("another horse")).to.equal(undefined);
    await rows("user disable", "bo");
    expect(await printed("user password", "bo", "another horse")).to.include("is still disabled");
    await rows("user enable", "bo");
  });

  it("creates, lists and ends tokens of a user, and leaves their sessions alive", async () => {
    const { session } = await messaging.logIn({ username: "ana", password: PASSWORD });
    const { token, ...backup } = await row("token create", "ana", "backup");
    const secret = await printed("token create", "ana", "reports");
    expect((await messaging.authenticate({ secret: String(token) })).id).to.equal(backup["token_id"]);
    expect((await messaging.authenticate({ secret: secret.trimEnd() })).name).to.equal("reports");
    const listed = await rows("token list", "ana");
    expect(listed.map(({ name }) => name)).to.deep.equal(["backup", "reports"]);
    expect(listed[0]).to.deep.equal(backup);
    expect(await rows("token revoke", "ana", String(backup["token_id"]))).to.deep.equal([backup]);
    expect(await operatorErrorOf(rows("token revoke", "ana", session.id))).to.equal("unknown_token");
    expect(await rows("token revoke", "ana")).to.have.length(1);
    expect(await errorCodeOf(messaging.authenticate({ secret: String(token) }))).to.equal("not_signed_in");
    expect((await rows("session list", "ana")).map((each) => each["session_id"])).to.include(session.id);
    expect(await operatorErrorOf(rows("token create", "ana", " "))).to.equal("invalid_token_name");
    for (let count = 0; count < 50; count += 1) await rows("token create", "ana", "one of many");
    expect(await operatorErrorOf(rows("token create", "ana", "too many"))).to.equal("too_many_tokens");
    await rows("user disable", "ana");
    expect(await operatorErrorOf(rows("token create", "ana", "late"))).to.equal("account_disabled");
    await rows("user enable", "ana");
  });

  it("checks the username of `user add` before the password", async () => {
    const checked = (name: string) =>
      operatorErrorOf(collected(sendRequest(config(), operatorCommands["user add"]!.check!(name), fail)));
    expect(await checked("a b")).to.equal("invalid_username");
    expect(await checked("ANA")).to.equal("username_taken");
    expect(await checked("admin")).to.equal(undefined);
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
    expect(await printed("session list", "ana"))
      .to.include("Mozilla \ufffd[31mred")
      .and.not.include("\u001b");
    expect(await rows("session revoke", "ana", first.id)).to.deep.equal([all[0]]);
    expect(await operatorErrorOf(rows("session revoke", "ana", first.id))).to.equal("unknown_session");
    expect(await rows("session revoke", "ana")).to.deep.equal(all.slice(1));
    expect(await rows("session list", "ana")).to.deep.equal([]);
  });

  it("lists chats, exports the data of one user, and counts the store's contents", async () => {
    const { session } = await messaging.logIn({ username: "ana", password: PASSWORD });
    const bo = await messaging.logIn({ username: "bo", password: "another horse" });
    const by = session.user.id;
    const chat = await messaging.createGroupChat({ by, title: "Plans \u200f" });
    await messaging.sendMessage({ by, to: { chatId: chat.id }, text: "one\u2028two" });
    await messaging.sendMessage({ by: bo.session.user.id, to: { username: "ana" }, text: "of bo" });
    await messaging.sendMessage({ by, to: { username: "bo" }, text: "of ana" });
    const chats = await rows("chat list");
    const [group, p2p] = chats;
    expect(group).to.deep.include({ chat_id: 1, kind: "group", participant_count: 1, last_seq: 1 });
    expect(p2p).to.deep.include({ kind: "p2p", between: ["Ana", "bo"], last_seq: 2, title: null });
    expect(p2p!["last_sent_at"]).to.match(TIME);
    expect(await printed("chat list"))
      .to.include("Plans \ufffd\n")
      .and.include(" Ana bo ");

    const changed = await row("chat policy", "1", "add=admins", "history=since_join");
    const settings = { rename: "everyone", remove: "everyone", post: "everyone" };
    expect(changed).to.deep.equal({ ...settings, add: "admins", history: "since_join" });
    expect(await row("chat policy", "1")).to.deep.equal(changed);
    expect(await printed("chat policy", "1")).to.include("  add      admins\n  remove   everyone\n");
    await messaging.changeChat({ by, chatId: chat.id, metadata: { topic: "lunch" } });
    const shown = await row("chat show", "1");
    expect(shown).to.deep.include({ chat_id: 1, policy: changed, metadata: { topic: "lunch" } });
    const [{ joined_at: joinedAt, ...owner }] = shown["participants"] as unknown as [Record<string, unknown>];
    expect(owner).to.deep.equal({ user_id: by, username: "Ana", role: "owner" });
    expect(joinedAt).to.match(TIME);
    expect(await printed("chat show", "1"))
      .to.match(/^ {2}policy +add=admins remove=everyone .* history=since_join$/m)
      .and.match(/^ {2}participants +Ana \(owner\)$/m)
      .and.match(/^ {2}metadata +\{"topic":"lunch"\}$/m);
    expect(await printed("chat show", "2"))
      .to.match(/^ {2}policy +-$/m)
      .and.match(/^ {2}participants +(Ana bo|bo Ana)$/m);
    for (const setting of ["add", "add=nobody", "join=admins", "=admins"]) {
      expect(await operatorErrorOf(rows("chat policy", "1", setting)), setting).to.equal("invalid_request");
    }
    expect(await operatorErrorOf(rows("chat policy", "2"))).to.equal("p2p_chat");
    const { invitation } = await messaging.createInvitation({ by, chatId: chat.id, maxUses: 9 });
    const [listed] = await rows("invitation list", "1");
    expect(listed).to.include({ invitation_id: invitation.id, chat_id: 1, inviter_username: "Ana", uses: 0 });
    expect(listed!["expires_at"]).to.match(TIME);
    expect(await printed("invitation list", "1")).to.match(/\bAna\b.* 9 +0 +1\n/);
    expect(await rows("invitation list", "2")).to.deep.equal([]);
    expect(await row("invitation revoke", invitation.id)).to.deep.equal(listed);
    expect(await rows("invitation list", "1")).to.deep.equal([]);
    expect(await operatorErrorOf(rows("invitation revoke", invitation.id))).to.equal("unknown_invitation");
    for (const unknown of ["99", "0", "x", "99999999999999999999"]) {
      for (const command of ["chat show", "chat policy", "chat delete", "invitation list"]) {
        expect(await operatorErrorOf(rows(command, unknown)), unknown).to.equal("unknown_chat");
      }
    }

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
    const lines = (await printed("export", "ana")).split("\n").slice(0, -1);
    expect(lines.map((line) => JSON.parse(line) as OutputRow)).to.deep.equal(records);

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
    expect(await printed("stats")).to.match(/^ {2}users +2\n {2}disabled users +0\n/);

    const state = "deleted";
    expect(await rows("chat delete", "2")).to.deep.equal([{ chat_id: 2, participants_left: 0, state }]);
    expect(await printed("chat delete", "1")).to.equal("Deleted the chat 1.\n");
    expect(await rows("chat list")).to.deep.equal([]);
    expect(await operatorErrorOf(rows("chat delete", "1"))).to.equal("unknown_chat");
  });

  it("gives the same results in this process where no server runs", async () => {
    const look = async () => ({
      users: await rows("user list"),
      sessions: await rows("session list", "ana"),
      chats: await rows("chat list"),
      records: await rows("export", "ana"),
      stats: { ...(await row("stats")), bytes_on_disk: 0 },
    });
    const before = await look();
    await stopServing();
    expect(await look()).to.deep.equal(before);
    const cy = await row("user add", "cy", PASSWORD);
    expect(await row("user disable", "cy"))
      .to.include({ username: "cy" })
      .and.not.include({ disabled_at: null });
    expect(await row("user enable", "cy")).to.deep.equal(cy);
    expect(await row("user password", "cy", "another horse")).to.deep.equal(cy);
    expect(await rows("session revoke", "ana")).to.deep.equal(before.sessions);
    expect(await operatorErrorOf(rows("export", "nobody"))).to.equal("unknown_user");
    await startServer();
    expect((await rows("user list")).at(-1)).to.deep.equal(cy);
    expect(await rows("session list", "ana")).to.deep.equal([]);
    expect(await errorCodeOf(messaging.logIn({ username: "cy", password: "another horse" }))).to.equal(
      undefined,
    );
  });

  it("adds a user with a reserved name, which users cannot register", async () => {
    const support = { username: "support", password: PASSWORD };
    expect(await errorCodeOf(messaging.registerUser(support))).to.equal("username_reserved");
    const { user_id: id } = await row("user add", "support", PASSWORD);
    expect((await messaging.logIn(support)).session.user.id).to.equal(id);
  });
});

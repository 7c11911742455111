import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { UnreadResponses } from "../../../src/adapters/http/unread-responses.js";
import type { ChatId } from "../../../src/domain/chat.js";
import type { User } from "../../../src/domain/user.js";
import type { Client } from "../../support/client.js";
import { openTestServer, type TestServer } from "../../support/server.js";

/** As long as a message may be, and three times as long in UTF-8. */
const LONG_TEXT = "あ".repeat(10_000);

const STREAMED_BYTES = 256 * 1024;

describe("responses that clients do not read", () => {
  let server: TestServer;
  let ana: { readonly user: User; readonly client: Client };
  let chatId: ChatId;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    // Room for eight streamed responses, and for two of one user.
    server = await openTestServer({ maxUnreadBytes: 8 * STREAMED_BYTES });
    ana = await server.signIn("ana");
    const by = ana.user.id;
    ({ id: chatId } = await server.messaging.createGroupChat({ by }));
    for (let count = 0; count < 400; count += 1) {
      await server.messaging.sendMessage({ by, to: { chatId }, text: LONG_TEXT });
    }
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  before(() => void process.on("warning", note));
  after(() => {
    process.off("warning", note);
    // A reset connection reports an error for each write.
    expect(warnings).to.deep.equal([]);
  });

  /** Sends a request and reads only the start of the response. @returns the status. */
  async function open(client: Client, path: string): Promise<number> {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${client.cookie}\r\n\r\n`);
    const [start] = (await once(socket, "data")) as [Buffer];
    socket.pause();
    return Number(start.toString().split(" ")[1]);
  }

  for (const path of ["group/1?limit=1000", "group/1", "group/1?after=0&limit=1000"]) {
    it(`leave no room for others of the same user at GET /v1/messages/${path}`, async () => {
      const statuses = [];
      for (let count = 0; count < 4; count += 1)
        statuses.push(await open(ana.client, `/v1/messages/${path}`));
      expect(statuses).to.deep.equal([200, 200, 503, 503]);
      const rejected = await ana.client.get(`/v1/messages/${path}`);
      expect(rejected.status).to.equal(503);
      expect(rejected.json["code"]).to.equal("busy");
      expect(rejected.headers["retry-after"]).to.equal("1");
      // Small responses are still sent, and other users have their own part.
      expect((await ana.client.get("/v1/auth/session")).status).to.equal(200);
      const bo = await server.signIn("bo");
      expect((await bo.client.get("/v1/messages")).status).to.equal(200);
      for (const socket of sockets) socket.destroy();
      for (;;) {
        const response = await ana.client.get(`/v1/messages/${path}`);
        if (response.status === 503) await delay(1);
        else break;
      }
    });
  }

  it("leave no room for others of other users once all of it is used", async () => {
    const statuses = [];
    for (const username of ["bo", "cy", "dan", "eve", "fay"]) {
      const { user, client } = await server.signIn(username);
      await server.messaging.addParticipant({ by: ana.user.id, chatId, username: user.username });
      for (let count = 0; count < 2; count += 1) statuses.push(await open(client, "/v1/messages?limit=1000"));
    }
    expect(statuses).to.deep.equal([...Array<number>(8).fill(200), 503, 503]);
  });

  it("are complete where the client reads them", async () => {
    const page = await ana.client.get("/v1/messages/group/1?limit=399");
    const messages = page.json as unknown as readonly { readonly seq: number; readonly message: string }[];
    expect(messages.map(({ seq }) => seq)).to.deep.equal(
      Array.from({ length: 399 }, (_, index) => index + 2),
    );
    expect(messages.every(({ message }) => message === LONG_TEXT)).to.equal(true);
    expect(page.headers["link"]).to.equal(`</v1/messages/group/1?limit=399&before=2>; rel="prev"`);
    const newer = await ana.client.get("/v1/messages/group/1?after=10&limit=300");
    expect((newer.json as unknown as readonly unknown[]).length).to.equal(300);
    expect(newer.headers["link"]).to.equal(
      `</v1/messages/group/1?limit=300&before=11>; rel="prev", </v1/messages/group/1?limit=300&after=310>; rel="next"`,
    );
  });
});

describe("UnreadResponses", () => {
  it("has room for as many bytes as given, and for a quarter of them by one user", () => {
    const unread = new UnreadResponses(400);
    unread.assertCapacity("ana", 100);
    expect(() => unread.assertCapacity("ana", 101))
      .to.throw()
      .with.property("code", "busy");
    expect(unread.bytes).to.equal(0);
  });
});

import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { expectProblem } from "../../support/api/scene.js";
import { Client, signedIn, type HttpResponse } from "../../support/client.js";
import { cursorOf, until, type EventJson } from "../../support/event-stream.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("GET /v1/events", () => {
  let server: TestServer;
  let ana: Client;
  let bob: Client;
  let cursor: string;

  beforeEach(async () => {
    server = await openTestServer();
    [ana, bob] = [await signedIn(server.url, "ana"), await signedIn(server.url, "bob")];
    cursor = await cursorOf(ana);
  });

  afterEach(() => server.close());

  const send = (message: string) => bob.post("/v1/messages", { dest_username: ana.username, message });
  const poll = (query: string) => ana.get(`/v1/events?${query}`);
  const eventsOf = ({ json }: HttpResponse) => json["events"] as EventJson[];
  const texts = (answer: HttpResponse) => eventsOf(answer).flatMap(({ message }) => message?.message ?? []);
  /** Resolves when a request waits for an event. */
  const requestWaits = async () => {
    await until(() => server.store.subscribers > 0);
    // It still has to read the log.
    await delay(20);
  };

  it("pages through the events, oldest first, each event once", async () => {
    for (let n = 1; n <= 5; n += 1) await send(`${n}`);
    const pages: string[][] = [];
    for (let after = cursor, more = true; more;) {
      const page = await poll(`after=${after}&limit=2`);
      pages.push(eventsOf(page).map(({ type, message }) => message?.message ?? type));
      after = page.json["cursor"] as string;
      more = page.json["has_more"] as boolean;
    }
    expect(pages).to.deep.equal([
      ["chat.created", "1"],
      ["2", "3"],
      ["4", "5"],
    ]);
  });

  it("continues from the cursor of an event as well as from that of a page", async () => {
    for (const text of ["1", "2", "3"]) await send(text);
    const page = await poll(`after=${cursor}`);
    for (const [index, event] of eventsOf(page).entries()) {
      const rest = eventsOf(await poll(`after=${event.cursor}`));
      expect(rest).to.deep.equal(eventsOf(page).slice(index + 1));
    }
    expect(eventsOf(await poll(`after=${String(page.json["cursor"])}`))).to.deep.equal([]);
  });

  it("returns existing events at once, with any `wait`", async () => {
    await send("there");
    expect(texts(await poll(`after=${cursor}&wait=50`))).to.deep.equal(["there"]);
  });

  it("waits for an event that the caller receives", async () => {
    const waiting = poll(`after=${cursor}&wait=50`);
    await requestWaits();
    await bob.post("/v1/messages", { dest_username: bob.username, message: "not for ana" });
    await send("for ana");
    expect(texts(await waiting)).to.deep.equal(["for ana"]);
    expect(server.store.subscribers).to.equal(0);
  });

  it("returns no events and a cursor to continue from when `wait` is over", async () => {
    await bob.post("/v1/messages", { dest_username: bob.username, message: "not for ana" });
    const answer = await poll(`after=${cursor}&wait=1`);
    expect(answer.status).to.equal(200);
    expect(answer.json).to.include({ has_more: false });
    expect(eventsOf(answer)).to.deep.equal([]);
    await send("later");
    expect(texts(await poll(`after=${String(answer.json["cursor"])}`))).to.deep.equal(["later"]);
  });

  it("stops waiting when the client disconnects", async () => {
    const outgoing = request(`${server.url}/v1/events?after=${cursor}&wait=50`, {
      headers: { Cookie: ana.cookie },
    });
    outgoing.on("error", () => {});
    outgoing.end();
    await requestWaits();
    outgoing.destroy();
    await until(() => server.store.subscribers === 0);
    await until(() => server.lines.some(({ route, cut }) => route === "/v1/events" && cut === true));
  });

  it("answers waiting requests when the server closes", async () => {
    const waiting = poll(`after=${cursor}&wait=50`);
    await requestWaits();
    // A request without an answer would be cut only after the timeout of this test.
    await server.close(60_000);
    const answer = await waiting;
    expect(answer.status).to.equal(200);
    expect(eventsOf(answer)).to.deep.equal([]);
  });

  it("answers 401 when the user logs out while it waits", async () => {
    const waiting = poll(`after=${cursor}&wait=50`);
    await requestWaits();
    const copy = new Client(server.url);
    copy.cookie = ana.cookie;
    await copy.post("/v1/auth/logout");
    expectProblem(await waiting, 401, "not_signed_in");
    expect(server.store.subscribers).to.equal(0);
  });

  it("answers 410 to a cursor after which events are deleted", async () => {
    await send("old");
    await send("last");
    await server.messaging.forgetEvents({ before: server.ports.clock.now() + 1 });
    expectProblem(await poll(`after=${cursor}`), 410, "cursor_expired");
    const { json } = await ana.get("/v1/events");
    expect((await poll(`after=${String(json["cursor"])}`)).status).to.equal(200);
  });

  it("returns messages as they stand now", async () => {
    const { json } = await send("secret");
    await bob.delete(`/v1/messages/${String(json["id"])}`);
    const answer = await poll(`after=${cursor}`);
    expect(eventsOf(answer).map(({ type }) => type)).to.deep.equal([
      "chat.created",
      "message.created",
      "message.deleted",
    ]);
    expect(texts(answer)).to.deep.equal(["", ""]);
    expect(answer.text).to.not.include("secret");
  });
});

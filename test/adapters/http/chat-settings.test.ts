import { expect } from "chai";
import { parseTime } from "../../../src/adapters/http/json/time.js";
import { expectProblem } from "../../support/api/scene.js";
import { signedIn, type Client } from "../../support/client.js";
import { eventsAfter, cursorOf } from "../../support/event-stream.js";
import { openTestServer, type TestServer } from "../../support/server.js";

describe("PATCH /v1/chats/{chat_id}/settings", () => {
  let server: TestServer;
  let ana: Client;
  let path: string;
  beforeEach(async () => {
    server = await openTestServer();
    ana = await signedIn(server.url);
    path = `/v1/chats/${String((await ana.post("/v1/group_chat")).json["chat_id"])}`;
  });
  afterEach(() => server.close());

  it("changes what is given, and shows it in the chat, the list, the snapshot and an event", async () => {
    const cursor = await cursorOf(ana);
    const changed = await ana.patch(`${path}/settings`, {
      muted_until: "2026-12-01T09:00:00+01:00",
      archived: true,
    });
    const settings = { muted_until: "2026-12-01T08:00:00.000Z", archived: true, pinned: false };
    expect(changed.json).to.deep.equal(settings);
    expect((await ana.get(path)).json).to.deep.include(settings);
    expect((await ana.get("/v1/chats")).json)
      .to.have.nested.property("[0]")
      .that.deep.includes(settings);
    expect((await ana.get("/v1/sync")).json)
      .to.have.nested.property("chats[0]")
      .that.deep.includes(settings);
    const [event] = await eventsAfter(ana, cursor);
    expect(event).to.deep.include({ type: "chat.settings_changed", ...settings });
    const unmuted = await ana.patch(`${path}/settings`, { muted_until: null, pinned: true });
    expect(unmuted.json).to.deep.equal({ muted_until: null, archived: true, pinned: true });
  });

  it("rejects values of another type, invalid times and an empty change, and names the field", async () => {
    for (const [field, value] of [
      ["muted_until", "tomorrow"],
      ["muted_until", 5],
      ["archived", null],
      ["pinned", "true"],
      ["muted", true],
    ] as const) {
      const response = await ana.patch(`${path}/settings`, { [field]: value });
      expectProblem(response, 400, "invalid_request");
      expect(response.json, response.text).to.have.nested.property("errors[0].field", field);
    }
    expectProblem(await ana.patch(`${path}/settings`, {}), 400, "invalid_request");
  });
});

describe("parseTime", () => {
  it("parses times in RFC 3339 of any offset", () => {
    for (const [text, time] of [
      ["2026-11-23T10:15:00Z", "2026-11-23T10:15:00.000Z"],
      ["2026-11-23T10:15:00.5+02:30", "2026-11-23T07:45:00.500Z"],
      ["2024-02-29T23:59:59.123456789-00:01", "2024-03-01T00:00:59.123Z"],
      ["0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"],
      ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
    ] as const) {
      expect(new Date(parseTime(text)!).toISOString(), text).to.equal(time);
    }
  });

  it("returns undefined for any other text", () => {
    for (const text of [
      "",
      "now",
      "2026-11-23",
      "2026-11-23T10:15Z",
      "2026-11-23T10:15:00",
      "2026-02-30T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-11-23T24:00:00Z",
      "2026-11-23T10:15:60Z",
      "0000-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59-00:01",
      "+002026-11-23T10:15:00Z",
      "2026-11-23T10:15:00.1234567890Z",
    ]) {
      expect(parseTime(text), text).to.equal(undefined);
    }
  });
});

import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Router } from "@koa/router";
import { expect } from "chai";
import Koa from "koa";
import { z } from "zod";
import type { HttpServer } from "../../../src/adapters/http/connections.js";
import { errorBoundary } from "../../../src/adapters/http/error-boundary.js";
import { noLimits } from "../../../src/adapters/http/limits.js";
import type { Log } from "../../../src/adapters/http/log.js";
import { registerOperations, operation } from "../../../src/adapters/http/operation.js";
import { openHttpServer } from "../../../src/adapters/http/server.js";
import { createMessaging } from "../../../src/application/messaging.js";
import { MessagingError } from "../../../src/domain/errors.js";
import { expectProblem } from "../../support/api/scene.js";
import { Client } from "../../support/client.js";
import { testPorts } from "../../support/ports.js";

const silent: Log = { debug() {}, info() {}, error() {} };

describe("registerOperations", () => {
  let server: HttpServer | undefined;

  afterEach(() => server?.close(0));

  /** Serves one operator operation at `GET /rows`. */
  async function serve(rows: () => AsyncIterable<{ readonly n: number }>, operator = true): Promise<Client> {
    const app = new Koa();
    const router = new Router();
    const listRows = operation({
      name: "listRows",
      summary: "List rows.",
      method: "get",
      paths: ["/rows"],
      access: "operator",
      type: "application/jsonl",
      response: z.object({ n: z.int() }),
      async handle(given) {
        expect(given).to.not.have.property("session");
        return rows();
      },
    });
    const messaging = createMessaging(testPorts());
    registerOperations(router, [listRows], { messaging, limits: noLimits, audit() {}, operator });
    app.on("error", () => {});
    app.use(errorBoundary(silent, () => {}));
    app.use(router.routes());
    server = await openHttpServer(app, "127.0.0.1", 0, silent);
    return new Client(server.url);
  }

  async function* count(to: number, padding = "") {
    for (let n = 1; n <= to; n += 1) yield { n, padding };
  }

  it("mounts operator operations only where Dependencies.operator is set", async () => {
    const client = await serve(() => count(1), false);
    expect((await client.get("/rows")).status).to.equal(404);
  });

  it("runs an operator operation without a session", async () => {
    const client = await serve(() => count(1));
    expect((await client.get("/rows")).status).to.equal(200);
  });

  it("sends an async iterable as JSON Lines", async () => {
    const client = await serve(() => count(5_000, "x".repeat(20)));
    const { headers, text } = await client.get("/rows");
    expect(headers["content-type"]).to.equal("application/jsonl");
    expect(headers["x-content-type-options"]).to.equal("nosniff");
    const rows = text.split("\n").slice(0, -1);
    expect(rows.map((row) => (JSON.parse(row) as { n: number }).n)).to.deep.equal(
      Array.from({ length: 5_000 }, (_, index) => index + 1),
    );
    expect(text.endsWith("\n")).to.equal(true);
  });

  it("sends an empty body for an iterable without rows", async () => {
    const client = await serve(() => count(0));
    expect(await client.get("/rows")).to.include({ status: 200, text: "" });
  });

  it("responds with a problem where an iterable fails before its first row", async () => {
    const client = await serve(async function* () {
      yield* count(0);
      throw new MessagingError("unknown_user", "Unknown user.");
    });
    expectProblem(await client.get("/rows"), 400, "unknown_user");
  });

  it("cuts the body off where an iterable fails after its first row", async () => {
    const client = await serve(async function* () {
      yield* count(1);
      throw new Error("broken");
    });
    const error = await client.get("/rows").then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).to.be.instanceOf(Error);
  });

  it("reads an iterable only as fast as the client reads, and closes it when the client disconnects", async () => {
    let read = 0;
    let closed: (() => void) | undefined;
    const closing = new Promise<void>((resolve) => (closed = resolve));
    await serve(async function* () {
      try {
        for await (const row of count(100_000, "x".repeat(1_000))) {
          read += 1;
          yield row;
        }
      } finally {
        closed?.();
      }
    });
    const sent = request(`${server!.url}/rows`).on("error", () => {});
    sent.end();
    const [response] = (await once(sent, "response")) as [NodeJS.ReadableStream];
    response.pause();
    let before = -1;
    while (read > before) {
      before = read;
      await delay(100);
    }
    expect(read).to.be.within(1, 50_000);
    sent.destroy();
    await closing;
  });
});

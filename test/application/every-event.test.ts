import { expect } from "chai";
import type { Messaging } from "../../src/application/messaging.js";
import type { ChatEvent } from "../../src/domain/event.js";
import type { SessionId } from "../../src/domain/session.js";
import type { UserId } from "../../src/domain/user.js";
import { errorCodeOf } from "../support/error-code.js";
import type { WatchedStore } from "../support/watched-store.js";
import { openWatchedWorld } from "../support/world.js";

const ended = { done: true, value: undefined };

describe("messaging.events", () => {
  let core: Messaging;
  let store: WatchedStore;
  let by: UserId;
  let session: SessionId;
  let rename: (title: string) => Promise<void>;
  let endSession: () => Promise<void>;

  beforeEach(async () => {
    const scene = await openWatchedWorld();
    ({ core, store, session, rename, endSession } = scene);
    by = scene.bo.id;
  });

  /** The titles of the next events. */
  async function titles(events: AsyncIterator<ChatEvent, undefined>, count: number): Promise<string[]> {
    const received: string[] = [];
    while (received.length < count) {
      const { value } = await events.next();
      if (value?.type !== "chat.renamed") throw new Error(`Not a new title: ${JSON.stringify(value)}`);
      received.push(String(value.title));
    }
    return received;
  }

  it("starts at the call, not at the first `next`", async () => {
    await rename("before");
    const events = core.events({ by });
    await rename("a");
    await rename("b");
    expect(await titles(events, 2)).to.deep.equal(["a", "b"]);
    const next = titles(events, 1);
    await rename("c");
    expect(await next).to.deep.equal(["c"]);
    await events.return?.();
  });

  it("yields the events after a cursor and then live ones, each with a cursor to resume from", async () => {
    const { cursor: after } = await core.sync({ by });
    const all = Array.from({ length: 450 }, (_, n) => `${n}`);
    for (const title of all.slice(0, 440)) await rename(title);
    const received: string[] = [];
    let last: string = after;
    for (const stop of [1, 100, 450]) {
      for await (const event of core.events({ by, after: last })) {
        if (event.type === "chat.renamed") received.push(String(event.title));
        last = event.cursor;
        if (received.length === 440) for (const title of all.slice(440)) await rename(title);
        if (received.length === stop) break;
      }
      expect(store.subscribers).to.equal(0);
    }
    expect(received).to.deep.equal(all);
  });

  it("ends with the session", async () => {
    const events = core.events({ by, session });
    const next = events.next();
    await endSession();
    expect(await next).to.deep.equal(ended);
    const late = core.events({ by, session });
    expect(await errorCodeOf(late.next())).to.equal("not_signed_in");
    expect(store.subscribers).to.equal(0);
  });

  it("rejects a malformed cursor, and one after which events are deleted", async () => {
    const { cursor: after } = await core.sync({ by });
    for (const title of ["a", "b", "c"]) await rename(title);
    await core.forgetEvents({ before: Number.MAX_SAFE_INTEGER });
    expect(await errorCodeOf(core.events({ by, after }).next())).to.equal("cursor_expired");
    expect(await errorCodeOf(core.events({ by, after: "x" }).next())).to.equal("invalid_cursor");
    expect(store.subscribers).to.equal(0);
  });

  it("ends at `return`, also while `next` is pending, and before the first `next`", async () => {
    const waiting = core.events({ by });
    const next = waiting.next();
    expect(await waiting.return?.()).to.deep.equal(ended);
    expect(await next).to.deep.equal(ended);
    const early = core.events({ by });
    await early.return?.();
    expect(await early.next()).to.deep.equal(ended);
    expect(store.subscribers).to.equal(0);
  });
});

import { expect } from "chai";
import type { ChatEvent, Message } from "../../src/client/index.js";
import {
  applyToWindow,
  EMPTY_WINDOW,
  MAX_WINDOW_MESSAGES,
  withChanged,
  withNewer,
  withOlder,
} from "../../src/web/state/message-window.js";

const message = (seq: number, part: Partial<Message> = {}) =>
  ({
    id: 2 * seq,
    seq,
    message: `${seq}`,
    edited_at: null,
    deleted_at: null,
    reactions: [],
    ...part,
  }) as Message;

/** The messages from one `seq` to another. */
const messages = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => message(from + index));

const created = (seq: number) => ({ type: "message.created", message: message(seq) }) as ChatEvent;

const FULL = withNewer(EMPTY_WINDOW, messages(101, 100 + MAX_WINDOW_MESSAGES), Infinity);
const END = 100 + MAX_WINDOW_MESSAGES;

describe("withOlder and withNewer", () => {
  it("drop the far end of a full window", () => {
    const older = withOlder(FULL, messages(41, 100), 60);
    expect(older).to.deep.equal({
      messages: messages(41, 40 + MAX_WINDOW_MESSAGES),
      hasOlder: true,
      hasNewer: true,
    });
    const back = withNewer(older, messages(END - 59, END), 60);
    expect(back).to.deep.equal({ messages: messages(101, END), hasOlder: true, hasNewer: true });
  });

  it("ignore a page that does not fit any more", () => {
    expect(withOlder(FULL, messages(30, 89), 60)).to.equal(FULL);
    expect(withNewer(FULL, messages(END + 2, END + 3), 60)).to.equal(FULL);
  });

  it("find the ends of the chat by a short page", () => {
    expect(withOlder(FULL, [], 60)).to.include({ hasOlder: false, hasNewer: false });
    expect(withNewer({ ...FULL, hasNewer: true }, [], 60)).to.include({ hasNewer: false });
    expect(withNewer(EMPTY_WINDOW, messages(1, 60), 60)).to.include({ hasNewer: true });
  });
});

describe("applyToWindow", () => {
  it("pushes the oldest message out of a full window whose end is seen", () => {
    const after = applyToWindow(FULL, created(END + 1), true);
    expect(after).to.deep.equal({ messages: messages(102, END + 1), hasOlder: true, hasNewer: false });
  });

  it("ends a full window before a new message while its end is not seen", () => {
    expect(applyToWindow(FULL, created(END + 1), false)).to.deep.equal({ ...FULL, hasNewer: true });
  });

  it("leaves a gap to be read", () => {
    expect(applyToWindow(FULL, created(END + 2), true)).to.deep.equal({ ...FULL, hasNewer: true });
  });

  it("ignores a new message behind a window that ends before the end of the chat", () => {
    const past = { ...FULL, hasNewer: true };
    expect(applyToWindow(past, created(END + 1), true)).to.equal(past);
  });

  it("keeps the identity of all messages but the changed one", () => {
    const edited = message(150, { message: "edited" });
    const after = applyToWindow(FULL, { type: "message.edited", message: edited } as ChatEvent, true);
    expect(after.messages.filter((each, index) => each !== FULL.messages[index])).to.deep.equal([edited]);
  });
});

describe("withChanged", () => {
  const window = withNewer(EMPTY_WINDOW, [message(1, { edited_at: "2026-11-23T10:15:02.000Z" })], 60);

  it("does not bring back an older text", () => {
    const older = message(1, { message: "older", edited_at: "2026-11-23T10:15:01.000Z" });
    expect(withChanged(window, older)).to.deep.equal(window);
    const newer = message(1, { message: "newer", edited_at: "2026-11-23T10:15:03.000Z" });
    expect(withChanged(window, newer).messages).to.deep.equal([newer]);
  });

  it("does not bring back a deleted message", () => {
    const deleted = message(1, { message: "", deleted_at: "2026-11-23T10:15:04.000Z" });
    const after = withChanged(window, deleted);
    expect(after.messages).to.deep.equal([deleted]);
    expect(withChanged(after, message(1, { edited_at: "2026-11-23T10:15:05.000Z" }))).to.deep.equal(after);
  });
});

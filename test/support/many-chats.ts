import type { Store } from "../../src/application/ports.js";
import type { ChatId } from "../../src/domain/chat.js";
import { chatCreated } from "../../src/domain/event.js";
import type { MessageText } from "../../src/domain/message.js";
import type { User } from "../../src/domain/user.js";
import type { Client } from "./client.js";
import { openStream } from "./event-stream.js";
import { PLAIN } from "../contract/fixtures.js";

const CHATS_PER_TRANSACTION = 100;
const PARALLEL_TRANSACTIONS = 8;

/** Creates group chats of the two users with one message each. */
export async function createManyChats(
  store: Store,
  [owner, member]: readonly [User, User],
  count: number,
): Promise<void> {
  let left = count;
  async function createNext(): Promise<void> {
    while (left > 0) {
      const size = Math.min(left, CHATS_PER_TRANSACTION);
      left -= size;
      await store.transaction(async ({ chats, messages, events }) => {
        for (let n = 0; n < size; n += 1) {
          const chat = await chats.addGroup("One of many", 1);
          await chats.addParticipant(chat.id, owner.id, 1, "owner");
          await chats.addParticipant(chat.id, member.id, 1);
          await events.append(chatCreated(chat, [owner, member]));
          await messages.append({
            chatId: chat.id,
            sender: member,
            text: "hello" as MessageText,
            ...PLAIN,
            sentAt: 1,
          });
        }
      });
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_TRANSACTIONS }, createNext));
}

/** What a new device of a user with many chats has read. */
export interface ReadChats {
  /** The chats of the snapshot. */
  readonly synced: readonly ChatId[];
  readonly more: boolean;
  /** The chats of all pages of the list. */
  readonly listed: readonly ChatId[];
  /** The chat of the message that the stream has delivered. */
  readonly streamed: ChatId | undefined;
}

/** Reads the snapshot, all pages of chats, and the stream up to a message that `send` sends. */
export async function readManyChats(
  client: Pick<Client, "get" | "url" | "cookie">,
  send: () => Promise<unknown>,
): Promise<ReadChats> {
  const idsIn = (chats: unknown) => (chats as readonly { chat_id: ChatId }[]).map((chat) => chat.chat_id);
  const { json } = await client.get("/v1/sync");
  const stream = await openStream(client, { after: String(json["cursor"]) });
  const listed: ChatId[] = [];
  for (let path: string | undefined = "/v1/chats?limit=1000"; path !== undefined;) {
    const page = await client.get(path);
    listed.push(...idsIn(page.json));
    [, path] = /<([^>]+)>; rel="next"/.exec(String(page.headers["link"])) ?? [];
  }
  await send();
  await stream.received(1);
  const [event] = stream.events;
  stream.leave();
  return {
    synced: idsIn(json["chats"]),
    more: json["more"] === true,
    listed,
    streamed: event?.chat_id as ChatId | undefined,
  };
}

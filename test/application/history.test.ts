import { expect } from "chai";
import fc from "fast-check";
import type { ChatId } from "../../src/domain/chat.js";
import { errorCodeOf } from "../support/error-code.js";
import { everyMessage, openWorld, textsOf } from "../support/world.js";

const NAMES = ["ana", "bo", "cy"] as const;
const name = fc.constantFrom(...NAMES);
const groupIndex = fc.nat({ max: 3 });

const step = fc.oneof(
  fc.record({ kind: fc.constant("create" as const), by: name }),
  fc.record({ kind: fc.constantFrom("add" as const, "remove" as const), by: name, user: name, groupIndex }),
  fc.record({ kind: fc.constant("send" as const), by: name, groupIndex }),
  fc.record({ kind: fc.constant("write" as const), by: name, user: name }),
);

describe("listMessages of all chats", () => {
  it("returns to each user the messages they may see, after any sequence of operations", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = await openWorld();
        // The model: the participants of each group chat, and the recipients of each message.
        const groups: { readonly id: ChatId; readonly members: Set<string> }[] = [];
        const sent: { readonly text: string; readonly to: Set<string> }[] = [];
        for (const [index, each] of steps.entries()) {
          const by = world[each.by].id;
          const text = `${index}`;
          if (each.kind === "create") {
            const { id } = await world.createGroupChat({ by });
            groups.push({ id, members: new Set([each.by]) });
            continue;
          }
          if (each.kind === "write") {
            await world.sendMessage({ by, to: { username: each.user }, text });
            sent.push({ text, to: new Set([each.by, each.user]) });
            continue;
          }
          const group = groups[each.groupIndex];
          const chatId = group?.id ?? (999 as ChatId);
          const members = group?.members ?? new Set<string>();
          const mayAct = members.has(each.by);
          if (each.kind === "send") {
            const refusal = await errorCodeOf(world.sendMessage({ by, to: { chatId }, text }));
            expect(refusal).to.equal(mayAct ? undefined : "not_a_participant");
            if (mayAct) sent.push({ text, to: members });
          } else if (each.kind === "add") {
            const refusal = await errorCodeOf(world.addParticipant({ by, chatId, username: each.user }));
            const wanted = members.has(each.user) ? "already_participant" : undefined;
            expect(refusal).to.equal(mayAct ? wanted : "not_a_participant");
            if (mayAct) members.add(each.user);
          } else {
            const refusal = await errorCodeOf(world.removeParticipant({ by, chatId, user: each.user }));
            const wanted = members.has(each.user) ? undefined : "user_not_in_chat";
            expect(refusal).to.equal(mayAct ? wanted : "not_a_participant");
            if (mayAct) members.delete(each.user);
          }
        }
        for (const reader of NAMES) {
          const messages = await everyMessage(await world.listMessages({ by: world[reader].id, of: "all" }));
          const seen = sent.filter(({ to }) => to.has(reader)).map(({ text }) => text);
          expect(textsOf(messages)).to.deep.equal(seen);
        }
      }),
      { numRuns: 150 },
    );
  });
});

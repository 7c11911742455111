import { expect } from "chai";
import { expectFieldErrors, expectProblem, group, say, threePeople } from "./scene.js";

/** Defines tests of replies, mentions and metadata of messages. */
export function describeMessageFields(at: () => string): void {
  describe("messages with a reply, mentions and metadata", () => {
    it("are returned by sending, editing, lists, chats and deleting, each time as they are", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      const [quoted] = await say(bob, chatId, "1");
      const own = async () => (await bob.get(`/v1/chats/${chatId}`)).json;
      const bobId = (await bob.get("/v1/users/me")).json["user_id"];
      const body = { group_chat_id: chatId, message: "2", reply_to: quoted!.id, mentions: [bob.username] };
      const sent = await ana.post("/v1/messages", { ...body, metadata: { a: [1, "\u0000"] } });
      const fields = { reply_to: quoted!.id, mentions: [bobId], metadata: { a: [1, "\u0000"] } };
      expect(sent.json).to.deep.include({ message: "2", ...fields });
      expect(await own()).to.deep.include({ unread_count: 1, mention_count: 1, last_message: sent.json });
      const path = `/v1/messages/${String(sent.json["id"])}`;
      const edited = await ana.patch(path, { metadata: null });
      expect(edited.json).to.deep.include({ message: "2", ...fields, metadata: null });
      const list = (await bob.get(`/v1/messages/group/${chatId}`)).json;
      expect(list).to.deep.equal([quoted, edited.json]);
      expect((await ana.patch(path, { mentions: [] })).json).to.deep.include({
        ...fields,
        mentions: [],
        metadata: null,
      });
      expect(await own()).to.include({ unread_count: 1, mention_count: 0 });
      await ana.patch(path, { mentions: [bobId], metadata: { b: 2 }, message: "3" });
      expect(await own()).to.include({ unread_count: 1, mention_count: 1 });
      const deleted = await ana.delete(path);
      expect(deleted.json).to.deep.include({ message: "", ...fields, mentions: [], metadata: null });
      expect(await own()).to.include({ unread_count: 0, mention_count: 0 });
    });

    it("are rejected by field", async () => {
      const [ana, bob, eve] = await threePeople(at());
      const chatId = await group(ana, bob);
      const [own] = await say(ana, chatId, "1");
      const [hidden] = await say(eve, await group(eve), "2");
      const send = (part: object) =>
        ana.post("/v1/messages", { group_chat_id: chatId, message: "hello", ...part });
      const edit = (part: object) => ana.patch(`/v1/messages/${own!.id}`, part);
      for (const reply_to of [hidden!.id, 2 ** 53 - 1]) {
        const response = await send({ reply_to });
        expectProblem(response, 400, "invalid_reply");
        expectFieldErrors(response, "reply_to");
      }
      for (const reply_to of [0, 1.5, "1", 2 ** 53]) {
        const response = await send({ reply_to });
        expectProblem(response, 400, "invalid_request");
        expectFieldErrors(response, "reply_to");
      }
      for (const attempt of [send, edit]) {
        const unknown = await attempt({ mentions: [bob.username, eve.username, "\ud800", "a\u0000"] });
        expectProblem(unknown, 400, "invalid_mention");
        expectFieldErrors(unknown, "mentions.1", "mentions.2", "mentions.3");
        for (const mentions of [null, "bob", Array.from({ length: 51 }, () => bob.username)]) {
          const response = await attempt({ mentions });
          expectProblem(response, 400, "invalid_request");
          expectFieldErrors(response, "mentions");
        }
        const large = await attempt({ metadata: { a: "x".repeat(4_096) } });
        expectProblem(large, 400, "invalid_metadata");
        expectFieldErrors(large, "metadata");
        for (const metadata of [1, [], "{}"]) expectFieldErrors(await attempt({ metadata }), "metadata");
      }
      expectFieldErrors(await edit({ message: "2", reply_to: own!.id }), "reply_to");
      expectFieldErrors(await edit({}), "message");
      expect((await bob.get(`/v1/messages/group/${chatId}`)).json).to.deep.equal([own]);
    });

    it("have no effect on whether a chat is read, and count for whom they mention", async () => {
      const [ana, bob] = await threePeople(at());
      const chatId = await group(ana, bob);
      const counts = async () => {
        const { read_seq, unread_count, mention_count } = (await bob.get(`/v1/chats/${chatId}`)).json;
        return [read_seq, unread_count, mention_count];
      };
      const mention = { group_chat_id: chatId, message: "@bob", mentions: [bob.username] };
      for (let n = 0; n < 3; n += 1) await ana.post("/v1/messages", mention);
      expect(await counts()).to.deep.equal([0, 3, 3]);
      const read = await bob.put(`/v1/chats/${chatId}/read`, { seq: 2 });
      expect(read.json).to.deep.equal({ read_seq: 2, unread_count: 1, mention_count: 1 });
      const [own] = await say(ana, chatId, "1");
      await ana.patch(`/v1/messages/${own!.id}`, { mentions: [bob.username], metadata: { a: 1 } });
      expect(await counts()).to.deep.equal([2, 2, 2]);
      await bob.post("/v1/messages", { ...mention, reply_to: own!.id });
      expect(await counts()).to.deep.equal([5, 0, 0]);
    });
  });
}

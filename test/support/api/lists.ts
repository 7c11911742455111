import { expect } from "chai";
import { freshName, signedIn, type Client } from "../client.js";
import {
  expectFieldErrors,
  expectProblem,
  expectSignedInOnly,
  group,
  linked,
  p2p,
  say,
  texts,
  threePeople,
  type MessageJson,
} from "./scene.js";

/** Each list is served at two paths. */
const lists = ["/v1/group_chat/messages", "/v1/messages"];

/** The three lists of messages, whole and page by page. */
export function describeLists(at: () => string): void {
  for (const list of lists) {
    describe(`GET ${list}`, () => {
      it("200: every message of all the caller's chats, oldest first", async () => {
        const ana = await signedIn(at(), "ana");
        const [, bob, eve] = await threePeople(at());
        const first = await group(ana, bob);
        await ana.post("/v1/messages", { group_chat_id: first, message: "1" });
        await bob.post("/v1/messages", { dest_username: ana.username, message: "2" });
        await eve.post("/v1/messages", { dest_username: bob.username, message: "not for ana" });
        await ana.post("/v1/messages", { dest_username: ana.username, message: "3" });
        await bob.post("/v1/messages", { group_chat_id: first, message: "4" });
        expect(texts(await ana.get(list))).to.deep.equal(["1", "2", "3", "4"]);
      });

      it("200: an empty list", async () => {
        const answer = await (await signedIn(at())).get(list);
        expect(answer.status).to.equal(200);
        expect(answer.text).to.equal("[]");
        expect(answer.headers["content-type"]).to.equal("application/json; charset=utf-8");
      });

      it("401: nobody is signed in", () => expectSignedInOnly(at(), (nobody) => nobody.get(list)));
    });

    describe(`GET ${list}/group/{chat_id}`, () => {
      it("200: the messages of that chat alone", async () => {
        const [ana] = await threePeople(at());
        const [one, other] = [await group(ana), await group(ana)];
        await ana.post("/v1/messages", { group_chat_id: one, message: "one" });
        await ana.post("/v1/messages", { group_chat_id: other, message: "other" });
        expect(texts(await ana.get(`${list}/group/${one}`))).to.deep.equal(["one"]);
      });

      it("400: a p2p chat of the caller's", async () => {
        const [ana, bob] = await threePeople(at());
        expectProblem(await ana.get(`${list}/group/${await p2p(ana, bob)}`), 400, "p2p_chat");
      });

      it("401: nobody is signed in", () =>
        expectSignedInOnly(at(), (nobody) => nobody.get(`${list}/group/1`)));

      it("403: not a participant", async () => {
        const [ana, , eve] = await threePeople(at());
        expectProblem(await eve.get(`${list}/group/${await group(ana)}`), 403, "not_a_participant");
      });

      it("404: no id", async () => {
        const [ana] = await threePeople(at());
        for (const id of ["0", "-1", "abc", "1.5", "01", "9007199254740992", "%00", "1e3"]) {
          expectProblem(await ana.get(`${list}/group/${id}`), 404, "not_found");
        }
      });
    });

    describe(`GET ${list}/p2p/{username}`, () => {
      it("200: what the two have said, from both sides", async () => {
        const ana = await signedIn(at(), "ana");
        const [, bob] = await threePeople(at());
        await p2p(ana, bob);
        await bob.post("/v1/messages", { dest_username: ana.username, message: "hello yourself" });
        const expected = ["hello", "hello yourself"];
        expect(texts(await ana.get(`${list}/p2p/${bob.username.toUpperCase()}`))).to.deep.equal(expected);
        expect(texts(await bob.get(`${list}/p2p/${ana.username}`))).to.deep.equal(expected);
      });

      it("200: an empty list where nothing was ever said, and nothing is made by asking", async () => {
        const ana = await signedIn(at(), "ana");
        const [, bob] = await threePeople(at());
        const asked = await ana.get(`${list}/p2p/${bob.username}`);
        expect([asked.status, asked.text]).to.deep.equal([200, "[]"]);
        const chat = await group(ana);
        const first = await p2p(ana, bob);
        expect(first).to.equal(chat + 1);
      });

      it("400: no such user", async () => {
        const [ana] = await threePeople(at());
        for (const name of [freshName(), "%zz", "%00", "a%20b"]) {
          expectProblem(await ana.get(`${list}/p2p/${name}`), 400, "unknown_user");
        }
      });

      it("401: nobody is signed in", () =>
        expectSignedInOnly(at(), (nobody) => nobody.get(`${list}/p2p/ana`)));
    });

    describe(`GET ${list}… page by page`, () => {
      /** The three lists of somebody, and what to send to so that it is in each. */
      const threeLists = async (whose: Client) => {
        const chatId = await group(whose);
        return [
          { path: list, to: { group_chat_id: chatId } },
          { path: `${list}/group/${chatId}`, to: { group_chat_id: chatId } },
          { path: `${list}/p2p/${whose.username}`, to: { dest_username: whose.username } },
        ];
      };

      it("200: with `limit` the newest, with `before` the newest before it, with `after` the oldest after it", async () => {
        const [ana] = await threePeople(at());
        const chatId = await group(ana);
        const ids = (await say(ana, chatId, "1", "2", "3", "4", "5")).map(({ id }) => id);
        const path = `${list}/group/${chatId}`;
        for (const [query, found, link] of [
          ["limit=2", ["4", "5"], `<?limit=2&before=${ids[3]}>; rel="prev"`],
          ["limit=5", ["1", "2", "3", "4", "5"], undefined],
          ["limit=1000", ["1", "2", "3", "4", "5"], undefined],
          [
            `limit=2&before=${ids[3]}`,
            ["2", "3"],
            `<?limit=2&before=${ids[1]}>; rel="prev", <?limit=2&after=${ids[2]}>; rel="next"`,
          ],
          [
            `limit=2&after=${ids[1]}`,
            ["3", "4"],
            `<?limit=2&before=${ids[2]}>; rel="prev", <?limit=2&after=${ids[3]}>; rel="next"`,
          ],
          [`before=${ids[1]}`, ["1"], `<?limit=100&after=${ids[0]}>; rel="next"`],
          [`after=${ids[3]}`, ["5"], `<?limit=100&before=${ids[4]}>; rel="prev"`],
          [`after=${ids[4]}`, [], `<?limit=100&before=${ids[4]! + 1}>; rel="prev"`],
          ["after=0&limit=1", ["1"], `<?limit=1&after=${ids[0]}>; rel="next"`],
        ] as const) {
          const answer = await ana.get(`${path}?${query}`);
          expect(answer.status).to.equal(200);
          expect(texts(answer)).to.deep.equal(found);
          expect(answer.headers["link"]).to.equal(link);
        }
        expect((await ana.get(path)).headers["link"]).to.equal(undefined);
      });

      it("200: each message once, back and forth, while others arrive", async () => {
        const ana = await signedIn(at(), "ana");
        for (const { path, to } of await threeLists(ana)) {
          const send = async (message: string) => (await ana.post("/v1/messages", { ...to, message })).json;
          for (const message of ["1", "2", "3", "4", "5"]) await send(message);
          const before = (await ana.get(path)).json as unknown as MessageJson[];
          const back: MessageJson[] = [];
          for (let page: string | undefined = `${path}?limit=2`; page !== undefined;) {
            const answer = await ana.get(page);
            back.unshift(...(answer.json as unknown as MessageJson[]));
            await send("meanwhile");
            page = linked(answer, page, "prev");
          }
          expect(back).to.deep.equal(before);
          const forth: MessageJson[] = [];
          let late: unknown;
          for (let page: string | undefined = `${path}?limit=2&after=0`; page !== undefined;) {
            const answer = await ana.get(page);
            forth.push(...(answer.json as unknown as MessageJson[]));
            late ??= await send("late");
            page = linked(answer, page, "next");
          }
          expect(forth).to.deep.equal((await ana.get(path)).json);
          expect(forth.at(-1)).to.deep.equal(late);
        }
      });

      it("200: an empty page of an empty list, that leads nowhere", async () => {
        const ana = await signedIn(at(), "ana");
        for (const { path } of await threeLists(ana)) {
          for (const query of ["limit=1", "before=1", "after=1", "after=9007199254740991"]) {
            const answer = await ana.get(`${path}?${query}`);
            expect([answer.text, answer.headers["link"]]).to.deep.equal(["[]", undefined]);
          }
        }
      });

      it("400: a parameter that does not exist, is out of range, or is given twice; both ends", async () => {
        const [ana] = await threePeople(at());
        for (const path of [list, `${list}/group/${await group(ana)}`, `${list}/p2p/${ana.username}`]) {
          for (const [field, ...queries] of [
            ["limit", "limit=0", "limit=1001", "limit=-1", "limit=1.0", "limit=", "limit=1&limit=1"],
            ["before", "before=0", "before=x", "before=9007199254740992", "before=1&before=2"],
            ["after", "after=-1", "after=01", "after=1e1", "after=9007199254740992", "after=1&after=1"],
            ["offset", "offset=1", "limit=1&offset=1"],
          ] as const) {
            for (const query of queries) {
              const answer = await ana.get(`${path}?${query}`);
              expectProblem(answer, 400, "invalid_request");
              expectFieldErrors(answer, field);
            }
          }
          expectFieldErrors(await ana.get(`${path}?before=2&after=1`), "before", "after");
        }
      });

      it("400, 401, 403: as without", async () => {
        const [ana, bob, eve] = await threePeople(at());
        expectProblem(await eve.get(`${list}/group/${await group(ana)}?limit=1`), 403, "not_a_participant");
        expectProblem(await ana.get(`${list}/group/${await p2p(ana, bob)}?limit=1`), 400, "p2p_chat");
        expectProblem(await ana.get(`${list}/p2p/${freshName()}?limit=1`), 400, "unknown_user");
        await expectSignedInOnly(at(), (nobody) => nobody.get(`${list}?limit=0`));
      });
    });
  }
}

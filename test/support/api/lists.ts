import { expect } from "chai";
import { freshName, signedIn, type Client } from "../client.js";
import {
  expectFieldErrors,
  expectProblem,
  expectSessionRequired,
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

/** Defines tests of the three lists of messages, whole and in pages. */
export function describeLists(at: () => string): void {
  for (const list of lists) {
    describe(`GET ${list}`, () => {
      it("returns all messages of the caller's chats, oldest first", async () => {
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

      it("returns an empty list without messages", async () => {
        const response = await (await signedIn(at())).get(list);
        expect(response.status).to.equal(200);
        expect(response.text).to.equal("[]");
        expect(response.headers["content-type"]).to.equal("application/json; charset=utf-8");
      });

      it("responds with 401 without a session", () =>
        expectSessionRequired(at(), (anonymous) => anonymous.get(list)));
    });

    describe(`GET ${list}/group/{chat_id}`, () => {
      it("returns only the messages of the chat", async () => {
        const [ana] = await threePeople(at());
        const [one, other] = [await group(ana), await group(ana)];
        await ana.post("/v1/messages", { group_chat_id: one, message: "one" });
        await ana.post("/v1/messages", { group_chat_id: other, message: "other" });
        expect(texts(await ana.get(`${list}/group/${one}`))).to.deep.equal(["one"]);
      });

      it("returns the messages of a p2p chat of the caller, whole and in pages", async () => {
        const [ana, bob, eve] = await threePeople(at());
        const path = `${list}/group/${await p2p(ana, bob)}`;
        const whole = await bob.get(path);
        expect(texts(whole)).to.have.length.greaterThan(0);
        expect(whole.text).to.equal((await ana.get(`${list}/p2p/${bob.username}`)).text);
        expect(texts(await ana.get(`${path}?limit=1`))).to.deep.equal(texts(whole).slice(-1));
        expectProblem(await eve.get(path), 403, "not_a_participant");
      });

      it("responds with 401 without a session", () =>
        expectSessionRequired(at(), (anonymous) => anonymous.get(`${list}/group/1`)));

      it("responds with 403 to a user who is not a participant", async () => {
        const [ana, , eve] = await threePeople(at());
        expectProblem(await eve.get(`${list}/group/${await group(ana)}`), 403, "not_a_participant");
      });

      it("responds with 404 to an invalid id", async () => {
        const [ana] = await threePeople(at());
        for (const id of ["0", "-1", "abc", "1.5", "01", "9007199254740992", "%00", "1e3"]) {
          expectProblem(await ana.get(`${list}/group/${id}`), 404, "not_found");
        }
      });
    });

    describe(`GET ${list}/p2p/{username}`, () => {
      it("returns the messages of both users to both", async () => {
        const ana = await signedIn(at(), "ana");
        const [, bob] = await threePeople(at());
        await p2p(ana, bob);
        await bob.post("/v1/messages", { dest_username: ana.username, message: "hello yourself" });
        const expected = ["hello", "hello yourself"];
        expect(texts(await ana.get(`${list}/p2p/${bob.username.toUpperCase()}`))).to.deep.equal(expected);
        expect(texts(await bob.get(`${list}/p2p/${ana.username}`))).to.deep.equal(expected);
      });

      it("returns an empty list without messages, and creates no chat", async () => {
        const ana = await signedIn(at(), "ana");
        const [, bob] = await threePeople(at());
        const response = await ana.get(`${list}/p2p/${bob.username}`);
        expect([response.status, response.text]).to.deep.equal([200, "[]"]);
        const chat = await group(ana);
        const first = await p2p(ana, bob);
        expect(first).to.equal(chat + 1);
      });

      it("rejects an unknown user", async () => {
        const [ana] = await threePeople(at());
        for (const name of [freshName(), "%zz", "%00", "a%20b"]) {
          expectProblem(await ana.get(`${list}/p2p/${name}`), 400, "unknown_user");
        }
      });

      it("responds with 401 without a session", () =>
        expectSessionRequired(at(), (anonymous) => anonymous.get(`${list}/p2p/ana`)));
    });

    describe(`GET ${list} with page parameters`, () => {
      /** The paths of the three lists of a user, and the destination whose messages are in all of them. */
      const threeLists = async (whose: Client) => {
        const chatId = await group(whose);
        return [
          { path: list, to: { group_chat_id: chatId } },
          { path: `${list}/group/${chatId}`, to: { group_chat_id: chatId } },
          { path: `${list}/p2p/${whose.username}`, to: { dest_username: whose.username } },
        ];
      };

      it("returns the newest with `limit`, the newest before `before`, and the oldest after `after`", async () => {
        const [ana] = await threePeople(at());
        const chatId = await group(ana);
        const ids = (await say(ana, chatId, "1", "2", "3", "4", "5")).map(({ id }) => id);
        const path = `${list}/group/${chatId}`;
        const base = new URL(at()).pathname.replace(/\/$/, "");
        for (const [query, found, link] of [
          ["limit=2", ["4", "5"], `<${base}${path}?limit=2&before=${ids[3]}>; rel="prev"`],
          ["limit=5", ["1", "2", "3", "4", "5"], undefined],
          ["limit=1000", ["1", "2", "3", "4", "5"], undefined],
          [
            `limit=2&before=${ids[3]}`,
            ["2", "3"],
            `<${base}${path}?limit=2&before=${ids[1]}>; rel="prev", <${base}${path}?limit=2&after=${ids[2]}>; rel="next"`,
          ],
          [
            `limit=2&after=${ids[1]}`,
            ["3", "4"],
            `<${base}${path}?limit=2&before=${ids[2]}>; rel="prev", <${base}${path}?limit=2&after=${ids[3]}>; rel="next"`,
          ],
          [`before=${ids[1]}`, ["1"], `<${base}${path}?limit=100&after=${ids[0]}>; rel="next"`],
          [`after=${ids[3]}`, ["5"], `<${base}${path}?limit=100&before=${ids[4]}>; rel="prev"`],
          [`after=${ids[4]}`, [], `<${base}${path}?limit=100&before=${ids[4]! + 1}>; rel="prev"`],
          ["after=0&limit=1", ["1"], `<${base}${path}?limit=1&after=${ids[0]}>; rel="next"`],
        ] as const) {
          const response = await ana.get(`${path}?${query}`);
          expect(response.status).to.equal(200);
          expect(texts(response)).to.deep.equal(found);
          expect(response.headers["link"]).to.equal(link);
        }
        expect((await ana.get(path)).headers["link"]).to.equal(undefined);
      });

      it("returns each message once in both directions while messages arrive", async () => {
        const ana = await signedIn(at(), "ana");
        for (const { path, to } of await threeLists(ana)) {
          const send = async (message: string) => (await ana.post("/v1/messages", { ...to, message })).json;
          for (const message of ["1", "2", "3", "4", "5"]) await send(message);
          const before = (await ana.get(path)).json as unknown as MessageJson[];
          const back: MessageJson[] = [];
          for (let page: string | undefined = `${path}?limit=2`; page !== undefined;) {
            const response = await ana.get(page);
            back.unshift(...(response.json as unknown as MessageJson[]));
            await send("meanwhile");
            page = linked(response, page, "prev");
          }
          expect(back).to.deep.equal(before);
          const forth: MessageJson[] = [];
          let late: unknown;
          for (let page: string | undefined = `${path}?limit=2&after=0`; page !== undefined;) {
            const response = await ana.get(page);
            forth.push(...(response.json as unknown as MessageJson[]));
            late ??= await send("late");
            page = linked(response, page, "next");
          }
          expect(forth).to.deep.equal((await ana.get(path)).json);
          expect(forth.at(-1)).to.deep.equal(late);
        }
      });

      it("returns an empty page without links for an empty list", async () => {
        const ana = await signedIn(at(), "ana");
        for (const { path } of await threeLists(ana)) {
          for (const query of ["limit=1", "before=1", "after=1", "after=9007199254740991"]) {
            const response = await ana.get(`${path}?${query}`);
            expect([response.text, response.headers["link"]]).to.deep.equal(["[]", undefined]);
          }
        }
      });

      it("rejects an unknown, out-of-range or repeated parameter, and `before` with `after`", async () => {
        const [ana] = await threePeople(at());
        for (const path of [list, `${list}/group/${await group(ana)}`, `${list}/p2p/${ana.username}`]) {
          for (const [field, ...queries] of [
            ["limit", "limit=0", "limit=1001", "limit=-1", "limit=1.0", "limit=", "limit=1&limit=1"],
            ["before", "before=0", "before=x", "before=9007199254740992", "before=1&before=2"],
            ["after", "after=-1", "after=01", "after=1e1", "after=9007199254740992", "after=1&after=1"],
            ["offset", "offset=1", "limit=1&offset=1"],
          ] as const) {
            for (const query of queries) {
              const response = await ana.get(`${path}?${query}`);
              expectProblem(response, 400, "invalid_request");
              expectFieldErrors(response, field);
            }
          }
          expectFieldErrors(await ana.get(`${path}?before=2&after=1`), "before", "after");
        }
      });

      it("responds with the same errors as without page parameters", async () => {
        const [ana, , eve] = await threePeople(at());
        expectProblem(await eve.get(`${list}/group/${await group(ana)}?limit=1`), 403, "not_a_participant");
        expectProblem(await ana.get(`${list}/p2p/${freshName()}?limit=1`), 400, "unknown_user");
        await expectSessionRequired(at(), (anonymous) => anonymous.get(`${list}?limit=0`));
      });
    });
  }
}

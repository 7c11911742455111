// Koa, which parses the JSON of a POST and answers it: alone, with a router and a body parser, or with sessions as well.
// It stores nothing. Or it answers whatever it is asked with a ready buffer of that many bytes.
import { createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Router } from "@koa/router";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { createSession } from "koa-session";
import { bodyOf, members, serve, unstored } from "./peer.mjs";

const [kind, bytes] = process.argv.slice(2);
const app = new Koa();
let cookies;

if (kind === "alone") {
  app.use(async (ctx) => {
    ctx.body = unstored(JSON.parse(await bodyOf(ctx.req)));
  });
} else if (kind === "buffer") {
  const buffer = Buffer.alloc(Number(bytes), "x");
  app.use((ctx) => {
    ctx.type = "application/json; charset=utf-8";
    ctx.body = buffer;
  });
} else {
  if (kind === "sessions") cookies = useSessions();
  const router = new Router();
  router.post("/v1/messages", (ctx) => {
    if (kind === "sessions" && ctx.session.userId === undefined) ctx.throw(401);
    ctx.body = unstored(ctx.request.body);
  });
  app.use(bodyParser()).use(router.routes());
}

/** koa-session with signed cookies and a store in memory, in which the members are. */
function useSessions() {
  const key = randomBytes(32).toString("base64");
  const name = "palaver_session";
  const stored = new Map(members.map(({ id, token }) => [token, { userId: id, _expire: Date.now() + 1e9 }]));
  const store = {
    get: (token) => stored.get(token),
    set: (token, session) => void stored.set(token, session),
    destroy: (token) => void stored.delete(token),
  };
  app.keys = [key];
  app.use(createSession({ key: name, store, maxAge: 1e9 }, app));
  return members.map(({ token }) => {
    const signature = createHmac("sha1", key).update(`${name}=${token}`).digest("base64url");
    return `${name}=${token}; ${name}.sig=${signature}`;
  });
}

const handle = app.callback();
serve(
  createServer((request, response) => void handle(request, response)),
  cookies,
);

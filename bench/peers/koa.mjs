// Koa, which parses the JSON of a POST and answers it: alone, with a router and a body parser, or with sessions as well.
// It stores nothing. Or it answers whatever it is asked with a ready buffer of that many bytes. Or, "synced", it writes each
// message to a file and waits until it is on the disk, alone, which is the least that a Koa can do to store it.
import { createHmac, randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
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
} else if (kind === "synced") {
  const store = openFile();
  app.use(async (ctx) => {
    const message = unstored(JSON.parse(await bodyOf(ctx.req)));
    store(JSON.stringify(message));
    ctx.body = message;
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

/** Writes behind what was written last, into zeros, as a log does it; at its end it begins anew. */
function openFile() {
  const size = 16 * 2 ** 20;
  const file = openSync(join(process.env.DATA_DIR, "synced"), "w");
  writeSync(file, Buffer.alloc(size));
  fsyncSync(file);
  process.once("exit", () => closeSync(file));
  let end = 0;
  return (text) => {
    if (end + 4096 > size) end = 0;
    end += writeSync(file, text, end);
    fdatasyncSync(file);
  };
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

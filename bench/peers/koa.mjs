// Koa, which parses the JSON of a POST and responds with the message. The first argument is its kind:
//   alone      stores nothing
//   stack      the same with a router and a body parser
//   sessions   the same with koa-session as well
//   synced     appends each message to a file and calls fdatasync, which is the minimum for a durable response
//   buffer     responds to every request with a constant buffer, whose size in bytes is the second argument
import { createHmac, randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { Router } from "@koa/router";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { createSession } from "koa-session";
import { members, readBody, serve, unstoredMessage } from "./peer.mjs";

const [kind, bytes] = process.argv.slice(2);
const app = new Koa();
let cookies;

if (kind === "alone") {
  app.use(async (ctx) => {
    ctx.body = unstoredMessage(JSON.parse(await readBody(ctx.req)));
  });
} else if (kind === "synced") {
  const append = openFile();
  app.use(async (ctx) => {
    const message = unstoredMessage(JSON.parse(await readBody(ctx.req)));
    append(JSON.stringify(message));
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
    ctx.body = unstoredMessage(ctx.request.body);
  });
  app.use(bodyParser()).use(router.routes());
}

/** Returns a function that appends to preallocated zeros, as a log does, and starts over at the end of the file. */
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

/** Uses koa-session with signed cookies and an in-memory store with the members, and returns their cookies. */
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

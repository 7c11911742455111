// Express with better-sqlite3: one transaction per send.
import { createServer } from "node:http";
import express from "express";
import { serve, tokenIn } from "./peer.mjs";
import { send } from "./store.mjs";

const app = express().disable("x-powered-by").disable("etag");
app.use(express.json());
app.post("/v1/messages", ({ headers, body }, response) => {
  if (typeof body?.group_chat_id !== "number" || typeof body.message !== "string") {
    response.status(400).end();
  } else {
    response.json(send(tokenIn(headers.cookie), body));
  }
});

serve(createServer(app));

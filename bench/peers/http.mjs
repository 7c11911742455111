// node:http alone: parses the JSON of a POST and responds with the message. It stores nothing.
import { createServer } from "node:http";
import { readBody, respond, serve, unstoredMessage } from "./peer.mjs";

serve(
  createServer((request, response) => {
    void readBody(request).then((body) => respond(response, unstoredMessage(JSON.parse(body))));
  }),
);

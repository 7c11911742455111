// Node alone: parses the JSON of a POST, and answers it.
import { createServer } from "node:http";
import { answer, bodyOf, serve, unstored } from "./peer.mjs";

serve(
  createServer((request, response) => {
    void bodyOf(request).then((body) => answer(response, unstored(JSON.parse(body))));
  }),
);

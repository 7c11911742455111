// socket.io, which tells all who are connected of each message that is posted. It stores nothing.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { answer, bodyOf, eventJson, serve, unstored } from "./peer.mjs";

const server = createServer((request, response) => {
  void bodyOf(request).then((body) => {
    const message = unstored(JSON.parse(body));
    answer(response, message);
    io.emit("message.created", eventJson(message));
  });
});
// Those who listen in a benchmark answer no pings.
const io = new Server(server, { transports: ["websocket"], serveClient: false, pingInterval: 1e9 });

serve(server);

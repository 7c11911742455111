// socket.io, which emits each posted message to all connected clients. It stores nothing.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { eventJson, readBody, respond, serve, unstoredMessage } from "./peer.mjs";

const server = createServer((request, response) => {
  void readBody(request).then((body) => {
    const message = unstoredMessage(JSON.parse(body));
    respond(response, message);
    io.emit("message.created", eventJson(message));
  });
});
// The listeners of the benchmark do not respond to pings.
const io = new Server(server, { transports: ["websocket"], serveClient: false, pingInterval: 1e9 });

serve(server);

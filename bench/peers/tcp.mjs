// The minimum of HTTP over TCP: writes the event of each posted message to the sockets of all streams, one by one. It stores
// nothing, and parses no header.
import { createServer } from "node:net";
import { eventJson, serve, unstoredMessage } from "./peer.mjs";

const streams = new Set();

serve(
  createServer({ noDelay: true }, (socket) => {
    let received = "";
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    socket.once("close", () => streams.delete(socket));
    socket.on("data", (text) => {
      received += text;
      if (received.startsWith("GET")) {
        streams.add(socket);
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: ok\n\n");
      } else if (received.endsWith("}")) {
        const message = unstoredMessage(JSON.parse(received.slice(received.indexOf("\r\n\r\n"))));
        const response = JSON.stringify(message);
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(response)}\r\n\r\n${response}`);
        const event = eventJson(message);
        const data = JSON.stringify(event);
        const bytes = Buffer.from(`id: ${event.cursor}\nevent: ${event.type}\ndata: ${data}\n\n`);
        for (const each of streams) each.write(bytes);
      }
      received = "";
    });
  }),
);

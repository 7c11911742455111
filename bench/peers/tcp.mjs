// No HTTP to speak of: writes the event of each message that is posted to all who have asked for a stream, socket by
// socket. It stores nothing, and looks at no header but where a request ends.
import { createServer } from "node:net";
import { eventJson, serve, unstored } from "./peer.mjs";

const listening = new Set();

serve(
  createServer({ noDelay: true }, (socket) => {
    let received = "";
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    socket.once("close", () => listening.delete(socket));
    socket.on("data", (text) => {
      received += text;
      if (received.startsWith("GET")) {
        listening.add(socket);
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: ok\n\n");
      } else if (received.endsWith("}")) {
        const message = unstored(JSON.parse(received.slice(received.indexOf("\r\n\r\n"))));
        const answer = JSON.stringify(message);
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`);
        const event = eventJson(message);
        const data = JSON.stringify(event);
        const bytes = Buffer.from(`id: ${event.cursor}\nevent: ${event.type}\ndata: ${data}\n\n`);
        for (const each of listening) each.write(bytes);
      }
      received = "";
    });
  }),
);

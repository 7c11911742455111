import { connect } from "node:net";

/** A keep-alive HTTP/1.1 connection with one request in flight, which costs the load generator less than `node:http`. */
export interface HttpConnection {
  /** Resolves with the status when the whole response has arrived. */
  request(text: string): Promise<number>;
  close(): void;
}

export async function openHttpConnection(port: number): Promise<HttpConnection> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("latin1");
  let received = "";
  let respond: (status: number) => void = () => {};
  let fail: (error: Error) => void = () => {};
  socket.on("data", (text: string) => {
    received += text;
    const length = responseLength(received);
    if (length === undefined || received.length < length) return;
    const status = Number(received.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
    received = received.slice(length);
    respond(status);
  });
  socket.on("error", (error) => fail(error));
  socket.on("close", () => fail(new Error("The server closed a connection.")));
  await new Promise<void>((resolve, reject) => {
    fail = reject;
    socket.once("connect", resolve);
  });
  return {
    request: (text) =>
      new Promise((resolve, reject) => {
        respond = resolve;
        fail = reject;
        if (socket.closed) reject(new Error("The server closed a connection."));
        else socket.write(text);
      }),
    close: () => socket.destroy(),
  };
}

/** Returns the length of head and body in bytes, or `undefined` while the head is incomplete. */
function responseLength(received: string): number | undefined {
  const head = received.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1];
  if (length === undefined) throw new Error("A response has no Content-Length.");
  return head + "\r\n\r\n".length + Number(length);
}

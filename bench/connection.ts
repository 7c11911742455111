import { connect } from "node:net";

/** A kept-alive HTTP/1.1 connection with one request under way at a time, which costs a client little. */
export interface Connection {
  /** Resolves with the status once the answer is here whole. */
  ask(request: string): Promise<number>;
  end(): void;
}

export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("latin1");
  let received = "";
  let answer: (status: number) => void = () => {};
  let fail: (error: Error) => void = () => {};
  socket.on("data", (text: string) => {
    received += text;
    const length = lengthOfAnswer(received);
    if (length === undefined || received.length < length) return;
    const status = Number(received.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
    received = received.slice(length);
    answer(status);
  });
  socket.on("error", (error) => fail(error));
  socket.on("close", () => fail(new Error("The server closed a connection.")));
  await new Promise<void>((resolve, reject) => {
    fail = reject;
    socket.once("connect", resolve);
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        answer = resolve;
        fail = reject;
        if (socket.closed) reject(new Error("The server has closed a connection."));
        else socket.write(request);
      }),
    end: () => socket.destroy(),
  };
}

/** In bytes, with its head; undefined until that is here whole. */
function lengthOfAnswer(received: string): number | undefined {
  const head = received.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1];
  if (length === undefined) throw new Error("An answer came without a Content-Length.");
  return head + "\r\n\r\n".length + Number(length);
}

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A simple query of the protocol of PostgreSQL, as it is sent. */
const COMMIT = Buffer.from("COMMIT\0");

/** A proxy in front of PostgreSQL that cuts connections. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  #losesCommits = false;
  #bytesLeft = Infinity;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(url: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(new URL(url));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** The URL of the database behind the proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Cuts all connections after as many further bytes in both directions together. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /** Forwards the next COMMIT, loses its answer, and cuts all connections. */
  loseNextCommit(): void {
    this.#losesCommits = true;
  }

  close(): void {
    this.#cut();
    this.#server.close();
  }

  #accept(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => this.#end(pair));
    }
    let isMuted = false;
    client.on("data", (bytes: Buffer) => {
      const isLost = this.#losesCommits && bytes.includes(COMMIT);
      if (isLost) {
        this.#losesCommits = false;
        isMuted = true;
        // Anything that follows is the answer, or comes after it.
        server.once("data", () => this.#cut());
      }
      this.#forward(bytes, server);
    });
    server.on("data", (bytes: Buffer) => {
      if (!isMuted) this.#forward(bytes, client);
    });
  }

  #forward(bytes: Buffer, to: Socket): void {
    to.write(bytes.subarray(0, Math.min(bytes.length, this.#bytesLeft)));
    this.#bytesLeft -= bytes.length;
    if (this.#bytesLeft > 0) return;
    this.#bytesLeft = Infinity;
    this.#cut();
  }

  #cut(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  #end(pair: readonly [Socket, Socket]): void {
    this.#pairs.delete(pair);
    // Sends what was written, and then resets the connection.
    for (const socket of pair) socket.destroySoon();
  }
}

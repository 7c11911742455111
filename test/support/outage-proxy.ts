import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A proxy in front of PostgreSQL that can be away, or lead elsewhere. Its port stays the same. */
export class OutageProxy {
  #server: Server;
  #target: URL;
  readonly #port: number;
  readonly #clients = new Set<Socket>();
  readonly #servers = new Set<Socket>();

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = new URL(target);
    this.#port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#accept(client));
  }

  static async start(target: string): Promise<OutageProxy> {
    const server = createServer({ allowHalfOpen: true });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return new OutageProxy(server, target);
  }

  /** The URL of the database behind the proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${this.#port}`;
    return url.href;
  }

  /** The number of clients that are connected. */
  get connections(): number {
    return this.#clients.size;
  }

  /** Cuts all connections, and refuses others. */
  stop(): void {
    this.#server.close();
    for (const socket of [...this.#clients, ...this.#servers]) socket.destroy();
  }

  /** Accepts connections again. Does nothing if it does. */
  async resume(): Promise<void> {
    if (this.#server.listening) return;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    await once(this.#server.listen(this.#port, "127.0.0.1"), "listening");
  }

  /** Cuts all connections, and forwards later ones to another database, which its clients do not name. */
  async leadTo(target: string): Promise<void> {
    this.stop();
    this.#target = new URL(target);
    await this.resume();
  }

  /** Answers nothing more on the connections that are open, not even their end. */
  silence(): void {
    for (const socket of [...this.#clients, ...this.#servers]) {
      for (const event of ["data", "end"]) socket.removeAllListeners(event);
      socket.resume();
    }
  }

  close(): void {
    this.stop();
  }

  #accept(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    this.#clients.add(client);
    this.#servers.add(server);
    for (const socket of [client, server]) socket.on("error", () => {});
    client.on("end", () => client.end());
    client.on("close", () => {
      this.#clients.delete(client);
      server.destroy();
    });
    server.on("close", () => {
      this.#servers.delete(server);
      client.destroy();
    });
    client.once("data", (start: Buffer) => {
      // The name of the database is in the first packet. All names have as many characters.
      const [, name] = /database\0([^\0]*)\0/.exec(start.toString("latin1")) ?? [];
      const target = this.#target.pathname.slice(1);
      server.write(name === undefined ? start : start.toString("latin1").replace(name, target), "latin1");
      client.on("data", (bytes: Buffer) => server.write(bytes));
    });
    server.on("data", (bytes: Buffer) => client.write(bytes));
  }
}

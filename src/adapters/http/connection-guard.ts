import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { networkOf } from "./address.js";
import type { ConnectionLimits } from "./connections.js";

/** The part of all connections that is kept free where others can be closed. */
const RESERVED_SHARE = 1 / 20;

/** How long a connection may take to send a request while more than half of all connections are in use. */
const PRESSURE_TIMEOUT_MS = 3_000;

/** An incomplete request that is older than this gives way before an idle connection does. */
const FRESH_MS = 1_000;

/** A network with more incomplete requests than this crowds out others. Its oldest gives way first. */
const CROWD = 100;

/** How often slow connections are closed, and how many at once, which takes about 5 ms. */
const SWEEP_MS = 100;
const MAX_SWEPT = 100;

/** Connections that have carried a request of an authenticated client. */
const authenticated = new WeakSet<Socket>();

/** Marks a connection as one of an authenticated client, which no unauthenticated one displaces. */
export function markAuthenticated(socket: Socket): void {
  authenticated.add(socket);
}

/**
 * Keeps connections free for new clients. While few are free, each new connection closes another one: of an
 * unauthenticated client that has not sent a complete request, the oldest of the network that has most of them, or else
 * the one that has been idle longest. Connections in use stay.
 *
 * @param isLimited whether the limit of connections by address applies to that address
 */
export function guardConnections(
  server: Server,
  limits: Pick<ConnectionLimits, "maxConnections" | "maxConnectionsPerAddress">,
  isLimited: (address: string) => boolean,
): void {
  const guard = new ConnectionGuard(limits, isLimited);
  server.on("connection", (socket: Socket) => guard.connected(socket));
  server.on("request", (request, response) => guard.requested(request, response));
  const sweep = setInterval(() => guard.closeSlow(), SWEEP_MS).unref();
  server.on("close", () => clearInterval(sweep));
}

class ConnectionGuard {
  readonly #max: number;
  readonly #maxPerAddress: number;
  readonly #isLimited: (address: string) => boolean;
  #count = 0;
  readonly #counts = new Map<string, number>();
  /** The number of requests in progress of each connection. */
  readonly #requests = new Map<Socket, number>();
  /** Connections that wait for their next request, each with its network, the one that has waited longest first. */
  readonly #idle = new Map<Socket, string>();
  /** Connections whose request is incomplete, by network, each with the time since when, the oldest first. */
  readonly #incomplete = new Map<string, Map<Socket, number>>();

  constructor(
    { maxConnections, maxConnectionsPerAddress }: Parameters<typeof guardConnections>[1],
    isLimited: (address: string) => boolean,
  ) {
    this.#max = maxConnections;
    this.#maxPerAddress = maxConnectionsPerAddress;
    this.#isLimited = isLimited;
  }

  connected(socket: Socket): void {
    const { remoteAddress = "" } = socket;
    const network = networkOf(remoteAddress);
    const ofNetwork = (this.#counts.get(network) ?? 0) + 1;
    if (this.#isLimited(remoteAddress) && ofNetwork > this.#maxPerAddress) {
      const own = this.#longestIdle(network) ?? this.#olderThan(network, FRESH_MS);
      (own ?? socket).destroy();
      if (!own) return;
    }
    this.#counts.set(network, ofNetwork);
    this.#count += 1;
    const reserved = Math.min(100, Math.ceil(this.#max * RESERVED_SHARE));
    if (this.#count > this.#max - reserved) this.#displaced()?.destroy();
    this.#requests.set(socket, 0);
    this.#wait(socket, network);
    socket.once("close", () => this.#closed(socket, network));
  }

  requested(request: IncomingMessage, response: ServerResponse): void {
    const { socket, headers } = request;
    const network = networkOf(socket.remoteAddress ?? "");
    this.#idle.delete(socket);
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
    const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
    if (hasBody && !authenticated.has(socket)) {
      this.#wait(socket, network);
      request.once("end", () => this.#endWait(socket, network));
    } else {
      this.#endWait(socket, network);
    }
    response.once("close", () => {
      if (socket.destroyed) return;
      const requests = (this.#requests.get(socket) ?? 1) - 1;
      this.#requests.set(socket, requests);
      if (requests > 0) return;
      this.#endWait(socket, network);
      this.#idle.set(socket, network);
    });
  }

  /** Closes connections that take too long to send a request, while more than half of all connections are in use. */
  closeSlow(): void {
    let swept = 0;
    if (this.#count <= this.#max / 2) return;
    for (const network of this.#incomplete.keys()) {
      for (;;) {
        if (swept === MAX_SWEPT) return;
        const slow = this.#olderThan(network, PRESSURE_TIMEOUT_MS);
        if (slow === undefined) break;
        this.#endWait(slow, network);
        slow.destroy();
        swept += 1;
      }
    }
  }

  #closed(socket: Socket, network: string): void {
    this.#count -= 1;
    this.#requests.delete(socket);
    this.#idle.delete(socket);
    this.#endWait(socket, network);
    const left = (this.#counts.get(network) ?? 1) - 1;
    if (left > 0) this.#counts.set(network, left);
    else this.#counts.delete(network);
  }

  /** The connection waits for the rest of its request. */
  #wait(socket: Socket, network: string): void {
    const waiting = this.#incomplete.get(network) ?? new Map<Socket, number>();
    this.#incomplete.set(network, waiting);
    if (!waiting.has(socket)) waiting.set(socket, performance.now());
  }

  #endWait(socket: Socket, network: string): void {
    const waiting = this.#incomplete.get(network);
    waiting?.delete(socket);
    if (waiting?.size === 0) this.#incomplete.delete(network);
  }

  /** The connection that gives way to a new one; undefined where all are in use. It counts as closed. */
  #displaced(): Socket | undefined {
    const crowded = this.#mostCrowded();
    const size = crowded === undefined ? 0 : (this.#incomplete.get(crowded)?.size ?? 0);
    const oldest = crowded === undefined ? undefined : this.#olderThan(crowded, size > CROWD ? 0 : FRESH_MS);
    const socket =
      oldest ??
      this.#idle.keys().next().value ??
      (crowded === undefined ? undefined : this.#olderThan(crowded, 0));
    if (socket === undefined) return undefined;
    this.#idle.delete(socket);
    this.#endWait(socket, networkOf(socket.remoteAddress ?? ""));
    return socket;
  }

  /** The network with most incomplete requests; of several, the one with the oldest. */
  #mostCrowded(): string | undefined {
    let crowded: string | undefined;
    let [most, oldest] = [0, 0];
    for (const [network, waiting] of this.#incomplete) {
      if (waiting.size < most) continue;
      const since = waiting.values().next().value ?? 0;
      if (waiting.size === most && since >= oldest) continue;
      [crowded, most, oldest] = [network, waiting.size, since];
    }
    return crowded;
  }

  /** The oldest connection of the network whose request has been incomplete for at least that long. */
  #olderThan(network: string, ms: number): Socket | undefined {
    const waiting = this.#incomplete.get(network);
    for (const [socket, since] of waiting ?? []) {
      if (performance.now() - since < ms) return undefined;
      if (!authenticated.has(socket)) return socket;
      this.#endWait(socket, network);
    }
    return undefined;
  }

  #longestIdle(network: string): Socket | undefined {
    for (const [socket, of] of this.#idle) if (of === network) return socket;
    return undefined;
  }
}

/** A listening HTTP server. */
export interface HttpServer {
  /** Such as `http://127.0.0.1:12000`. */
  readonly url: string;
  /** How many connections may be open at once: the limit that was given, or fewer if this process may not open so many. */
  readonly maxConnections: number;
  /**
   * Stops listening and waits for requests in progress. Connections that are still open after `graceMs` are cut; 8,000 by
   * default.
   */
  close(graceMs?: number): Promise<void>;
}

/** Limits of connections. The defaults are far above what well-behaved clients need. */
export interface ConnectionLimits {
  /**
   * How long a client may take to send a request, and to send its headers. Then it is answered with 408. While more than half
   * of all connections are in use, an unauthenticated client has at most 3 seconds, and the connection is closed.
   */
  readonly requestTimeoutMs: number;
  /** How long a connection may transfer nothing, for instance because the client does not read. Then it is cut. */
  readonly idleTimeoutMs: number;
  /** How long a connection may wait for its next request. Proxies hold theirs for 60 seconds, so it should be longer. */
  readonly keepAliveTimeoutMs: number;
  /**
   * How many connections may be open at once; fewer if this process may not open so many files. Shortly before, each new one
   * takes the place of another: of an incomplete request of an unauthenticated client, or of the connection that has waited
   * longest for its next request. Without such a connection, further ones are closed immediately.
   */
  readonly maxConnections: number;
  /** How many connections one client address may have, with the same rule. Not enforced behind a trusted proxy, where all share one address. */
  readonly maxConnectionsPerAddress: number;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  requestTimeoutMs: 15_000,
  idleTimeoutMs: 120_000,
  keepAliveTimeoutMs: 75_000,
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1_000,
};

/** Returns the limits that differ from the defaults: without rate limits, one address may have all connections. */
export function connectionLimits(rateLimits: boolean): Partial<ConnectionLimits> {
  return rateLimits ? {} : { maxConnectionsPerAddress: Number.POSITIVE_INFINITY };
}

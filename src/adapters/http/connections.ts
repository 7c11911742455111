/** A Koa application that listens. */
export interface HttpServer {
  /** For instance `http://127.0.0.1:12000`. */
  readonly url: string;
  /** Takes no more requests, answers those under way, and cuts what has not ended after `patience`: 8,000 milliseconds. */
  close(patience?: number): Promise<void>;
}

/** What connections may do. Each has a default that clients of good will never meet. */
export interface ConnectionLimits {
  /** How long a client may take over the head of a request, and over all of it, in milliseconds. */
  readonly slowestRequest: number;
  /** After how many milliseconds a connection is cut on which nothing moves: its client takes no answer, say. */
  readonly longestSilence: number;
  /** How many there may be at once; whoever comes then is cut off at once. */
  readonly mostConnections: number;
  /** How many of them from one address, unless a proxy is trusted, from which all of them come. */
  readonly mostOfOneAddress: number;
}

export const usualLimits: ConnectionLimits = {
  slowestRequest: 15_000,
  longestSilence: 120_000,
  mostConnections: 10_000,
  mostOfOneAddress: 1_000,
};

/** Without limits on how often, one address may have all connections, too. */
export function connectionLimits(rateLimits: boolean): Partial<ConnectionLimits> {
  return rateLimits ? {} : { mostOfOneAddress: Number.POSITIVE_INFINITY };
}

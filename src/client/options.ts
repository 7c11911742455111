export interface CallOptions {
  /** Aborts the call, which then rejects with the reason of the signal. The server may still perform a request it has received. */
  readonly signal?: AbortSignal | undefined;
  /** Limit for one attempt, in milliseconds. Default: 30,000. */
  readonly timeout?: number | undefined;
  /**
   * How long to retry a failed call, in milliseconds. Default: 60,000; 0 never retries, `Infinity` retries without limit. The
   * call fails immediately if the server asks to wait longer than the time that is left.
   *
   * Idempotent operations are retried after every failure of the network or of a proxy. `registerUser`, `logIn`,
   * `changePassword`, `createToken`, `createGroupChat` and `addParticipant` are retried only if Palaver states that it did not
   * perform the request. If their response is lost they fail with `no_answer`; check whether the server performed them.
   */
  readonly patience?: number | undefined;
}

export interface SendOptions extends CallOptions {
  /**
   * 1 to 64 visible ASCII characters. Default: a random key for each call. Messages sent under the same key are stored once.
   * Save the key with the message if the program may exit before the server has responded.
   */
  readonly idempotencyKey?: string | undefined;
}

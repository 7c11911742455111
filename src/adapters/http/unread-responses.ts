import type { ServerResponse } from "node:http";
import { MessagingError } from "../../domain/errors.js";
import { afterClose } from "./response.js";

/** What all responses together may hold in memory while their clients do not read them. */
const DEFAULT_MAX_BYTES = 64 * 2 ** 20;

/** The part of it that one user may hold, so that one user cannot keep large responses from all others. */
const MAX_SHARE = 1 / 4;

/**
 * Counts the memory of responses from when they are written until their clients have received them. It bounds what slow
 * clients, and clients that do not read, cost together.
 */
export class UnreadResponses {
  readonly #maxBytes: number;
  readonly #byUser = new Map<string, number>();
  #bytes = 0;

  constructor(maxBytes = DEFAULT_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** What is held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param user undefined for a request without a session. Such requests share one part.
   * @throws MessagingError `busy` if a response of this size does not fit.
   */
  assertCapacity(user: string | undefined, bytes: number): void {
    const held = this.#byUser.get(user ?? "") ?? 0;
    if (this.#bytes + bytes <= this.#maxBytes && held + bytes <= this.#maxBytes * MAX_SHARE) return;
    throw new MessagingError(
      "busy",
      "Too many responses wait for their clients to read them. Read your open responses, and try again.",
    );
  }

  /**
   * Counts the bytes until the response or its connection has closed.
   *
   * @throws MessagingError as `assertCapacity`
   */
  hold(response: ServerResponse, user: string | undefined, bytes: number): void {
    this.assertCapacity(user, bytes);
    if (afterClose(response, () => this.#add(user ?? "", -bytes))) this.#add(user ?? "", bytes);
  }

  #add(user: string, bytes: number): void {
    const held = (this.#byUser.get(user) ?? 0) + bytes;
    if (held > 0) this.#byUser.set(user, held);
    else this.#byUser.delete(user);
    this.#bytes += bytes;
  }
}

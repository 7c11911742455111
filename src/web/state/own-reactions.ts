import { signal } from "@preact/signals";
import type { ChatEvent, Client, EmojiCount, Message } from "../../client/index.js";
import { toFailure, type Failure } from "./failure.js";

/** A reaction as a message shows it, with the choice of the user that is on its way. */
export interface ShownReaction extends EmojiCount {
  readonly isOwn: boolean;
  /** Whether the server has not confirmed the choice of the user. */
  readonly isPending: boolean;
}

/** A choice of the user that the messages do not have yet. */
interface Choice {
  readonly messageId: number;
  readonly emoji: string;
  readonly isAdded: boolean;
  /** Whether the server has confirmed it, so that only its event is missing. */
  readonly isConfirmed: boolean;
}

/** The reactions that the user adds and removes in one chat. They are shown at once. */
export class OwnReactions {
  readonly #client: Client;
  readonly #me: string;
  /** In the order in which they were made. */
  readonly #choices = signal<readonly Choice[]>([]);
  readonly #failure = signal<{ readonly messageId: number; readonly failure: Failure } | undefined>(
    undefined,
  );
  /** The requests in progress. An own event may come before the response. */
  readonly #requests = new Set<{ choice: Choice; hasEvent: boolean }>();

  constructor(client: Client, me: string) {
    this.#client = client;
    this.#me = me;
  }

  /** The reactions to a message. A component that calls it follows the choices. */
  of({ id, reactions }: Message): readonly ShownReaction[] {
    const choices = this.#choices.value.filter(({ messageId }) => messageId === id);
    const stored = reactions.map((reaction) => {
      const wasOwn = reaction.user_ids.includes(this.#me);
      const choice = choices.find(({ emoji }) => emoji === reaction.emoji);
      const isOwn = choice?.isAdded ?? wasOwn;
      const others = reaction.user_ids.filter((user) => user !== this.#me);
      return {
        ...reaction,
        count: reaction.count + Number(isOwn) - Number(wasOwn),
        user_ids: isOwn === wasOwn ? reaction.user_ids : isOwn ? [...others, this.#me] : others,
        isOwn,
        isPending: choice !== undefined && !choice.isConfirmed,
      };
    });
    const added = choices
      .filter(({ emoji, isAdded }) => isAdded && !reactions.some((each) => each.emoji === emoji))
      .map(({ emoji, isConfirmed }) => ({
        emoji,
        count: 1,
        user_ids: [this.#me],
        isOwn: true,
        isPending: !isConfirmed,
      }));
    return [...stored, ...added].filter(({ count }) => count > 0);
  }

  /** Why the last choice failed, if it was at this message. A component that calls it follows it. */
  failureOf(messageId: number): Failure | undefined {
    const { value } = this.#failure;
    return value?.messageId === messageId ? value.failure : undefined;
  }

  /** Adds or removes a reaction. Resolves once the server has the last choice. Never rejects: see `failureOf`. */
  async set(messageId: number, emoji: string, isAdded: boolean): Promise<void> {
    const before = this.#choiceOf(messageId, emoji);
    const choice: Choice = { messageId, emoji, isAdded, isConfirmed: false };
    this.#failure.value = undefined;
    this.#put(choice);
    // The request in progress goes on with the new choice.
    if (!before || before.isConfirmed) await this.#send(choice);
  }

  /** Applies an event, after the messages have applied it. */
  apply(event: ChatEvent): void {
    if (event.type !== "reaction.added" && event.type !== "reaction.removed") return;
    if (event.user_id !== this.#me) return;
    const { message_id: messageId, emoji } = event;
    for (const request of this.#requests) {
      const { choice } = request;
      const isSame = choice.messageId === messageId && choice.emoji === emoji;
      if (isSame && choice.isAdded === (event.type === "reaction.added")) request.hasEvent = true;
    }
    if (this.#choiceOf(messageId, emoji)?.isConfirmed) this.#remove(messageId, emoji);
  }

  /** Forgets the confirmed choices: the messages were read again. */
  settle(): void {
    this.#choices.value = this.#choices.peek().filter(({ isConfirmed }) => !isConfirmed);
  }

  /** Sends a choice, and the ones that the user makes meanwhile. */
  async #send(first: Choice): Promise<void> {
    const { messageId, emoji } = first;
    for (let choice = first; ;) {
      const request = { choice, hasEvent: false };
      this.#requests.add(request);
      let failure: Failure | undefined;
      try {
        if (choice.isAdded) await this.#client.addReaction({ id: messageId, emoji });
        else await this.#client.removeReaction({ id: messageId, emoji });
      } catch (error) {
        failure = toFailure(error);
      }
      this.#requests.delete(request);
      const latest = this.#choiceOf(messageId, emoji) ?? choice;
      if (latest !== choice) {
        choice = latest;
        continue;
      }
      if (failure) this.#failure.value = { messageId, failure };
      if (failure || request.hasEvent) this.#remove(messageId, emoji);
      else this.#put({ ...choice, isConfirmed: true });
      return;
    }
  }

  #choiceOf(messageId: number, emoji: string): Choice | undefined {
    return this.#choices.peek().find((each) => each.messageId === messageId && each.emoji === emoji);
  }

  #put(choice: Choice): void {
    const { messageId, emoji } = choice;
    const known = this.#choiceOf(messageId, emoji);
    const choices = this.#choices.peek();
    this.#choices.value = known
      ? choices.map((each) => (each === known ? choice : each))
      : [...choices, choice];
  }

  #remove(messageId: number, emoji: string): void {
    const known = this.#choiceOf(messageId, emoji);
    this.#choices.value = this.#choices.peek().filter((each) => each !== known);
  }
}

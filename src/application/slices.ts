import { lengthOf, type Message } from "../domain/message.js";

/** A list that is read slice by slice, each of bounded size. */
export interface Slices<Item> {
  readonly first: readonly Item[];
  /** The slices behind the first, read on demand; undefined if the first is the whole list. */
  readonly rest: AsyncIterable<readonly Item[]> | undefined;
}

/**
 * The `lengthOf` all messages of a slice, in UTF-16 code units. A slice can exceed it by one message. What a slice takes in memory
 * follows from it, and how long it keeps the event loop.
 */
export const MAX_SLICE_CHARACTERS = 32_000;

/** Whether the messages are as long as a slice may be, so that there can be more behind them. */
export function isFullSlice(messages: readonly Message[]): boolean {
  return messages.reduce((sum, message) => sum + lengthOf(message), 0) >= MAX_SLICE_CHARACTERS;
}

/** The first slice and the slices behind it. */
export async function* allSlices<Item>({ first, rest }: Slices<Item>): AsyncGenerator<readonly Item[]> {
  yield first;
  if (rest) yield* rest;
}

/** The items of all slices together. */
export async function joinSlices<Item>(slices: Slices<Item>): Promise<readonly Item[]> {
  if (!slices.rest) return slices.first;
  const all: Item[] = [];
  for await (const slice of allSlices(slices)) all.push(...slice);
  return all;
}

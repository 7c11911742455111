import { expect } from "chai";
import { Client, signedIn, type HttpAnswer } from "../client.js";

/** What an error answer must be, whatever the error. */
export function expectProblem(answer: HttpAnswer, status: number, code: string): void {
  expect(answer.text).to.include(`"code":"${code}"`);
  expect(answer.status).to.equal(status);
  expect(answer.headers["content-type"]).to.equal("application/problem+json; charset=utf-8");
  expect(answer.json).to.include.all.keys("type", "title", "status", "detail", "code");
  expect(answer.json["status"]).to.equal(status);
  expect(answer.text).to.not.include("    at ");
}

export function expectFieldErrors(answer: HttpAnswer, ...fields: string[]): void {
  const errors = answer.json["errors"] as { readonly field: string; readonly detail: string }[];
  expect(errors.map(({ field }) => field)).to.have.members(fields);
}

/** That nobody gets an answer who is not signed in. */
export async function expectSignedInOnly(
  url: string,
  call: (nobody: Client) => Promise<HttpAnswer>,
): Promise<void> {
  expectProblem(await call(new Client(url)), 401, "not_signed_in");
}

const people = new Map<string, Promise<readonly [Client, Client, Client]>>();

/** Three who are signed in: the same for all cases over one server, since hashing their passwords takes its time. */
export function threePeople(url: string): Promise<readonly [Client, Client, Client]> {
  const known =
    people.get(url) ?? Promise.all([signedIn(url, "ana"), signedIn(url, "bob"), signedIn(url, "eve")]);
  people.set(url, known);
  return known;
}

/** The id of a new group chat with these in it. */
export async function group(owner: Client, ...others: readonly Client[]): Promise<number> {
  const chatId = (await owner.post("/v1/group_chat")).json["chat_id"] as number;
  for (const { username } of others) await owner.post(`/v1/group_chat/${chatId}/participants`, { username });
  return chatId;
}

/** The id of the chat of these two, after another "hello" in it. */
export async function p2p(one: Client, other: Client): Promise<number> {
  const { json } = await one.post("/v1/messages", { dest_username: other.username, message: "hello" });
  return json["destination_chat_id"] as number;
}

/** A message as a client gets it. */
export interface MessageJson {
  readonly id: number;
  readonly destination_chat_id: number;
  readonly seq: number;
  readonly message: string;
}

/** Sends texts to a group chat, one after the other. */
export async function say(from: Client, chatId: number, ...lines: readonly string[]): Promise<MessageJson[]> {
  const sent: MessageJson[] = [];
  for (const message of lines) {
    const { json } = await from.post("/v1/messages", { group_chat_id: chatId, message });
    sent.push(json as unknown as MessageJson);
  }
  return sent;
}

/** The texts of a list of messages. */
export function texts(answer: HttpAnswer): string[] {
  return (answer.json as unknown as readonly MessageJson[]).map(({ message }) => message);
}

/** The path of the page that an answer links to, if it does: what its reference means to whoever asked for `path`. */
export function linked(answer: HttpAnswer, path: string, relation: "prev" | "next"): string | undefined {
  const target = new RegExp(`<([^>]*)>; rel="${relation}"`).exec(String(answer.headers["link"]))?.[1];
  if (target === undefined) return undefined;
  const { pathname, search } = new URL(target, new URL(path, "http://server"));
  return pathname + search;
}

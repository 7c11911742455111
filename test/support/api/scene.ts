import { expect } from "chai";
import { Client, signedIn, type HttpResponse } from "../client.js";

/** Asserts that the response is a problem with this status and code. */
export function expectProblem(response: HttpResponse, status: number, code: string): void {
  expect(response.text).to.include(`"code":"${code}"`);
  expect(response.status).to.equal(status);
  expect(response.headers["content-type"]).to.equal("application/problem+json; charset=utf-8");
  expect(response.json).to.include.all.keys("type", "title", "status", "detail", "code");
  expect(response.json["status"]).to.equal(status);
  expect(response.text).to.not.include("    at ");
}

/** Asserts that the response lists exactly these invalid fields. */
export function expectFieldErrors(response: HttpResponse, ...fields: string[]): void {
  const errors = response.json["errors"] as { readonly field: string; readonly detail: string }[];
  expect(errors.map(({ field }) => field)).to.have.members(fields);
}

/** Asserts that the call is rejected without a session. */
export async function expectSessionRequired(
  url: string,
  call: (anonymous: Client) => Promise<HttpResponse>,
): Promise<void> {
  expectProblem(await call(new Client(url)), 401, "not_signed_in");
}

const people = new Map<string, Promise<readonly [Client, Client, Client]>>();

/** Returns three signed-in users, which all tests on one server share, since hashing passwords is slow. */
export function threePeople(url: string): Promise<readonly [Client, Client, Client]> {
  const cached =
    people.get(url) ?? Promise.all([signedIn(url, "ana"), signedIn(url, "bob"), signedIn(url, "eve")]);
  people.set(url, cached);
  return cached;
}

/** Creates a group chat with these participants and returns its id. */
export async function group(owner: Client, ...others: readonly Client[]): Promise<number> {
  const chatId = (await owner.post("/v1/group_chat")).json["chat_id"] as number;
  for (const { username } of others) await owner.post(`/v1/group_chat/${chatId}/participants`, { username });
  return chatId;
}

/** Sends "hello" from one user to the other and returns the id of their p2p chat. */
export async function p2p(one: Client, other: Client): Promise<number> {
  const { json } = await one.post("/v1/messages", { dest_username: other.username, message: "hello" });
  return json["destination_chat_id"] as number;
}

/** A message in a response. */
export interface MessageJson {
  readonly id: number;
  readonly destination_chat_id: number;
  readonly seq: number;
  readonly message: string;
}

/** Sends texts to a group chat in sequence. */
export async function say(from: Client, chatId: number, ...lines: readonly string[]): Promise<MessageJson[]> {
  const sent: MessageJson[] = [];
  for (const message of lines) {
    const { json } = await from.post("/v1/messages", { group_chat_id: chatId, message });
    sent.push(json as unknown as MessageJson);
  }
  return sent;
}

/** The texts of a list of messages. */
export function texts(response: HttpResponse): string[] {
  return (response.json as unknown as readonly MessageJson[]).map(({ message }) => message);
}

/**
 * Returns the path of the `Link` of a response, relative to the root of the API like the path of the request; undefined without
 * such a link.
 */
export function linked(response: HttpResponse, path: string, relation: "prev" | "next"): string | undefined {
  const target = new RegExp(`<([^>]*)>; rel="${relation}"`).exec(String(response.headers["link"]))?.[1];
  if (target === undefined) return undefined;
  const [requested = ""] = path.split("?");
  const [pathname = "", query] = target.split("?");
  if (!pathname.endsWith(requested)) throw new Error(`The link ${target} leads away from ${path}.`);
  return `${requested}?${query}`;
}

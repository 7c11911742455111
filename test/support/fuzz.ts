import { Agent, request } from "node:http";
import fc from "fast-check";
import { faultsIn, type ReceivedResponse, type SentRequest } from "./responses.js";
import { Client, PASSWORD } from "./client.js";
import type { ApiDocument } from "./document.js";
import { anyPlan, type Plan, type Seen, type Twist } from "./requests.js";
import { openTestServer } from "./server.js";

/** How long a response may take. */
const RESPONSE_TIMEOUT_MS = 5_000;

/** How long a long poll is waited for. */
const LONG_POLL_TIMEOUT_MS = 5;

/** Texts of fields of one name that are remembered, the newest ones. Otherwise those of frequent responses would displace the others. */
const MAX_SEEN_PER_NAME = 6;

/** The maximum number of requests to one server. */
const MAX_RUN_LENGTH = 400;

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  /** The path of one run, from the report of a failure. */
  readonly path?: string | undefined;
  /** Whether to shrink a failure, which is slow. */
  readonly shrink?: boolean;
}

export interface FuzzResult {
  readonly requests: number;
  /** How many responses of an operation had a status, by `operationId status`. */
  readonly responses: ReadonlyMap<string, number>;
  /** The first contradiction, and how to reproduce it; undefined without one. */
  readonly failure: string | undefined;
}

/** Sends at least this many requests, valid and invalid ones, and checks every response against the document. */
export async function fuzz(
  document: ApiDocument,
  { requests, seed, path, shrink = true }: FuzzOptions,
): Promise<FuzzResult> {
  const responses = new Map<string, number>();
  const plans = fc.array(anyPlan(document), { minLength: 1, maxLength: MAX_RUN_LENGTH, size: "max" });
  let sent = 0;
  const property = fc.asyncProperty(plans, async (run) => {
    await sendAll(document, run, (response) => {
      sent += 1;
      responses.set(response, (responses.get(response) ?? 0) + 1);
    });
  });
  for (let at = seed; sent < requests; at += 1) {
    const found = await fc.check(property, {
      seed: at,
      numRuns: Math.ceil((requests - sent) / MAX_RUN_LENGTH),
      endOnFailure: !shrink,
      ...(path !== undefined && { path }),
    });
    if (found.failed) {
      const command = `Reproduce it: script/fuzz 1 ${found.seed} ${found.counterexamplePath}`;
      return { responses, requests: sent, failure: `${String(found.errorInstance)}\n${command}` };
    }
  }
  return { responses, requests: sent, failure: undefined };
}

/**
 * Starts a server with two users who share chats and a third one, and sends it the requests in sequence.
 *
 * @throws Error with the contradictions of a response
 */
async function sendAll(
  document: ApiDocument,
  plans: readonly Plan[],
  count: (response: string) => void,
): Promise<void> {
  const server = await openTestServer();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const ana = await signIn(server.url, "ana");
    const bob = await signIn(server.url, "bob");
    await signIn(server.url, "cy");
    const people = [ana, bob, new Client(server.url)] as const;
    await ana.post("/v1/group_chat", { title: "Plans" });
    await ana.post("/v1/group_chat/1/participants", { username: "bob" });
    for (const to of [{ group_chat_id: 1 }, { dest_username: "bob" }]) {
      await ana.post("/v1/messages", { ...to, message: "Hello, Bob!" });
    }
    const seen: SeenText[] = [];
    remember(seen, await ana.post("/v1/group_chat/1/invitations", {}));
    for (const plan of plans) {
      const sent = toRequest(document, plan, seen);
      const who = people[plan.who];
      const received = await send(server.url, agent, sent, who.cookie);
      if (received === undefined) continue;
      count(`${document.find(sent.method, sent.path)?.id} ${received.status}`);
      const faults = faultsIn(document, sent, received);
      if (faults.length > 0) throw new Error(report(plan, sent, received, faults));
      remember(seen, received);
      const [cookie] = received.headers["set-cookie"] ?? [];
      if (cookie) who.cookie = cookie.split(";")[0]!;
      // The user has logged out.
      if (received.status === 401 && plan.who < 2)
        await who.post("/v1/auth/login", credentials(who.username));
    }
    const [bug] = server.lines.filter(({ err }) => err !== undefined);
    if (bug) throw new Error(`The server logged an unexpected error: ${JSON.stringify(bug)}`);
  } finally {
    agent.destroy();
    await server.close();
  }
}

function report(
  plan: Plan,
  sent: SentRequest,
  { status, text }: ReceivedResponse,
  faults: readonly string[],
): string {
  const description = JSON.stringify({ who: plan.who, ...sent }).slice(0, 2_000);
  return `${faults.join("\n")}\nrequest: ${description}\nresponse: ${status} ${text.slice(0, 1_000)}`;
}

async function signIn(url: string, username: string): Promise<Client> {
  const client = new Client(url);
  client.username = username;
  await client.post("/v1/auth/register", credentials(username));
  await client.post("/v1/auth/login", credentials(username));
  return client;
}

function credentials(username: string) {
  return { username, password: PASSWORD };
}

/** Sends a request and returns its response; undefined for a long poll without an immediate response. */
function send(
  url: string,
  agent: Agent,
  sent: SentRequest,
  cookie: string,
): Promise<ReceivedResponse | undefined> {
  const { hostname, port } = new URL(url);
  const query = sent.query.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  const waits = sent.query.some(([name]) => name === "wait");
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent,
      host: hostname,
      port,
      method: sent.method,
      path: query === "" ? sent.path : `${sent.path}?${query}`,
      headers: {
        ...(cookie === "" ? {} : { Cookie: cookie }),
        ...(sent.body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(sent.body)) }),
        ...sent.headers,
      },
    });
    const timeout = setTimeout(
      () => {
        if (waits) resolve(undefined);
        outgoing.destroy(new Error(`No response within ${RESPONSE_TIMEOUT_MS} ms: ${JSON.stringify(sent)}`));
      },
      waits ? LONG_POLL_TIMEOUT_MS : RESPONSE_TIMEOUT_MS,
    );
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      const { statusCode: status = 0, headers } = response;
      let text = "";
      const finish = () => {
        clearTimeout(timeout);
        resolve({ status, headers, text });
      };
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        // The stream is endless. Its first events have arrived.
        if (headers["content-type"]?.startsWith("text/event-stream")) setTimeout(() => response.destroy(), 2);
      });
      response.on("close", finish);
      response.on("error", () => {});
    });
    outgoing.end(sent.body);
  });
}

/** A text in a response, and the name of its field. */
interface SeenText {
  readonly name: string;
  readonly value: string;
}

/** Remembers ids, codes, cursors and usernames from the latest responses. */
function remember(seen: SeenText[], { status, text }: Pick<ReceivedResponse, "status" | "text">): void {
  if (status !== 200 || text.length > 10_000) return;
  for (const [, name = "", value = ""] of text.matchAll(
    /"(\w*id|code|cursor|\w*username)":"([^"\\]{1,64})"/g,
  )) {
    if (seen.some((each) => each.value === value)) continue;
    const others = seen.filter((each) => each.name === name).slice(MAX_SEEN_PER_NAME - 1);
    for (const old of others) seen.splice(seen.indexOf(old), 1);
    seen.unshift({ name, value });
  }
}

/** Converts a plan to a request, with the values that were seen so far. */
export function toRequest(document: ApiDocument, plan: Plan, seen: readonly SeenText[]): SentRequest {
  const operation = document.operations.find(({ id }) => id === plan.operation)!;
  const resolved = resolveSeen(plan, seen) as Plan;
  const headers = Object.fromEntries(
    Object.entries(resolved.headers).map(([name, value]) => [name, headerOf(value)]),
  );
  const sent = {
    method: operation.method,
    segments: operation.path.split("/").map((part) => {
      if (!part.startsWith("{")) return part;
      return encodeURIComponent(String(resolved.path[part.slice(1, -1)]).toWellFormed()) || "%20";
    }),
    query: Object.entries(resolved.query).map(([name, value]): [string, string] => [name, String(value)]),
    headers,
    fields: resolved.body as Record<string, unknown> | undefined,
    raw: undefined as string | undefined,
  };
  const parameterIndexes = operation.path
    .split("/")
    .flatMap((part, index) => (part.startsWith("{") ? [index] : []));
  for (const twist of resolved.twists) apply(twist, sent, parameterIndexes);
  const raw = sent.raw ?? (sent.fields === undefined ? undefined : JSON.stringify(sent.fields));
  const type = raw === undefined ? {} : { "Content-Type": "application/json" };
  return {
    method: sent.method,
    path: sent.segments.join("/"),
    query: sent.query.map(([name, value]) => [name.toWellFormed(), value.toWellFormed()]),
    headers: { ...type, ...sent.headers },
    body: raw,
    valid: plan.twists.length === 0,
  };
}

interface Draft {
  method: string;
  segments: string[];
  query: [string, string][];
  headers: Record<string, string>;
  fields: Record<string, unknown> | undefined;
  raw: string | undefined;
}

function apply(twist: Twist, draft: Draft, parameterIndexes: readonly number[]): void {
  const names = Object.keys(draft.fields ?? {});
  switch (twist.what) {
    case "field":
      draft.fields = { ...draft.fields, [names[twist.at % names.length] ?? "message"]: twist.value };
      break;
    case "no field":
      draft.fields = without(draft.fields, names[twist.at % names.length]);
      break;
    case "unknown field":
      draft.fields = { ...draft.fields, [twist.name]: twist.value };
      break;
    case "segment":
      draft.segments[parameterIndexes[twist.at % parameterIndexes.length] ?? draft.segments.length - 1] =
        twist.raw;
      break;
    case "parameter": {
      const parameter = draft.query[twist.at % draft.query.length];
      if (parameter) parameter[1] = twist.value;
      break;
    }
    case "unknown parameter":
      draft.query.push([twist.name, twist.value]);
      break;
    case "parameter twice": {
      const parameter = draft.query[twist.at % draft.query.length];
      if (parameter) draft.query.push([...parameter]);
      break;
    }
    case "header":
      draft.headers[twist.name] = twist.value;
      break;
    case "body":
      draft.raw = twist.raw;
      break;
    case "method":
      draft.method = twist.method;
      break;
    case "path":
      draft.segments = twist.path.split("/");
      break;
    default:
      twist satisfies never;
  }
}

function without(fields: Record<string, unknown> | undefined, name: string | undefined) {
  return Object.fromEntries(Object.entries(fields ?? {}).filter(([each]) => each !== name));
}

/** Replaces characters that a header cannot hold. */
function headerOf(value: unknown): string {
  return String(value).replaceAll(/[^!-~]/g, "-");
}

function resolveSeen(part: unknown, seen: readonly SeenText[]): unknown {
  if (Array.isArray(part)) return part.map((each) => resolveSeen(each, seen));
  if (typeof part !== "object" || part === null) return part;
  if ("seen" in part) {
    const { seen: at, name: wanted } = part as Seen;
    const named = wanted === undefined ? seen : seen.filter(({ name }) => name === wanted);
    return named[at % named.length]?.value ?? "ana";
  }
  return Object.fromEntries(Object.entries(part).map(([name, each]) => [name, resolveSeen(each, seen)]));
}

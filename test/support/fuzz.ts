import { Agent, request } from "node:http";
import fc from "fast-check";
import { faultsIn, type Answered, type Sent } from "./answers.js";
import { Client, PASSWORD } from "./client.js";
import type { ApiDocument } from "./document.js";
import { anyPlan, type Plan, type Seen, type Twist } from "./requests.js";
import { openTestServer } from "./server.js";

/** How long an answer may take, in milliseconds. */
const PATIENCE = 5_000;

/** After which time an answer that may be put off is not waited for any more, in milliseconds. */
const GLANCE = 5;

/** How many requests one server gets at the most. */
const LONGEST_RUN = 400;

export interface Fuzzing {
  readonly requests: number;
  readonly seed: number;
  /** Of one run, as a failure reports it. */
  readonly path?: string | undefined;
  /** Whether a failure is made as short as can be, which takes its time. */
  readonly shrink?: boolean;
}

export interface Fuzzed {
  readonly requests: number;
  /** How often an operation was answered with a status, by `operationId status`. */
  readonly answers: ReadonlyMap<string, number>;
  /** The first that the document has something against, and how to see it again. */
  readonly failure: string | undefined;
}

/** Sends at least that many requests, as the document has them and as it has them not, and holds every answer against it. */
export async function fuzz(
  document: ApiDocument,
  { requests, seed, path, shrink = true }: Fuzzing,
): Promise<Fuzzed> {
  const answers = new Map<string, number>();
  const plans = fc.array(anyPlan(document), { minLength: 1, maxLength: LONGEST_RUN, size: "max" });
  let sent = 0;
  const property = fc.asyncProperty(plans, async (run) => {
    await askAll(document, run, (answer) => {
      sent += 1;
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    });
  });
  for (let at = seed; sent < requests; at += 1) {
    const found = await fc.check(property, {
      seed: at,
      numRuns: Math.ceil((requests - sent) / LONGEST_RUN),
      endOnFailure: !shrink,
      ...(path !== undefined && { path }),
    });
    if (found.failed) {
      const again = `Again: script/fuzz 1 ${found.seed} ${found.counterexamplePath}`;
      return { answers, requests: sent, failure: `${String(found.errorInstance)}\n${again}` };
    }
  }
  return { answers, requests: sent, failure: undefined };
}

/**
 * A server with two users who have written to each other, asked one thing after the other.
 *
 * @throws Error with what the document has against an answer.
 */
async function askAll(
  document: ApiDocument,
  plans: readonly Plan[],
  count: (answer: string) => void,
): Promise<void> {
  const server = await openTestServer();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const ana = await signIn(server.url, "ana");
    const bob = await signIn(server.url, "bob");
    const people = [ana, bob, new Client(server.url)] as const;
    await ana.post("/v1/group_chat", { title: "Plans" });
    await ana.post("/v1/group_chat/1/participants", { username: "bob" });
    for (const to of [{ group_chat_id: 1 }, { dest_username: "bob" }]) {
      await ana.post("/v1/messages", { ...to, message: "Hello, Bob!" });
    }
    const seen: string[] = [];
    for (const plan of plans) {
      const sent = write(document, plan, seen);
      const who = people[plan.who];
      const answered = await ask(server.url, agent, sent, who.cookie);
      if (answered === undefined) continue;
      count(`${document.find(sent.method, sent.path)?.id} ${answered.status}`);
      const faults = faultsIn(document, sent, answered);
      if (faults.length > 0) throw new Error(report(plan, sent, answered, faults));
      remember(seen, answered);
      const [cookie] = answered.headers["set-cookie"] ?? [];
      if (cookie) who.cookie = cookie.split(";")[0]!;
      // Somebody has logged out.
      if (answered.status === 401 && plan.who < 2)
        await who.post("/v1/auth/login", credentials(who.username));
    }
    const [bug] = server.lines.filter(({ err }) => err !== undefined);
    if (bug) throw new Error(`A bug was logged: ${JSON.stringify(bug)}`);
  } finally {
    agent.destroy();
    await server.close();
  }
}

function report(plan: Plan, sent: Sent, { status, text }: Answered, faults: readonly string[]): string {
  const asked = JSON.stringify({ who: plan.who, ...sent }).slice(0, 2_000);
  return `${faults.join("\n")}\nasked: ${asked}\nanswered: ${status} ${text.slice(0, 1_000)}`;
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

/** What it was answered; undefined where that is put off for longer than is worth waiting for. */
function ask(url: string, agent: Agent, sent: Sent, cookie: string): Promise<Answered | undefined> {
  const { hostname, port } = new URL(url);
  const query = sent.query.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  const waits = sent.query.some(([name]) => name === "wait");
  return new Promise((resolve, reject) => {
    const asking = request({
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
    const patience = setTimeout(
      () => {
        if (waits) resolve(undefined);
        asking.destroy(new Error(`No answer within ${PATIENCE} ms: ${JSON.stringify(sent)}`));
      },
      waits ? GLANCE : PATIENCE,
    );
    asking.on("error", reject);
    asking.on("response", (response) => {
      const { statusCode: status = 0, headers } = response;
      let text = "";
      const finish = () => {
        clearTimeout(patience);
        resolve({ status, headers, text });
      };
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        // It goes on for ever; what was to be told at once has come by then.
        if (headers["content-type"]?.startsWith("text/event-stream")) setTimeout(() => response.destroy(), 2);
      });
      response.on("close", finish);
      response.on("error", () => {});
    });
    asking.end(sent.body);
  });
}

/** Keeps the last texts of answers: ids, cursors, names. */
function remember(seen: string[], { status, text }: Answered): void {
  if (status !== 200 || text.length > 10_000) return;
  for (const [, value] of text.matchAll(/"(?:\w*id|cursor|\w*username)":"([^"\\]{1,64})"/g)) {
    if (value !== undefined && !seen.includes(value)) seen.unshift(value);
  }
  seen.splice(30);
}

/** Turns a plan into what is sent, now that it is known what was seen. */
export function write(document: ApiDocument, plan: Plan, seen: readonly string[]): Sent {
  const operation = document.operations.find(({ id }) => id === plan.operation)!;
  const now = known(plan, seen) as Plan;
  const headers = Object.fromEntries(
    Object.entries(now.headers).map(([name, value]) => [name, headerOf(value)]),
  );
  const sent = {
    method: operation.method,
    segments: operation.path.split("/").map((part) => {
      if (!part.startsWith("{")) return part;
      return encodeURIComponent(String(now.path[part.slice(1, -1)]).toWellFormed()) || "%20";
    }),
    query: Object.entries(now.query).map(([name, value]): [string, string] => [name, String(value)]),
    headers,
    fields: now.body as Record<string, unknown> | undefined,
    raw: undefined as string | undefined,
  };
  const places = operation.path.split("/").flatMap((part, index) => (part.startsWith("{") ? [index] : []));
  for (const twist of now.twists) apply(twist, sent, places);
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

function apply(twist: Twist, draft: Draft, places: readonly number[]): void {
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
      draft.segments[places[twist.at % places.length] ?? draft.segments.length - 1] = twist.raw;
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

/** A header may hold visible ASCII. */
function headerOf(value: unknown): string {
  return String(value).replaceAll(/[^!-~]/g, "-");
}

function known(part: unknown, seen: readonly string[]): unknown {
  if (Array.isArray(part)) return part.map((each) => known(each, seen));
  if (typeof part !== "object" || part === null) return part;
  if ("seen" in part) return seen[(part as Seen).seen % seen.length] ?? "ana";
  return Object.fromEntries(Object.entries(part).map(([name, each]) => [name, known(each, seen)]));
}

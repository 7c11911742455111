import type { IncomingHttpHeaders } from "node:http";
import { commonHeaders } from "../../src/adapters/http/response.js";
import type { ApiDocument, DocumentedOperation, Json } from "./document.js";

/** A request as it is sent. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Whether it is what the document asks for. */
  readonly valid: boolean;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Of a stream, what came first. */
  readonly text: string;
}

/** Headers that say nothing about what was asked for. */
const ORDINARY = new Set([
  ...commonHeaders("", true).map(([name]) => name.toLowerCase()),
  ..."connection content-length content-security-policy content-type date keep-alive transfer-encoding".split(
    " ",
  ),
  "x-accel-buffering",
]);

/** Refusals of a request that does not have the shape that the document asks for. */
const SHAPELESS = new Set([
  "bad_request",
  "invalid_json",
  "invalid_request",
  "unsupported_media_type",
  "payload_too_large",
]);

/** What the document has against an answer. */
export function faultsIn(document: ApiDocument, sent: Sent, answered: Answered): string[] {
  const { status, headers, text } = answered;
  const faults: string[] = [];
  if (status >= 500) faults.push(`${status} is a fault of the server`);
  const operation = document.find(sent.method, sent.path);
  const [type = ""] = String(headers["content-type"]).split(";");
  if (operation === undefined) return [...faults, ...faultsOffTheMap(document, sent, answered)];
  const response = operation.responses[status];
  if (!response) return [...faults, `${operation.id} does not answer ${status}`];
  for (const name of Object.keys(headers)) {
    if (!ORDINARY.has(name) && !response.headers.includes(name))
      faults.push(`${status} has no header ${name}`);
  }
  const content = response.content[type];
  if (!content) return [...faults, `${status} is no ${type}`];
  const body = sent.method === "HEAD" ? undefined : bodyOf(type, text);
  const fault = body === undefined ? undefined : document.fault(content.schema, body);
  if (fault !== undefined) faults.push(`the body: ${fault}`);
  if (type === "text/event-stream" && sent.method !== "HEAD") faults.push(...faultsInFrames(document, text));
  if (status === 200 && !conforms(document, operation, sent)) {
    faults.push("what the document does not allow was done");
  }
  const code = status >= 400 ? (body as Json | undefined)?.["code"] : undefined;
  // Parameters are documented one by one: which of them go together is not.
  if (sent.valid && sent.query.length < 2 && SHAPELESS.has(String(code))) {
    faults.push(`what the document allows was refused as ${String(code)}`);
  }
  const ids = operation.parameters.filter((each) => each.in === "path");
  if (sent.valid && code === "not_found" && ids.every(({ schema }) => schema["type"] === "integer")) {
    faults.push("a path of the document was not found");
  }
  return faults;
}

/** Of a path or a method that is not in the document. */
function faultsOffTheMap(document: ApiDocument, { method, path }: Sent, { status, headers, text }: Answered) {
  const methods = document.methodsOf(path);
  const expected = methods.length > 0 ? 405 : 404;
  if (status !== expected) return [`${method} of that path is answered with ${status} and not ${expected}`];
  const allowed = String(headers.allow).split(", ");
  if (expected === 405 && methods.toSorted().join() !== allowed.toSorted().join()) {
    return [`Allow is ${allowed.join()} and not ${methods.join()}`];
  }
  if (method === "HEAD") return [];
  const fault = document.fault(document.schemas["Problem"]!, bodyOf("json", text));
  return fault === undefined ? [] : [fault];
}

function bodyOf(type: string, text: string): unknown {
  if (!type.endsWith("json")) return text;
  try {
    return JSON.parse(text);
  } catch {
    return "no JSON";
  }
}

function faultsInFrames(document: ApiDocument, text: string): string[] {
  const faults = text === "" ? ["the stream tells nothing"] : [];
  for (const frame of text.split("\n\n").slice(0, -1)) {
    const lines = frame.split("\n").map((line) => /^(id|event|data|retry): (.*)$/.exec(line) ?? ["", "", ""]);
    const { event, data } = Object.fromEntries(lines.map(([, name, value]) => [name, value]));
    if (event === undefined || event === "resync") continue;
    const told = JSON.parse(data ?? "") as Json;
    const fault = document.fault(document.schemas["ChatEvent"]!, told);
    if (fault !== undefined) faults.push(`the frame of ${event}: ${fault}`);
    if (told["type"] !== event) faults.push(`the frame of ${event} tells of ${String(told["type"])}`);
  }
  return faults;
}

/** Whether the document allows such a request. */
function conforms(document: ApiDocument, operation: DocumentedOperation, sent: Sent): boolean {
  const segments = sent.path.split("/");
  const inPath = operation.path.split("/").flatMap((part, index) => {
    return part.startsWith("{") ? [[part.slice(1, -1), decoded(segments[index] ?? "")] as const] : [];
  });
  const names = sent.query.map(([name]) => name);
  if (new Set(names).size < names.length) return false;
  const given = { path: inPath, query: sent.query, header: Object.entries(sent.headers) };
  for (const { name, in: place, required, schema } of operation.parameters) {
    const value = given[place].find(([each]) => each === name)?.[1];
    if (value === undefined ? required : document.fault(schema, typed(schema, value)) !== undefined)
      return false;
  }
  const known = operation.parameters.filter((each) => each.in === "query").map(({ name }) => name);
  if (!names.every((name) => known.includes(name))) return false;
  if (sent.body === undefined || sent.body === "") return operation.body?.required !== true;
  const body = bodyOf("json", sent.body);
  if (operation.body) return document.fault(operation.body.schema, body) === undefined;
  return JSON.stringify(body) === "{}";
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Numbers come as text, and only in digits. */
function typed(schema: Json, value: string): unknown {
  return schema["type"] === "integer" && /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : value;
}

import type { IncomingHttpHeaders } from "node:http";
import { commonHeaders } from "../../src/adapters/http/response.js";
import type { ApiDocument, DocumentedOperation, Json } from "./document.js";

/** A request as it is sent. */
export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Whether the document allows it. */
  readonly valid: boolean;
}

/** A response as it was received. */
export interface ReceivedResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body; of a stream, its beginning. */
  readonly text: string;
}

/** Headers that may be on any response without being documented. */
const COMMON_HEADERS = new Set([
  ...commonHeaders("", true).map(([name]) => name.toLowerCase()),
  ..."connection content-length content-security-policy content-type date keep-alive transfer-encoding".split(
    " ",
  ),
  "vary",
  "x-accel-buffering",
]);

/** Codes for a request that violates its schema. */
const SCHEMA_ERRORS = new Set([
  "bad_request",
  "invalid_json",
  "invalid_request",
  "unsupported_media_type",
  "payload_too_large",
]);

/** Returns the contradictions between a response and the document. */
export function faultsIn(document: ApiDocument, sent: SentRequest, received: ReceivedResponse): string[] {
  const { status, headers, text } = received;
  const faults: string[] = [];
  if (status >= 500) faults.push(`${status} is a server error`);
  const operation = document.find(sent.method, sent.path);
  const [type = ""] = String(headers["content-type"]).split(";");
  if (operation === undefined) return [...faults, ...undocumentedFaults(document, sent, received)];
  const response = operation.responses[status];
  if (!response) return [...faults, `${operation.id} does not document ${status}`];
  for (const name of Object.keys(headers)) {
    if (!COMMON_HEADERS.has(name) && !response.headers.includes(name))
      faults.push(`${status} does not document the header ${name}`);
  }
  const content = response.content[type];
  if (!content) return [...faults, `${status} does not document ${type}`];
  const body = sent.method === "HEAD" ? undefined : bodyOf(type, text);
  const fault = body === undefined ? undefined : document.fault(content.schema, body);
  if (fault !== undefined) faults.push(`the body: ${fault}`);
  if (type === "text/event-stream" && sent.method !== "HEAD") faults.push(...faultsInFrames(document, text));
  if (status === 200 && !conforms(document, operation, sent)) {
    faults.push("a request that the document does not allow succeeded");
  }
  const code = status >= 400 ? (body as Json | undefined)?.["code"] : undefined;
  // The document does not say which query parameters exclude each other.
  if (sent.valid && sent.query.length < 2 && SCHEMA_ERRORS.has(String(code))) {
    faults.push(`a request that the document allows was rejected as ${String(code)}`);
  }
  const ids = operation.parameters.filter((each) => each.in === "path");
  if (sent.valid && code === "not_found" && ids.every(({ schema }) => schema["type"] === "integer")) {
    faults.push("a documented path was not found");
  }
  return faults;
}

/** Returns the contradictions for a path or method that is not in the document. */
function undocumentedFaults(
  document: ApiDocument,
  { method, path }: SentRequest,
  { status, headers, text }: ReceivedResponse,
) {
  const methods = document.methodsOf(path);
  const expected = methods.length > 0 ? 405 : 404;
  if (status !== expected) return [`${method} of that path responds with ${status} instead of ${expected}`];
  const allowed = String(headers.allow).split(", ");
  if (expected === 405 && methods.toSorted().join() !== allowed.toSorted().join()) {
    return [`Allow is ${allowed.join()} instead of ${methods.join()}`];
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
    return "invalid JSON";
  }
}

function faultsInFrames(document: ApiDocument, text: string): string[] {
  const faults = text === "" ? ["the stream is empty"] : [];
  for (const frame of text.split("\n\n").slice(0, -1)) {
    const lines = frame.split("\n").map((line) => /^(id|event|data|retry): (.*)$/.exec(line) ?? ["", "", ""]);
    const { event, data: json } = Object.fromEntries(lines.map(([, name, value]) => [name, value]));
    if (event === undefined || event === "resync") continue;
    const data = JSON.parse(json ?? "") as Json;
    const fault = document.fault(document.schemas["ChatEvent"]!, data);
    if (fault !== undefined) faults.push(`the frame of ${event}: ${fault}`);
    if (data["type"] !== event) faults.push(`the frame of ${event} has the type ${String(data["type"])}`);
  }
  return faults;
}

/** Whether the document allows the request. */
function conforms(document: ApiDocument, operation: DocumentedOperation, sent: SentRequest): boolean {
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

/** Converts a parameter to the type of its schema. Integers arrive as decimal digits. */
function typed(schema: Json, value: string): unknown {
  return schema["type"] === "integer" && /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : value;
}

import fc from "fast-check";
import type { ApiDocument, DocumentedOperation, Json, Parameter } from "./document.js";

/** A generated request. Parts of it are `Seen`, which are resolved when it is sent. */
export interface Plan {
  /** The sender: 0 and 1 are signed-in users, 2 is anonymous. */
  readonly who: 0 | 1 | 2;
  readonly operation: string;
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Mutations that make the request invalid. Without any it conforms to the document. */
  readonly twists: readonly Twist[];
}

/** A placeholder for the nth latest text that was seen in a response. */
export interface Seen {
  readonly seen: number;
  /** The name of its field; any by default. */
  readonly name?: string;
}

/** A mutation of a request. `at` is the index of a field or parameter, modulo their number. */
export type Twist =
  | { readonly what: "field"; readonly at: number; readonly value: unknown }
  | { readonly what: "no field"; readonly at: number }
  | { readonly what: "unknown field"; readonly name: string; readonly value: unknown }
  | { readonly what: "segment"; readonly at: number; readonly raw: string }
  | { readonly what: "parameter"; readonly at: number; readonly value: string }
  | { readonly what: "unknown parameter"; readonly name: string; readonly value: string }
  | { readonly what: "parameter twice"; readonly at: number }
  | { readonly what: "header"; readonly name: string; readonly value: string }
  | { readonly what: "body"; readonly raw: string }
  | { readonly what: "method"; readonly method: string }
  | { readonly what: "path"; readonly path: string };

/** Generates requests. Operations without a session or a body are less frequent. */
export function anyPlan({ operations, schemas }: ApiDocument): fc.Arbitrary<Plan> {
  return fc.oneof(
    ...operations.map((operation) => {
      const weight = operation.signedIn || operation.body ? 8 : 1;
      return { weight, arbitrary: planOf(operation, schemas) };
    }),
  );
}

function planOf(operation: DocumentedOperation, schemas: ApiDocument["schemas"]): fc.Arbitrary<Plan> {
  const { id, body, parameters } = operation;
  const parametersIn = (place: Parameter["in"]) => parameters.filter((each) => each.in === place);
  return fc.record({
    who: fc.constantFrom(0, 0, 0, 1, 1, 2),
    operation: fc.constant(id),
    path: some(parametersIn("path"), schemas),
    query: some(parametersIn("query"), schemas),
    headers: some(parametersIn("header"), schemas),
    body: body ? valueOf(body.schema, schemas) : fc.constant(undefined),
    twists: fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      { weight: 4, arbitrary: fc.array(anyTwist, { minLength: 1, maxLength: 1 }) },
      { weight: 1, arbitrary: fc.array(anyTwist, { minLength: 2, maxLength: 4 }) },
    ),
  });
}

function some(parameters: readonly Parameter[], schemas: ApiDocument["schemas"]) {
  const values = parameters.map(({ name, schema }) => {
    const any = valueOf(schema, schemas);
    // Nothing else would find a secret or a cursor.
    const isCursor = /^(after|cursor|Last-Event-ID)$/.test(name);
    const seen = fc.record({ seen: fc.nat(9), name: fc.constant(isCursor ? "cursor" : name) });
    const isSecret = isCursor || /_id$|^code$/.test(name);
    return [name, isSecret && schema["type"] === "string" ? fc.oneof(any, seen) : any] as const;
  });
  const requiredKeys = parameters.filter(({ required }) => required).map(({ name }) => name);
  return fc.record(Object.fromEntries(values), { requiredKeys });
}

/** Generates values that a schema allows. */
function valueOf(schema: Json, schemas: ApiDocument["schemas"]): fc.Arbitrary<unknown> {
  const { type, examples, anyOf, properties = {}, required = [], oneOf } = schema;
  if (typeof schema["$ref"] === "string") {
    return valueOf(schemas[schema["$ref"].split("/").at(-1) ?? ""] ?? {}, schemas);
  }
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map((each: Json) => valueOf(each, schemas)));
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  if (schema["additionalProperties"] === true) return fc.dictionary(anyText, fc.jsonValue(), { maxKeys: 3 });
  if ("const" in schema) return fc.constant(schema["const"]);
  if (type === "boolean") return fc.boolean();
  if (type === "null") return fc.constant(null);
  if (Array.isArray(type)) {
    return fc.oneof(...type.map((each: string) => valueOf({ ...schema, type: each }, schemas)));
  }
  const exampleValues = Array.isArray(examples) ? [fc.constantFrom(...(examples as unknown[]))] : [];
  if (type === "integer") {
    const { minimum: min, maximum: max } = schema as { readonly minimum: number; readonly maximum: number };
    return fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min, max: Math.min(max, min + 4) }) },
      { weight: 1, arbitrary: fc.maxSafeInteger().map(within(min, max)) },
    );
  }
  if (schema["format"] === "date-time") {
    const max = new Date("9999-12-31T23:59:59.999Z");
    return fc.date({ min: new Date(0), max, noInvalidDate: true }).map((date) => date.toISOString());
  }
  if (type === "string") {
    if (typeof schema["pattern"] === "string") {
      return fc.oneof(
        ...exampleValues,
        exampleValues.length > 0 ? fc.stringMatching(new RegExp(schema["pattern"])) : anyId,
      );
    }
    return fc.oneof(
      ...exampleValues,
      fc.constantFrom("ana", "bob", "cy"),
      fc.record({ seen: fc.nat(29) }),
      anyText,
    );
  }
  if (type === "array") {
    return fc.array(valueOf(schema["items"] as Json, schemas), { maxLength: 3 });
  }
  if (type === "object") {
    const fields = Object.entries(properties as Readonly<Record<string, Json>>);
    const each = Object.fromEntries(fields.map(([name, field]) => [name, valueOf(field, schemas)]));
    const choices = Array.isArray(oneOf) ? oneOf.map((choice: Json) => choice["required"] as string[]) : [[]];
    return fc.constantFrom(...choices).chain((chosen) => {
      const others = new Set(choices.flat().filter((name) => !chosen.includes(name)));
      const model = Object.fromEntries(Object.entries(each).filter(([name]) => !others.has(name)));
      const { minProperties = 0 } = schema as { readonly minProperties?: number };
      return fc
        .record(model, { requiredKeys: [...(required as string[]), ...chosen] })
        .filter((value) => Object.keys(value).length >= minProperties);
    });
  }
  throw new Error(`Add a generator for the schema ${JSON.stringify(schema)}.`);
}

/** Any code point, also a lone surrogate. */
const anyCharacter = fc.oneof(fc.nat(0x7f), fc.nat(0x10ffff)).map((point) => String.fromCodePoint(point));
const anyText = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 40 });

/** Values of patterns without an example, which are all digits. */
const anyId = fc.integer({ min: 1, max: 9 }).map(String);

function within(min: number, max: number) {
  return (number: number) => (number < min || number > max ? max - (Math.abs(number) % 3) : number);
}

const oddText = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "0",
    "-1",
    "1.5",
    "01",
    "1e3",
    "9007199254740992",
    "null",
    "..",
    "ａｎａ",
    "ANA",
    "\u202e",
    "\0",
  ),
  anyText,
);
const oddValue = fc.oneof(
  fc.constantFrom(0, -1, 1.5, 2 ** 53, 1e308, "", null, true, [], {}, ["ana"], "\ud800", "x".repeat(300)),
  fc.string({ maxLength: 10_001, minLength: 10_001 }),
  oddText,
  fc.jsonValue({ maxDepth: 2 }),
);
const oddSegment = fc.oneof(
  fc.constantFrom(
    "%zz",
    "%ff",
    "%00",
    "%2f",
    "%2e%2e",
    "..",
    "0",
    "-1",
    "1.5",
    "01",
    "9007199254740992",
    "%F0%9F%92%A9",
  ),
  oddText.map((text) => encodeURIComponent(text.toWellFormed()) || "%20"),
);
const oddName = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "", "limit", "message", "username", "after", "a b"),
  fc.string({ maxLength: 8 }),
);
const oddHeader = fc.oneof(
  fc.record({
    name: fc.constant("Content-Type"),
    value: fc.constantFrom("text/plain", "application/json;charset=latin1", "x", ""),
  }),
  fc.record({
    name: fc.constant("Content-Encoding"),
    value: fc.constantFrom("gzip", "br", "deflate", "rot13"),
  }),
  fc.record({
    name: fc.constant("Idempotency-Key"),
    value: fc.constantFrom("", "a b", "x".repeat(65), "\u00e4", "k"),
  }),
  fc.record({
    name: fc.constant("Cookie"),
    value: fc.constantFrom("palaver_session=", "palaver_session=x", "=;;=", "a"),
  }),
  fc.record({
    name: fc.constantFrom(
      "Last-Event-ID",
      "X-Request-Id",
      "Accept",
      "Authorization",
      "If-None-Match",
      "Range",
      "X-Forwarded-For",
    ),
    value: fc.stringMatching(/^[ -~]{0,20}$/),
  }),
);
const oddBody = fc.oneof(
  fc.constantFrom(
    "{",
    "[]",
    "null",
    "1",
    '"text"',
    "\ufeff{}",
    "{}{}",
    '{"a":1,"a":2}',
    '{"message":"\\ud800"}',
  ),
  fc.constantFrom(`{"message":"${"x".repeat(70_000)}"}`, "[".repeat(5_000)),
  fc.json({ maxDepth: 3 }),
  anyText,
);
const oddPath = fc.oneof(
  fc.constantFrom(
    "/",
    "//",
    "/v1",
    "/V1/MESSAGES",
    "/v1/messages/",
    "//v1/messages",
    "/v1/./messages",
    "/%00",
    "/v1/%6dessages",
    "/docs/",
  ),
  fc.array(oddSegment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`),
);
const at = fc.nat(5);

const anyTwist: fc.Arbitrary<Twist> = fc.oneof(
  fc.record({ what: fc.constant("field" as const), at, value: oddValue }),
  fc.record({ what: fc.constant("no field" as const), at }),
  fc.record({ what: fc.constant("unknown field" as const), name: oddName, value: oddValue }),
  { weight: 2, arbitrary: fc.record({ what: fc.constant("segment" as const), at, raw: oddSegment }) },
  fc.record({ what: fc.constant("parameter" as const), at, value: oddText }),
  fc.record({ what: fc.constant("unknown parameter" as const), name: oddName, value: oddText }),
  fc.record({ what: fc.constant("parameter twice" as const), at }),
  oddHeader.map((header) => ({ what: "header" as const, ...header })),
  fc.record({ what: fc.constant("body" as const), raw: oddBody }),
  fc.record({
    what: fc.constant("method" as const),
    method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"),
  }),
  fc.record({ what: fc.constant("path" as const), path: oddPath }),
);

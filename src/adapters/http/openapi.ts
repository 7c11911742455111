import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { IDEMPOTENCY_KEY } from "../../domain/message.js";
import * as field from "./json/fields.js";
import { errorsOf, type ResponseHeader, type Operation, type RequestHeader } from "./operation.js";
import { statuses, type Code, type Problem } from "./problem.js";

/** Operations that the document shows together. */
export interface OperationGroup {
  readonly name: string;
  readonly description: string;
  readonly operations: readonly Operation[];
}

/** A schema, or any other part of the document. */
type Json = Readonly<Record<string, unknown>>;

export type OpenApiDocument = Json & { readonly openapi: "3.1.1" };

const ABOUT = `Accounts, one-to-one chats, group chats and live events, as JSON in UTF-8.

- Success is 200. Every error is a problem (RFC 9457) with a \`code\` that does not change.
- A field or a parameter that does not exist is refused by name. A body is \`application/json\`, up to 64 KiB.
- Any other path is 404 \`not_found\`; any other method of a path 405 \`method_not_allowed\`, with \`Allow\`. HEAD is answered
  where GET is.
- Checks come in this order: 401, then the shape of the request (400), then 403, then what the request means. A chat that does
  not exist and one of other people are refused alike.
- After a 429 or a 503 nothing was done: try again after as many seconds as \`Retry-After\` says.`;

const codes = Object.keys(statuses) as Code[];

const problemSchema = z
  .object({
    type: z.literal("about:blank"),
    title: z.string().meta({ examples: ["Bad Request"] }),
    status: z.int().meta({ examples: [400] }),
    detail: z.string().meta({
      description: "What is wrong, for people. It may change.",
      examples: ["Unknown user. Check the username or id."],
    }),
    code: z.literal(codes).meta({
      id: "Code",
      description: `What is wrong, for programs. No code changes or goes. With its status: ${codes
        .map((code) => `\`${code}\` ${statuses[code]}`)
        .join(", ")}.`,
      examples: ["unknown_user"],
    }),
    errors: z
      .array(z.object({ field: z.string(), detail: z.string() }))
      .exactOptional()
      .meta({ description: "The fields that are at fault, where there are such." }),
  })
  .meta({ id: "Problem", description: "Why something is refused (RFC 9457)." }) satisfies z.ZodType<Problem>;

/** What may stand in a path, by name. */
const pathParameters: Readonly<Record<string, z.ZodType>> = {
  chat_id: field.chatId,
  id: field.messageId.meta({ description: "The id of a message." }),
  session_id: field.sessionId.min(1),
  token_id: field.tokenId.min(1),
  user: z
    .string()
    .min(1)
    .meta({ description: "A username or a `user_id`.", examples: ["bob"] }),
  username: field.username.min(1).meta({ examples: ["bob"] }),
  script: z.string().min(1).meta({ description: "As the page names it." }),
};

const requestHeaderSchemas: Readonly<Record<RequestHeader, z.ZodType>> = {
  "Idempotency-Key": z
    .string()
    .regex(IDEMPOTENCY_KEY)
    .meta({
      description: "What is sent again under the same key is stored once.",
      examples: ["0f8e2b9c-2b1f-4b63-8f0d-2f6a0c1f7a55"],
    }),
  "Last-Event-ID": field.eventCursor.meta({
    description: "Sent by a client that connects again. It comes before `after`.",
  }),
};

/** Of answers whatever the operation, by what they say. */
type CommonHeader = "RateLimit" | "RateLimit-Policy" | "Retry-After" | "WWW-Authenticate" | "X-Request-Id";

const headersOfStatus: Readonly<Record<number, readonly CommonHeader[]>> = {
  401: ["WWW-Authenticate"],
  429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
  503: ["Retry-After"],
};

const responseHeaderSchemas: Readonly<Record<ResponseHeader | CommonHeader, z.ZodType>> = {
  "Idempotency-Replayed": z
    .literal("true")
    .meta({ description: "This was stored before, under the same key." }),
  Link: z.string().meta({
    description:
      'The pages beside this one (RFC 8288): `rel="prev"` and `rel="next"`. No link, no more there. As references to the same path.',
    examples: ['<?limit=100&before=12>; rel="prev"'],
  }),
  "Set-Cookie": z.string().meta({ description: "The cookie of the session." }),
  RateLimit: z.string().meta({
    description:
      "What is left, and in how many seconds it is whole again (draft-ietf-httpapi-ratelimit-headers).",
    examples: ['"sends";r=599;t=60'],
  }),
  "RateLimit-Policy": z.string().meta({
    description: "How much there is, and in how many seconds.",
    examples: ['"sends";q=600;w=60'],
  }),
  "WWW-Authenticate": z.literal("Bearer"),
  "Retry-After": z
    .string()
    .regex(/^\d+$/)
    .meta({ description: "In seconds.", examples: ["5"] }),
  "X-Request-Id": z.string().meta({
    description:
      "The client's own, if it sent one of 1 to 64 letters, digits, `.`, `_` and `-`. The log has it too.",
    examples: ["0f8e2b9c-2b1f-4b63-8f0d-2f6a0c1f7a55"],
  }),
};

const securitySchemes = {
  cookie: {
    type: "apiKey",
    in: "cookie",
    name: "palaver_session",
    description: "Given by `logIn`. Behind a proxy that ends TLS its name is `__Host-palaver_session`.",
  },
  token: { type: "http", scheme: "bearer", description: "For programs." },
};

/**
 * What the API is, as OpenAPI 3.1. All of it is said by the operations themselves.
 *
 * @param root the path that all of theirs are under.
 */
export function openApiDocument(groups: readonly OperationGroup[], root = "/"): OpenApiDocument {
  const schemas: Record<string, Json> = {};
  const responses: Record<string, Json> = {};
  const headers: Record<string, Json> = {};
  const paths: Record<string, Record<string, Json>> = {};

  /** Schemas that have a name go among those of the document. */
  function write(schema: z.ZodType, io: "input" | "output" = "input"): Json {
    const { $schema: _, $defs = {}, ...written } = z.toJSONSchema(schema, { io, override: keepExamples });
    Object.assign(schemas, $defs);
    return written;
  }

  function parameter(
    name: string,
    place: "path" | "query" | "header",
    schema: Json,
    required: boolean,
  ): Json {
    const { description, ...shape } = schema;
    return { name, in: place, required, description, schema: shape };
  }

  function parametersOf({ query, requestHeaders = [] }: Operation, path: string): Json[] {
    const inPath = Array.from(path.matchAll(/:(\w+)/g), ([, name = ""]) => {
      const schema = pathParameters[name];
      if (!schema) throw new Error(`The parameter ${name} of ${path} must be in pathParameters.`);
      return parameter(name, "path", write(schema), true);
    });
    // What comes as text is shown as what is made of it.
    const asked = query ? write(query, "output") : {};
    const inQuery = Object.entries((asked["properties"] ?? {}) as Record<string, Json>);
    const needed = query ? (write(query)["required"] as readonly string[] | undefined) : undefined;
    return [
      ...inPath,
      ...inQuery.map(([name, schema]) => parameter(name, "query", schema, needed?.includes(name) ?? false)),
      ...requestHeaders.map((name) => parameter(name, "header", write(requestHeaderSchemas[name]), false)),
    ];
  }

  function header(name: keyof typeof responseHeaderSchemas): Json {
    const { description, ...schema } = write(responseHeaderSchemas[name]);
    return { description, schema };
  }

  function headersOf(names: readonly (keyof typeof responseHeaderSchemas)[]): Json {
    for (const name of names) headers[name] ??= header(name);
    return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
  }

  function bodyOf({ body }: Operation): Json | undefined {
    if (!body) return undefined;
    const schema = write(body);
    const required = !body.safeParse({}).success;
    return { required, content: { "application/json": { schema, example: exampleOf(schema, schemas) } } };
  }

  function successOf({ response, type = "application/json", responseHeaders = [], limit }: Operation): Json {
    const limits = limit ? (["RateLimit", "RateLimit-Policy"] as const) : [];
    const schema = write(response);
    const content = { [mediaType(type)]: { schema, example: exampleOf(schema, schemas) } };
    return {
      description: "Done.",
      headers: headersOf(["X-Request-Id", ...limits, ...responseHeaders]),
      content,
    };
  }

  const problem = write(problemSchema);

  function errorResponse(status: number, ofThem: readonly Code[]): Json {
    const narrower = { type: "object", properties: { status: { const: status }, code: { enum: ofThem } } };
    return {
      description: `${STATUS_CODES[status]}: ${ofThem.map((code) => `\`${code}\``).join(", ")}.`,
      headers: headersOf(["X-Request-Id", ...(headersOfStatus[status] ?? [])]),
      content: { "application/problem+json": { schema: { allOf: [problem, narrower] } } },
    };
  }

  /** By status. Those that have nothing of this operation's own are named, and stand in the document once. */
  function errorsByStatus(asked: Operation): Json {
    const all = errorsOf(asked);
    return Object.fromEntries(
      [...new Set(all.map((code) => statuses[code]))].map((status) => {
        const ofThem = all.filter((code) => statuses[code] === status);
        const answered = errorResponse(status, ofThem);
        const name = (STATUS_CODES[status] ?? String(status)).replace(/\W/g, "");
        const isOwn = asked.errors?.some((code) => ofThem.includes(code));
        if (!isOwn) responses[name] ??= answered;
        if (JSON.stringify(responses[name]) !== JSON.stringify(answered)) return [status, answered];
        return [status, { $ref: `#/components/responses/${name}` }];
      }),
    );
  }

  for (const { name: tag, operations } of groups) {
    for (const asked of operations) {
      for (const [index, path] of asked.paths.entries()) {
        const template = path.replace(/:(\w+)/g, "{$1}");
        (paths[template] ??= {})[asked.method] = {
          operationId: index === 0 ? asked.name : `${asked.name}AtOtherPath`,
          summary: asked.summary,
          description: index === 0 ? asked.description : `The same as \`${asked.name}\`.`,
          tags: [tag],
          security: asked.access !== "signed in" ? [] : [{ cookie: [] }, { token: [] }],
          parameters: parametersOf(asked, path),
          requestBody: bodyOf(asked),
          responses: { 200: successOf(asked), ...errorsByStatus(asked) },
        };
      }
    }
  }
  const document = {
    openapi: "3.1.1",
    info: {
      title: "Palaver",
      version: "1.0.0",
      description: ABOUT,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: root, description: "The server that gave you this." }],
    tags: groups.map(({ name, description }) => ({ name, description })),
    paths,
    components: { schemas, responses, headers, securitySchemes },
  };
  // Leaves out what is undefined.
  return JSON.parse(
    JSON.stringify(document).replaceAll("#/$defs/", "#/components/schemas/"),
  ) as OpenApiDocument;
}

/** Zod leaves them out of what a request takes where that is made into something else: they might be of what it becomes. */
function keepExamples({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  const { examples } = z.globalRegistry.get(zodSchema) ?? {};
  if (examples) Object.assign(jsonSchema, { examples });
}

/** Without its parameters. */
function mediaType(type: string): string {
  return type.split(";")[0] ?? type;
}

/** A value of that shape, made of the examples that stand in it. */
function exampleOf(schema: Json, schemas: Readonly<Record<string, Json>>): unknown {
  if (Array.isArray(schema["examples"])) return schema["examples"][0];
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  if (typeof schema["$ref"] === "string") {
    return exampleOf(schemas[schema["$ref"].replace("#/$defs/", "")] ?? {}, schemas);
  }
  if (Array.isArray(schema["anyOf"])) return exampleOf(schema["anyOf"][0] as Json, schemas);
  if (schema["type"] === "array") return [exampleOf(schema["items"] as Json, schemas)];
  if (schema["type"] === "object") {
    const properties = Object.entries((schema["properties"] ?? {}) as Readonly<Record<string, Json>>);
    return Object.fromEntries(properties.map(([name, each]) => [name, exampleOf(each, schemas)]));
  }
  throw new Error(`There is no example in ${JSON.stringify(schema)}.`);
}

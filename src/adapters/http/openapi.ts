import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { IDEMPOTENCY_KEY } from "../../domain/message.js";
import { MAX_EMOJI_LENGTH } from "../../domain/reaction.js";
import { MAX_USERNAME_UNITS } from "../../domain/user.js";
import * as field from "./json/fields.js";
import { errorsOf, limitOf, type ResponseHeader, type Operation, type RequestHeader } from "./operation.js";
import { statuses, type Code, type Problem } from "./problem.js";
import { version } from "./version.js";

/** Operations under one tag of the document. */
export interface OperationGroup {
  readonly name: string;
  readonly description: string;
  readonly operations: readonly Operation[];
}

/** Any part of the document. */
type Json = Readonly<Record<string, unknown>>;

export type OpenApiDocument = Json & { readonly openapi: "3.1.1" };

const DESCRIPTION = `Accounts, one-to-one chats, group chats and live events, as JSON in UTF-8.

- Success is 200. Every error is a problem (RFC 9457) with a stable \`code\`.
- Unknown fields and parameters are rejected by name. A body is \`application/json\`, up to 256 KiB.
- An unknown path is 404 \`not_found\`; an unknown method of a path is 405 \`method_not_allowed\`, with \`Allow\`. Every GET also
  supports HEAD.
- Checks run in this order: authentication (401), types and fields (400), access (403), then the rules of the operation. An
  unknown chat and a chat of other users give the same error.
- After a 429 or a 503 nothing was changed: try again after the number of seconds in \`Retry-After\`.

## Logging in

1. Create an account: \`POST /v1/auth/register\` with \`{"username": "ana", "password": "correct horse"}\`. It does not log in. If it
   is 403 \`registration_closed\`, the operator creates the accounts.
2. Log in: \`POST /v1/auth/login\` with the same body. The response sets the session cookie, which the browser sends from then on;
   with curl, \`-c cookies\` stores it and \`-b cookies\` sends it.
3. A program creates a token with that session: \`POST /v1/auth/tokens\` with \`{"name": "backup"}\`. It then sends
   \`Authorization: Bearer …\` in place of the cookie. So does a page of another site, where browsers send no cookie.

## Names of a chat

\`group_chat_id\` (of a message to send) and \`destination_chat_id\` (of a message) are old names of \`chat_id\`. They stay, and
hold the id of a chat of either kind. New fields are named \`chat_id\`.`;

const codes = Object.keys(statuses) as Code[];

const problemSchema = z
  .object({
    type: z.literal("about:blank"),
    title: z.string().meta({ examples: ["Bad Request"] }),
    status: z.int().meta({ examples: [400] }),
    detail: z.string().meta({
      description: "What is wrong, for people. The text may change.",
      examples: ["Unknown user. Check the username or id."],
    }),
    code: z.literal(codes).meta({
      id: "Code",
      description: `What is wrong, for programs. Codes never change or disappear. Each code with its status: ${codes
        .map((code) => `\`${code}\` ${statuses[code]}`)
        .join(", ")}.`,
      examples: ["unknown_user"],
    }),
    errors: z
      .array(z.object({ field: z.string(), detail: z.string() }))
      .exactOptional()
      .meta({ description: "The invalid fields, if any." }),
  })
  .meta({ id: "Problem", description: "An error (RFC 9457)." }) satisfies z.ZodType<Problem>;

/** The schemas of path parameters by name. */
const pathParameters: Readonly<Record<string, z.ZodType>> = {
  chat_id: field.chatId,
  id: field.messageId.meta({ description: "The id of a message." }),
  session_id: field.sessionId.min(1),
  token_id: field.tokenId.min(1),
  invitation_id: field.invitationId.min(1),
  code: field.invitationCode.min(1),
  emoji: z
    .string()
    .min(1)
    .meta({ description: "One emoji, percent-encoded.", maxLength: MAX_EMOJI_LENGTH, examples: ["👍"] }),
  user: z
    .string()
    .min(1)
    .meta({ description: "A username or a `user_id`.", maxLength: MAX_USERNAME_UNITS, examples: ["bob"] }),
  username: field.username.min(1).meta({ examples: ["bob"] }),
  script: z.string().min(1).max(64).meta({ description: "The file name that the page refers to." }),
};

const requestHeaderSchemas: Readonly<Record<RequestHeader, z.ZodType>> = {
  "Idempotency-Key": z
    .string()
    .regex(IDEMPOTENCY_KEY)
    .meta({
      description: "A message that is sent again with the same key is stored once.",
      examples: ["0f8e2b9c-2b1f-4b63-8f0d-2f6a0c1f7a55"],
    }),
  "Last-Event-ID": field.eventCursor.meta({
    description: "Sent by a client that reconnects. Takes precedence over `after`.",
  }),
};

/** A response header that does not depend on the operation. */
type CommonHeader = "RateLimit" | "RateLimit-Policy" | "Retry-After" | "WWW-Authenticate" | "X-Request-Id";

const headersOfStatus: Readonly<Record<number, readonly CommonHeader[]>> = {
  401: ["WWW-Authenticate"],
  429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
  503: ["Retry-After"],
};

const responseHeaderSchemas: Readonly<Record<ResponseHeader | CommonHeader, z.ZodType>> = {
  "Idempotency-Replayed": z
    .literal("true")
    .meta({ description: "The message was stored by an earlier request with the same key." }),
  Link: z.string().meta({
    description:
      'The neighbouring pages (RFC 8288), `rel="prev"` and `rel="next"`, as paths on this host. Absent without such a page.',
    examples: ['</v1/messages?limit=100&before=12>; rel="prev"'],
  }),
  "Set-Cookie": z.string().meta({ description: "The session cookie." }),
  RateLimit: z.string().meta({
    description:
      "The remaining quota `r`, and the seconds `t` until it resets (draft-ietf-httpapi-ratelimit-headers).",
    examples: ['"sends";r=599;t=60'],
  }),
  "RateLimit-Policy": z.string().meta({
    description: "The quota `q`, and its window `w` in seconds.",
    examples: ['"sends";q=600;w=60'],
  }),
  "WWW-Authenticate": z.literal("Bearer"),
  "Retry-After": z
    .string()
    .regex(/^\d+$/)
    .meta({ description: "Seconds to wait.", examples: ["5"] }),
  "X-Request-Id": z.string().meta({
    description:
      "The request id, also in the log. The one that the client sent, if it has 1 to 64 letters, digits, `.`, `_` and `-`.",
    examples: ["0f8e2b9c-2b1f-4b63-8f0d-2f6a0c1f7a55"],
  }),
};

const securitySchemes = {
  cookie: {
    type: "apiKey",
    in: "cookie",
    name: "palaver_session",
    description: "Set by `logIn`. Behind a proxy that terminates TLS its name is `__Host-palaver_session`.",
  },
  token: { type: "http", scheme: "bearer", description: "For programs." },
};

/**
 * Creates the OpenAPI 3.1 document of the operations, from their definitions alone.
 *
 * @param root the path under which the API is mounted
 */
export function openApiDocument(groups: readonly OperationGroup[], root = "/"): OpenApiDocument {
  const schemas: Record<string, Json> = {};
  const responses: Record<string, Json> = {};
  const headers: Record<string, Json> = {};
  const paths: Record<string, Record<string, Json>> = {};

  /** Converts a schema to JSON Schema. Named schemas become components of the document. */
  function toJsonSchema(schema: z.ZodType, io: "input" | "output" = "input"): Json {
    const { $schema: _, $defs = {}, ...jsonSchema } = z.toJSONSchema(schema, { io, override: keepExamples });
    Object.assign(schemas, $defs);
    return jsonSchema;
  }

  function parameter(
    name: string,
    location: "path" | "query" | "header",
    schema: Json,
    required: boolean,
  ): Json {
    const { description, ...shape } = schema;
    return { name, in: location, required, description, schema: shape };
  }

  function parametersOf({ query, requestHeaders = [] }: Operation, path: string): Json[] {
    const inPath = Array.from(path.matchAll(/:(\w+)/g), ([, name = ""]) => {
      const schema = pathParameters[name];
      if (!schema) throw new Error(`Add the parameter ${name} of ${path} to pathParameters.`);
      return parameter(name, "path", toJsonSchema(schema), true);
    });
    // Query parameters arrive as strings. The output schema shows the types that they are converted to.
    const querySchema = query ? toJsonSchema(query, "output") : {};
    const inQuery = Object.entries((querySchema["properties"] ?? {}) as Record<string, Json>);
    const requiredNames = query
      ? (toJsonSchema(query)["required"] as readonly string[] | undefined)
      : undefined;
    return [
      ...inPath,
      ...inQuery.map(([name, schema]) =>
        parameter(name, "query", schema, requiredNames?.includes(name) ?? false),
      ),
      ...requestHeaders.map((name) =>
        parameter(name, "header", toJsonSchema(requestHeaderSchemas[name]), false),
      ),
    ];
  }

  function header(name: keyof typeof responseHeaderSchemas): Json {
    const { description, ...schema } = toJsonSchema(responseHeaderSchemas[name]);
    return { description, schema };
  }

  function headersOf(names: readonly (keyof typeof responseHeaderSchemas)[]): Json {
    for (const name of names) headers[name] ??= header(name);
    return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
  }

  function bodyOf({ body }: Operation): Json | undefined {
    if (!body) return undefined;
    const schema = toJsonSchema(body);
    const required = !body.safeParse({}).success;
    return { required, content: { "application/json": { schema, example: exampleOf(schema, schemas) } } };
  }

  function successOf(each: Operation): Json {
    const { response, type = "application/json", alternative, responseHeaders = [] } = each;
    const limits = limitOf(each) ? (["RateLimit", "RateLimit-Policy"] as const) : [];
    const schema = toJsonSchema(response);
    const content = {
      [mediaType(type)]: { schema, example: exampleOf(schema, schemas) },
      ...(alternative !== undefined && {
        [mediaType(alternative)]: { schema: { type: "string" }, example: "…" },
      }),
    };
    return {
      description: "Success.",
      headers: headersOf(["X-Request-Id", ...limits, ...responseHeaders]),
      content,
    };
  }

  const problem = toJsonSchema(problemSchema);

  function errorResponse(status: number, codesOfStatus: readonly Code[]): Json {
    const narrowed = {
      type: "object",
      properties: { status: { const: status }, code: { enum: codesOfStatus } },
    };
    return {
      description: `${STATUS_CODES[status]}: ${codesOfStatus.map((code) => `\`${code}\``).join(", ")}.`,
      headers: headersOf(["X-Request-Id", ...(headersOfStatus[status] ?? [])]),
      content: { "application/problem+json": { schema: { allOf: [problem, narrowed] } } },
    };
  }

  /** The error responses by status. Those without a code of the operation itself are shared components. */
  function errorResponses(each: Operation): Json {
    const all = errorsOf(each);
    return Object.fromEntries(
      [...new Set(all.map((code) => statuses[code]))].map((status) => {
        const codesOfStatus = all.filter((code) => statuses[code] === status);
        const response = errorResponse(status, codesOfStatus);
        const name = (STATUS_CODES[status] ?? String(status)).replace(/\W/g, "");
        const isOwn = each.errors?.some((code) => codesOfStatus.includes(code));
        if (!isOwn) responses[name] ??= response;
        if (JSON.stringify(responses[name]) !== JSON.stringify(response)) return [status, response];
        return [status, { $ref: `#/components/responses/${name}` }];
      }),
    );
  }

  for (const { name: tag, operations } of groups) {
    for (const each of operations) {
      for (const [index, path] of each.paths.entries()) {
        const template = path.replace(/:(\w+)/g, "{$1}");
        (paths[template] ??= {})[each.method] = {
          operationId: index === 0 ? each.name : `${each.name}AtOtherPath`,
          summary: each.summary,
          description: index === 0 ? each.description : `The same as \`${each.name}\`.`,
          tags: [tag],
          security: each.access !== "signed in" ? [] : [{ cookie: [] }, { token: [] }],
          parameters: parametersOf(each, path),
          requestBody: bodyOf(each),
          responses: { 200: successOf(each), ...errorResponses(each) },
        };
      }
    }
  }
  const document = {
    openapi: "3.1.1",
    info: {
      title: "Palaver",
      version,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: root, description: "The server of this document." }],
    tags: groups.map(({ name, description }) => ({ name, description })),
    paths,
    components: { schemas, responses, headers, securitySchemes },
  };
  // Drops undefined members.
  return JSON.parse(
    JSON.stringify(document).replaceAll("#/$defs/", "#/components/schemas/"),
  ) as OpenApiDocument;
}

/** Keeps examples on input schemas with a transform, where Zod drops them since they could be examples of the output. */
function keepExamples({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  const { examples } = z.globalRegistry.get(zodSchema) ?? {};
  if (examples) Object.assign(jsonSchema, { examples });
}

/** A media type without its parameters. */
function mediaType(type: string): string {
  return type.split(";")[0] ?? type;
}

/** Builds an example value from the examples in a schema. */
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
  throw new Error(`Add an example to the schema ${JSON.stringify(schema)}.`);
}

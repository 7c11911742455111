// Prints src/client/api.ts: the types and the routing table of the operations under /v1 in docs/openapi.json. `npm run docs`
// writes it to the file.
import { readFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";

const document = JSON.parse(readFileSync(new URL("../docs/openapi.json", import.meta.url), "utf8"));

const refName = ({ $ref }) => $ref.split("/").at(-1);

const MAX_COMMENT_WIDTH = 100;

/** Returns a wrapped doc comment, or the empty string if there is no text. Escapes comment ends in the texts. */
function comment(...texts) {
  const lines = texts.filter(Boolean).flatMap((text) => {
    const wrapped = text
      .replaceAll("*/", "*\\/")
      .matchAll(new RegExp(`(.{1,${MAX_COMMENT_WIDTH}})(?:\\s+|$)`, "g"));
    return Array.from(wrapped, ([, line]) => line);
  });
  if (lines.length === 0) return "";
  return lines.length === 1 ? `/** ${lines[0]} */\n` : `/**\n * ${lines.join("\n * ")}\n */\n`;
}

function property(name, schema, isRequired, absentType) {
  const type = isRequired || !absentType ? typeOf(schema) : `${typeOf(schema)} | ${absentType}`;
  return `${comment(schema.description)}readonly ${name}${isRequired ? "" : "?"}: ${type};`;
}

function typeOf(schema) {
  if (schema.$ref) return refName(schema);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(" | ");
  if (schema.type === "array") return `readonly (${typeOf(schema.items)})[]`;
  if (schema.additionalProperties === true) return "Readonly<Record<string, unknown>>";
  if (schema.type === "object") return objectOf(schema);
  return { integer: "number", string: "string", boolean: "boolean", null: "null" }[schema.type];
}

/**
 * Converts an object schema to a type. A `oneOf` of required fields becomes a union of which exactly one member applies.
 *
 * @param absentType a type that optional fields also accept
 */
function objectOf({ properties = {}, required = [], oneOf }, absentType) {
  const choices = oneOf?.flatMap((choice) => choice.required) ?? [];
  const fields = Object.entries(properties).filter(([name]) => !choices.includes(name));
  if (Object.keys(properties).length === 0) return "void";
  const common = `{ ${fields.map(([name, schema]) => property(name, schema, required.includes(name), absentType)).join("\n")} }`;
  if (choices.length === 0) return common;
  const alternatives = choices.map((chosen) => {
    const others = choices.filter((name) => name !== chosen).map((name) => `readonly ${name}?: undefined;`);
    return `{ ${property(chosen, properties[chosen], true)} ${others.join(" ")} }`;
  });
  return `(${alternatives.join(" | ")}) & ${common}`;
}

function declaration([name, schema]) {
  const type = typeOf(schema);
  const isInterface = schema.type === "object" && type.startsWith("{");
  return `${comment(schema.description)}export ${isInterface ? `interface ${name} ${type}` : `type ${name} = ${type};`}`;
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    name: operation.operationId,
    method: method.toUpperCase(),
    path,
    response: operation.responses[200].content["application/json"]?.schema,
    body: operation.requestBody?.content["application/json"].schema,
  })),
);

function codesOf({ responses }) {
  return Object.values(responses).flatMap((response) => {
    const { content } = response.$ref ? document.components.responses[refName(response)] : response;
    return content["application/problem+json"]?.schema.allOf[1].properties.code.enum ?? [];
  });
}

/** The error codes that every operation of a signed-in user shares. They are documented in `Code`. */
const commonCodes = codesOf(operations.find(({ name }) => name === "getSession"));

function requestOf({ parameters, body }) {
  const named = parameters.filter((each) => ["path", "query"].includes(each.in));
  return {
    type: "object",
    properties: {
      ...Object.fromEntries(named.map(({ name, schema, description }) => [name, { description, ...schema }])),
      ...body?.properties,
    },
    required: [...named.filter((each) => each.required).map(({ name }) => name), ...(body?.required ?? [])],
    oneOf: body?.oneOf,
  };
}

function signatureOf(operation) {
  const { name, summary, description, response } = operation;
  const request = requestOf(operation);
  const isOptional = request.required.length === 0 && !request.oneOf;
  const takesRequest = Object.keys(request.properties).length > 0;
  const codes = codesOf(operation).filter((code) => !commonCodes.includes(code));
  const errors = codes.length > 0 && `@throws PalaverError ${codes.map((code) => `\`${code}\``).join(", ")}`;
  const options = isKeyed(operation) ? "SendOptions" : "CallOptions";
  const parameter = takesRequest
    ? `request${isOptional ? "?" : ""}: ${objectOf(request, "undefined")}, `
    : "";
  return `${comment(summary, description, errors)}${name}(${parameter}options?: ${options}): Promise<${typeOf(response)}>;`;
}

function isKeyed({ parameters }) {
  return parameters.some(({ name }) => name === "Idempotency-Key");
}

function isPaged({ responses }) {
  return "Link" in responses[200].headers;
}

function row(operation) {
  const { name, method, path } = operation;
  const hasQuery = operation.parameters.some((each) => each.in === "query");
  const fieldsIn = operation.body ? "body" : hasQuery ? "query" : undefined;
  const keyed = isKeyed(operation) || undefined;
  const hasCursor = operation.parameters.some((each) => each.name === "cursor");
  const paged = isPaged(operation) ? (hasCursor ? "next" : "prev") : undefined;
  return `${name}: ${JSON.stringify({ method, path, fieldsIn, keyed, paged })},`;
}

const clientOperations = operations.filter(
  ({ name, path, response }) => response && path.startsWith("/v1/") && !name.endsWith("AtOtherPath"),
);
const pagedNames = clientOperations.filter(isPaged).map(({ name }) => JSON.stringify(name));
const source = `// Written by \`npm run docs\` from docs/openapi.json. Do not edit.

import type { CallOptions, SendOptions } from "./options.js";

${Object.entries(document.components.schemas).map(declaration).join("\n\n")}

/** The operations of the API by their name in the OpenAPI document. \`Code\` has the errors that all of them share. */
export interface Operations {
${clientOperations.map(signatureOf).join("\n\n")}
}

/** The operations that respond with a page of a list. */
export type PagedOperation = ${pagedNames.join(" | ")};

/** The HTTP request of an operation. \`fieldsIn\` is the place of the fields that the path does not name. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly fieldsIn?: "body" | "query";
  /** The operation accepts an \`Idempotency-Key\`. */
  readonly keyed?: true;
  /** The operation responds with a page of a list. The relation of the page behind the first. */
  readonly paged?: "next" | "prev";
}

export const routes: Readonly<Record<keyof Operations, Route>> = {
${clientOperations.map(row).join("\n")}
};
`;
const file = new URL("../src/client/api.ts", import.meta.url).pathname;
process.stdout.write(await format(source, { ...(await resolveConfig(file)), filepath: file }));

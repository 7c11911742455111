// Prints src/client/api.ts: what docs/openapi.json says of the operations under /v1, as types and as a table. `npm run docs`
// puts it there.
import { readFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";

const document = JSON.parse(readFileSync(new URL("../docs/openapi.json", import.meta.url), "utf8"));

const nameIn = ({ $ref }) => $ref.split("/").at(-1);

const WIDTH = 100;

/** In lines of a reader's width. Also a closing mark of a comment can stand in a text. */
function comment(...texts) {
  const lines = texts.filter(Boolean).flatMap((text) => {
    const wrapped = text.replaceAll("*/", "*\\/").matchAll(new RegExp(`(.{1,${WIDTH}})(?:\\s+|$)`, "g"));
    return Array.from(wrapped, ([, line]) => line);
  });
  if (lines.length === 0) return "";
  return lines.length === 1 ? `/** ${lines[0]} */\n` : `/**\n * ${lines.join("\n * ")}\n */\n`;
}

function property(name, schema, isRequired, absent) {
  const type = isRequired || !absent ? typeOf(schema) : `${typeOf(schema)} | ${absent}`;
  return `${comment(schema.description)}readonly ${name}${isRequired ? "" : "?"}: ${type};`;
}

function typeOf(schema) {
  if (schema.$ref) return nameIn(schema);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(" | ");
  if (schema.type === "array") return `readonly (${typeOf(schema.items)})[]`;
  if (schema.type === "object") return objectOf(schema);
  return { integer: "number", string: "string", boolean: "boolean", null: "null" }[schema.type];
}

/**
 * Where it takes one of some sets of fields, it is one type or another, and never both.
 *
 * @param absent what may stand in the place of a field that may be left out
 */
function objectOf({ properties = {}, required = [], oneOf }, absent) {
  const choices = oneOf?.flatMap((choice) => choice.required) ?? [];
  const fields = Object.entries(properties).filter(([name]) => !choices.includes(name));
  if (Object.keys(properties).length === 0) return "void";
  const common = `{ ${fields.map(([name, schema]) => property(name, schema, required.includes(name), absent)).join("\n")} }`;
  if (choices.length === 0) return common;
  const either = choices.map((chosen) => {
    const others = choices.filter((name) => name !== chosen).map((name) => `readonly ${name}?: undefined;`);
    return `{ ${property(chosen, properties[chosen], true)} ${others.join(" ")} }`;
  });
  return `(${either.join(" | ")}) & ${common}`;
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
    answer: operation.responses[200].content["application/json"]?.schema,
    body: operation.requestBody?.content["application/json"].schema,
  })),
);

function codesOf({ responses }) {
  return Object.values(responses).flatMap((response) => {
    const { content } = response.$ref ? document.components.responses[nameIn(response)] : response;
    return content["application/problem+json"]?.schema.allOf[1].properties.code.enum ?? [];
  });
}

/** What anybody who is signed in can be refused with, whatever they ask for. */
const usualCodes = codesOf(operations.find(({ name }) => name === "getSession"));

function requestOf({ parameters, body }, ...places) {
  const named = parameters.filter((each) => places.includes(each.in));
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
  const { name, summary, description, answer } = operation;
  const request = requestOf(operation, "path", "query");
  const isOptional = request.required.length === 0 && !request.oneOf;
  const asks = Object.keys(request.properties).length > 0;
  const codes = codesOf(operation).filter((code) => !usualCodes.includes(code));
  const refused = codes.length > 0 && `@throws PalaverError ${codes.map((code) => `\`${code}\``).join(", ")}`;
  const options = isKeyed(operation) ? "SendOptions" : "CallOptions";
  const taken = asks ? `request${isOptional ? "?" : ""}: ${objectOf(request, "undefined")}, ` : "";
  return `${comment(summary, description, refused)}${name}(${taken}options?: ${options}): Promise<${typeOf(answer)}>;`;
}

function isKeyed({ parameters }) {
  return parameters.some(({ name }) => name === "Idempotency-Key");
}

function isPaged({ responses }) {
  return "Link" in responses[200].headers;
}

function row(operation) {
  const { name, method: verb, path } = operation;
  const hasQuery = operation.parameters.some((each) => each.in === "query");
  const rest = operation.body ? "body" : hasQuery ? "query" : undefined;
  const keyed = isKeyed(operation) || undefined;
  const paged = isPaged(operation) || undefined;
  return `${name}: ${JSON.stringify({ method: verb, path, rest, keyed, paged })},`;
}

const called = operations.filter(
  ({ name, path, answer }) => answer && path.startsWith("/v1/") && !name.endsWith("AtOtherPath"),
);
const pagedNames = called.filter(isPaged).map(({ name }) => JSON.stringify(name));
const source = `// Written by \`npm run docs\` from docs/openapi.json. What is changed here is lost.

import type { CallOptions, SendOptions } from "./call.js";

${Object.entries(document.components.schemas).map(declaration).join("\n\n")}

/** Each operation of the API, by its name in the document of the API. What any may be refused with is in \`Code\`. */
export interface Operations {
${called.map(signatureOf).join("\n\n")}
}

/** Those whose answer is a page. */
export type PagedOperation = ${pagedNames.join(" | ")};

/** How an operation is asked for. Of the fields of a request, those that the path does not name go where \`rest\` says. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly rest?: "body" | "query";
  /** It takes an \`Idempotency-Key\`. */
  readonly keyed?: true;
  /** Its answer is a page. */
  readonly paged?: true;
}

export const routes: Readonly<Record<keyof Operations, Route>> = {
${called.map(row).join("\n")}
};
`;
const file = new URL("../src/client/api.ts", import.meta.url).pathname;
process.stdout.write(await format(source, { ...(await resolveConfig(file)), filepath: file }));

import { z } from "zod";

/** Any part of an OpenAPI document. */
export type Json = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: Json;
}

/** One operation of the document: a method of a path. */
export interface DocumentedOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly signedIn: boolean;
  readonly parameters: readonly Parameter[];
  readonly body: { readonly schema: Json; readonly required: boolean; readonly example: unknown } | undefined;
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

export interface DocumentedResponse {
  /** In lower case. */
  readonly headers: readonly string[];
  /** By media type. */
  readonly content: Readonly<Record<string, { readonly schema: Json; readonly example: unknown }>>;
}

/** An OpenAPI document, parsed for checks. */
export interface ApiDocument {
  readonly operations: readonly DocumentedOperation[];
  /** The named schemas. */
  readonly schemas: Readonly<Record<string, Json>>;
  /** Returns why the value violates the schema, which allows no undocumented fields; undefined if it conforms. */
  fault(schema: Json, value: unknown): string | undefined;
  /** Returns the operation of a request. */
  find(method: string, path: string): DocumentedOperation | undefined;
  /** Returns the methods of a path. */
  methodsOf(path: string): readonly string[];
}

const SCHEMAS = "#/components/schemas/";

export function readDocument(document: Json): ApiDocument {
  const components = document["components"] as Readonly<Record<string, Readonly<Record<string, Json>>>>;
  const schemas = components["schemas"] ?? {};
  const resolved = (part: Json): Json => {
    const [, , kind = "", name = ""] = typeof part["$ref"] === "string" ? part["$ref"].split("/") : [];
    return kind === "" ? part : (components[kind]?.[name] ?? part);
  };
  const paths = document["paths"] as Readonly<Record<string, Readonly<Record<string, Json>>>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => readOperation(method, path, operation, resolved)),
  );
  const patterns = new Map(
    operations.map(({ path }) => [path, new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`)]),
  );
  const checkers = new Map<Json, z.ZodType>();
  const local = (part: unknown) =>
    JSON.parse(JSON.stringify(closed(part)).replaceAll(SCHEMAS, "#/$defs/")) as z.core.JSONSchema.BaseSchema;
  const $defs = local(schemas) as Record<string, z.core.JSONSchema.BaseSchema>;

  function checker(schema: Json): z.ZodType {
    const cached = checkers.get(schema);
    if (cached) return cached;
    // A separate registry, so that the schemas are garbage-collected together with it.
    const made = z.fromJSONSchema({ ...local(schema), $defs }, { registry: z.registry() });
    checkers.set(schema, made);
    return made;
  }

  const at = (path: string) => operations.filter((each) => patterns.get(each.path)?.test(path));
  return {
    operations,
    schemas,
    fault(schema, value) {
      const { error } = checker(schema).safeParse(value);
      return error && z.prettifyError(error);
    },
    find(method, path) {
      const found = at(path).filter((each) => each.method === (method === "HEAD" ? "GET" : method));
      return found.find((each) => each.path === path) ?? found[0];
    },
    methodsOf: (path) => at(path).flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])),
  };
}

function readOperation(
  method: string,
  path: string,
  operation: Json,
  resolved: (part: Json) => Json,
): DocumentedOperation {
  const { requestBody, responses, parameters = [], security } = operation;
  const content = (requestBody as Json | undefined)?.["content"] as
    Readonly<Record<string, Json>> | undefined;
  const body = content?.["application/json"];
  return {
    id: String(operation["operationId"]),
    method: method.toUpperCase(),
    path,
    signedIn: (security as readonly unknown[]).length > 0,
    parameters: parameters as readonly Parameter[],
    body: body && {
      schema: body["schema"] as Json,
      required: (requestBody as Json)["required"] === true,
      example: body["example"],
    },
    responses: Object.fromEntries(
      Object.entries(responses as Readonly<Record<string, Json>>).map(([status, part]) => {
        const response = resolved(part);
        const headers = Object.keys((response["headers"] ?? {}) as Json).map((name) => name.toLowerCase());
        return [status, { headers, content: response["content"] as DocumentedResponse["content"] }];
      }),
    ),
  };
}

/**
 * Returns the schema without additional properties on objects: clients must tolerate undocumented fields, the server must
 * not send them. Schemas in `allOf` are unchanged, since they list only some fields; those in `oneOf` get the properties of
 * the enclosing object.
 */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const { allOf, oneOf, ...rest } = schema as Json;
  const inner = Object.fromEntries(Object.entries(rest).map(([key, part]) => [key, closed(part)]));
  const { type, properties } = inner;
  return {
    ...inner,
    ...(type === "object" && properties !== undefined && { additionalProperties: false, ...inner }),
    ...(allOf !== undefined && { allOf }),
    ...(Array.isArray(oneOf) && { oneOf: oneOf.map((choice: Json) => ({ type, properties, ...choice })) }),
  };
}

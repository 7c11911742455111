import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { OpenApiDocument } from "../openapi.js";
import { operation, type Operation } from "../operation.js";
import { HttpError } from "../problem.js";
import { version } from "../version.js";

/** The script that renders the document. The build copies it here. */
const REDOC = new URL("../redoc.js", import.meta.url);

/** The page loads nothing from other servers. Redoc inserts its styles into the page, and searches in a worker from a blob. */
const PAGE_CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "img-src data:",
  "connect-src 'self'",
  "worker-src blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const rootSchema = z
  .object({
    name: z.literal("palaver"),
    version: z.string().meta({ description: "The version of the package.", examples: ["0.1.0"] }),
    documentation: z.string().meta({ description: "The path of the page.", examples: ["/docs"] }),
    openapi: z.string().meta({ description: "The path of this document.", examples: ["/openapi.json"] }),
  })
  .meta({ description: "Where to go from the root." });

/**
 * The links at the root.
 *
 * @param root the path under which the API is mounted; the root of the host by default
 */
export function rootOperations(root = ""): readonly Operation[] {
  const paths = { documentation: `${root}/docs`, openapi: `${root}/openapi.json` };
  return [
    operation({
      name: "getRoot",
      summary: "Find the documentation. A browser gets the web client.",
      method: "get",
      paths: ["/"],
      access: "anyone",
      response: rootSchema,
      alternative: "text/html; charset=utf-8",
      handle: async () => ({ name: "palaver" as const, version, ...paths }),
    }),
  ];
}

/** The OpenAPI document, and a page that renders it. */
export function documentationOperations(document: () => OpenApiDocument): readonly Operation[] {
  let cached: OpenApiDocument | undefined;
  let script: Promise<Script> | undefined;

  return [
    operation({
      name: "getDocument",
      summary: "Read this document.",
      method: "get",
      paths: ["/openapi.json"],
      access: "anyone",
      response: z.looseObject({ openapi: z.literal("3.1.1") }),
      handle: async () => (cached ??= document()),
    }),
    operation({
      name: "getPage",
      summary: "Read this document as a web page.",
      method: "get",
      paths: ["/docs"],
      access: "anyone",
      type: "text/html; charset=utf-8",
      response: z.string().meta({ examples: ["<!doctype html>…"] }),
      errors: ["not_found"],
      async handle({ ctx }) {
        const { name } = await (script ??= readScript());
        ctx.set("Content-Security-Policy", PAGE_CONTENT_SECURITY_POLICY);
        return page(name);
      },
    }),
    operation({
      name: "getPageScript",
      summary: "Read the script of the web page.",
      method: "get",
      paths: ["/docs/:script"],
      access: "anyone",
      type: "text/javascript; charset=utf-8",
      response: z.string().meta({ examples: ["…"] }),
      errors: ["not_found"],
      async handle({ params, ctx }) {
        const { name, text } = await (script ??= readScript());
        if (params["script"] !== name)
          throw new HttpError("not_found", "Unknown script. Load the page again.");
        ctx.set("Cache-Control", "public, max-age=31536000, immutable");
        return text;
      },
    }),
  ];
}

/** The script under a name that contains its hash, so that it can be cached forever. */
interface Script {
  readonly name: string;
  readonly text: string;
}

async function readScript(): Promise<Script> {
  const text = await readFile(REDOC, "utf8").catch((cause: unknown) => {
    throw new HttpError("not_found", "This build lacks the documentation page. Run `npm run build`.", {
      cause,
    });
  });
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return { name: `redoc-${hash}.js`, text };
}

/** Relative references, so that the page works under any mount path. */
function page(script: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Palaver: the API</title>
    <link rel="icon" href="data:," />
    <style>
      body {
        margin: 0;
      }
    </style>
  </head>
  <body>
    <redoc spec-url="openapi.json"></redoc>
    <script src="docs/${script}"></script>
  </body>
</html>
`;
}

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { OpenApiDocument } from "../openapi.js";
import { operation, type Operation } from "../operation.js";
import { HttpError } from "../problem.js";

/** The program that makes a page of the document. The build puts it here. */
const REDOC = new URL("../redoc.js", import.meta.url);

/**
 * The page and its script come from here, and nothing comes from anywhere else. Redoc puts its styles into the page, and
 * searches in a worker that it makes of a blob.
 */
const PAGE_POLICY = [
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

/** The document, and a page that shows it. */
export function documentationOperations(document: () => OpenApiDocument): readonly Operation[] {
  let written: OpenApiDocument | undefined;
  let script: Promise<Script> | undefined;

  return [
    operation({
      name: "getDocument",
      summary: "Read this document.",
      method: "get",
      paths: ["/openapi.json"],
      access: "anyone",
      response: z.looseObject({ openapi: z.literal("3.1.1") }),
      handle: async () => (written ??= document()),
    }),
    operation({
      name: "getPage",
      summary: "Read this document as a page.",
      method: "get",
      paths: ["/docs"],
      access: "anyone",
      type: "text/html; charset=utf-8",
      response: z.string().meta({ examples: ["<!doctype html>…"] }),
      errors: ["not_found"],
      async handle({ ctx }) {
        const { name } = await (script ??= readScript());
        ctx.set("Content-Security-Policy", PAGE_POLICY);
        return page(name);
      },
    }),
    operation({
      name: "getPageScript",
      summary: "Read the script of that page.",
      method: "get",
      paths: ["/docs/:script"],
      access: "anyone",
      type: "text/javascript; charset=utf-8",
      response: z.string().meta({ examples: ["…"] }),
      errors: ["not_found"],
      async handle({ params, ctx }) {
        const { name, text } = await (script ??= readScript());
        if (params["script"] !== name)
          throw new HttpError("not_found", "There is no such script. See /docs.");
        ctx.set("Cache-Control", "public, max-age=31536000, immutable");
        return text;
      },
    }),
  ];
}

/** Its name tells what is in it, so that it may be kept for ever. */
interface Script {
  readonly name: string;
  readonly text: string;
}

async function readScript(): Promise<Script> {
  const text = await readFile(REDOC, "utf8").catch((cause: unknown) => {
    throw new HttpError("not_found", "This build has no page. Build it with `npm run build`.", { cause });
  });
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return { name: `redoc-${hash}.js`, text };
}

/** Its references are relative, so that it can be mounted under any path. */
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

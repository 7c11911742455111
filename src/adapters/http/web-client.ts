import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { extname } from "node:path";
import type { Router } from "@koa/router";
import type { Context } from "koa";
import { HttpError } from "./problem.js";
import { sendBody, setCommonHeaders } from "./response.js";

/** Where the build puts the bundle of `src/web`. */
const BUNDLE = new URL("../../../web/", import.meta.url);

/** The media types of the files in the bundle. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
};

/** The codings in which a file can be sent, with the extension of the copy that the build makes. Smaller ones come first. */
const CODINGS = { br: ".br", gzip: ".gz" } as const;

type Coding = keyof typeof CODINGS | "identity";

/** The page runs and loads nothing but the files of the bundle and the API beside them, and no text becomes a script. */
const PAGE_HEADERS = {
  "Cache-Control": "no-cache",
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "Cross-Origin-Opener-Policy": "same-origin",
};

/** A name contains the hash of its file, so that the file never changes under it. */
const ASSET_HEADERS = { "Cache-Control": "public, max-age=31536000, immutable" };

/** A file of the bundle, in memory. All responses share its bytes, so they do not count as unread. */
interface File {
  readonly type: string;
  readonly etag: string;
  readonly bodies: ReadonlyMap<Coding, Buffer>;
}

/**
 * Registers the routes of the web client: the page at `/`, for clients that prefer HTML to JSON, and its files below
 * `/assets/`. Other requests of `/` go to the next route. Reads the bundle now, and no file later.
 *
 * Under a mount path without a slash at its end, the page redirects to the path with it, to which its references are relative.
 *
 * @param path the path under which the application is mounted
 */
export function registerWebClient(router: Router, path = ""): void {
  const isBuilt = existsSync(new URL("index.html", BUNDLE));
  const page = isBuilt ? readFile(BUNDLE, "index.html") : undefined;
  const assets = isBuilt ? readFiles(new URL("assets/", BUNDLE)) : new Map<string, File>();

  router.get("/", (ctx, next) => {
    ctx.vary("Accept");
    if (ctx.accepts(["application/json", "text/html"]) !== "text/html") return next();
    if (!page) throw new HttpError("not_found", "This build lacks the web client. Run `npm run build`.");
    if (isWithoutSlash(ctx.req)) redirect(ctx, `${path.split("/").at(-1)}/`);
    else send(ctx, page, PAGE_HEADERS);
    return undefined;
  });

  router.get("/assets/:file", (ctx) => {
    const file = assets.get(String(ctx.params["file"]));
    if (!file) throw new HttpError("not_found", "Unknown file. Load the page again.");
    send(ctx, file, ASSET_HEADERS);
  });
}

/** The names that `CODINGS` has for compressed copies are not files of their own. */
function readFiles(directory: URL): ReadonlyMap<string, File> {
  const names = readdirSync(directory).filter((name) => extname(name) in MEDIA_TYPES);
  return new Map(names.map((name) => [name, readFile(directory, name)]));
}

function readFile(directory: URL, name: string): File {
  const content = readFileSync(new URL(name, directory));
  const bodies = new Map<Coding, Buffer>();
  for (const [coding, extension] of Object.entries(CODINGS)) {
    const copy = new URL(`${name}${extension}`, directory);
    if (existsSync(copy)) bodies.set(coding as Coding, readFileSync(copy));
  }
  bodies.set("identity", content);
  const etag = createHash("sha256").update(content).digest("base64url").slice(0, 22);
  return { type: MEDIA_TYPES[extname(name)]!, etag, bodies };
}

/** Sends the smallest body that the client accepts, or 304 if the client has it. */
function send(ctx: Context, { type, etag, bodies }: File, headers: Readonly<Record<string, string>>): void {
  // `identity` needs no permission, and nothing else could be sent to a client that excludes it.
  const [coding, body] = [...bodies].find(([each]) => each === "identity" || ctx.acceptsEncodings(each))!;
  ctx.vary("Accept-Encoding");
  // A strong tag names bytes, so each coding has its own.
  const tag = coding === "identity" ? `"${etag}"` : `"${etag}-${coding}"`;
  ctx.set({ ...headers, ETag: tag });
  if (isKnown(ctx, tag)) {
    setCommonHeaders(ctx);
    ctx.respond = false;
    ctx.res.writeHead(304).end();
    return;
  }
  if (coding !== "identity") ctx.set("Content-Encoding", coding);
  sendBody(ctx, 200, type, body);
}

/** `ctx.fresh` is false for requests with `Cache-Control: no-cache`, which `fetch` of Node adds to every condition. */
function isKnown(ctx: Context, tag: string): boolean {
  const known = ctx.get("If-None-Match").split(",");
  return known.some((each) => each.trim() === "*" || each.trim().replace(/^W\//, "") === tag);
}

/** `mount` keeps the URL of the whole request as `originalUrl`. */
function isWithoutSlash({ originalUrl }: IncomingMessage & { readonly originalUrl?: string }): boolean {
  return originalUrl !== undefined && !/^[^?#]*\/(?:[?#]|$)/.test(originalUrl);
}

/** @param target a relative reference, since proxies may have removed a prefix of the path */
function redirect(ctx: Context, target: string): void {
  ctx.set("Location", target);
  sendBody(ctx, 308, "text/plain; charset=utf-8", "");
}

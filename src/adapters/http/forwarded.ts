import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { BlockList, isIP, SocketAddress } from "node:net";
import type Koa from "koa";
import type { Middleware } from "koa";
import type { Log } from "./log.js";
import { HttpError } from "./problem.js";
import type { TrustProxy } from "./trust-proxy.js";

/** More proxies in a row are a mistake in the setting. */
const MAX_PROXIES = 10;

/** The proxies that are trusted. Headers of all other peers are ignored. */
export interface Proxies {
  isTrusted(peer: string): boolean;
  /**
   * Returns the address of the client: the entry that the outermost trusted proxy has added. Without the headers it is the
   * peer, which may check the health of the server.
   *
   * @throws HttpError `bad_request` if that entry is not an address, or `X-Forwarded-For` and `Forwarded` name different
   * clients. All clients would otherwise share the limits of the proxy, or choose their own address.
   */
  clientOf(headers: IncomingHttpHeaders, peer: string): string;
}

/** @returns undefined if the value is invalid. */
export function createProxies(trust: TrustProxy): Proxies | undefined {
  if (typeof trust === "object") return proxiesIn(trust);
  const count = Number(trust);
  if (!Number.isInteger(count) || count < 0 || count > MAX_PROXIES) return undefined;
  return {
    isTrusted: () => count > 0,
    clientOf: (headers, peer) =>
      count === 0 ? peer : agreedClient(headers, peer, (chain) => addressIn(chain.at(-count) ?? chain[0]!)),
  };
}

function proxiesIn(networks: readonly string[]): Proxies | undefined {
  const list = new BlockList();
  if (networks.length === 0 || !networks.every((network) => addNetwork(list, network))) return undefined;
  const isTrusted = (address: string) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
  };
  const outermost = (chain: readonly string[]): string => {
    let at = chain.length - 1;
    let address = addressIn(chain[at]!);
    for (; at > 0 && isTrusted(address); at -= 1) address = addressIn(chain[at - 1]!);
    return address;
  };
  return {
    isTrusted,
    clientOf: (headers, peer) => (isTrusted(peer) ? agreedClient(headers, peer, outermost) : peer),
  };
}

function addNetwork(list: BlockList, network: string): boolean {
  const [, address = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
  const family = isIP(address);
  const maxBits = family === 4 ? 32 : 128;
  if (family === 0 || address.includes("%") || Number(bits ?? maxBits) > maxBits) return false;
  list.addSubnet(address, Number(bits ?? maxBits), family === 4 ? "ipv4" : "ipv6");
  return true;
}

/** @param choose picks the client in the addresses that the proxies have added, the nearest proxy's last */
function agreedClient(
  headers: IncomingHttpHeaders,
  peer: string,
  choose: (chain: readonly string[]) => string,
): string {
  const clients = chainsIn(headers).map(choose);
  if (new Set(clients).size > 1) {
    throw new HttpError(
      "bad_request",
      "X-Forwarded-For and Forwarded name different clients. Configure the proxy to set one of them and to remove the other.",
    );
  }
  return clients[0] ?? peer;
}

/** The entries of each header that is present, as they are written. */
function chainsIn(headers: IncomingHttpHeaders): readonly (readonly string[])[] {
  const addresses = textOf(headers["x-forwarded-for"]).split(",");
  const chains = [addresses, elementsOf(headers).map((element) => element.get("for") ?? "unknown")];
  return chains
    .map((chain) => chain.map((entry) => entry.trim()).filter((entry) => entry !== ""))
    .filter((chain) => chain.length > 0);
}

/** Parses `Forwarded` (RFC 7239): the parameters of each element, by name in lower case. */
function elementsOf(headers: IncomingHttpHeaders): readonly ReadonlyMap<string, string>[] {
  const header = textOf(headers["forwarded"]);
  if (header.trim() === "") return [];
  return splitUnquoted(header, ",").map((element) => {
    const pairs = splitUnquoted(element, ";").map((pair) => {
      const equals = pair.indexOf("=");
      return [pair.slice(0, equals).trim().toLowerCase(), unquoted(pair.slice(equals + 1).trim())] as const;
    });
    return new Map(pairs);
  });
}

function splitUnquoted(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === "\\" && isQuoted) at += 1;
    else if (text[at] === separator && !isQuoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replaceAll(/\\(.)/g, "$1")
    : text;
}

/** @throws HttpError `bad_request` if the entry is not an address */
function addressIn(entry: string): string {
  const address = parseAddress(entry);
  if (address === undefined) {
    throw new HttpError(
      "bad_request",
      "The proxy in front sent no valid address of the client. Configure it to send the IP address in X-Forwarded-For or Forwarded.",
    );
  }
  return address;
}

/** Parses an IP address, with or without a port. IPv6 with a port has brackets. Returns `undefined` for anything else. */
export function parseAddress(text: string): string | undefined {
  const port = String.raw`(?::(?:[0-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]|_[\w.-]+))?`;
  const [, bracketed] = new RegExp(String.raw`^\[([^\]]+)\]${port}$`).exec(text) ?? [];
  const [, dotted] = new RegExp(String.raw`^([\d.]+)${port}$`).exec(text) ?? [];
  const address = (bracketed ?? dotted ?? text).replace(/%[\w.-]+$/, "");
  const family = isIP(address);
  if (family === 0 || (bracketed !== undefined && family === 4)) return undefined;
  return normalAddress(address);
}

/** Returns the address as the system prints it, and an IPv4 address that is mapped to IPv6 as IPv4. */
export function normalAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const [plain = ""] = address.split("%");
  return new SocketAddress({ address: plain, family: "ipv6" }).address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** What the client's request looked like at the outermost proxy. */
export interface ForwardedRequest {
  /** The IP address of the client. */
  readonly address: string;
  /** As in an `Origin` header: `https://chat.example.org`. */
  readonly origin: string;
  /** The path under which the client sees the API, such as `/chat`; empty for the root. */
  readonly prefix: string;
}

const trustedBy = new WeakMap<Koa, Proxies>();

/** Whether the address is one of a trusted proxy of the application. */
export function isProxyOf(app: Koa, address: string): boolean {
  return trustedBy.get(app)?.isTrusted(normalAddress(address)) ?? false;
}

/**
 * Reads the headers of the trusted proxies, for `forwardedOf`. Writes an error to the log once if they are missing, or come
 * from a peer that is not trusted, since all clients then share the limits of the proxy.
 *
 * @param path the path under which the API is mounted, after the prefix of the proxies
 */
export function readForwarded(app: Koa, proxies: Proxies, log: Pick<Log, "error">, path = ""): Middleware {
  trustedBy.set(app, proxies);
  let isReported = false;
  return (ctx, next) => {
    const { headers } = ctx.req;
    const peer = peerOf(ctx.req);
    const isForwarded = proxies.isTrusted(peer);
    const forwarded: ForwardedRequest = {
      address: proxies.clientOf(headers, peer),
      origin: isForwarded ? forwardedOrigin(headers) : `http://${headers.host ?? ""}`,
      prefix: `${isForwarded ? forwardedPrefix(headers) : ""}${path}`,
    };
    ctx.state["forwarded"] = forwarded;
    // Health checks come from the proxy itself, but nobody logs in with them.
    if (app.proxy && !isReported && ctx.method === "POST" && isForwarded !== chainsIn(headers).length > 0) {
      isReported = true;
      log.error({
        msg: isForwarded
          ? "The proxy in front sends neither X-Forwarded-For nor Forwarded, so all clients share the limits of its address. Configure the proxy, or set TRUST_PROXY=off."
          : `A request from ${peer} has X-Forwarded-For or Forwarded, but TRUST_PROXY does not name that address. If it is a proxy, all clients share the limits of its address: add it.`,
      });
    }
    return next();
  };
}

/** Returns what `readForwarded` has read. Without it, the client is the peer. */
export function forwardedOf(ctx: Pick<Koa.Context, "state" | "req">): ForwardedRequest {
  const forwarded = ctx.state["forwarded"] as ForwardedRequest | undefined;
  return (
    forwarded ?? { address: peerOf(ctx.req), origin: `http://${ctx.req.headers.host ?? ""}`, prefix: "" }
  );
}

function peerOf(request: IncomingMessage): string {
  return normalAddress(request.socket.remoteAddress ?? "");
}

function forwardedOrigin(headers: IncomingHttpHeaders): string {
  const fromElements = (name: string) =>
    elementsOf(headers)
      .find((element) => element.has(name))
      ?.get(name);
  const protocol = firstOf(headers["x-forwarded-proto"]) || fromElements("proto") || "http";
  const host = firstOf(headers["x-forwarded-host"]) || fromElements("host") || headers.host;
  return `${protocol.toLowerCase()}://${host ?? ""}`;
}

/** Joins the prefixes that several proxies have added. Anything but a path of unreserved characters counts as absent. */
function forwardedPrefix(headers: IncomingHttpHeaders): string {
  const parts = textOf(headers["x-forwarded-prefix"]).split(",");
  const prefix = parts.map((part) => part.trim().replace(/\/$/, "")).join("");
  return prefix.length <= 256 && /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*$/.test(prefix) ? prefix : "";
}

function firstOf(header: string | string[] | undefined): string {
  return textOf(header).split(",")[0]!.trim();
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === "object" ? header.join(",") : (header ?? "");
}

import { isIP, isIPv4 } from "node:net";
import type { Context } from "koa";

/**
 * The IP address that asks. Behind a proxy that is trusted it is the last entry of `X-Forwarded-For`, which that proxy has
 * added itself; whatever stands before it, anybody can have written.
 */
export function clientAddress(ctx: Context): string {
  const asker = isIP(ctx.ip) ? ctx.ip : (ctx.socket.remoteAddress ?? "");
  return asker.replace(/^::ffff:(?=\d+\.)/i, "");
}

/**
 * What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address, since the other half is for the
 * client to choose.
 */
export function networkOf(address: string): string {
  if (isIPv4(address) || !address.includes(":")) return address;
  const [front = [], back = []] = address.split("::").map((part) => part.split(":").filter(Boolean));
  const gap = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => "0");
  const groups = [...front, ...gap, ...back].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

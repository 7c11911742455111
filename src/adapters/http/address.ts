import { isIPv4 } from "node:net";

/**
 * Returns the network that limits count as one client: an IPv4 address, or the first 64 bits of an IPv6 address, since
 * clients choose the other 64 bits themselves.
 */
export function networkOf(address: string): string {
  if (isIPv4(address) || !address.includes(":")) return address;
  const [front = [], back = []] = address.split("::").map((part) => part.split(":").filter(Boolean));
  const gap = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => "0");
  const groups = [...front, ...gap, ...back].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

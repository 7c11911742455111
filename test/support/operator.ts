import {
  disableUser,
  enableUser,
  exportUser,
  listAllChats,
  listUsers,
  countStatistics,
} from "../../src/application/administration.js";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import type { TestPorts } from "./ports.js";

/** The core, and what its operator may do, who acts outside of it. */
export type Core = Messaging & ReturnType<typeof operatorOf>;

export function coreOf(ports: TestPorts): Core {
  return { ...createMessaging(ports), ...operatorOf(ports) };
}

function operatorOf(ports: TestPorts) {
  return {
    disableUser: (command: { readonly user: string }) => disableUser(ports, command),
    enableUser: (command: { readonly user: string }) => enableUser(ports, command),
    exportUser: (user: string) => collected(exportUser(ports, { user })),
    listUsers: async () => (await collected(listUsers(ports))).flat(),
    listAllChats: async () => (await collected(listAllChats(ports))).flat(),
    countStatistics: () => countStatistics(ports),
  };
}

export async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

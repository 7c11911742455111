import { request } from "node:http";
import {
  countStatistics,
  disableUser,
  enableUser,
  exportUser,
  listAllChats,
  listUsers,
} from "../../src/application/administration.js";
import { eraseUser } from "../../src/application/erasure.js";
import { createMessaging, type Messaging } from "../../src/application/messaging.js";
import { OperatorError } from "../../src/main/cli/operator-client.js";
import type { TestPorts } from "./ports.js";

/** The core with the operator's use cases, bound to the same ports. */
export type Core = Messaging & ReturnType<typeof operatorOf>;

export function coreOf(ports: TestPorts): Core {
  return { ...createMessaging(ports), ...operatorOf(ports) };
}

function operatorOf(ports: TestPorts) {
  return {
    disableUser: (command: { readonly user: string }) => disableUser(ports, command),
    enableUser: (command: { readonly user: string }) => enableUser(ports, command),
    eraseUser: (command: { readonly user: string }) => eraseUser(ports, command),
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

/** The code of the `OperatorError` that an attempt rejects with; `undefined` if it succeeds. Other errors are thrown. */
export async function operatorErrorOf(attempt: Promise<unknown>): Promise<string | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (error instanceof OperatorError) return error.code;
    throw error;
  }
}

export interface SocketResponse {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

/** Sends an HTTP request to a Unix socket. A body is sent as it is, as JSON unless a type is given. */
export function askSocket(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
  type = "application/json",
): Promise<SocketResponse> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Type": type };
    const sent = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode, type: response.headers["content-type"], text }),
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

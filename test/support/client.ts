import { Agent, request, type IncomingHttpHeaders } from "node:http";

/** A response, read to its end. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body; `{}` where it is not JSON. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface RequestOptions {
  /** An array sends the header once for each element. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent unchanged instead of `body`. */
  readonly raw?: string | Buffer;
}

/** An HTTP client that sends requests unchanged, and keeps one cookie. */
export class Client {
  cookie = "";
  /** Set by `signedIn`. */
  username = "";
  /** Request paths are relative to its path. */
  readonly url: string;
  readonly #agent: Agent;
  static readonly #defaultAgent = new Agent({ keepAlive: false });

  constructor(url: string, agent = Client.#defaultAgent) {
    this.url = url;
    this.#agent = agent;
  }

  get(path: string, options?: RequestOptions): Promise<HttpResponse> {
    return this.request("GET", path, options);
  }

  post(path: string, body?: unknown, options?: RequestOptions): Promise<HttpResponse> {
    return this.request("POST", path, { ...options, ...(body === undefined ? {} : { body }) });
  }

  put(path: string, body: unknown, options?: RequestOptions): Promise<HttpResponse> {
    return this.request("PUT", path, { ...options, body });
  }

  patch(path: string, body: unknown): Promise<HttpResponse> {
    return this.request("PATCH", path, { body });
  }

  delete(path: string, options?: RequestOptions): Promise<HttpResponse> {
    return this.request("DELETE", path, options);
  }

  request(
    method: string,
    path: string,
    { headers = {}, body, raw }: RequestOptions = {},
  ): Promise<HttpResponse> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const { hostname, port, pathname } = new URL(this.url);
    return new Promise((resolve, reject) => {
      const outgoing = request({
        agent: this.#agent,
        host: hostname,
        port,
        method,
        path: pathname === "/" ? path : pathname + path,
        headers: {
          ...(payload === undefined ? {} : { "Content-Type": "application/json" }),
          ...(payload === undefined || "Transfer-Encoding" in headers
            ? {}
            : { "Content-Length": String(Buffer.byteLength(payload)) }),
          ...(this.cookie ? { Cookie: this.cookie } : {}),
          ...headers,
        },
      });
      outgoing.on("error", reject);
      outgoing.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const [set] = response.headers["set-cookie"] ?? [];
          if (set) this.cookie = set.split(";")[0]!.endsWith("=") ? "" : set.split(";")[0]!;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) });
        });
      });
      outgoing.end(payload);
    });
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

export const PASSWORD = "correct horse";

let count = 0;

/** Returns a unique username. */
export function freshName(stem = "user"): string {
  count += 1;
  return `${stem}-${process.pid.toString(36)}-${Date.now().toString(36)}-${count}`;
}

/** Registers a user with a fresh name and returns their signed-in client. */
export async function signedIn(url: string, stem?: string): Promise<Client> {
  const client = new Client(url);
  client.username = freshName(stem);
  const credentials = { username: client.username, password: PASSWORD };
  await client.post("/v1/auth/register", credentials);
  const { status, text } = await client.post("/v1/auth/login", credentials);
  if (status !== 200) throw new Error(`The login failed with ${status}: ${text}`);
  return client;
}

import { Agent, request, type IncomingHttpHeaders } from "node:http";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body, parsed; undefined where it is no JSON. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Asked {
  /** One that is an array is sent that many times. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in the place of `body`. */
  readonly raw?: string | Buffer;
}

/** An HTTP client that sends what it is told to the letter, and keeps one cookie. */
export class Client {
  cookie = "";
  /** Set by `registered`. */
  username = "";
  /** All paths that are asked for are under its own. */
  readonly url: string;
  static readonly #agent = new Agent({ keepAlive: false });

  constructor(url: string) {
    this.url = url;
  }

  get(path: string, asked?: Asked): Promise<HttpAnswer> {
    return this.ask("GET", path, asked);
  }

  post(path: string, body?: unknown, asked?: Asked): Promise<HttpAnswer> {
    return this.ask("POST", path, { ...asked, ...(body === undefined ? {} : { body }) });
  }

  put(path: string, body: unknown, asked?: Asked): Promise<HttpAnswer> {
    return this.ask("PUT", path, { ...asked, body });
  }

  patch(path: string, body: unknown): Promise<HttpAnswer> {
    return this.ask("PATCH", path, { body });
  }

  delete(path: string, asked?: Asked): Promise<HttpAnswer> {
    return this.ask("DELETE", path, asked);
  }

  ask(method: string, path: string, { headers = {}, body, raw }: Asked = {}): Promise<HttpAnswer> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const { hostname, port, pathname } = new URL(this.url);
    return new Promise((resolve, reject) => {
      const asking = request({
        agent: Client.#agent,
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
      asking.on("error", reject);
      asking.on("response", (response) => {
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
      asking.end(payload);
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

/** A username that no other test has. */
export function freshName(stem = "user"): string {
  count += 1;
  return `${stem}-${process.pid.toString(36)}-${Date.now().toString(36)}-${count}`;
}

/** A client that has registered under a fresh name, and logged in. */
export async function signedIn(url: string, stem?: string): Promise<Client> {
  const client = new Client(url);
  client.username = freshName(stem);
  const credentials = { username: client.username, password: PASSWORD };
  await client.post("/v1/auth/register", credentials);
  const { status, text } = await client.post("/v1/auth/login", credentials);
  if (status !== 200) throw new Error(`The login was answered with ${status}: ${text}`);
  return client;
}

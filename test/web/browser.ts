import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { PASSWORD } from "../support/client.js";
import { runServer } from "../support/process.js";

/** The Chromium that tests run. */
const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** What Chromium logs while a server or a network is away. A request that a policy blocks is another matter. */
export const AWAY = /net::ERR_(?!BLOCKED)/;

/** Without them Chromium connects to servers of its vendor, or needs a graphics card. */
const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where a failed test leaves a picture of each open page. */
const PICTURES = join(import.meta.dirname, "failures");

/** The server and the browser of a suite. */
export interface Scene {
  /** The origin of the server. */
  readonly url: string;
  /** Opens a browser profile without cookies and data, which ends with the test. Its pages are watched. */
  openContext(): Promise<BrowserContext>;
  /**
   * Opens the web client in a new page.
   *
   * @param context a new one by default
   * @param path behind the origin, for instance `/#/chats/4`
   */
  openPage(context?: BrowserContext, path?: string): Promise<Page>;
  /** Registers a user, unless the name exists, and logs the context in, over HTTP alone. */
  logIn(context: BrowserContext, username: string): Promise<void>;
  /** Lets the current test have faults that match, for instance `AWAY` while the server is killed. */
  tolerate(pattern: RegExp): void;
  /** The faults of the current test so far, also tolerated ones. Some arrive late: call `settle` first. */
  readonly faults: readonly string[];
  /** Waits until the pages have reported all faults that have happened. */
  settle(): Promise<void>;
  /** Kills the server with SIGKILL. */
  killServer(): Promise<void>;
  /** Starts the server again, on the same port and data. */
  startServer(): Promise<void>;
}

/**
 * Starts `palaver serve` and Chromium for the suite that calls it. A test fails if one of its pages logs an error, throws one,
 * violates the Content-Security-Policy, crashes, or requests anything from another origin.
 *
 * @param env settings of the server. It has no rate limits by default, since all pages have one address.
 */
export function openScene(env: Readonly<Record<string, string>> = {}): Scene {
  let dataDir: string;
  let server: Awaited<ReturnType<typeof runServer>>;
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const faults: string[] = [];
  const tolerated: RegExp[] = [];

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "palaver-"));
    [server, browser] = await Promise.all([runServer(dataDir, env), launch()]);
  });

  after(async () => {
    await browser?.close();
    server?.child.kill("SIGKILL");
    await server?.ended;
    await rm(dataDir, { recursive: true, force: true });
  });

  afterEach(async function () {
    const { currentTest } = this;
    await scene.settle();
    if (currentTest?.state === "failed") await takePictures(contexts, currentTest.fullTitle());
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    const unexpected = faults.filter((fault) => !tolerated.some((pattern) => pattern.test(fault)));
    faults.length = 0;
    tolerated.length = 0;
    if (unexpected.length > 0) {
      throw new Error(`The pages of "${currentTest?.title}" have faults:\n${unexpected.join("\n")}`);
    }
  });

  const scene: Scene = {
    get url() {
      return server.url;
    },
    faults,
    async settle() {
      const pages = contexts.flatMap((context) => context.pages());
      // Violations are events, which are dispatched in a later task. A page that crashed has none.
      const nextTask = () => new Promise((resolve) => setTimeout(resolve));
      await Promise.all(pages.map((page) => page.evaluate(nextTask).catch(() => {})));
    },
    async openContext() {
      const context = await browser.newContext({ baseURL: server.url });
      contexts.push(context);
      await watch(context, server.url, (fault) => faults.push(fault));
      return context;
    },
    async openPage(given, path = "/") {
      const context = given ?? (await scene.openContext());
      const page = await context.newPage();
      await page.goto(path);
      return page;
    },
    async logIn(context, username) {
      const data = { username, password: PASSWORD };
      const registered = await context.request.post("/v1/auth/register", { data });
      if (!registered.ok() && !(await registered.text()).includes("username_taken")) {
        throw new Error(`The registration of ${username} failed with ${registered.status()}.`);
      }
      const loggedIn = await context.request.post("/v1/auth/login", { data });
      if (!loggedIn.ok()) throw new Error(`The login of ${username} failed with ${loggedIn.status()}.`);
    },
    tolerate: (pattern) => void tolerated.push(pattern),
    async killServer() {
      server.child.kill("SIGKILL");
      await server.ended;
    },
    async startServer() {
      server = await runServer(dataDir, { ...env, PORT: new URL(server.url).port });
    },
  };
  return scene;
}

async function launch(): Promise<Browser> {
  try {
    return await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  } catch (cause) {
    throw new Error(
      `Chromium does not start. Install it (\`apt-get install chromium\`), or set CHROMIUM to its path.`,
      { cause },
    );
  }
}

/** Reports the faults of all pages of a context. */
async function watch(
  context: BrowserContext,
  origin: string,
  report: (fault: string) => void,
): Promise<void> {
  context.on("console", (message) => {
    const { url } = message.location();
    // The browser logs each 401. Here it only means that nobody is logged in.
    const isAnonymous = message.text().includes("401") && url.endsWith("/v1/auth/session");
    if (message.type() === "error" && !isAnonymous)
      report(`error in the console: ${message.text()} (${url})`);
  });
  context.on("weberror", (error) => report(`uncaught error: ${error.error().stack}`));
  context.on("page", (page) => page.on("crash", () => report("the page crashed")));
  context.on("request", (request) => {
    const { protocol, origin: requested } = new URL(request.url());
    if (requested !== origin && protocol !== "data:" && protocol !== "blob:") {
      report(`request to another origin: ${request.url()}`);
    }
  });
  await context.exposeBinding("reportViolation", (_, violation: string) =>
    report(`violation of the Content-Security-Policy: ${violation}`),
  );
  await context.addInitScript(() => {
    const { reportViolation } = globalThis as unknown as {
      readonly reportViolation: (violation: string) => Promise<void>;
    };
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) => {
      void reportViolation(`${effectiveDirective} ${blockedURI} ${sample}`);
    });
  });
}

async function takePictures(contexts: readonly BrowserContext[], title: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  const pages = contexts.flatMap((context) => context.pages());
  for (const [index, page] of pages.entries()) {
    const path = join(PICTURES, `${title.replaceAll(/\W+/g, "-")}-${index + 1}.png`);
    // A page that crashed has no picture.
    await page.screenshot({ path }).catch(() => {});
  }
}

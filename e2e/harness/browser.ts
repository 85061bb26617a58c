/** Debian's Chromium without a window, driven over its debugging protocol: it opens pages, and evaluates what their scripts would. */
import { once } from "node:events";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

/** On two busy cores it takes some. */
const START_MS = 60_000;
const ARGUMENTS = [
  "--headless=new",
  // Tests run as root, where it has no sandbox of its own.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--remote-debugging-port=0",
];

interface Reply {
  readonly id?: number;
  readonly result?: { readonly result?: { readonly value?: unknown }; readonly exceptionDetails?: object };
  readonly error?: { readonly message: string };
}

export class Browser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #page: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Reply>>();
  #calls = 0;

  static async start(): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), "fastvm-browser-"));
    const child = spawn("chromium", [...ARGUMENTS, `--user-data-dir=${profile}`, "about:blank"], {
      stdio: "ignore",
    });
    const [port] = await eventually(async () => {
      return (await readFile(join(profile, "DevToolsActivePort"), "utf8")).split("\n");
    }, START_MS);
    const url = await eventually(async () => await pageOf(Number(port)), START_MS);
    const page = new WebSocket(url);
    await once(page, "open");
    return new Browser(child, profile, page);
  }

  private constructor(child: ChildProcess, profile: string, page: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#page = page;
    page.addEventListener("message", ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.resolve(reply);
    });
  }

  /** Resolves when the page is loaded. */
  async open(url: string): Promise<void> {
    await this.#call("Page.navigate", { url });
    await eventually(async () => {
      const [href, state] = await this.evaluate<string[]>("[location.href, document.readyState]");
      if (href !== url || state !== "complete") throw new Error(`the page is at ${href}, ${state}`);
    }, START_MS);
  }

  /**
   * The value of an expression in the page, of a promise what it resolves to; as if the user had just clicked, so that windows may open.
   */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result } = await this.#call("Runtime.evaluate", options);
    if (result?.exceptionDetails !== undefined)
      throw new Error(`the page threw: ${JSON.stringify(result.exceptionDetails)}`);
    return result?.result?.value as T;
  }

  async #call(method: string, params: object): Promise<Reply> {
    const id = (this.#calls += 1);
    const reply = Promise.withResolvers<Reply>();
    this.#waiting.set(id, reply);
    this.#page.send(JSON.stringify({ id, method, params }));
    const answer = await reply.promise;
    this.#waiting.delete(id);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#page.close();
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
    // Its children write to it for a moment longer.
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

async function pageOf(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
  const targets = (await answer.json()) as { type: string; webSocketDebuggerUrl: string }[];
  const page = targets.find(({ type }) => type === "page");
  if (page === undefined) throw new Error("the browser has no page yet");
  return page.webSocketDebuggerUrl;
}

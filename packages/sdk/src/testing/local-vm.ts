/** An API whose one VM is this machine: its commands run here, its files are ours, its staging objects lie in memory. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class LocalVm implements AsyncDisposable {
  readonly objects = new Map<string, Buffer>();
  /** Requests to the staging objects, whose URLs are permission enough. */
  readonly stagingRequests: IncomingMessage[] = [];
  maxUploadBytes = 2 ** 30;
  /** Answers of the staging endpoint other than success. */
  stagingStatus = 200;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<LocalVm> {
    const vm = new LocalVm();
    vm.#server.listen(0, "127.0.0.1");
    await once(vm.#server, "listening");
    return vm;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const payload = Buffer.concat(await request.toArray());
    if (url.startsWith("/staging/")) {
      this.#stage(request, response, method, url, payload);
      return;
    }
    const { status, body } = await this.#answer(url, JSON.parse(payload.toString()) as Record<string, never>);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  #stage(
    request: IncomingMessage,
    response: ServerResponse,
    method: string,
    url: string,
    payload: Buffer,
  ): void {
    this.stagingRequests.push(request);
    const object = this.objects.get(url);
    if (this.stagingStatus !== 200) response.writeHead(this.stagingStatus).end("no space");
    else if (method === "PUT") {
      this.objects.set(url, payload);
      response.end();
    } else if (object === undefined) response.writeHead(404).end();
    else response.end(object);
  }

  async #answer(url: string, body: Record<string, never>): Promise<Answer> {
    if (url.endsWith("/exec")) return { status: 200, body: await execute(body["command"] ?? []) };
    const object = `/staging/object-${this.objects.size}`;
    if (url.endsWith("/presign")) {
      const staging = `${this.url}${object}`;
      const { maxUploadBytes } = this;
      return {
        status: 200,
        body: { uploadUrl: staging, downloadUrl: staging, expiresInSec: 60, maxUploadBytes },
      };
    }
    const bytes = this.objects.get(new URL(String(body["url"])).pathname);
    const failure = await writeFile(String(body["path"]), bytes ?? "").then(
      () => "",
      (error: Error) => error.message,
    );
    return { status: 200, body: { ...EMPTY_RESULT, exitCode: failure === "" ? 0 : 1, stderr: failure } };
  }
}

const EMPTY_RESULT = {
  stdout: "",
  stderr: "",
  timedOut: false,
  stdoutTruncated: false,
  stderrTruncated: false,
};

function execute([file = "", ...args]: readonly string[]): Promise<object> {
  return new Promise((resolve) => {
    const child = execFile(file, args, (error, stdout, stderr) => {
      resolve({
        ...EMPTY_RESULT,
        exitCode: error === null ? 0 : (child.exitCode ?? 127),
        stdout,
        stderr,
        durationMs: 1,
      });
    });
  });
}

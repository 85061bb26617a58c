/** Machines and the proxy in front of their ports, put together as the daemon does it; a guest's port is one of this machine. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rm, mkdtemp } from "node:fs/promises";
import type { Duplex } from "node:stream";
import type { VmId } from "@fastvm/contract";
import {
  createControlPlane,
  FakeWorker,
  type ControlPlane,
  type ControlPlaneOptions,
} from "@fastvm/control-plane";
import { createEdge } from "@fastvm/edge";
import { WebSocket, WebSocketServer } from "ws";
import { createKey } from "../organisations.ts";
import { operatorSocket } from "../paths.ts";

const DOMAIN = "example.test";
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Whose VMs' ports are all the one service of the lab. */
class DialledWorker extends FakeWorker {
  servicePort = 0;

  override async dial(vmId: VmId, port: number): Promise<Duplex> {
    if (this.vms.get(vmId)?.status !== "running") return super.dial(vmId, port);
    return connect({ port: this.servicePort, host: "127.0.0.1", allowHalfOpen: true });
  }
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

interface Sent extends Pick<RequestOptions, "method" | "headers"> {
  readonly body?: string | Buffer;
}

export class PreviewLab implements AsyncDisposable {
  readonly worker: DialledWorker;
  /** What reached the service, in order. */
  readonly seen: Seen[] = [];
  /** What its answers have in their headers. */
  answerHeaders: Record<string, string> = {};
  key = "";
  port = 0;
  readonly #folder: string;
  readonly #plane: ControlPlane;
  readonly #service = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      this.#note(request, Buffer.concat(chunks).toString());
      response.writeHead(200, this.answerHeaders).end(`seen ${request.url}`);
    });
  });
  readonly #sockets = new WebSocketServer({ server: this.#service });

  static async start({
    wakeMs = 5000,
    store = { kind: "sqlite", path: ":memory:" },
  }: { wakeMs?: number; store?: ControlPlaneOptions["store"] } = {}): Promise<PreviewLab> {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-previews-"));
    const worker = new DialledWorker();
    const plane = await createControlPlane({
      worker,
      log,
      store,
      sealingKey: { file: join(tmpdir(), `fastvm-sealing-${randomUUID()}`), isMade: true },
      operatorSocket: operatorSocket(folder),
      config: { connectionGraceMs: 50, domain: DOMAIN, queueRetryMs: 20 },
      proxyServices: (directory) =>
        createEdge({ worker, directory, domain: DOMAIN, log, limits: { wakeMs, connectMs: 2000 } }),
    });
    const lab = new PreviewLab(folder, plane, worker);
    await plane.ensureKey();
    lab.port = Number(new URL(await plane.listen({ host: "127.0.0.1", port: 0 })).port);
    ({ key: lab.key } = await createKey(folder, { api: "nullspace" }));
    lab.#service.listen(0, "127.0.0.1");
    await once(lab.#service, "listening");
    worker.servicePort = (lab.#service.address() as AddressInfo).port;
    return lab;
  }

  private constructor(folder: string, plane: ControlPlane, worker: DialledWorker) {
    this.#folder = folder;
    this.#plane = plane;
    this.worker = worker;
    this.#sockets.on("connection", (socket, request) => {
      this.#note(request, "");
      socket.on("error", () => undefined);
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.send("hello");
    });
  }

  /** The answer's body, of whatever status. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read into answers of every shape
  async api(route: string, body?: object): Promise<any> {
    const [method = "", path = ""] = route.split(" ");
    const answer = await this.send(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return JSON.parse(answer.body);
  }

  /** To the lab, whatever host the URL names. */
  async send(url: string, { body, ...options }: Sent = {}): Promise<Answer> {
    const { host, pathname, search } = new URL(url);
    const sent = httpRequest({
      port: this.port,
      host: "127.0.0.1",
      path: `${pathname}${search}`,
      agent: false,
      ...options,
      headers: { host, ...(options.headers as Record<string, string> | undefined) },
    });
    sent.end(body);
    const [message] = (await once(sent, "response")) as [IncomingMessage];
    const text = Buffer.concat((await message.toArray()) as Buffer[]).toString();
    return { status: message.statusCode ?? 0, headers: message.headers, body: text };
  }

  /** The service's first word; or the status with which it was refused. */
  openSocket(url: string, headers: Record<string, string> = {}): Promise<string | number> {
    const { host, pathname, search } = new URL(url);
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}${pathname}${search}`, {
      headers: { host, ...headers },
    });
    return new Promise((resolve, reject) => {
      socket.once("unexpected-response", (_request, response) => {
        resolve(response.statusCode ?? 0);
        response.resume();
      });
      socket.once("message", (data: Buffer) => {
        resolve(data.toString());
        socket.close();
      });
      socket.on("error", reject);
    });
  }

  /** One that is open, behind the service's first word. */
  async keepSocket(url: string, headers: Record<string, string> = {}): Promise<WebSocket> {
    const { host, pathname, search } = new URL(url);
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}${pathname}${search}`, {
      headers: { host, ...headers },
    });
    await once(socket, "message");
    return socket;
  }

  #note({ method = "", url = "", headers }: IncomingMessage, body: string): void {
    this.seen.push({ method, url, headers, body });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plane.close();
    this.#sockets.close();
    this.#service.closeAllConnections();
    this.#service.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export function tokenOf(url: string): string {
  return new URL(url).searchParams.get("edge_token") ?? "";
}

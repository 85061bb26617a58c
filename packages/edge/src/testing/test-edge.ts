/** A proxy on real sockets, in front of services on this machine that pose as guests' ports. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { connect, type AddressInfo, type Server as TcpServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import {
  containsCredential,
  FastvmError,
  newVmId,
  serviceHostname,
  type CallOptions,
  type CredentialCheck,
  type PreviewLookup,
  type PreviewRequest,
  type PreviewUse,
  type ServiceDirectory,
  type ServiceLookup,
  type VmId,
  type VmStatus,
} from "@fastvm/contract";
import { createEdge, type Edge } from "../edge.ts";
import type { EdgeLimits } from "../limits.ts";

export const DOMAIN = "example.test";

interface FakeVm {
  status: VmStatus;
  autoResume: boolean;
  readonly services: Map<string, { port: number; h2c: boolean }>;
}

/** VMs by their records, and the worker that dials into them. */
class FakeVms implements ServiceDirectory {
  readonly vms = new Map<VmId, FakeVm>();
  /** What `wake` does before the VM runs. */
  waking: (signal: AbortSignal | undefined) => Promise<void> = () => Promise.resolve();
  wakes = 0;
  dials = 0;
  readonly open = new Set<Duplex>();

  add(service: { port: number; h2c?: boolean }, state: Partial<Omit<FakeVm, "services">> = {}): VmId {
    const vmId = newVmId();
    const services = new Map([["web", { h2c: false, ...service }]]);
    this.vms.set(vmId, { status: "running", autoResume: false, ...state, services });
    return vmId;
  }

  /** A key that the operator has chosen. */
  readonly key = "My API Key";

  credentialCheck(): Promise<CredentialCheck> {
    return Promise.resolve((text) => containsCredential(text) || text === this.key);
  }

  /** Whom the gate of previews lets in, and what was counted of it. */
  admit: (request: PreviewRequest) => PreviewLookup = () => ({ kind: "unknown_vm" });
  readonly uses: PreviewUse[] = [];
  readonly previews = {
    admit: (request: PreviewRequest) => Promise.resolve(this.admit(request)),
    used: (_grantId: string, use: PreviewUse) => void this.uses.push(use),
    onRevoked: () => () => undefined,
  };

  lookUp(vmId: VmId, name: string): Promise<ServiceLookup> {
    const vm = this.vms.get(vmId);
    if (vm === undefined) return Promise.resolve({ kind: "unknown_vm" });
    const service = vm.services.get(name);
    if (service === undefined) return Promise.resolve({ kind: "unknown_service" });
    return Promise.resolve({ kind: "known", ...service, status: vm.status, autoResume: vm.autoResume });
  }

  async wake(vmId: VmId, options: CallOptions = {}): Promise<void> {
    this.wakes += 1;
    await this.waking(options.signal);
    const vm = this.vms.get(vmId);
    if (vm !== undefined) vm.status = "running";
  }

  async dial(vmId: VmId, port: number, options: CallOptions = {}): Promise<Duplex> {
    this.dials += 1;
    if (this.vms.get(vmId)?.status !== "running") throw new FastvmError("vm_wrong_state");
    // As over the guest link, where nothing waits to be sent together with more.
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    try {
      await once(socket, "connect", options.signal === undefined ? {} : { signal: options.signal });
    } catch (error) {
      socket.destroy();
      throw new FastvmError("guest_unresponsive", `port ${port}: refused`, { cause: error });
    }
    const connection = new GuestLikeConnection(socket);
    this.open.add(connection);
    connection.once("close", () => this.open.delete(connection));
    return connection;
  }
}

/** A plain Duplex, as a connection over the guest link is: none of a socket's own methods. */
class GuestLikeConnection extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.on("error", () => undefined);
    socket.on("data", (chunk) => this.push(chunk) || socket.pause());
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error !== null || !this.readableEnded || !this.writableFinished) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    done(error);
  }
}

export class TestEdge implements AsyncDisposable {
  readonly vms = new FakeVms();
  readonly errors: object[] = [];
  readonly edge: Edge;
  readonly #servers: TcpServer[] = [];
  readonly #sockets = new Set<Socket>();
  port = 0;
  /** Where HTTP/2 with prior knowledge is spoken. */
  http2Port = 0;

  static async start(limits: Partial<EdgeLimits> = {}): Promise<TestEdge> {
    const test = new TestEdge(limits);
    const front = createServer({ shouldUpgradeCallback: ({ headers }) => headers.upgrade === "websocket" });
    front.on("request", (request, response) => test.edge.serve(request, response));
    front.on("upgrade", (request, socket, head) => test.edge.upgrade(request, socket, head));
    const http2 = createHttp2Server({ settings: { maxConcurrentStreams: 1000 } });
    http2.on("request", (request, response) => test.edge.serve(request, response));
    test.port = await test.listen(front);
    test.http2Port = await test.listen(http2);
    return test;
  }

  private constructor(limits: Partial<EdgeLimits>) {
    const log = { error: (fields: object) => void this.errors.push(fields) };
    const { vms } = this;
    this.edge = createEdge({ worker: vms, directory: vms, domain: DOMAIN, log, limits });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get http2Url(): string {
    return `http://127.0.0.1:${this.http2Port}`;
  }

  host(vmId: VmId, service = "web"): string {
    return serviceHostname({ vmId, service }, DOMAIN);
  }

  /** A service that answers with the listener, as a VM. */
  async service(
    listener: Parameters<typeof createServer>[1],
    state: Partial<Omit<FakeVm, "services">> = {},
  ): Promise<VmId> {
    return this.vms.add({ port: await this.listen(createServer(listener)) }, state);
  }

  /** A service of bytes: whatever the test makes of a connection. */
  async rawService(serve: (socket: Socket) => void): Promise<VmId> {
    const { createServer: createTcpServer } = await import("node:net");
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      serve(socket);
    });
    return this.vms.add({ port: await this.listen(server) });
  }

  async listen(server: TcpServer | Server): Promise<number> {
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

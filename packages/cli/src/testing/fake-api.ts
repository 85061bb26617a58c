/** An API in memory for tests of the CLI: real HTTP, real streams; commands run as processes of this machine. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { readFile, writeFile } from "node:fs/promises";
import type { Duplex } from "node:stream";
import type {
  DiskShare,
  DiskUsage,
  AuditEntry,
  Event,
  FirewallPolicy,
  FirewallReport,
  Snapshot,
  Vm,
  VmSample,
  VmStats,
} from "fastvm";

interface ExecRequest {
  readonly command: readonly string[];
  readonly stdin?: string;
  readonly env?: Record<string, string>;
}

type Body = Record<string, unknown>;

const MISSING: [number, unknown] = [
  404,
  { error: "There is no such resource", hint: "List the resources to see what exists" },
];

const STATS: VmStats = {
  status: "running",
  uptimeMs: 65_000,
  cpuSeconds: 3.2,
  cpuPercent: 12,
  memoryMiB: { limit: 2048, resident: 101.5, own: 60 },
  diskBytes: { limit: 10 * 1024 ** 3, used: 1.5 * 1024 ** 3, own: 3 * 1024 ** 2 },
  network: {
    sent: { packets: 9, bytes: 1536 },
    received: { packets: 10, bytes: 20 * 1024 ** 2 },
    dropped: { packets: 0, bytes: 0 },
  },
};

const SAMPLE: VmSample = {
  at: "2026-11-22T12:00:00.000Z",
  cpuPercent: 4.5,
  cpuSeconds: 3.2,
  memoryBytes: { resident: 101 * 1024 ** 2, own: 60 * 1024 ** 2 },
  diskBytes: 3 * 1024 ** 2,
};

export class FakeApi implements AsyncDisposable {
  readonly vms = new Map<string, Vm>();
  readonly snapshots = new Map<string, Snapshot>();
  /** `METHOD /path` of each call, in order. */
  readonly calls: string[] = [];
  /** Bodies of exec calls. */
  readonly execs: ExecRequest[] = [];
  /** Resolves when a client left before its command had ended. */
  readonly abandoned = Promise.withResolvers<void>();
  hasConsoles = true;
  /** Those of its organisation; all that come after the first answer are in `toCome`. */
  readonly events: Event[] = [];
  /** What it says of whatever is asked of the audit. */
  readonly audit: AuditEntry[] = [];
  readonly toCome: Event[] = [];
  /** What every VM's console has shown. */
  console = "[1.0] oops\u001b[2J\r\nnext";
  /** Staging objects by path. */
  readonly objects = new Map<string, Buffer>();
  /** What the list is asked for. */
  #status: string | null = null;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<FakeApi> {
    const api = new FakeApi();
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  /** Answers WebSocket handshakes. */
  onUpgrade(listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void {
    this.#server.on("upgrade", listener);
  }

  readonly services = new Map<string, object>();

  addVm(fields: Partial<Vm> = {}): Vm {
    const id = fields.id ?? randomUUID();
    const vm: Vm = {
      id,
      name: `vm-${id.slice(0, 8)}`,
      orgId: "0aef3c51-0000-4000-8000-000000000000",
      machineName: "c1m2",
      cpu: 1,
      memoryMiB: 2048,
      diskGiB: 10,
      status: "running",
      createdAt: "2026-11-22T12:00:00.000Z",
      ...fields,
    };
    this.vms.set(id, vm);
    return vm;
  }

  addSnapshot(fields: Partial<Snapshot> = {}): Snapshot {
    const id = fields.id ?? randomUUID();
    const createdAt = "2026-11-22T12:00:00.000Z";
    const base = { id, name: "snap", orgId: "o", vmId: randomUUID(), status: "ready", createdAt };
    const snapshot: Snapshot = { ...base, ...fields };
    this.snapshots.set(id, snapshot);
    return snapshot;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    this.calls.push(`${method} ${url}`);
    const payload = Buffer.concat(await request.toArray());
    if (url.startsWith("/staging/")) {
      if (method === "PUT") this.objects.set(url, payload);
      response.end(this.objects.get(url));
      return;
    }
    const text = payload.toString();
    const isJson = request.headers["content-type"] !== "application/octet-stream";
    const body = (text === "" || !isJson ? {} : JSON.parse(text)) as Body;
    if (request.headers["x-api-key"] !== "test key") {
      send(response, 401, {
        error: "No valid API key was given",
        hint: "Send the key in the X-API-Key header",
      });
      return;
    }
    const { pathname, searchParams } = new URL(url, this.url);
    this.#status = searchParams.get("status");
    const [, , resource = "", id = "", action = ""] = pathname.split("/");
    if (pathname.endsWith("/files/content")) {
      await this.#content(response, method, searchParams.get("path") ?? "", payload);
    } else if (action === "files") await this.#transfer(response, url, body);
    else if (action === "exec") await this.#exec(request, response, body as unknown as ExecRequest);
    else if (resource === "audit") send(response, 200, { entries: this.audit, hasMore: false });
    else if (resource === "events") this.#events(request, response, searchParams);
    else if (id === "disk") send(response, 200, this.#diskUsage());
    else this.#answer(response, `${method} ${resource}${id && "/id"}${action && `/${action}`}`, id, body);
  }

  /** A stream ends when it has told what is to come, so that whoever follows comes again. */
  #events({ headers }: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const lastId = this.events.length;
    if (headers.accept === "application/json") {
      const events = this.events.toReversed().slice(0, Number(query.get("limit")));
      return send(response, 200, { events, hasMore: false, lastId });
    }
    this.events.push(...this.toCome.splice(0));
    response.setHeader("content-type", "application/x-ndjson");
    for (const event of this.events.slice(Number(query.get("after")))) {
      response.write(`${JSON.stringify(event)}\n`);
    }
    response.end(`${JSON.stringify({ type: "live" })}\n`);
  }

  #diskUsage(): DiskUsage {
    const of = (ids: Iterable<string>): DiskShare[] =>
      [...ids].map((id) => ({ id, usedBytes: 300 * 1024 ** 2, ownBytes: 2 * 1024 ** 2 }));
    return {
      host: { totalBytes: 100 * 1024 ** 3, freeBytes: 40 * 1024 ** 3 },
      usedBytes: 304 * 1024 ** 2,
      vms: of(this.vms.keys()),
      snapshots: of(this.snapshots.keys()),
    };
  }

  #answer(response: ServerResponse, route: string, id: string, body: Body): void {
    const vm = this.vms.get(id);
    const snapshot = this.snapshots.get(id);
    if (id !== "" && id !== "quotas" && vm === undefined && snapshot === undefined) {
      send(response, ...MISSING);
      return;
    }
    const handlers: Record<string, () => [number, unknown]> = {
      "GET vms": () => [
        200,
        [...this.vms.values()].filter(({ status }) => (this.#status ?? status).split(",").includes(status)),
      ],
      "POST vms": () => [201, this.addVm(launchedFields(body))],
      "GET vms/id": () => (vm === undefined ? MISSING : [200, vm]),
      "GET vms/id/stats": () => [200, { ...STATS, status: vm?.status }],
      "GET vms/id/metrics": () => [200, { intervalMs: 10_000, samples: [SAMPLE] }],
      "GET vms/id/logs": () => [200, { console: this.console, hypervisor: "qemu: hm\n" }],
      "PATCH vms/id": () => [200, this.addVm({ ...vm, ...body })],
      "DELETE vms/id": () => [200, { id, deleted: this.vms.delete(id) }],
      "POST vms/id/pause": () => [200, this.addVm({ ...vm, status: "paused" })],
      "POST vms/id/stop": () => [200, this.addVm({ ...vm, status: "stopped" })],
      "POST vms/id/start": () => [200, this.addVm({ ...vm, status: "running" })],
      "POST vms/id/restart": () => [200, this.addVm({ ...vm, status: "running" })],
      "POST vms/id/resume": () => [200, this.addVm({ ...vm, status: "running" })],
      "GET vms/id/firewall": () => [200, firewallReport(vm)],
      "PUT vms/id/firewall": () => [200, this.addVm({ ...vm, firewall: body as unknown as FirewallPolicy })],
      "PATCH vms/id/firewall": () => [
        200,
        this.addVm({ ...vm, firewall: { ...vm?.firewall, ...body } as FirewallPolicy }),
      ],
      "GET vms/id/services": () => [200, [...this.services.values()]],
      "PUT vms/id/services": () => {
        const service = { name: "web", url: "http://web--1.proxy.localhost/", ...body };
        this.services.set("web", service);
        return [200, service];
      },
      "DELETE vms/id/services": () => [200, this.services.delete("web")],
      "POST vms/id/console-token": () =>
        this.hasConsoles
          ? [200, { token: "one time", websocketPath: "/console/ws", expiresInSec: 60 }]
          : [404, { error: "There is no such route" }],
      "POST vms/id/fork": () => [201, this.#fork(body)],
      "GET snapshots": () => [200, [...this.snapshots.values()]],
      "GET snapshots/id": () => (snapshot === undefined ? MISSING : [200, snapshot]),
      "GET volumes": () => [200, []],
      "POST snapshots": () => [
        201,
        { ...this.addSnapshot(body), reclaimedBytes: body.reclaim === true ? 300 * 1024 ** 2 : undefined },
      ],
      "PATCH snapshots/id": () => [200, this.addSnapshot({ ...snapshot, ...body })],
      "DELETE snapshots/id": () => [200, { id, deleted: this.snapshots.delete(id) }],
      "GET org/id": () => {
        const values = { vcpu: 2, memoryMiB: 2560, diskGiB: 20, snapshotCount: 3 };
        return [200, { orgId: "o", limits: values, usage: values }];
      },
    };
    const [status, answer] = handlers[route]?.() ?? [404, { error: `No route ${route}` }];
    send(response, status, answer);
  }

  /** The VM's files are this machine's, as its commands are. */
  async #transfer(response: ServerResponse, url: string, body: Body): Promise<void> {
    if (url.endsWith("/presign")) {
      const object = `${this.url}/staging/${randomUUID()}`;
      send(response, 200, { uploadUrl: object, downloadUrl: object, maxUploadBytes: 2 ** 30 });
      return;
    }
    const bytes = this.objects.get(new URL(String(body["url"])).pathname);
    await writeFile(String(body["path"]), bytes ?? "");
    send(response, 200, { exitCode: 0, stdout: "", stderr: "", timedOut: false });
  }

  async #content(response: ServerResponse, method: string, path: string, payload: Buffer): Promise<void> {
    if (method === "GET") return void response.end(await readFile(path));
    await writeFile(path, payload);
    send(response, 200, { path, size: payload.length });
  }

  #fork(body: Body): unknown {
    const names = (body["names"] ?? []) as string[];
    const children = Array.from({ length: Number(body["count"]) }, (_, at) => {
      const name = names[at] ?? `child-${at}`;
      if (name === "bad") return { error: { error: "No room", code: "out_of_capacity" } };
      return { vm: this.addVm({ name }) };
    });
    return { children, pauseMs: 1, dirtyBytes: 1, durationMs: 1 };
  }

  async #exec(request: IncomingMessage, response: ServerResponse, body: ExecRequest): Promise<void> {
    this.execs.push(body);
    const [file = "", ...args] = body.command;
    const child = spawn(file, args, { env: { PATH: "/usr/bin:/bin", ...body.env } });
    child.stdin.on("error", () => undefined);
    child.stdin.end(Buffer.from(body.stdin ?? "", "base64"));
    response.on("close", () => {
      if (child.exitCode !== null) return;
      child.kill("SIGKILL");
      this.abandoned.resolve();
    });
    if (request.headers.accept === "application/x-ndjson") await streamOutput(child, response);
    else await bufferOutput(child, response);
  }
}

type Child = ReturnType<typeof spawn>;

async function streamOutput(child: Child, response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "application/x-ndjson" }).flushHeaders();
  const forward = (kind: string) => (data: Buffer) => {
    response.write(`${JSON.stringify({ t: kind, d: data.toString("base64") })}\n`);
  };
  child.stdout?.on("data", forward("o"));
  child.stderr?.on("data", forward("e"));
  const exit = await endOf(child);
  response.end(`${JSON.stringify({ t: "x", ms: 1, ...exit })}\n`);
}

async function bufferOutput(child: Child, response: ServerResponse): Promise<void> {
  const [stdout = [], stderr = [], exit] = await Promise.all([
    child.stdout?.toArray(),
    child.stderr?.toArray(),
    endOf(child),
  ]);
  const output = { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  const flags = { timedOut: false, stdoutTruncated: false, stderrTruncated: false, durationMs: 1 };
  send(response, 200, { exitCode: exit.c, ...output, ...flags });
}

function endOf(child: Child): Promise<{ c: number; d?: string }> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ c: 127, d: error.message }));
    child.once("close", (code) => resolve({ c: code ?? 137 }));
  });
}

/** A running VM's rules have decided nothing yet, its defaults one packet each. */
function firewallReport(vm: Vm | undefined): FirewallReport {
  const written = vm?.firewall !== undefined && !("mode" in vm.firewall) ? vm.firewall : {};
  const { ingress = { default: "deny" }, egress = { default: "allow" } } = written;
  const policy = { ...written, ingress, egress };
  if (vm?.status !== "running") return { policy };
  const none = { packets: 0, bytes: 0 };
  const one = { packets: 1, bytes: 60 };
  const hitsOf = ({ rules = [] }: typeof ingress) => ({
    rules: rules.map((rule) => ({ ...rule, ...none })),
    default: one,
  });
  const dns = { answered: 3, refused: 2, filtered: 0, limited: 0, failed: 0 };
  const traffic = { sent: one, received: one };
  return { policy, hits: { ingress: hitsOf(ingress), egress: hitsOf(egress), traffic, dropped: one, dns } };
}

function launchedFields(body: Body): Partial<Vm> {
  const { name, machineType, firewall } = body;
  return {
    ...(firewall === undefined ? {} : { firewall: firewall as FirewallPolicy }),
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof machineType === "string" ? { machineName: machineType } : {}),
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "x-should-retry": "false" });
  response.end(JSON.stringify(body));
}

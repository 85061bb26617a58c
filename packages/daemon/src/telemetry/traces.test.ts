/** Spans as a collector gets them, of an API with real connections over a worker without VMs. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createControlPlane, FakeImages, FakeWorker, type ControlPlane } from "@fastvm/control-plane";
import { trace } from "@opentelemetry/api";
import { HostAddressGuard } from "@fastvm/worker";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TraceCollector, type CollectedSpan } from "../testing/trace-collector.ts";
import { exportTraces } from "./export-traces.ts";
import { timed } from "./timed-worker.ts";
import { traced } from "./traced-worker.ts";

const SETTINGS = { ratio: 1, isParentBased: true, timeoutMs: 500 };
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const SAMPLED = `00-${TRACE}-${PARENT}-01`;
const MARK = "nobody-is-to-read-this";
const WEBHOOKS = { attemptMs: 30_000, takenMs: 60_000, retryAfterMs: [1], maxWaiting: 20, pollMs: 5 };

const warned: string[] = [];
const log = {
  info: () => undefined,
  error: () => undefined,
  warn: (_fields: object, message: string) => void warned.push(message),
};
let collector: TraceCollector;
let worker: FakeWorker;
let plane: ControlPlane;
let url: string;
let key: string;
let folder: string;
let endTraces: () => Promise<void>;

beforeEach(async () => {
  collector = await TraceCollector.start();
  worker = new FakeWorker();
  folder = await mkdtemp(join(tmpdir(), "fastvm-traces-"));
  begin(collector.endpoint);
  plane = await createControlPlane({
    worker: timed(traced(worker), () => undefined),
    isTraced: true,
    images: new FakeImages(),
    guard: new HostAddressGuard(["127.0.0.1"]),
    log,
    sealingKey: { file: join(folder, "sealing-key"), isMade: true },
    store: { kind: "sqlite", path: ":memory:" },
    config: { connectionGraceMs: 50, webhooks: WEBHOOKS },
  });
  key = await plane.ensureKey();
  url = await plane.listen({ host: "127.0.0.1", port: 0 });
});

afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true });
  await endTraces();
  await collector[Symbol.asyncDispose]();
  warned.length = 0;
});

function begin(endpoint: string, rest: Partial<typeof SETTINGS> = {}): void {
  endTraces = exportTraces({ url: endpoint, ...SETTINGS, ...rest }, { version: "1.2.3", log, everyMs: 20 });
}

async function ask(route: string, body?: object | string, headers: Record<string, string> = {}) {
  const [method = "", path = ""] = route.split(" ");
  const type = typeof body === "object" ? { "content-type": "application/json" } : {};
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { "x-api-key": key, ...type, ...headers },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await answer.text();
  expect(answer.status, `${route}: ${text}`).toBeLessThan(300);
  // oxlint-disable-next-line typescript/no-explicit-any -- the test reads into answers of every shape
  return { headers: answer.headers, text, body: parsed(text) as any };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Waits for it, on whatever machine. */
async function span(name: string): Promise<CollectedSpan> {
  await expect
    .poll(() => collector.spans.map((each) => each.name), { timeout: 30_000, interval: 20 })
    .toContain(name);
  return collector.named(name)[0] as CollectedSpan;
}

const launch = async (headers?: Record<string, string>): Promise<string> =>
  (await ask("POST /v1/vms", { machineType: "c1m2", envVars: { TOKEN: MARK } }, headers)).body.id;

test("a request is a span in its client's trace, and what the worker does for it is within", async () => {
  const id = await launch({ traceparent: SAMPLED, "x-request-id": "a-request-of-mine" });
  const request = await span("POST /v1/vms");
  expect(request).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, kind: 2, status: 0 });
  expect(request.attributes).toEqual({
    "http.request.method": "POST",
    "http.route": "/v1/vms",
    "http.response.status_code": 201,
    "fastvm.api": "fastvm",
    "fastvm.operation": "launchVm",
    "fastvm.request.id": "a-request-of-mine",
    "fastvm.org.id": expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  const work = await span("vm.launch");
  expect(work).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId });
  expect(work.attributes).toEqual({ "fastvm.vm.id": id });
  expect(collector.resources[0]).toMatchObject({ "service.name": "fastvm", "service.version": "1.2.3" });
});

test("every kind of work is within the request that wanted it, and none has what was sent", async () => {
  const id = await launch();
  worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from(MARK) };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  const path = `path=${encodeURIComponent(`/root/${MARK}`)}`;
  await ask(`PUT /v1/vms/${id}/files/content?${path}`, MARK, { "content-type": "application/octet-stream" });
  await ask(`GET /v1/vms/${id}/files/content?${path}`);
  await ask(`POST /v1/vms/${id}/exec`, { command: ["echo", MARK], env: { TOKEN: MARK } });
  await ask(`POST /v1/vms/${id}/execs`, { command: ["echo", MARK] });
  const snapshot = (await ask("POST /v1/snapshots", { vmId: id })).body.id;
  await ask("POST /v1/vms", { snapshotId: snapshot });
  await ask(`POST /v1/vms/${id}/fork`, { count: 2 });
  await ask(`POST /v1/vms/${id}/pause`, {});
  await ask(`POST /v1/vms/${id}/resume`, {});
  await ask("POST /v1/builds", { dockerfileContent: `FROM debian\nRUN echo ${MARK}\n` });
  const within = [
    ["PUT /v1/vms/{vmId}/files/content", "vm.files.write"],
    ["GET /v1/vms/{vmId}/files/content", "vm.files.read"],
    ["POST /v1/vms/{vmId}/exec", "vm.exec"],
    ["POST /v1/vms/{vmId}/execs", "vm.exec.start"],
    ["POST /v1/snapshots", "vm.capture"],
    ["POST /v1/vms", "vm.restore"],
    ["POST /v1/vms/{vmId}/fork", "vm.fork"],
    ["POST /v1/vms/{vmId}/pause", "vm.pause"],
    ["POST /v1/vms/{vmId}/resume", "vm.resume"],
    ["POST /v1/builds", "build"],
  ] as const;
  for (const [request, work] of within) {
    const { parentSpanId, traceId } = await span(work);
    await span(request);
    const parent = collector.named(request).find(({ spanId }) => spanId === parentSpanId);
    expect(parent?.traceId, `${work} within ${request}`).toBe(traceId);
  }
  const build = await span("build");
  expect((await span("build.pull")).parentSpanId).toBe(build.spanId);
  expect((await span("build.build")).parentSpanId).toBe(build.spanId);
  expect(collector.text).not.toContain(MARK);
  expect(collector.text).not.toContain(Buffer.from(MARK).toString("base64"));
  expect(collector.text).not.toContain(key);
});

test("a body that comes late has lost nothing of its request", async () => {
  const headers = { "x-api-key": key, "content-type": "application/json", traceparent: SAMPLED };
  const request = httpRequest(`${url}/v1/vms`, { method: "POST", headers });
  request.flushHeaders();
  // The request is begun, and its key is looked for.
  await ask("GET /v1/vms");
  request.write('{ "machineType":');
  await ask("GET /v1/vms");
  request.end('"c1m2" }');
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  await answer.toArray();
  const { parentSpanId, traceId } = await span("vm.launch");
  expect(traceId).toBe(TRACE);
  expect(parentSpanId).toBe((await span("POST /v1/vms")).spanId);
});

test("what fails says so by its code alone", async () => {
  const id = await launch();
  worker.failNext("exec", new Error(MARK));
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const body = JSON.stringify({ command: ["true"] });
  const { status } = await fetch(`${url}/v1/vms/${id}/exec`, { method: "POST", headers, body });
  expect(status).toBe(500);
  expect(await span("vm.exec")).toMatchObject({ status: 2 });
  expect(await span("POST /v1/vms/{vmId}/exec")).toMatchObject({
    status: 2,
    attributes: { "http.response.status_code": 500 },
  });
  expect(collector.text).not.toContain(MARK);
});

test("a webhook is told in the trace of what it is told of", async () => {
  const told: IncomingHttpHeaders[] = [];
  await using receiver = createServer((request, answer) => {
    told.push(request.headers);
    answer.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const { port } = receiver.address() as AddressInfo;
  const receiverUrl = `http://127.0.0.1:${port}/`;
  await ask("POST /v1/webhooks", { url: receiverUrl, secret: MARK, types: ["vm.launch_succeeded"] });
  await launch({ traceparent: SAMPLED, tracestate: `vendor=${MARK}` });
  const delivery = await span("webhook.deliver");
  expect(delivery).toMatchObject({
    traceId: TRACE,
    kind: 3,
    attributes: { "http.response.status_code": 204 },
  });
  expect(told[0]?.["traceparent"]).toBe(`00-${TRACE}-${delivery.spanId}-01`);
  expect(told[0]).not.toHaveProperty("tracestate");
  expect(collector.text).not.toContain(MARK);
});

test("a VM that waited for room is in no trace of who made the room", async () => {
  worker.memoryMib = 2048;
  const first = await launch();
  const headers = { "x-api-key": key, "content-type": "application/json", prefer: "respond-async" };
  const body = JSON.stringify({ machineType: "c1m2" });
  const answer = await fetch(`${url}/v1/vms`, { method: "POST", headers, body });
  expect(answer.status).toBe(202);
  const { id } = (await answer.json()) as { id: string };
  await ask(`DELETE /v1/vms/${first}`, undefined, { traceparent: SAMPLED });
  const launched = () =>
    collector.named("vm.launch").find(({ attributes }) => attributes["fastvm.vm.id"] === id);
  await expect.poll(launched, { timeout: 30_000, interval: 20 }).toBeDefined();
  expect((await span("vm.delete")).traceId).toBe(TRACE);
  expect(launched()?.traceId).not.toBe(TRACE);
  expect(launched()?.parentSpanId ?? "").toBe("");
});

describe("what is sent", () => {
  test("is not what a client has decided not to", async () => {
    await launch({ traceparent: `00-${TRACE}-${PARENT}-00` });
    await ask("GET /v1/vms");
    await span("GET /v1/vms");
    expect(collector.named("POST /v1/vms")).toEqual([]);
    expect(collector.named("vm.launch")).toEqual([]);
  });

  test("is nothing of what is no operation", async () => {
    await fetch(`${url}/healthz`);
    await fetch(`${url}/${MARK}`);
    await ask("GET /v1/vms");
    await span("GET /v1/vms");
    expect(collector.text).not.toContain(MARK);
    expect(collector.text).not.toContain("healthz");
  });

  test("is a part where a part is asked for", async () => {
    await endTraces();
    begin(collector.endpoint, { ratio: 0.5 });
    for (let i = 0; i < 200; i += 1) await ask("GET /v1/vms");
    await endTraces();
    expect(collector.spans.length).toBeGreaterThan(50);
    expect(collector.spans.length).toBeLessThan(150);
  });
});

describe("a collector", () => {
  test("that is away costs spans and one line of the log, and no request", async () => {
    await endTraces();
    const away = await TraceCollector.start();
    await away[Symbol.asyncDispose]();
    begin(away.endpoint);
    for (let i = 0; i < 20; i += 1) await ask("GET /v1/vms");
    await expect.poll(() => warned, { timeout: 30_000 }).not.toEqual([]);
    await ask("GET /v1/vms");
    await endTraces();
    expect(warned).toEqual(["spans could not be sent, and are lost"]);
  });

  test("that answers late has lost what was more than is kept", async () => {
    const answers: (() => void)[] = [];
    collector.answering = (answer) => void answers.push(() => answer.writeHead(200).end("{}"));
    const spans = trace.getTracer("a-test");
    for (let i = 0; i < 20_000; i += 1) spans.startSpan("one-of-many").end();
    await expect.poll(() => answers.length, { timeout: 30_000 }).toBeGreaterThan(0);
    collector.answering = (answer) => void answer.writeHead(200).end("{}");
    for (const answer of answers) answer();
    await endTraces();
    // What was on its way, and what waited.
    expect(collector.spans.length).toBeGreaterThanOrEqual(2048);
    expect(collector.spans.length).toBeLessThanOrEqual(2048 + 2 * 512);
  });

  test("that never answers holds up neither requests nor the end", async () => {
    collector.answering = () => undefined;
    for (let i = 0; i < 20; i += 1) await ask("GET /v1/vms");
    const began = performance.now();
    await endTraces();
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  test("that refuses is told no more of the same", async () => {
    collector.answering = (answer) => void answer.writeHead(400).end();
    await ask("GET /v1/vms");
    await expect.poll(() => warned, { timeout: 30_000 }).toEqual(["spans could not be sent, and are lost"]);
    expect(collector.requests).toBe(1);
  });
});

test("a daemon that sends no spans has loaded nothing of what sends them", async () => {
  const program = `
    import { registerHooks } from "node:module";
    const found = new Set();
    registerHooks({
      resolve: (specifier, context, next) => {
        const resolved = next(specifier, context);
        const [, name] = /node_modules\\/(@opentelemetry\\/[^/]+)/.exec(resolved.url) ?? [];
        if (name !== undefined) found.add(name);
        return resolved;
      },
    });
    process.on("exit", () => process.stdout.write([...found].join(" ")));
    await import(${JSON.stringify(new URL("../serve-entry.ts", import.meta.url).href)});`;
  const args = ["--conditions=development", "--input-type=module", "--eval", program, "--"];
  const settings = JSON.stringify({ logLevel: "silent", tls: { cert: "/nowhere", key: "/nowhere" } });
  const { stdout } = await promisify(execFile)(process.execPath, [...args, settings]).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe("@opentelemetry/api");
});

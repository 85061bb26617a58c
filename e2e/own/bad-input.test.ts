import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { expectFootprint, restingFootprint } from "../harness/footprint.ts";
import type { Footprint } from "../harness/footprint.ts";

const UNKNOWN_ID = "00000000-0000-4000-8000-000000000000";
const OVER_BODY_LIMIT = 25 * 1024 * 1024;

interface BadRequest {
  readonly what: string;
  readonly method?: "GET" | "PATCH" | "DELETE";
  /** `{running}` and `{paused}` stand for ids. Default: /v1/vms. */
  readonly path?: string;
  /** As JSON, unless it is text. */
  readonly body?: unknown;
  readonly key?: string;
  readonly status: number;
  /** The field that the answer must name. */
  readonly field?: string;
  /** What the answer must say about it. */
  readonly says?: RegExp;
}

const manyKeys = Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`key-${index}`, "value"]));
const largeMap = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`k${index}`, "v".repeat(4000)]),
);
const exec = "/v1/vms/{running}/exec";
const fork = "/v1/vms/{running}/fork";
const machineType = "c1m2";

const BAD_REQUESTS: readonly BadRequest[] = [
  {
    what: "unknown machine type",
    body: { machineType: "x9" },
    status: 400,
    field: "machineType",
    says: /c\{/,
  },
  {
    what: "machine larger than the host",
    body: { machineType: "c9999m1" },
    status: 400,
    field: "machineType",
  },
  { what: "machine type of another JSON type", body: { machineType: 5 }, status: 400, field: "machineType" },
  {
    what: "neither machine type nor snapshot",
    body: {},
    status: 400,
    field: "machineType",
    says: /snapshotId/,
  },
  {
    what: "machine type and snapshot together",
    body: { machineType, snapshotId: UNKNOWN_ID },
    status: 400,
    says: /machineType.*snapshotId|snapshotId.*machineType/,
  },
  { what: "snapshot that does not exist", body: { snapshotId: UNKNOWN_ID }, status: 404 },
  { what: "disk too small", body: { machineType, diskGiB: 1 }, status: 400, field: "diskGiB", says: /10/ },
  {
    what: "disk too large",
    body: { machineType, diskGiB: 4096 },
    status: 400,
    field: "diskGiB",
    says: /2048/,
  },
  { what: "disk as text", body: { machineType, diskGiB: "10" }, status: 400, field: "diskGiB" },
  {
    what: "too many metadata keys",
    body: { machineType, metadata: manyKeys },
    status: 400,
    field: "metadata",
    says: /256/,
  },
  {
    what: "metadata key too long",
    body: { machineType, metadata: { ["k".repeat(257)]: "v" } },
    status: 400,
    field: "metadata",
    says: /256/,
  },
  {
    what: "empty metadata key",
    body: { machineType, metadata: { "": "v" } },
    status: 400,
    field: "metadata",
  },
  {
    what: "metadata value too long",
    body: { machineType, metadata: { k: "v".repeat(4097) } },
    status: 400,
    field: "metadata.k",
    says: /4096/,
  },
  {
    what: "metadata too large",
    body: { machineType, metadata: largeMap },
    status: 400,
    field: "metadata",
    says: /65536/,
  },
  {
    what: "metadata value that is no text",
    body: { machineType, metadata: { k: 1 } },
    status: 400,
    field: "metadata.k",
  },
  { what: "metadata that is a list", body: { machineType, metadata: ["a"] }, status: 400, field: "metadata" },
  {
    what: "bad environment name",
    body: { machineType, envVars: { "A-B": "v" } },
    status: 400,
    field: "envVars",
  },
  {
    what: "line break in the environment",
    body: { machineType, envVars: { A: "1\n2" } },
    status: 400,
    field: "envVars.A",
  },
  {
    what: "environment too large",
    body: { machineType, envVars: largeMap },
    status: 400,
    field: "envVars",
    says: /65536/,
  },
  {
    what: "negative time to live",
    body: { machineType, ttl: { seconds: -1, action: "delete" } },
    status: 400,
    field: "ttl.seconds",
  },
  {
    what: "unknown ttl action",
    body: { machineType, ttl: { seconds: 60, action: "explode" } },
    status: 400,
    field: "ttl.action",
  },
  { what: "malformed JSON", body: '{"machineType": "c1m2"', status: 400 },
  { what: "no JSON object", body: "[]", status: 400, field: "body" },
  { what: "no body", body: "", status: 400 },
  {
    what: "body over the limit",
    body: { machineType, name: "n".repeat(OVER_BODY_LIMIT) },
    status: 413,
    field: "body",
  },
  { what: "wrong key", body: { machineType }, key: "wrong", status: 401 },
  { what: "no key", body: { machineType }, key: "", status: 401 },
  { what: "empty command", path: exec, body: { command: [] }, status: 400, field: "command" },
  { what: "command without a program", path: exec, body: { command: [""] }, status: 400, field: "command.0" },
  {
    what: "command that is text",
    path: exec,
    body: { command: "ls" },
    status: 400,
    field: "command",
    says: /list/,
  },
  { what: "no command", path: exec, body: {}, status: 400, field: "command" },
  {
    what: "zero byte in a command",
    path: exec,
    body: { command: ["a\0b"] },
    status: 400,
    field: "command.0",
  },
  {
    what: "argument too long",
    path: exec,
    body: { command: ["echo", "x".repeat(131_072)] },
    status: 400,
    field: "command.1",
    says: /131071/,
  },
  {
    what: "negative timeout",
    path: exec,
    body: { command: ["true"], timeoutSec: -1 },
    status: 400,
    field: "timeoutSec",
    says: /1/,
  },
  {
    what: "timeout of zero",
    path: exec,
    body: { command: ["true"], timeoutSec: 0 },
    status: 400,
    field: "timeoutSec",
  },
  {
    what: "timeout over a year",
    path: exec,
    body: { command: ["true"], timeoutSec: 31_536_001 },
    status: 400,
    field: "timeoutSec",
    says: /31536000/,
  },
  {
    what: "timeout that is not whole",
    path: exec,
    body: { command: ["true"], timeoutSec: 1.5 },
    status: 400,
    field: "timeoutSec",
  },
  {
    what: "stdin that is not base64",
    path: exec,
    body: { command: ["cat"], stdin: "%%%" },
    status: 400,
    field: "stdin",
    says: /base64/i,
  },
  {
    what: "bad variable",
    path: exec,
    body: { command: ["true"], env: { "A=B": "c" } },
    status: 400,
    field: "env",
  },
  {
    what: "exec in a paused VM",
    path: "/v1/vms/{paused}/exec",
    body: { command: ["true"] },
    status: 409,
    says: /paused/,
  },
  {
    what: "exec in an unknown VM",
    path: `/v1/vms/${UNKNOWN_ID}/exec`,
    body: { command: ["true"] },
    status: 404,
  },
  { what: "fork of none", path: fork, body: { count: 0 }, status: 400, field: "count" },
  { what: "fork of too many", path: fork, body: { count: 101 }, status: 400, field: "count", says: /100/ },
  {
    what: "fork with more names than children",
    path: fork,
    body: { count: 1, names: ["a", "b"] },
    status: 400,
    field: "names",
  },
  { what: "snapshot of no VM", path: "/v1/snapshots", body: {}, status: 400, field: "vmId" },
  { what: "snapshot of an unknown VM", path: "/v1/snapshots", body: { vmId: UNKNOWN_ID }, status: 404 },
  { what: "unknown VM", method: "GET", path: `/v1/vms/${UNKNOWN_ID}`, status: 404 },
  { what: "id that is none", method: "GET", path: "/v1/vms/%2e%2e%2fetc", status: 404 },
  { what: "pause of an unknown VM", path: `/v1/vms/${UNKNOWN_ID}/pause`, status: 404 },
  { what: "resume of an unknown VM", path: `/v1/vms/${UNKNOWN_ID}/resume`, status: 404 },
  {
    what: "change of an unknown VM",
    method: "PATCH",
    path: `/v1/vms/${UNKNOWN_ID}`,
    body: { name: "x" },
    status: 404,
  },
  {
    what: "metadata over its limit in a change",
    method: "PATCH",
    path: "/v1/vms/{running}",
    body: { metadata: manyKeys },
    status: 400,
    field: "metadata",
  },
  { what: "deletion of an unknown VM", method: "DELETE", path: `/v1/vms/${UNKNOWN_ID}`, status: 404 },
  { what: "unknown snapshot", method: "GET", path: `/v1/snapshots/${UNKNOWN_ID}`, status: 404 },
  {
    what: "deletion of an unknown snapshot",
    method: "DELETE",
    path: `/v1/snapshots/${UNKNOWN_ID}`,
    status: 404,
  },
  { what: "unknown route", method: "GET", path: "/v1/nothing", status: 404 },
];

describe("bad input", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let ids: Readonly<Record<string, string>>;
  let vms: Vm[];
  let before: Footprint;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    client = daemon.client;
    const running = await client.vms.launch({ machineType, metadata: { kept: "yes" } });
    const paused = await client.vms.launch({ machineType });
    await client.vms.pause(paused);
    ids = { running: running.id, paused: paused.id };
    vms = await client.vms.list();
    before = await restingFootprint(daemon);
  });

  afterAll(async () => {
    // Once, at the end: whatever any of them had created would still be there.
    await daemon[Symbol.asyncDispose]();
  });

  async function send(request: BadRequest): Promise<Response> {
    const { method = "POST", path = "/v1/vms", body, key = daemon.apiKey } = request;
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    return await fetch(daemon.url + path.replace(/\{(\w+)\}/, (_, name: string) => ids[name] ?? ""), {
      method,
      headers: {
        ...(key === "" ? {} : { "X-API-Key": key }),
        ...(text === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(text === undefined ? {} : { body: text }),
    });
  }

  test.each(BAD_REQUESTS)("$what: $status", async (request) => {
    const response = await send(request);
    const answer = (await response.json()) as { error: string; code: string; hint?: string; field?: string };
    expect(response.status, JSON.stringify(answer)).toBe(request.status);
    expect(answer.error).toMatch(request.says ?? /./);
    expect(answer.code).toMatch(/^[a-z_]+$/);
    expect(answer.hint).toBeTruthy();
    if (request.field !== undefined) expect(answer.field).toBe(request.field);
  });

  test("created and changed nothing", async () => {
    expect(await client.vms.list()).toEqual(vms);
    expect(await client.snapshots.list()).toEqual([]);
    await expectFootprint(daemon, before);
  });

  test("does not include long names, which are cut to 64 characters", async () => {
    const vm = await client.vms.launch({ machineType, name: `  ${"é𝄞".repeat(40)}  ` });
    expect(Array.from(vm.name)).toHaveLength(64);
    expect((await client.vms.rename(vm, "n".repeat(100))).name).toBe("n".repeat(64));
    await client.vms.delete(vm);
    await expectFootprint(daemon, before);
  });
});

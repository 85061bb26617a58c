/** Every bad input: a 4xx that names the field, and nothing changed. */
import { MAX_BODY_BYTES } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testApp, type CallOptions, type TestApp } from "../../../testing/test-app.ts";

let api: TestApp;
let running: string;
let paused: string;
let snapshot: string;

beforeAll(async () => {
  api = await testApp();
  running = (await api.call("POST /v1/vms", { machineType: "c1m2", name: "running one" })).body.id;
  paused = (await api.call("POST /v1/vms", { machineType: "c1m2", name: "paused one" })).body.id;
  await api.call(`POST /v1/vms/${paused}/pause`);
  snapshot = (await api.call("POST /v1/snapshots", { vmId: running })).body.id;
});

afterAll(() => api[Symbol.asyncDispose]());

async function everything(): Promise<unknown> {
  const [vms, snapshots, quotas] = await Promise.all([
    api.call("GET /v1/vms"),
    api.call("GET /v1/snapshots"),
    api.call("GET /v1/org/quotas"),
  ]);
  return { vms: vms.body, snapshots: snapshots.body, quotas: quotas.body, calls: api.worker.calls.length };
}

type Case = [
  name: string,
  route: string,
  body: unknown,
  status: number,
  field: string | undefined,
  says: RegExp,
];

const many = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, ""]));

const CASES: Case[] = [
  [
    "ttl too long",
    "PATCH /v1/vms/RUNNING",
    { ttl: { action: "pause", seconds: 31_536_001 } },
    400,
    "ttl.seconds",
    /31536000/,
  ],
  [
    "ttl of 0",
    "POST /v1/vms",
    { machineType: "c1m2", ttl: { action: "pause", seconds: 0 } },
    400,
    "ttl.seconds",
    />= 1/,
  ],
  [
    "ttl action",
    "PATCH /v1/vms/RUNNING",
    { ttl: { action: "stop", seconds: 5 } },
    400,
    "ttl.action",
    /"pause","delete"/,
  ],
  [
    "ttl without seconds",
    "PATCH /v1/vms/RUNNING",
    { ttl: { action: "pause" } },
    400,
    "ttl.seconds",
    /required/,
  ],
  ["refresh without ttl", "POST /v1/vms/RUNNING/ttl/refresh", undefined, 409, undefined, /no time to live/],
  ["refresh of an unknown VM", "POST /v1/vms/nope/ttl/refresh", undefined, 404, "vmId", /VM/],
  [
    "unknown machine type",
    "POST /v1/vms",
    { machineType: "m5.large" },
    400,
    "machineType",
    /c\{vCPUs\}m\{GiB.*c1m2/,
  ],
  ["machine type beyond the host", "POST /v1/vms", { machineType: "c1m1024" }, 400, "machineType", /MiB/],
  ["machine type as a number", "POST /v1/vms", { machineType: 12 }, 400, "machineType", /string/],
  ["neither source", "POST /v1/vms", {}, 400, "machineType", /exactly one/],
  [
    "neither source, null",
    "POST /v1/vms",
    { machineType: null, snapshotId: null },
    400,
    "machineType",
    /exactly one/,
  ],
  [
    "both sources",
    "POST /v1/vms",
    { machineType: "c1m2", snapshotId: "SNAPSHOT" },
    400,
    "snapshotId",
    /exactly one/,
  ],
  ["empty machine type", "POST /v1/vms", { machineType: "" }, 400, "machineType", /not a machine type/],
  ["unknown snapshot", "POST /v1/vms", { snapshotId: "nope" }, 404, "snapshotId", /"nope"/],
  ["empty snapshot id", "POST /v1/vms", { snapshotId: "" }, 404, "snapshotId", /snapshot/],
  ["name not text", "POST /v1/vms", { machineType: "c1m2", name: 5 }, 400, "name", /string/],
  ["disk as text", "POST /v1/vms", { machineType: "c1m2", diskGiB: "20" }, 400, "diskGiB", /whole number/],
  ["disk too small", "POST /v1/vms", { machineType: "c1m2", diskGiB: 9 }, 400, "diskGiB", /10/],
  ["disk too large", "POST /v1/vms", { machineType: "c1m2", diskGiB: 1e6 }, 400, "diskGiB", /2048/],
  ["disk in parts", "POST /v1/vms", { machineType: "c1m2", diskGiB: 10.5 }, 400, "diskGiB", /whole number/],
  ["metadata a list", "POST /v1/vms", { machineType: "c1m2", metadata: [] }, 400, "metadata", /object/],
  [
    "metadata value a number",
    "POST /v1/vms",
    { machineType: "c1m2", metadata: { a: 1 } },
    400,
    "metadata.a",
    /string/,
  ],
  ["too many metadata keys", "POST /v1/vms", { machineType: "c1m2", metadata: many }, 400, "metadata", /256/],
  [
    "metadata value too long",
    "POST /v1/vms",
    { machineType: "c1m2", metadata: { a: "v".repeat(4097) } },
    400,
    "metadata.a",
    /4096/,
  ],
  [
    "env name",
    "POST /v1/vms",
    { machineType: "c1m2", envVars: { "A-B": "" } },
    400,
    "envVars",
    /variable name/,
  ],
  [
    "env value with a line",
    "POST /v1/vms",
    { machineType: "c1m2", envVars: { A: "\n" } },
    400,
    "envVars.A",
    /line feed/,
  ],
  ["body a list", "POST /v1/vms", [], 400, "body", /object/],
  ["body a number", "POST /v1/vms", 5, 400, "body", /object/],
  [
    "patch of nothing",
    "PATCH /v1/vms/RUNNING",
    {},
    400,
    "body",
    /name, metadata, ttl, maxLife, idle, autoResume, restartPolicy, tls and secrets/,
  ],
  [
    "patch of nulls",
    "PATCH /v1/vms/RUNNING",
    { name: null },
    400,
    "body",
    /name, metadata, ttl, maxLife, idle, autoResume, restartPolicy, tls and secrets/,
  ],
  ["patch to a blank name", "PATCH /v1/vms/RUNNING", { name: " \t " }, 400, "name", /visible/],
  ["patch with bad metadata", "PATCH /v1/vms/RUNNING", { metadata: { "": "v" } }, 400, "metadata", /key/],
  ["no command", "POST /v1/vms/RUNNING/exec", {}, 400, "command", /required/],
  ["empty argv", "POST /v1/vms/RUNNING/exec", { command: [] }, 400, "command", /1/],
  ["empty first element", "POST /v1/vms/RUNNING/exec", { command: ["", "x"] }, 400, "command.0", /empty/],
  ["command as text", "POST /v1/vms/RUNNING/exec", { command: "ls" }, 400, "command", /list/],
  ["argument not text", "POST /v1/vms/RUNNING/exec", { command: ["ls", 1] }, 400, "command.1", /string/],
  ["argument with NUL", "POST /v1/vms/RUNNING/exec", { command: ["a\0"] }, 400, "command.0", /NUL/],
  [
    "argument too long",
    "POST /v1/vms/RUNNING/exec",
    { command: ["a", "b".repeat(131_072)] },
    400,
    "command.1",
    /131071/,
  ],
  [
    "command too long",
    "POST /v1/vms/RUNNING/exec",
    { command: Array(12).fill("b".repeat(100_000)) },
    400,
    "command",
    /1048576/,
  ],
  [
    "negative timeout",
    "POST /v1/vms/RUNNING/exec",
    { command: ["a"], timeoutSec: -1 },
    400,
    "timeoutSec",
    />= 1/,
  ],
  ["timeout of 0", "POST /v1/vms/RUNNING/exec", { command: ["a"], timeoutSec: 0 }, 400, "timeoutSec", />= 1/],
  [
    "timeout as text",
    "POST /v1/vms/RUNNING/exec",
    { command: ["a"], timeoutSec: "5" },
    400,
    "timeoutSec",
    /whole number/,
  ],
  [
    "stdin not base64",
    "POST /v1/vms/RUNNING/exec",
    { command: ["a"], stdin: "hi there" },
    400,
    "stdin",
    /base64/,
  ],
  [
    "stdin cut short",
    "POST /v1/vms/RUNNING/exec",
    { command: ["a"], stdin: "aGVsb" },
    400,
    "stdin",
    /base64/,
  ],
  [
    "env of a command",
    "POST /v1/vms/RUNNING/exec",
    { command: ["a"], env: { "1": "" } },
    400,
    "env",
    /variable name/,
  ],
  ["exec on a paused VM", "POST /v1/vms/PAUSED/exec", { command: ["a"] }, 409, undefined, /paused/],
  [
    "exec on an unknown VM",
    "POST /v1/vms/vm_does_not_exist_000000/exec",
    { command: ["a"] },
    404,
    "vmId",
    /vm_does/,
  ],
  ["get of an unknown VM", "GET /v1/vms/vm_does_not_exist_000000", undefined, 404, "vmId", /VM/],
  [
    "get of an unknown UUID",
    "GET /v1/vms/00000000-0000-4000-8000-000000000000",
    undefined,
    404,
    "vmId",
    /VM/,
  ],
  ["get with NUL", "GET /v1/vms/a%00b", undefined, 404, "vmId", /VM/],
  ["get with LIKE patterns", "GET /v1/vms/%25%25%25%25", undefined, 404, "vmId", /VM/],
  ["patch of an unknown VM", "PATCH /v1/vms/nope", { name: "a" }, 404, "vmId", /VM/],
  ["delete of an unknown VM", "DELETE /v1/vms/nope", undefined, 404, "vmId", /VM/],
  ["pause of an unknown VM", "POST /v1/vms/nope/pause", undefined, 404, "vmId", /VM/],
  ["resume of an unknown VM", "POST /v1/vms/nope/resume", undefined, 404, "vmId", /VM/],
  ["fork of an unknown VM", "POST /v1/vms/nope/fork", {}, 404, "vmId", /VM/],
  ["fork into none", "POST /v1/vms/RUNNING/fork", { count: 0 }, 400, "count", />= 1/],
  ["fork into 101", "POST /v1/vms/RUNNING/fork", { count: 101 }, 400, "count", /<= 100/],
  ["fork count as text", "POST /v1/vms/RUNNING/fork", { count: "3" }, 400, "count", /whole number/],
  [
    "fork with too many names",
    "POST /v1/vms/RUNNING/fork",
    { count: 1, names: ["a", "b"] },
    400,
    "names",
    /2 entries/,
  ],
  [
    "fork with bad metadata",
    "POST /v1/vms/RUNNING/fork",
    { metadata: { a: null } },
    400,
    "metadata.a",
    /string/,
  ],
  ["snapshot of nothing", "POST /v1/snapshots", {}, 400, "vmId", /required/],
  ["snapshot of an unknown VM", "POST /v1/snapshots", { vmId: "nope" }, 404, "vmId", /VM/],
  ["get of an unknown snapshot", "GET /v1/snapshots/nope", undefined, 404, "snapshotId", /snapshot/],
  ["rename of an unknown snapshot", "PATCH /v1/snapshots/nope", { name: "a" }, 404, "snapshotId", /snapshot/],
  ["rename to nothing", "PATCH /v1/snapshots/SNAPSHOT", { name: " " }, 400, "name", /visible/],
  ["rename without a name", "PATCH /v1/snapshots/SNAPSHOT", {}, 400, "body", /give a name/],
  ["delete of an unknown snapshot", "DELETE /v1/snapshots/nope", undefined, 404, "snapshotId", /snapshot/],
  ["unknown path", "GET /_stainless_unknown_path", undefined, 404, undefined, /not a route/],
  ["wrong method", "PUT /v1/vms", {}, 404, undefined, /not a route/],
];

function fill(text: string): string {
  return text.replace("RUNNING", running).replace("PAUSED", paused).replace("SNAPSHOT", snapshot);
}

test.each(CASES)("%s", async (_name, route, body, status, field, says) => {
  const before = await everything();
  const filled: unknown = body === undefined ? undefined : JSON.parse(fill(JSON.stringify(body)));
  const answer = await api.call(fill(route), filled);
  expect(answer.status).toBe(status);
  expect(answer.body.field).toBe(field);
  expect(answer.body.error).toMatch(says);
  expect(answer.body.message).toBe(answer.body.error);
  expect(answer.headers["x-should-retry"]).toBe("false");
  expect(await everything()).toEqual(before);
});

describe("what is no JSON object at all", () => {
  const post = (options: CallOptions) => api.call("POST /v1/vms", undefined, options);

  test("malformed JSON", async () => {
    const answer = await post({ payload: '{"machineType":' });
    expect(answer).toMatchObject({ status: 400, body: { code: "malformed_json", field: "body" } });
  });

  test("an empty body with a JSON content type is an empty object", async () => {
    const answer = await post({ payload: "", headers: { "content-type": "application/json" } });
    expect(answer.body.error).toMatch(/exactly one/);
    const pausing = await api.call(`POST /v1/vms/${running}/pause`, undefined, {
      headers: { "content-type": "application/json" },
    });
    expect(pausing.status).toBe(200);
    expect((await api.call(`POST /v1/vms/${running}/resume`)).status).toBe(200);
  });

  test("a body over the limit", async () => {
    const answer = await post({ payload: `{"name":"${"a".repeat(MAX_BODY_BYTES)}"}` });
    expect(answer).toMatchObject({ status: 413, body: { code: "body_too_large", field: "body" } });
  });

  test("stdin over its limit", async () => {
    const stdin = Buffer.alloc(16 * 1024 * 1024 + 1).toString("base64");
    const answer = await api.call(`POST /v1/vms/${running}/exec`, { command: ["cat"], stdin });
    expect(answer).toMatchObject({ status: 413, body: { field: "stdin" } });
  });

  test("JSON under another content type is taken as JSON", async () => {
    const answer = await post({
      payload: '{"machineType":"nope"}',
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(answer.body.field).toBe("machineType");
  });

  test("a path that is not well encoded", async () => {
    expect((await api.call("GET /v1/vms/%zz")).status).toBe(400);
  });
});

describe("keys", () => {
  const routes = [
    "GET /v1/vms",
    "POST /v1/vms",
    "GET /v1/vms/x",
    "PATCH /v1/vms/x",
    "DELETE /v1/vms/x",
    "POST /v1/vms/x/exec",
    "POST /v1/vms/x/pause",
    "POST /v1/vms/x/resume",
    "POST /v1/vms/x/fork",
    "POST /v1/vms/x/ttl/refresh",
    "POST /v1/vms/x/console-token",
    "PUT /v1/vms/x/firewall",
    "PATCH /v1/vms/x/firewall",
    "GET /v1/vms/x/services",
    "POST /v1/vms/x/services",
    "PUT /v1/vms/x/services/y",
    "DELETE /v1/vms/x/services/y",
    "GET /v1/vms/x/ssh-keys",
    "POST /v1/vms/x/ssh-keys",
    "DELETE /v1/vms/x/ssh-keys/y",
    "GET /v1/me/ssh-keys",
    "POST /v1/me/ssh-keys",
    "DELETE /v1/me/ssh-keys/y",
    "GET /v1/snapshots",
    "POST /v1/snapshots",
    "GET /v1/snapshots/x",
    "PATCH /v1/snapshots/x",
    "DELETE /v1/snapshots/x",
    "GET /v1/org/quotas",
  ];

  test.each(routes)("%s refuses a missing and a wrong key, before it looks at the body", async (route) => {
    for (const key of [null, "wrong", "k".repeat(10_000)]) {
      const answer = await api.call(route, undefined, {
        key,
        ...(route.startsWith("GET") ? {} : { payload: "{not json" }),
      });
      expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized" } });
      expect(answer.headers["x-should-retry"]).toBe("false");
    }
  });

  test("Authorization: Bearer is as good as X-API-Key", async () => {
    const headers = { authorization: "Bearer My API Key" };
    expect((await api.call("GET /v1/vms", undefined, { key: null, headers })).status).toBe(200);
  });

  test("health needs none", async () => {
    for (const path of ["/healthz", "/livez", "/readyz", "/openapi.json"]) {
      expect((await api.call(`GET ${path}`, undefined, { key: null })).status).toBe(200);
    }
  });
});

/** Whatever is said at a socket: what it tells is documented, so is how it closes, and the daemon goes on. */
import { once } from "node:events";
import {
  ERROR_CATALOGUE,
  LifecycleSubscribeSchema,
  machineErrorCode,
  MonitorSubscribeSchema,
  SOCKET_BEGINNINGS,
  SOCKET_INPUTS,
  type ErrorCode,
} from "@fastvm/contract";
import * as fc from "fast-check";
import type { TSchema } from "typebox";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createApiServer } from "../../../http/api-server.ts";
import { machinesApp } from "../../../testing/machines-app.ts";

const RUNS = Number(process.env["FASTVM_FUZZ_RUNS"] ?? 200);
const SEED = Number(process.env["FASTVM_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

const MESSAGES: Readonly<Record<string, TSchema>> = {
  ...SOCKET_BEGINNINGS,
  ...SOCKET_INPUTS,
  monitor_subscribe: MonitorSubscribeSchema,
  subscribe: LifecycleSubscribeSchema,
};
/** What servers say. */
const TOLD = new Set([
  ...["event", "live", "gap", "subscribed", "error", "lost"],
  ...["exec_started", "exec_stdout", "exec_stderr", "exec_exit", "pty_started", "pty_output", "pty_exited"],
  ...["watch_started", "watch_event", "snapshot", "update", "metrics", "processes"],
]);
const OWN_FAULTS: readonly ErrorCode[] = ["internal", "database_unavailable"];
const CODES = (Object.keys(ERROR_CATALOGUE) as ErrorCode[]).filter((code) => !OWN_FAULTS.includes(code));
/** The end; nobody said one; what is no text; more than a message may be; an error, which was told. */
const CLOSES = [1000, 1005, 1007, 1009, 1011];

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "\0",
    "/",
    "/workspace",
    "..",
    "echo",
    "__proto__",
    "aGVsbG8=",
    "====",
    "destroy",
    "\ud800",
  ),
);
const scalar = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constantFrom(null, 1, 80, 2 ** 53));
const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.dictionary(text, scalar, { maxKeys: 4 }) },
);

/** What a field's schema allows at times, so that more than its first check is reached. */
function valueOf(schema: unknown, machine: string): fc.Arbitrary<unknown> {
  const { type, const: only, enum: some } = schema as { type?: unknown; const?: unknown; enum?: unknown[] };
  const right: fc.Arbitrary<unknown>[] = [];
  if (only !== undefined) right.push(fc.constant(only));
  else if (some !== undefined) right.push(fc.constantFrom(...some));
  else if (String(type).includes("integer")) right.push(fc.integer({ min: 1, max: 500 }));
  else if (String(type).includes("boolean")) right.push(fc.boolean());
  else if (String(type).includes("string")) right.push(fc.oneof(fc.constant(machine), text));
  else if (String(type).includes("array")) right.push(fc.array(text, { maxLength: 3 }));
  else right.push(fc.dictionary(text, text, { maxKeys: 2 }));
  return fc.oneof({ weight: 5, arbitrary: fc.oneof(...right) }, { weight: 1, arbitrary: value });
}

function messageOf(name: string, machine: string): fc.Arbitrary<string> {
  const { properties = {}, required = [] } = JSON.parse(JSON.stringify(MESSAGES[name])) as {
    properties?: Record<string, unknown>;
    required?: string[];
  };
  const fields = Object.fromEntries(
    Object.entries(properties).map(([field, schema]) => [field, valueOf(schema, machine)]),
  );
  const whole = fc.record(fields, { requiredKeys: required });
  return whole.map((said) => JSON.stringify(said));
}

const NAME = `whatever is said at them is answered as documented (FASTVM_FUZZ_SEED=${SEED})`;

test(NAME, { timeout: Math.max(120_000, RUNS * 200) }, async () => {
  await using api = await machinesApp({ serverFactory: createApiServer().serverFactory });
  const url = (await api.fastvm.app.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
  api.fastvm.worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from("cpu  1 1 1 1\nMemTotal: 2 kB\nMemFree: 1 kB\n") };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  const { id } = await api.ok("POST /v1/machines", {});
  await api.ok("POST /v1/volumes", { name: "data" });
  const paths = [
    ...["", "?channel=exec", "?channel=pty", "?channel=watch"].map(
      (query) => `/v1/machines/${id}/ws${query}`,
    ),
    "/v1/volumes/data/ws",
    "/v1/lifecycle/ws?live_only=true",
    `/nullspace/v1/machines/${id}/lifecycle/ws`,
    "/v1/monitor/ws",
    `/v1/machines/${id}/metrics/ws?interval_ms=500`,
  ];
  const said = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...Object.keys(MESSAGES)).chain((name) => messageOf(name, id)) },
    {
      weight: 1,
      arbitrary: fc.oneof(
        text,
        value.map((each) => JSON.stringify(each) ?? ""),
      ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constant("x".repeat(70_000)) },
  );
  const talk = fc.record({
    path: fc.constantFrom(...paths),
    messages: fc.array(said, { minLength: 1, maxLength: 4 }),
  });
  const property = fc.asyncProperty(talk, async ({ path, messages }) => {
    const socket = new WebSocket(`${url}${path}`, { headers: { authorization: `Bearer ${api.key}` } });
    const told: Record<string, unknown>[] = [];
    socket.on("message", (data: Buffer) => told.push(JSON.parse(data.toString()) as Record<string, unknown>));
    await once(socket, "open");
    const closed = once(socket, "close") as Promise<[number]>;
    for (const message of messages) {
      // Text may hold what is no text, and a client of this kind sends it as it is.
      socket.send(message, { binary: typeof message !== "string" });
    }
    socket.close();
    const [closedBy] = await closed;
    expect(CLOSES, path).toContain(closedBy);
    for (const message of told) {
      expect([...TOLD], JSON.stringify(message)).toContain(message["type"]);
      if (message["type"] !== "error") continue;
      const field = typeof message["field"] === "string" ? message["field"] : undefined;
      const documented = CODES.map((code) => machineErrorCode(code, field));
      expect(documented, JSON.stringify(message)).toContain(message["code"]);
    }
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  expect((await api.ok(`GET /v1/machines/${id}`)).status).toBe("running");
});

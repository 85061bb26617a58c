/** Bad input derived from the schemas: whatever is sent, the answer is documented and below 500, and old things stay as they are. */
import { MACHINE_OPERATIONS, type Operation } from "@fastvm/contract";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";
import { TEST_STORES } from "../../../testing/test-stores.ts";

/** Of all operations together: two of each. */
const RUNS = Number(process.env["FASTVM_FUZZ_RUNS"] ?? 200);
const SEED = Number(process.env["FASTVM_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "\0",
    "__proto__",
    "constructor",
    "base",
    "id,status",
    "2026-01-01",
    "{}",
    "[]",
    "hibernate",
    "kept",
    "8080",
    "0.0.0.0/0",
    "\ud800",
    "%",
  ),
);
const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, 1, 300, 65_536, 2 ** 53),
);
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 4 }),
  fc.dictionary(text, scalar, { maxKeys: 4 }),
);

const PATHS = ["/workspace", "/workspace/x", "/x", "/workspace/.nullspace/x", "x"];
/** Small, as some are seconds to wait; beyond 120 of those is refused. */
const NUMBERS = [1, 2, 125];

/** What a field's schema allows at times, so that more than its first check is reached. */
function valueOf(schema: unknown, name = ""): fc.Arbitrary<unknown> {
  const { type, const: only, enum: some, anyOf } = schema as Record<string, unknown>;
  const alternatives = Array.isArray(anyOf) ? anyOf.map((each: unknown) => valueOf(each, name)) : [];
  const right: fc.Arbitrary<unknown>[] = [...alternatives];
  if (only !== undefined) right.push(fc.constant(only));
  else if (Array.isArray(some)) right.push(fc.constantFrom(...(some as unknown[])));
  else if (String(type).includes("integer")) right.push(fc.constantFrom(...NUMBERS));
  else if (String(type).includes("boolean")) right.push(fc.boolean());
  else if (String(type).includes("array")) right.push(fc.array(text, { maxLength: 3 }));
  else if (String(type).includes("object")) right.push(fc.dictionary(text, scalar, { maxKeys: 2 }));
  else right.push(name.endsWith("path") ? fc.constantFrom(...PATHS) : text);
  return fc.oneof({ weight: 8, arbitrary: fc.oneof(...right) }, { weight: 1, arbitrary: value });
}

/** Some of the fields, or most often all that there must be. */
function fieldsOf(schema: Operation["body"], of: (field: unknown, name: string) => fc.Arbitrary<unknown>) {
  const { properties = {}, required = [] } = JSON.parse(JSON.stringify(schema ?? {})) as {
    properties?: Record<string, unknown>;
    required?: string[];
  };
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, of(field, name)]),
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.record(fields, { requiredKeys: required }) },
    { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
  );
}

const requestOf = (operation: Operation) =>
  fc.record({
    body: fc.oneof(
      { weight: 4, arbitrary: fieldsOf(operation.body, valueOf) },
      { weight: 1, arbitrary: value },
    ),
    query: fieldsOf(operation.query, valueOf),
    reference: text,
    key: fc.option(
      text.map((key) => key.replaceAll(/[^\x20-\x7e]/g, "")),
      { nil: undefined },
    ),
  });

/** One of each that a path may name. */
async function fill(api: MachinesApp, name: string): Promise<Readonly<Record<string, string>>> {
  const { id: machineId } = await api.ok("POST /v1/machines", {});
  const { id: snapshotId } = await api.ok(`POST /v1/machines/${machineId}/snapshots`, {});
  const { id: volumeId } = await api.ok("POST /v1/volumes", { name });
  const attached = { ref: volumeId, mount_path: "/mnt/kept" };
  const { id: attachmentId } = await api.ok(`POST /v1/machines/${machineId}/volumes`, attached);
  const { id: poolId } = await api.ok("POST /v1/template-warm-pools", { name, min_ready: 0 });
  const hook = { url: "http://a.example/", signing_secret: "sixteen characters" };
  const { id: webhookId } = await api.ok("POST /v1/lifecycle/webhooks", hook);
  const begun = { path: "/workspace/x", size: 1 };
  const { id: uploadId } = await api.ok(`POST /v1/machines/${machineId}/uploads`, begun);
  const { grant } = await api.ok(`POST /v1/machines/${machineId}/ports/8080/signed-preview-url`, {});
  const order = { name, definition: { base_image: "debian:12" } };
  const { id: buildId } = await api.ok("POST /v1/templates", order);
  const things = { machineId, snapshotId, volumeId, attachmentId, poolId, webhookId, uploadId, buildId };
  return {
    ...things,
    grantId: grant.id,
    templateRef: "kept",
    alias: "kept",
    port: "8080",
    part: "1",
    pid: "1",
  };
}

/** The one thing that what is right may meet, and no fault of who asked. */
const FULL = ["capacity_exceeded", "warm_pool_unavailable"];
const NAME = `bad input on $name sees only documented answers below 500 (FASTVM_FUZZ_SEED=${SEED})`;

test.each(TEST_STORES)(NAME, { timeout: Math.max(120_000, RUNS * 100) }, async ({ open }) => {
  await using api = await machinesApp({ store: await open() });
  // A guest that answers: one that says nothing of its figures is a failure of its own, a 502.
  api.fastvm.worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from("cpu  1 1 1 1\nMemTotal: 2 kB\nMemFree: 1 kB\n") };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  const { id: bystander } = await api.ok("POST /v1/machines", { timeout_ms: 3_600_000 });
  const shown = `GET /v1/machines/${bystander}?fields=id,status,config,template,metadata,timeout_at,cwd`;
  const before = await api.ok(shown);
  let things = await fill(api, "kept");
  const operations = Object.values<Operation>(MACHINE_OPERATIONS);
  for (const [at, operation] of operations.entries()) {
    // It may have been given a millisecond to live.
    const isThere = (await api.call(`GET /v1/machines/${things["machineId"]}`)).body.status === "running";
    if (!isThere) things = await fill(api, `kept-${at}`);
    const property = fc.asyncProperty(requestOf(operation), async ({ body, query, reference, key }) => {
      // Half of the references are what exists, so that its operations are reached.
      const isKept = reference.length % 2 === 0 && operation.method !== "DELETE";
      const path = operation.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
        isKept ? (things[name] ?? "x") : encode(reference),
      );
      const pairs = Object.entries(query).map(([name, of]) => {
        const said = typeof of === "string" ? of : (JSON.stringify(of) ?? "");
        return `${name}=${encodeURIComponent(said.toWellFormed())}`;
      });
      const route = `${operation.method} ${path}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
      const sent = operation.method === "GET" ? undefined : body;
      const answer = await api.call(route, sent, key === undefined ? {} : { once: key });
      if (answer.status >= 400) expect(answer.body.code).toEqual(expect.any(String));
      if (answer.status !== 503 || !FULL.includes(answer.body.code))
        expect(answer.status, answer.text).toBeLessThan(500);
    });
    await fc.assert(property, { numRuns: Math.ceil(RUNS / operations.length), seed: SEED });
  }
  expect(await api.ok(shown)).toEqual(before);
});

function encode(reference: string): string {
  // A path segment that is empty, `.` or `..` is another path.
  const encoded = encodeURIComponent(reference.toWellFormed());
  return /^\.{0,2}$/.test(encoded) ? "x" : encoded;
}

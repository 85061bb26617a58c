/** Bad input derived from the schemas: whatever is sent, the answer is documented and below 500, and old things stay as they are. */
import { MACHINE_OPERATIONS, type Operation } from "@fastvm/contract";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { machinesApp } from "../../../testing/machines-app.ts";
import { TEST_STORES } from "../../../testing/test-stores.ts";

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

function namesOf(schema: Operation["body"]): readonly string[] {
  const { properties = {} } = JSON.parse(JSON.stringify(schema ?? {})) as { properties?: object };
  return Object.keys(properties);
}

function fieldsOf(names: readonly string[], of: fc.Arbitrary<unknown>): fc.Arbitrary<object> {
  return fc.record(Object.fromEntries(names.map((name) => [name, of])), { requiredKeys: [] });
}

const request = fc.constantFrom(...Object.values<Operation>(MACHINE_OPERATIONS)).chain((operation) =>
  fc.record({
    operation: fc.constant(operation),
    body: fc.oneof(
      { weight: 4, arbitrary: fieldsOf(namesOf(operation.body), value) },
      { weight: 1, arbitrary: value },
    ),
    query: fieldsOf(namesOf(operation.query), text),
    reference: text,
    key: fc.option(
      text.map((key) => key.replaceAll(/[^\x20-\x7e]/g, "")),
      { nil: undefined },
    ),
  }),
);

const NAME = `bad input on $name sees only documented answers below 500 (FASTVM_FUZZ_SEED=${SEED})`;

test.each(TEST_STORES)(NAME, { timeout: Math.max(120_000, RUNS * 100) }, async ({ open }) => {
  await using api = await machinesApp({ store: await open() });
  // A guest that answers: one that says nothing of its figures is a failure of its own, a 502.
  api.fastvm.worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from("cpu  1 1 1 1\nMemTotal: 2 kB\nMemFree: 1 kB\n") };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  const kept = await api.ok("POST /v1/machines", {});
  const property = fc.asyncProperty(request, async ({ operation, body, query, reference, key }) => {
    // Half of the references are the machine that exists, so that its operations are reached.
    const isKept = reference.length % 2 === 0 && operation.method !== "DELETE";
    const port = reference.length % 3 === 0 ? "8080" : encode(reference);
    const path = operation.path
      .replace("{port}", port)
      .replaceAll(/\{\w+\}/g, isKept ? kept.id : encode(reference));
    const pairs = Object.entries(query).map(
      ([name, of]) => `${name}=${encodeURIComponent(String(of).toWellFormed())}`,
    );
    const route = `${operation.method} ${path}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
    const sent = operation.method === "GET" ? undefined : body;
    const answer = await api.call(route, sent, key === undefined ? {} : { once: key });
    expect(answer.status, answer.text).toBeLessThan(500);
    if (answer.status >= 400) expect(answer.body.code).toEqual(expect.any(String));
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  expect((await api.ok(`GET /v1/machines/${kept.id}`)).config).toEqual(kept.config);
});

function encode(reference: string): string {
  // A path segment that is empty, `.` or `..` is another path.
  const encoded = encodeURIComponent(reference.toWellFormed());
  return /^\.{0,2}$/.test(encoded) ? "x" : encoded;
}

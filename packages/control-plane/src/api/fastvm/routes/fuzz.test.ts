/** Bad input derived from the schemas: whatever is sent, the answer is documented and below 500, and old things stay as they are. */
import { OPERATIONS, type Operation } from "@fastvm/contract";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { testApp } from "../../../testing/test-app.ts";
import { TEST_STORES } from "../../../testing/test-stores.ts";

/** Enough to reach every field of every operation several times; small enough for two cores. */
const RUNS = Number(process.env["FASTVM_FUZZ_RUNS"] ?? 300);

const SEED = Number(process.env["FASTVM_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "\0",
    "__proto__",
    "constructor",
    "*.example.com",
    "::/0",
    "1-2",
    "c1m2",
    "aGk=",
    "\ud800",
    "%",
    "v",
  ),
);
const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(1, 10, 8080, 65_536, -1, 2 ** 53),
);
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 4 }),
  fc.dictionary(text, scalar, { maxKeys: 4 }),
  fc.record(
    {
      mode: fc.oneof(fc.constantFrom("allow_all", "deny_all", "custom"), scalar),
      allow_cidrs: fc.oneof(fc.array(text, { maxLength: 2 }), scalar),
      deny_cidrs: fc.constantFrom(["0.0.0.0/0"], ["::/0"], null),
      rate_limit: fc.dictionary(fc.constantFrom("pps", "kbit_per_sec", "burst"), scalar),
      rateLimit: fc.dictionary(fc.constantFrom("packetsPerSec", "kbitPerSec", "burst"), scalar),
      default: fc.constantFrom("allow", "deny"),
    },
    { requiredKeys: [] },
  ),
  fc.constant({
    default: "deny",
    rules: [{ action: "allow", kind: "fqdn", value: "x", protocol: "any", ports: "" }],
  }),
);

function bodyOf({ body }: Operation): fc.Arbitrary<unknown> {
  const schema = JSON.parse(JSON.stringify(body ?? {})) as { properties?: Record<string, unknown> };
  const names = [...Object.keys(schema.properties ?? {}), "mode", "ingress", "egress", "dns"];
  const fields = Object.fromEntries(names.map((name) => [name, value]));
  return fc.oneof(
    { weight: 4, arbitrary: fc.record(fields, { requiredKeys: [] }) },
    { weight: 1, arbitrary: value },
  );
}

const operations = Object.values<Operation>(OPERATIONS).filter(({ open }) => open !== true);
const request = fc.constantFrom(...operations).chain((operation) =>
  fc.record({
    operation: fc.constant(operation),
    body: bodyOf(operation),
    references: fc.array(text, { minLength: 2, maxLength: 2 }),
  }),
);

const NAME = `bad input on $name sees only documented answers below 500 (FASTVM_FUZZ_SEED=${SEED})`;

test.each(TEST_STORES)(NAME, { timeout: 120_000 }, async ({ open }) => {
  await using api = await testApp({ store: await open() });
  const vm = (await api.call("POST /v1/vms", { machineType: "c1m2", name: "kept" })).body;
  const property = fc.asyncProperty(request, async ({ operation, body, references }) => {
    const [first = "", second = ""] = references;
    // Half of the references are the VM that exists, so that its operations are reached.
    const ids = [
      first.length % 2 === 0 && operation.method !== "DELETE" ? vm.id : encode(first),
      encode(second),
    ];
    const path = operation.path.replaceAll(/\{\w+\}/g, () => ids.shift() ?? "x");
    const answer = await api.call(
      `${operation.method} ${path}`,
      operation.method === "GET" ? undefined : body,
    );
    expect(answer.status, answer.text).toBeLessThan(500);
    if (answer.status >= 400) expect(answer.body.code).toEqual(expect.any(String));
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  expect((await api.call(`GET /v1/vms/${vm.id}`)).status).toBe(200);
});

function encode(reference: string): string {
  // A path segment that is empty, `.` or `..` is another path.
  const encoded = encodeURIComponent(reference.toWellFormed());
  return /^\.{0,2}$/.test(encoded) ? "x" : encoded;
}

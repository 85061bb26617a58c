/** `network.tls` and `network.secrets`: what of them is in force, where values are, and what is refused by its name. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { makeAuthority } from "@fastvm/egress-proxy";
import { DEFAULT_TLS } from "../../../engine/interception/given.ts";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;
let pem: string;

beforeAll(async () => {
  api = await sandboxesApp();
  pem = (await makeAuthority()).certificate;
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

const VALUE = "the-very-value-91c4";
const START = "POST /v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
/** As the published client has it. */
const ENTRY = {
  env_var: "TOKEN",
  value: VALUE,
  placeholder: "$MSB_TOKEN",
  allowed_hosts: [{ type: "exact", value: "Api.example.com" }],
  injection: { headers: true, basic_auth: true, query_params: false, body: false },
  require_tls_identity: true,
};
let count = 0;
const spec = (network: object) => ({
  name: `sandbox-${++count}`,
  image: { type: "oci", reference: "base" },
  network,
});
const make = (network: object) => api.ok(START, spec(network));
const orderOf = (id: string) => api.fastvm.worker.interceptions.get(id as VmId);
const secret = (fields: object) => ({ secrets: { entries: [{ ...ENTRY, ...fields }] } });

test("intercepts by each field of its TLS document", async () => {
  const { id, spec: shown } = await make({
    tls: {
      enabled: true,
      intercepted_ports: [443, 8443],
      bypass: ["*.Bank.example"],
      verify_upstream: false,
      block_quic_on_intercept: false,
      upstream_ca_cert: [pem],
      scoped_upstream_ca_certs: [{ pattern: "*.corp.example", path: pem }],
      scoped_verify_upstream: [{ pattern: "api.example.com", verify: true }],
      intercept_ca: { cert_path: null, key_path: null },
      cache: { capacity: 10, validity_hours: 2 },
    },
  });
  expect(orderOf(id)).toMatchObject({
    secrets: [],
    tls: {
      ports: [443, 8443],
      bypass: ["*.bank.example"],
      verifyUpstream: false,
      blockQuic: false,
      upstreamAuthorities: [pem],
      scopedAuthorities: [{ host: "*.corp.example", certificates: pem }],
      scopedVerification: [{ host: "api.example.com", verify: true }],
      cache: { capacity: 10, validityHours: 2 },
    },
  });
  expect(shown.network.tls.intercepted_ports).toEqual([443, 8443]);
});

test("intercepts nothing unless it is asked to, and then port 443", async () => {
  expect(orderOf((await make({ tls: { enabled: false, intercepted_ports: [1] } })).id)).toBeUndefined();
  expect(orderOf((await make({ secrets: { entries: [] } })).id)).toBeUndefined();
  expect(orderOf((await make({ tls: { enabled: true } })).id)?.tls).toEqual(DEFAULT_TLS);
});

test("gives requests its secrets, and shows no value to anybody", async () => {
  const { id } = await make({ secrets: { entries: [ENTRY], on_violation: { type: "block" } } });
  expect(orderOf(id)?.tls).toEqual(DEFAULT_TLS);
  expect(orderOf(id)?.secrets).toEqual([
    {
      name: "TOKEN",
      value: VALUE,
      placeholder: "$MSB_TOKEN",
      hosts: ["api.example.com"],
      injection: { headers: true, basicAuth: true, query: false, body: false },
      onViolation: "block",
      passthroughHosts: [],
      requireTls: true,
    },
  ]);
  expect(api.fastvm.worker.vms.get(id as VmId)?.spec?.identity.envVars).toMatchObject({
    TOKEN: "$MSB_TOKEN",
  });
  const answers = await Promise.all(
    [`GET /v1/sandboxes/${id}`, "GET /v1/sandboxes?limit=100"].map(
      async (route) => (await api.call(route)).text,
    ),
  );
  const ours = await api.fastvm.call(`GET /v1/vms/${id}`);
  expect([...answers, JSON.stringify(ours.body)].join("")).not.toContain(VALUE);
  // A client that finds no value in it takes nothing of the specification.
  expect(JSON.parse(answers[0] ?? "").spec.network.secrets.entries).toEqual([{ ...ENTRY, value: "" }]);
});

test("takes the words of the local client for the same", async () => {
  const { id } = await make({
    secrets: {
      secrets: [
        {
          env_var: "A",
          value: VALUE,
          allowed_hosts: ["any"],
          on_violation: "block-and-terminate",
          injection: { query_params: true, body: true },
          require_tls_identity: false,
        },
        { env_var: "B", value: VALUE, allowed_hosts: [{ exact: "b.example.com" }], on_violation: null },
        { env_var: "C", value: VALUE, allowed_hosts: [{ wildcard: "*.example.com" }], placeholder: "@C@" },
      ],
      on_violation: { passthrough: [{ wildcard: "*.example.org" }] },
    },
  });
  expect(orderOf(id)?.secrets).toMatchObject([
    {
      placeholder: "$MSB_A",
      hosts: ["*"],
      onViolation: "block_and_terminate",
      passthroughHosts: [],
      injection: { headers: true, basicAuth: true, query: true, body: true },
      requireTls: false,
    },
    {
      hosts: ["b.example.com"],
      onViolation: "block_and_log",
      passthroughHosts: ["example.org", "*.example.org"],
    },
    { hosts: ["example.com", "*.example.com"], placeholder: "@C@" },
  ]);
});

test("keeps the secrets of one that is not started sealed until it is, and forgets them with it", async () => {
  const { sealedValues } = api.fastvm.store;
  const kept = () => sealedValues.names(api.fastvm.orgId, "sandbox_secrets");
  const [one, other] = [
    await api.ok("POST /v1/sandboxes", spec(secret({}))),
    await api.ok("POST /v1/sandboxes", spec(secret({}))),
  ];
  expect(new Set(await kept())).toEqual(new Set([one.id, other.id]));
  const row = await sealedValues.get(api.fastvm.orgId, "sandbox_secrets", one.id);
  expect(row?.sealed).not.toContain(VALUE);
  expect(JSON.stringify(one)).not.toContain(VALUE);
  await api.ok(`POST /v1/sandboxes/${one.id}/start?wait_for=running`, {});
  expect(orderOf(one.id)?.secrets).toMatchObject([{ name: "TOKEN", value: VALUE }]);
  expect(await kept()).toEqual([other.id]);
  await api.ok(`DELETE /v1/sandboxes/${other.id}`);
  expect(await kept()).toEqual([]);
});

test("stops, starts and intercepts by the same secrets", async () => {
  const { id } = await make(secret({}));
  await api.ok(`POST /v1/sandboxes/${id}/stop`, {});
  api.fastvm.worker.interceptions.clear();
  await api.ok(`POST /v1/sandboxes/${id}/start?wait_for=running`, {});
  expect(orderOf(id)?.secrets).toMatchObject([{ name: "TOKEN", value: VALUE }]);
});

const AT = "network.secrets.entries.0";
test.each<[string, object]>([
  ["network.tls.enabled", { tls: { enabled: false }, ...secret({}) }],
  ["network.tls.intercepted_ports", { tls: { enabled: true, intercepted_ports: [53] } }],
  ["network.tls.intercepted_ports.0", { tls: { enabled: true, intercepted_ports: [65_536] } }],
  ["network.tls.bypass", { tls: { enabled: true, bypass: ["*.com"] } }],
  ["network.tls.verify_upstream", { tls: { enabled: true, verify_upstream: "no" } }],
  ["network.tls.upstream_ca_cert.0", { tls: { enabled: true, upstream_ca_cert: ["/etc/ca.pem"] } }],
  [
    "network.tls.upstream_ca_cert",
    {
      tls: {
        enabled: true,
        upstream_ca_cert: ["-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"],
      },
    },
  ],
  [
    "network.tls.scoped_upstream_ca_cert.0.path",
    { tls: { enabled: true, scoped_upstream_ca_cert: [{ pattern: "a.example", path: "/etc/ca.pem" }] } },
  ],
  [
    "network.tls.scoped_upstream_ca_cert",
    { tls: { enabled: true, scoped_verify_upstream: [{ pattern: "*.com", verify: false }] } },
  ],
  [
    "network.tls.intercept_ca",
    { tls: { enabled: true, intercept_ca: { cert_path: "/ca.pem", key_path: null } } },
  ],
  ["network.tls.ca", { tls: { enabled: true, ca: { key_path: "/ca.key" } } }],
  ["network.tls.cache.capacity", { tls: { enabled: true, cache: { capacity: 0 } } }],
  ["network.tls.cache.validity_hours", { tls: { enabled: true, cache: { validity_hours: 0 } } }],
  ["network.tls.loopback_routes", { tls: { enabled: true, loopback_routes: {} } }],
  ["network.secrets.secrets", { secrets: { entries: [ENTRY], secrets: [ENTRY] } }],
  [`${AT}.env_var`, secret({ env_var: "A=B" })],
  [`${AT}.value`, secret({ value: "" })],
  [`${AT}.value`, secret({ value: "x".repeat(65_537) })],
  [`${AT}.source`, secret({ source: { type: "env", var: "HOME" } })],
  [`${AT}.placeholder`, secret({ placeholder: "a\nb" })],
  [`${AT}.allowed_hosts`, secret({ allowed_hosts: [] })],
  [`${AT}.allowed_hosts`, secret({ allowed_hosts: [{ type: "wildcard", value: "*.com" }] })],
  [
    `${AT}.on_violation`,
    secret({ on_violation: { type: "passthrough", hosts: [{ type: "exact", value: "1.2.3.4" }] } }),
  ],
  [`${AT}.injection.cookies`, secret({ injection: { cookies: true } })],
  [`${AT}.require_tls_identity`, secret({ require_tls_identity: 1 })],
  ["network.secrets.entries.1.placeholder", { secrets: { entries: [ENTRY, { ...ENTRY, env_var: "B" }] } }],
])("refuses %s by its name, and makes nothing of it", async (field, network) => {
  const before = api.fastvm.worker.vms.size;
  const answer = await api.call(START, spec(network));
  expect(answer).toMatchObject({ status: 400, body: { error: { details: { field } } } });
  expect(answer.text).not.toContain(VALUE);
  expect(api.fastvm.worker.vms.size).toBe(before);
});

/** Where what is absent grants something, a key that nobody knows is refused with the name that was meant; elsewhere it is ignored. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { testApp, type TestApp } from "../../../testing/test-app.ts";

let api: TestApp;
let vm: string;

beforeAll(async () => {
  api = await testApp();
  vm = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
});

afterAll(() => api[Symbol.asyncDispose]());

const rule = { action: "deny", kind: "cidr", value: "0.0.0.0/0", protocol: "any", ports: "any" };

const FIREWALLS: [firewall: object, field: string, meant: string][] = [
  [{ egres: { default: "deny" } }, "egres", "egress"],
  [{ ingress: { default: "deny" }, Egress: { default: "deny" } }, "Egress", "egress"],
  [{ egress: { defualt: "deny" } }, "egress.defualt", "default"],
  [{ egress: { default: "allow", rule: [rule] } }, "egress.rule", "rules"],
  [{ ingress: { default: "allow", rulse: [rule] } }, "ingress.rulse", "rules"],
  [{ egress: { default: "allow", rate_limit: { pps: 1 } } }, "egress.rate_limit", "rateLimit"],
  [{ egress: { default: "allow", rules: [{ ...rule, port: "80" }] } }, "egress.rules.0.port", "ports"],
  [
    { egress: { default: "allow", rateLimit: { packetsPerSec: 1, bursts: 2 } } },
    "egress.rateLimit.bursts",
    "burst",
  ],
  [{ dns: { mode: "allow", domain: ["a.test"] } }, "dns.domain", "domains"],
  [{ dns: { block_bypass: true } }, "dns.block_bypass", "blockBypass"],
  [{ egress: { mode: "custom", deny_cidr: ["10.0.0.0/8"] } }, "egress.deny_cidr", "deny_cidrs"],
  [{ egress: { mode: "custom", denyCidrs: ["10.0.0.0/8"] } }, "egress.denyCidrs", "deny_cidrs"],
  [{ egress: { mode: "custom", rate_limit: { pps: 1, brust: 2 } } }, "egress.rate_limit.brust", "burst"],
  [{ egress: { mode: "deny_all" }, ingres: { default: "deny" } }, "ingres", "ingress"],
  [{ mode: "open", ingres: [] }, "ingres", "ingress"],
  [
    { mode: "restricted", ingress: [{ protocol: "tcp", portStart: 80, sourceCidr: ["::1/128"] }] },
    "ingress.0.sourceCidr",
    "sourceCidrs",
  ],
];

const ROUTES: [route: string, body: (firewall: object) => object, prefix: string][] = [
  ["PUT /v1/vms/VM/firewall", (firewall) => firewall, ""],
  ["PATCH /v1/vms/VM/firewall", (firewall) => firewall, ""],
  ["POST /v1/vms", (firewall) => ({ machineType: "c1m2", firewall }), "firewall."],
  ["POST /v1/vms/VM/fork", (firewall) => ({ firewall }), "firewall."],
];

async function refused(route: string, body: object, field: string, meant: string): Promise<void> {
  const before = { vms: (await api.call("GET /v1/vms")).body, calls: api.worker.calls.length };
  const answer = await api.call(route.replace("VM", vm), body);
  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ code: "invalid_request", field });
  expect(answer.body.error).toContain(`did you mean ${meant}?`);
  expect({ vms: (await api.call("GET /v1/vms")).body, calls: api.worker.calls.length }).toEqual(before);
}

for (const [route, wrap, prefix] of ROUTES) {
  test.each(FIREWALLS)(`${route} refuses %j`, async (firewall, field, meant) => {
    await refused(route, wrap(firewall), prefix + field, meant);
  });
}

test.each([
  [{ mode: "restricted", egress: { default: "deny" } }, "egress"],
  [{ mode: "open", dns: { mode: "allow" } }, "dns"],
  [{ egress: { mode: "custom", rules: [rule] } }, "egress.rules"],
  [{ egress: { mode: "allow_all", default: "deny" } }, "egress.default"],
  [{ "no such\u0000 field": 1 }, "no such\u0000 field"],
])("a word of another dialect is not passed over: %j", async (firewall, field) => {
  const { status, body } = await api.call(`PUT /v1/vms/${vm}/firewall`, firewall);
  expect([status, body.field]).toEqual([400, field]);
});

test.each<[string, object, string, string]>([
  [
    "POST /v1/vms",
    { machineType: "c1m2", ttl: { action: "delete", seconds: 5, second: 6 } },
    "ttl.second",
    "seconds",
  ],
  ["PATCH /v1/vms/VM", { ttl: { acton: "delete", seconds: 5 } }, "ttl.acton", "action"],
  ["POST /v1/vms", { machineType: "c1m2", firewal: { egress: { mode: "deny_all" } } }, "firewal", "firewall"],
  ["POST /v1/vms", { machineType: "c1m2", fire_wall: {} }, "fire_wall", "firewall"],
  ["POST /v1/vms", { machineType: "c1m2", TTL: { action: "delete", seconds: 5 } }, "TTL", "ttl"],
  ["PATCH /v1/vms/VM", { name: "x", tll: { action: "delete", seconds: 5 } }, "tll", "ttl"],
  ["POST /v1/vms/VM/fork", { firewalls: {} }, "firewalls", "firewall"],
  ["POST /v1/vms/VM/exec", { command: ["id"], usr: "nobody" }, "usr", "user"],
  ["POST /v1/vms/VM/exec", { command: ["id"], timeout_sec: 1 }, "timeout_sec", "timeoutSec"],
])("%s refuses %j", async (route, body, field, meant) => {
  await refused(route, body, field, meant);
});

test("elsewhere unknown fields are ignored", async () => {
  const body = { machineType: "c1m2", source: "x", volumes: [], names: ["a"], url: "y", "": 1 };
  expect((await api.call("POST /v1/vms", body)).status).toBe(201);
  expect((await api.call(`PATCH /v1/vms/${vm}`, { name: "n", title: "x" })).status).toBe(200);
  expect((await api.call(`POST /v1/vms/${vm}/services`, { name: "s", port: 8080, prot: 1 })).status).toBe(
    201,
  );
});

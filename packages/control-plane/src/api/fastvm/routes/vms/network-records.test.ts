/** Firewalls in both dialects, services and SSH keys: records and their rules. */
import { execFileSync } from "node:child_process";
import type { VmId } from "@fastvm/contract";
import { beforeEach, afterEach, describe, expect, test } from "vitest";
import { policyOf } from "../../../../engine/network/policy.ts";
import { OTHER_KEY, testApp, type TestApp } from "../../../../testing/test-app.ts";

const OLD = { "x-stainless-lang": "python", "x-stainless-package-version": "0.3.0" };
const NEW = { "x-stainless-lang": "js", "x-stainless-package-version": "0.7.0" };
const OURS = { "user-agent": "fastvm-sdk-js/0.1.0" };

let api: TestApp;
let id: string;

beforeEach(async () => {
  api = await testApp();
  id = (await api.call("POST /v1/vms", { machineType: "c1m2", name: "v" })).body.id;
});

afterEach(() => api[Symbol.asyncDispose]());

const get = async (headers: Record<string, string>) =>
  (await api.call(`GET /v1/vms/${id}`, undefined, { headers })).body;
const put = (body: unknown) => api.call(`PUT /v1/vms/${id}/firewall`, body);
const patch = (body: unknown) => api.call(`PATCH /v1/vms/${id}/firewall`, body);
const rule = (changes: object = {}) => ({
  action: "allow",
  kind: "cidr",
  value: "::/0",
  protocol: "tcp",
  ports: "443",
  ...changes,
});

const DEFAULTS = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "allow", rules: [] },
};
const EVERY_NAME = { mode: "deny", domains: [], blockBypass: false };

describe("firewall", () => {
  test("is shown in the dialect of who asks; nothing written means the defaults", async () => {
    expect((await get(NEW)).firewall).toEqual(DEFAULTS);
    expect((await get(OURS)).firewall).toEqual(DEFAULTS);
    expect((await get(OLD)).firewall).toEqual({ mode: "restricted", ingress: [] });
    expect((await get({})).firewall).toEqual({ mode: "restricted", ingress: [] });
  });

  test("an old policy is kept as it was written and shown to new clients as rules", async () => {
    const policy = {
      mode: "restricted",
      ingress: [
        {
          protocol: "tcp",
          portStart: 80,
          portEnd: 90,
          sourceCidrs: ["2001:db8::/32", "fd00::/8"],
          description: "web",
        },
        { protocol: "udp", portStart: 53 },
      ],
    };
    expect((await put(policy)).body.firewall).toEqual(policy);
    expect((await get(OLD)).firewall).toEqual(policy);
    const { firewall } = await get(NEW);
    expect(firewall.ingress.rules).toEqual([
      rule({ value: "2001:db8::/32", ports: "80-90", description: "web" }),
      rule({ value: "fd00::/8", ports: "80-90", description: "web" }),
      rule({ protocol: "udp", ports: "53" }),
    ]);
    expect((await get(OURS)).firewall).toEqual(policy);
    expect((await get(OURS)).effectiveFirewall).toEqual({ ...firewall, dns: EVERY_NAME });
  });

  test("a new policy is shown to old clients as far as they can see", async () => {
    const ingress = {
      default: "deny",
      rules: [
        rule(),
        rule({ value: "192.0.2.0/24" }),
        rule({ action: "deny", ports: "22" }),
        rule({ protocol: "any", ports: "any", value: "fd00::/8" }),
      ],
    };
    await put({ ingress });
    expect((await get(OLD)).firewall).toEqual({
      mode: "restricted",
      ingress: [
        { protocol: "tcp", portStart: 443 },
        { protocol: "tcp", portStart: 1, portEnd: 65_535, sourceCidrs: ["fd00::/8"] },
        { protocol: "udp", portStart: 1, portEnd: 65_535, sourceCidrs: ["fd00::/8"] },
      ],
    });
  });

  test("PATCH replaces the blocks that it names and keeps the others", async () => {
    await put({ ingress: { default: "allow" }, dns: { domains: ["Bad.Example.com."] } });
    const after = (await patch({ egress: { default: "deny", rules: [rule()] } })).body.firewall;
    expect(after).toMatchObject({
      ingress: { default: "allow", rules: [] },
      egress: { default: "deny", rules: [rule()] },
      dns: { mode: "deny", domains: ["bad.example.com"], blockBypass: false },
    });
    expect((await patch({})).body.firewall).toEqual(after);
    expect((await put({})).body.firewall).toEqual(DEFAULTS);
  });

  test("names are those of the rules where egress is closed, unless dns is written", async () => {
    const names = async () => (await get(OURS)).effectiveFirewall.dns;
    const open = rule({ kind: "fqdn", value: "*.Example.com" });
    await put({ egress: { default: "deny", rules: [open, rule({ value: "192.0.2.0/24" })] } });
    expect(await names()).toEqual({ mode: "allow", domains: ["*.example.com"], blockBypass: false });
    expect((await get(OURS)).firewall).not.toHaveProperty("dns");
    await patch({ ingress: { default: "allow" } });
    await patch({ egress: { default: "deny" } });
    expect(await names()).toEqual({ mode: "allow", domains: [], blockBypass: false });
    await patch({ mode: "restricted" });
    expect((await names()) ?? (await api.call(`GET /v1/vms/${id}/firewall`)).body.policy.dns).toEqual({
      ...{ mode: "allow", domains: [], blockBypass: false },
    });
    await patch({ egress: { default: "allow" } });
    expect(await names()).toEqual(EVERY_NAME);
    await patch({ egress: { mode: "custom", allow_cidrs: ["192.0.2.0/24"] } });
    expect(await names()).toEqual({ mode: "allow", domains: [], blockBypass: false });
    await patch({ dns: { mode: "deny", domains: [] } });
    expect(await names()).toEqual(EVERY_NAME);
    await patch({ egress: { default: "deny" } });
    expect(await names()).toEqual(EVERY_NAME);
    expect((await get(OURS)).firewall.dns).toEqual(EVERY_NAME);
    await patch({ egress: { mode: "deny_all" } });
    await patch({ egress: { mode: "custom", allow_cidrs: ["192.0.2.0/24"] } });
    expect(await names()).toEqual({ mode: "allow", domains: [], blockBypass: false });
  });

  test("PATCH in the old dialect", async () => {
    const ingress = [{ protocol: "tcp", portStart: 22 }];
    expect((await patch({ ingress })).body.firewall).toEqual({ mode: "restricted", ingress });
    expect((await patch({ mode: "open" })).body.firewall).toEqual({ mode: "open", ingress });
    expect((await patch({ ingress: [] })).body.firewall).toEqual({ mode: "open", ingress: [] });
  });

  test("that another API wrote is shown in the words of who asks, and kept by what is changed in them", async () => {
    const egress = { default: "deny" as const, rules: [] };
    const policy = { ingress: { default: "allow" as const, rules: [] }, egress };
    // Whatever it keeps for itself means nothing here.
    const value = { dialect: "legacy", policy: { mode: "restricted", ingress: [] } };
    const network = { policy, presentation: { api: "another", value } };
    await api.store.vms.update(id as VmId, { network });
    expect((await get(NEW)).firewall).toEqual(policy);
    expect((await get(OLD)).firewall).toEqual({ mode: "open", ingress: [] });
    expect((await api.store.vms.get(id as VmId))?.network).toEqual(network);
    await patch({ mode: "restricted" });
    expect(policyOf((await api.store.vms.get(id as VmId))?.network)).toEqual({
      ingress: { default: "deny", rules: [] },
      egress,
    });
  });

  test("is taken at launch, carried by snapshots and forks, and replaced at a restore", async () => {
    const firewall = { mode: "open", ingress: [] };
    const vm = (await api.call("POST /v1/vms", { machineType: "c1m2", firewall })).body;
    expect(vm.firewall).toEqual(firewall);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id })).body;
    expect(snapshot.firewall).toEqual(firewall);
    expect((await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body.firewall).toEqual(firewall);
    expect((await api.call("POST /v1/vms", { snapshotId: snapshot.id, firewall: {} })).body.firewall).toEqual(
      DEFAULTS,
    );
    expect(
      (await api.call("POST /v1/vms", { snapshotId: snapshot.id, firewall: null })).body.firewall,
    ).toEqual(firewall);
    expect((await api.call(`POST /v1/vms/${vm.id}/fork`)).body.children[0].vm.firewall).toEqual(firewall);
  });

  const fqdn = (value: string) => ({ default: "deny", rules: [rule({ kind: "fqdn", value })] });

  test.each([
    ["old without mode", { ingress: [] }, "mode", /required/],
    ["old mode", { mode: "closed" }, "mode", /open.*restricted/],
    [
      "old protocol",
      { mode: "open", ingress: [{ protocol: "icmp", portStart: 1 }] },
      "ingress.0.protocol",
      /tcp/,
    ],
    [
      "old port",
      { mode: "open", ingress: [{ protocol: "tcp", portStart: 0 }] },
      "ingress.0.portStart",
      />= 1/,
    ],
    [
      "old range",
      { mode: "open", ingress: [{ protocol: "tcp", portStart: 9, portEnd: 8 }] },
      "ingress.0.portEnd",
      /below/,
    ],
    [
      "old IPv4",
      { mode: "open", ingress: [{ protocol: "tcp", portStart: 9, sourceCidrs: ["10.0.0.0/8"] }] },
      "ingress.0.sourceCidrs.0",
      /IPv6/,
    ],
    [
      "old IPv4 in the notation of IPv6",
      { mode: "open", ingress: [{ protocol: "tcp", portStart: 9, sourceCidrs: ["::ffff:10.0.0.0/104"] }] },
      "ingress.0.sourceCidrs.0",
      /IPv6/,
    ],
    [
      "old networks, too many of them in few rules",
      {
        mode: "restricted",
        ingress: [9, 10].map((portStart) => ({
          ...{ protocol: "tcp", portStart },
          sourceCidrs: Array.from({ length: 129 }, (_, at) => `2001:db8:${at}::/48`),
        })),
      },
      "ingress",
      /at most 256/,
    ],
    ["default", { ingress: { default: "maybe" } }, "ingress.default", /allow/],
    ["no default", { egress: {} }, "egress.default", /required/],
    [
      "network",
      { ingress: { default: "deny", rules: [rule({ value: "10.0.0.0/33" })] } },
      "ingress.rules.0.value",
      /network/,
    ],
    [
      "address without length",
      { ingress: { default: "deny", rules: [rule({ value: "10.0.0.1" })] } },
      "ingress.rules.0.value",
      /network/,
    ],
    ["name at ingress", { ingress: fqdn("example.com") }, "ingress.rules.0.kind", /cidr/],
    ["bare wildcard", { egress: fqdn("*") }, "egress.rules.0.value", /name/],
    ["wildcard of all", { egress: fqdn("*.com") }, "egress.rules.0.value", /name/],
    ["inner wildcard", { egress: fqdn("a.*.com") }, "egress.rules.0.value", /name/],
    [
      "ports as a number",
      { ingress: { default: "deny", rules: [rule({ ports: 443 })] } },
      "ingress.rules.0.ports",
      /string/,
    ],
    [
      "ports backwards",
      { ingress: { default: "deny", rules: [rule({ ports: "9-8" })] } },
      "ingress.rules.0.ports",
      /range/,
    ],
    [
      "ports out of range",
      { ingress: { default: "deny", rules: [rule({ ports: "65536" })] } },
      "ingress.rules.0.ports",
      /range/,
    ],
    [
      "ports with any",
      { ingress: { default: "deny", rules: [rule({ protocol: "any" })] } },
      "ingress.rules.0.ports",
      /any/,
    ],
    [
      "too many rules",
      { ingress: { default: "deny", rules: Array(257).fill(rule()) } },
      "ingress.rules",
      /256/,
    ],
    ["domain", { dns: { domains: ["exa mple.com"] } }, "dns.domains.0", /name/],
    [
      "dead under an allow-list",
      { egress: fqdn("a.example.com"), dns: { mode: "allow", domains: ["b.example.com"] } },
      "egress.rules.0.value",
      /never/,
    ],
    [
      "dead under a block-list",
      { egress: fqdn("*.a.example.com"), dns: { domains: ["*.example.com"] } },
      "egress.rules.0.value",
      /never/,
    ],
  ])("refuses %s", async (_name, body, field, says) => {
    const before = await get(NEW);
    const answer = await put(body);
    expect(answer).toMatchObject({ status: 400, body: { field, error: expect.stringMatching(says) } });
    expect(await get(NEW)).toEqual(before);
    const launched = await api.call("POST /v1/vms", { machineType: "c1m2", firewall: body });
    expect(launched).toMatchObject({ status: 400, body: { field: `firewall.${field}` } });
  });

  test.each([
    [
      "a name within an allowed wildcard",
      { egress: fqdn("a.b.example.com"), dns: { mode: "allow", domains: ["*.example.com"] } },
    ],
    [
      "a wildcard with one allowed name",
      { egress: fqdn("*.example.com"), dns: { mode: "allow", domains: ["a.example.com"] } },
    ],
    ["the apex of a blocked wildcard", { egress: fqdn("example.com"), dns: { domains: ["*.example.com"] } }],
    [
      "a wildcard of which one name is blocked",
      { egress: fqdn("*.example.com"), dns: { domains: ["a.example.com"] } },
    ],
    [
      "a denied name that does not resolve either",
      {
        egress: { default: "allow", rules: [rule({ kind: "fqdn", value: "a.example.com", action: "deny" })] },
        dns: { domains: ["a.example.com"] },
      },
    ],
    [
      "the last network there is",
      { egress: { default: "deny", rules: [rule({ value: "255.255.255.255/32", ports: "1-65535" })] } },
    ],
  ])("takes %s", async (_name, body) => {
    expect((await put(body)).status).toBe(200);
  });
});

describe("services", () => {
  const path = () => `/v1/vms/${id}/services`;
  const register = (body: object) => api.call(`POST ${path()}`, body);

  test("have no URLs by path where the operator wants none", async () => {
    await using bare = await testApp({ config: { pathUrls: false } });
    const vm = (await bare.call("POST /v1/vms", { machineType: "c1m2" })).body;
    const service = (await bare.call(`POST /v1/vms/${vm.id}/services`, { name: "web", port: 8080 })).body;
    expect(service).toHaveProperty("url");
    expect(service).not.toHaveProperty("pathUrl");
  });

  test("are registered, listed by name, changed and removed; the same again is fine", async () => {
    expect((await register({ name: "web", port: 8080 })).body).toEqual({
      name: "web",
      port: 8080,
      h2c: false,
      url: `http://web--${id.replaceAll("-", "")}.proxy.localhost/`,
      pathUrl: `http://localhost/proxy/${id.replaceAll("-", "")}/web/`,
    });
    expect((await register({ name: "web", port: 8080, h2c: false })).status).toBe(201);
    await register({ name: "grpc", port: 9090, h2c: true });
    expect((await api.call(`GET ${path()}`)).body.map((each: { name: string }) => each.name)).toEqual([
      "grpc",
      "web",
    ]);
    const other = await register({ name: "web", port: 8081 });
    expect(other).toMatchObject({ status: 409, body: { field: "port" } });
    expect((await register({ name: "web", port: 8080, h2c: true })).body.field).toBe("h2c");
    expect((await api.call(`PUT ${path()}/web`, { port: 8081 })).body).toMatchObject({
      name: "web",
      port: 8081,
      h2c: false,
    });
    for (let i = 0; i < 2; i += 1) {
      const removed = await api.call(`DELETE ${path()}/web`);
      expect([removed.status, removed.text]).toEqual([204, ""]);
    }
    expect((await api.call(`GET ${path()}`)).body).toHaveLength(1);
  });

  test("show in the effective firewall, and are carried by snapshots and forks", async () => {
    await register({ name: "web", port: 8080 });
    expect((await get(NEW)).effectiveFirewall.ingress.rules).toEqual([
      rule({ ports: "8080", description: "auto: proxy service web" }),
    ]);
    expect((await get(NEW)).firewall.ingress.rules).toEqual([]);
    expect((await get(OLD)).effectiveFirewall.ingress).toEqual([
      { protocol: "tcp", portStart: 8080, description: "auto: proxy service web" },
    ]);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
    expect(snapshot.services).toEqual([{ name: "web", port: 8080, h2c: false }]);
    const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    expect((await api.call(`GET /v1/vms/${restored.id}/services`)).body).toMatchObject(snapshot.services);
    expect(restored).not.toHaveProperty("snapshotRestoreWarnings");
    const { children } = (await api.call(`POST /v1/vms/${id}/fork`)).body;
    expect((await api.call(`GET /v1/vms/${children[0].vm.id}/services`)).body).toMatchObject(
      snapshot.services,
    );
    await api.call(`DELETE /v1/vms/${restored.id}/services/web`);
    const again = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    expect((await api.call(`GET /v1/vms/${again.id}/services`)).body).toMatchObject(snapshot.services);
  });

  test("are at most 16, also for many at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => register({ name: `s${i}`, port: 2000 + i })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(16);
    expect((await api.call(`PUT ${path()}/s99`, { port: 3000 })).status).toBe(409);
  });

  test.each([
    ["a port of the system", { name: "a", port: 1023 }, "port"],
    ["a port too high", { name: "a", port: 65_536 }, "port"],
    ["capitals", { name: "Web", port: 8080 }, "name"],
    ["double hyphens", { name: "a--b", port: 8080 }, "name"],
    ["a hyphen at the end", { name: "a-", port: 8080 }, "name"],
    ["30 characters", { name: "a".repeat(30), port: 8080 }, "name"],
  ])("refuse %s", async (_name, body, field) => {
    expect(await register(body)).toMatchObject({ status: 400, body: { field } });
  });

  test("take 29 characters", async () => {
    expect((await register({ name: "a".repeat(29), port: 1024 })).status).toBe(201);
  });
});

/** Real keys, made with ssh-keygen where there is one. */
const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzmNsBWi+Fh7SkKmIm3vbzZ1XNIoWw8dCy0TS9iMfXe";

describe.each(["vms/v/ssh-keys", "me/ssh-keys"])("SSH keys of %s", (path) => {
  const add = (body: object, key?: string) =>
    api.call(`POST /v1/${path}`, body, key === undefined ? {} : { key });

  test("are added without their comment, listed and removed by fingerprint", async () => {
    const added = await add({ publicKey: `${ED25519} me@home\n`, name: " laptop " });
    expect(added).toMatchObject({
      status: 201,
      body: {
        publicKey: ED25519,
        name: "laptop",
        fingerprint: expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/),
      },
    });
    expect((await api.call(`GET /v1/${path}`)).body).toEqual({ keys: [added.body] });
    expect(await add({ publicKey: ED25519 })).toMatchObject({ status: 409, body: { code: "conflict" } });
    const { fingerprint } = added.body;
    const encoded = fingerprint.replaceAll("/", "%2F");
    expect((await api.call(`DELETE /v1/${path}/${encoded}`)).body).toEqual({
      id: fingerprint,
      deleted: true,
    });
    expect((await api.call(`DELETE /v1/${path}/${encoded}`)).status).toBe(404);
    expect((await api.call(`GET /v1/${path}`)).body).toEqual({ keys: [] });
  });

  test.each([
    ["a line break", `${ED25519}\nssh-rsa AAAA`],
    ["an unknown type", ED25519.replace("ssh-ed25519 ", "ssh-dss ")],
    ["options before the key", `command="x" ${ED25519}`],
    ["a cut key", ED25519.slice(0, 30)],
    ["another type's blob", ED25519.replace("ssh-ed25519", "ssh-rsa")],
    ["letters that are not base64", `${ED25519}!`],
    ["nothing", ""],
  ])("refuse %s", async (_name, publicKey) => {
    expect(await add({ publicKey })).toMatchObject({ status: 400, body: { field: "publicKey" } });
  });

  test("are not another organisation's to see", async () => {
    await add({ publicKey: ED25519 });
    const others = await api.call(`GET /v1/${path}`, undefined, { key: OTHER_KEY });
    expect(path.startsWith("me") ? others.body : others.status).toEqual(
      path.startsWith("me") ? { keys: [] } : 404,
    );
    if (path.startsWith("me")) expect((await add({ publicKey: ED25519 }, OTHER_KEY)).status).toBe(409);
  });
});

test.skipIf(!hasSshKeygen())("a fingerprint is the one that ssh-keygen prints", async () => {
  const printed = execFileSync("ssh-keygen", ["-lf", "-"], { input: ED25519 }).toString();
  const added = await api.call("POST /v1/me/ssh-keys", { publicKey: ED25519 });
  expect(printed.split(" ")[1]).toBe(added.body.fingerprint);
});

function hasSshKeygen(): boolean {
  try {
    execFileSync("ssh-keygen", ["-?"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

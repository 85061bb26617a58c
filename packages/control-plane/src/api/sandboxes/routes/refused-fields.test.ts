/** What a specification may not say, or says and we do not do: refused by the field's name, and nothing is made. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

/** One for all, as none of them makes anything. */
let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeAll(async () => {
  api = await sandboxesApp();
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

const SPEC = { name: "one", image: { type: "oci", reference: "base" } };
const NAMED = { type: "named", name: "data", guest: "/mnt/data" };
const NOFILE = { resource: "nofile", soft: 1, hard: 1 };
const CREATE = { name: "data", kind: "directory", labels: [] };
const creating = (fields: object) => ({
  mounts: [{ ...NAMED, create: { ...CREATE, mode: "ensure_exists", ...fields } }],
});
/** Than any file system is large. */
const MORE_MIB = 16 * 1024 ** 2 + 1;
const PORT = { host_port: 8080, guest_port: 80 };
const ports = (...published: object[]) => ({ network: { ports: published } });
const DISK = { type: "disk_image", path: "/a.raw", format: "raw" };
const START = "POST /v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
const policy = (rules: object[]) => ({
  network: { policy: { default_egress: "deny", default_ingress: "allow", rules } },
});
const rule = (fields: object) =>
  policy([{ direction: "egress", destination: { group: "public" }, action: "allow", ...fields }]);

test.each<[string, object]>([
  ["image.path", { image: { Bind: "srv" } }],
  ["image.cache", { image: { Oci: { reference: "base", cache: true } } }],
  ["patches.0.src", { patches: [{ CopyDir: { src: "srv", dst: "/x", replace: false } }] }],
  ["patches.0.mdoe", { patches: [{ Mkdir: { path: "/x", mdoe: 1 } }] }],
  ["rlimits.0.soft", { rlimits: [{ resource: "Nofile", soft: 2, hard: 1 }] }],
  ["resources.cpus", { resources: { cpus: 1, vcpus: 1 } }],
  ["network.interface.mtu", { network: { enabled: true, interface: { mtu: 10 } } }],
])("refuses %s by its name in that form too", async (field, fields) => {
  const answer = await api.call(START, { ...SPEC, image: { Oci: { reference: "base" } }, ...fields });
  expect(answer).toMatchObject({ status: 400, body: { error: { details: { field } } } });
});

test.each<[string, object]>([
  ["name", { name: "-no" }],
  ["nmae", { nmae: "x" }],
  ["image.path", { image: { type: "bind", path: "srv" } }],
  ["image.path", { image: { type: "disk_image", path: "a.raw", format: "raw" } }],
  ["image.fstype", { image: { type: "disk_image", path: "/a.raw", format: "raw", fstype: "a b" } }],
  ["patches", { image: DISK, patches: [{ type: "mkdir", path: "/x" }] }],
  ["image.format", { image: { type: "disk_image", path: "/srv", format: "iso" } }],
  [
    "image.upper_size_mib",
    {
      image: { type: "oci", reference: "base", upper_size_mib: 4096 },
      resources: { disk_size_mib: 8192 },
    },
  ],
  ["resources.vcpus", { resources: { vcpus: 0 } }],
  ["resources.memory_mib", { resources: { memory_mib: 64 } }],
  ["runtime.workdir", { runtime: { workdir: "srv" } }],
  ["runtime.hostname", { runtime: { hostname: "Not A Host" } }],
  ["runtime.scripts.../a", { runtime: { scripts: { "../a": "#!/bin/sh" } } }],
  ["runtime.log_level", { runtime: { log_level: "loud" } }],
  ["runtime.metrics_sample_interval_ms", { runtime: { metrics_sample_interval_ms: 500 } }],
  ["runtime.disable_metrics_sample", { runtime: { disable_metrics_sample: "yes" } }],
  ["lifecycle.max_duration_secs", { lifecycle: { max_duration_secs: 0 } }],
  ["lifecycle.idle_timeout_secs", { lifecycle: { idle_timeout_secs: 40_000_000 } }],
  ["lifecycle.ephemeral", { lifecycle: { ephemeral: 1 } }],
  ["registry.mode", { registry: { mode: "specific" } }],
  ["registry.credential_id", { registry: { mode: "auto", credential_id: "c" } }],
  ["registry.username", { registry: { mode: "anonymous", username: "u" } }],
  ["registry.password", { registry: { mode: "auto", password: "p" } }],
  ["env", { env: [{ key: "1A", value: "" }] }],
  ["labels.sandbox.x", { labels: { "sandbox.x": "" } }],
  ["rlimits.0.resource", { rlimits: [{ resource: "files", soft: 1, hard: 1 }] }],
  ["rlimits.0.soft", { rlimits: [{ resource: "nofile", soft: 2, hard: 1 }] }],
  ["rlimits.0.hard", { rlimits: [{ resource: "nofile", soft: 2, hard: -1 }] }],
  ["rlimits.1.resource", { rlimits: [NOFILE, NOFILE] }],
  ["mounts.0.create.name", creating({ mode: "create", name: "other" })],
  ["mounts.0.create.name", creating({ mode: "existing" })],
  ["mounts.0.create.mode", creating({ mode: "perhaps" })],
  ["mounts.0.create.kind", creating({ kind: "tape" })],
  ["mounts.0.create.labels.service.a", creating({ labels: [["service.a", "b"]] })],
  ["mounts.0.create.labels.0", creating({ labels: [["a"]] })],
  ["mounts.0.create.quota_mib", creating({ kind: "disk", capacity_mib: 1, quota_mib: 1 })],
  ["mounts.0.create.quota_mib", creating({ quota_mib: 0 })],
  ["mounts.0.create.quota_mib", creating({ quota_mib: MORE_MIB })],
  ["mounts.0.create.capacity_mib", creating({ kind: "disk", capacity_mib: MORE_MIB })],
  ["mounts.0.size_mib", { mounts: [{ type: "tmpfs", guest: "/mnt/a", size_mib: MORE_MIB }] }],
  ["mounts.0.quota_mib", { mounts: [{ type: "bind", host: "/a", guest: "/mnt/a", quota_mib: MORE_MIB }] }],
  ["mounts.0.create.capacity_mib", creating({ kind: "disk" })],
  ["mounts.0.create.capacity_mib", creating({ capacity_mib: 1024 })],
  ["mounts.0.stat_virtualization", { mounts: [{ ...NAMED, stat_virtualization: "loose" }] }],
  ["mounts.0.host_permissions", { mounts: [{ ...NAMED, host_permissions: "public" }] }],
  ["mounts.0.quota_mib", { mounts: [{ type: "tmpfs", guest: "/mnt/a", quota_mib: 1 }] }],
  ["mounts.0.format", { mounts: [{ type: "disk_image", host: "/a", guest: "/mnt/a", format: "vdi" }] }],
  [
    "mounts.0.fstype",
    { mounts: [{ type: "disk_image", host: "/a", guest: "/mnt/a", format: "raw", fstype: "ext 4" }] },
  ],
  ["mounts.0.guest", { mounts: [{ type: "tmpfs", guest: "/etc/app" }] }],
  ["mounts.0.guest", { mounts: [{ type: "tmpfs", guest: "/" }] }],
  ["mounts.0.guest", { mounts: [{ type: "tmpfs", guest: "/srv/../etc" }] }],
  ["mounts.0.guest", { mounts: [{ type: "tmpfs", guest: "/srv/a:b" }] }],
  ["mounts.0.guest", { mounts: [{ type: "tmpfs", guest: "srv" }] }],
  ["mounts.0.size_mib", { mounts: [{ type: "tmpfs", guest: "/mnt/a", size_mib: "1" }] }],
  ["patches.0", { patches: [{ type: "chmod", path: "/x" }] }],
  [
    "patches.1.path",
    {
      patches: [
        { type: "remove", path: "/x" },
        { type: "remove", path: "/a/../b" },
      ],
    },
  ],
  ["patches.0.path", { patches: [{ type: "text", path: "x", content: "" }] }],
  ["patches.0.mode", { patches: [{ type: "text", path: "/x", content: "", mode: 0o10000 }] }],
  ["patches.0.replace", { patches: [{ type: "text", path: "/x", content: "", replace: "no" }] }],
  ["patches.0.content", { patches: [{ type: "file", path: "/x", content: "text" }] }],
  ["patches.0.path", { patches: [{ type: "mkdir", path: "/" }] }],
  ["patches.0.path", { patches: [{ type: "append", path: "//", content: "" }] }],
  ["patches.0.link", { patches: [{ type: "symlink", target: "/x", link: "x" }] }],
  ["patches.0.target", { patches: [{ type: "symlink", target: "\0", link: "/x" }] }],
  ["patches.0.src", { patches: [{ type: "copy_file", src: "./passwd", dst: "/x" }] }],
  ["patches.0.dst", { patches: [{ type: "copy_dir", src: "/etc", dst: "/" }] }],
  ["patches", { patches: [{ type: "text", path: "/x", content: "x".repeat(9 * 1024 * 1024) }] }],
  ["patches.0.mdoe", { patches: [{ type: "mkdir", path: "/x", mdoe: 1 }] }],
  ["init.cmd", { init: { cmd: "sbin/init", args: [], env: [] } }],
  ["init.args.0", { init: { cmd: "auto", args: ["\0"], env: [] } }],
  ["init.env.0", { init: { cmd: "auto", args: [], env: [["A=B", "c"]] } }],
  ["security_profile", { security_profile: "strict" }],
  ["network.strict", { network: { strict: "yes" } }],
  ["network.policy.rules.0.destination", rule({ destination: { group: "host" } })],
  ["network.policy.default_egress", { network: { policy: { default_egress: "perhaps" } } }],
  ["network.policy.rules.0.destination", rule({ destination: { cidr: "10.0.0.0" } })],
  ["network.policy.rules.0.destination", rule({ destination: { domain_suffix: "com" } })],
  ["network.policy.rules.0.protocols.0", rule({ protocols: ["icmp"] })],
  ["network.policy.rules.0.ports", rule({ ports: [{ start: 2, end: 1 }] })],
  ["network.interface.mtu", { network: { interface: { mtu: 100 } } }],
  ["network.interface.mac", { network: { interface: { mac: [1, 0, 0, 0, 0, 1] } } }],
  ["network.interface.mac", { network: { interface: { mac: [2, 0, 0] } } }],
  ["network.interface.ipv4_address", { network: { interface: { ipv4_address: "127.0.0.1" } } }],
  ["network.interface.ipv6_address", { network: { interface: { ipv6_address: "fe80::1" } } }],
  ["network.interface.ipv4_address", { network: { interface: { ipv4_address: "169.254.0.9" } } }],
  ["network.interface.ipv4_address", { network: { interface: { ipv4_address: "192.0.0.1" } } }],
  ["network.interface.ipv6_address", { network: { interface: { ipv6_address: "::10.0.0.2" } } }],
  ["network.interface.ipv6_address", { network: { interface: { ipv6_address: "::ffff:10.0.0.2" } } }],
  ["network.interface.ipv4_pool", { network: { interface: { ipv4_pool: "169.254.8.0/24" } } }],
  ["network.interface.ipv6_pool", { network: { interface: { ipv6_pool: "::ffff:10.0.0.0/120" } } }],
  ["network.interface.ipv4_pool", { network: { interface: { ipv4_pool: "10.0.0.0/31" } } }],
  ["network.interface.ipv6_pool", { network: { interface: { ipv6_pool: "10.0.0.0/8" } } }],
  [
    "network.interface.ipv4_address",
    { network: { interface: { ipv4_address: "10.1.0.1", ipv4_pool: "10.2.0.0/16" } } },
  ],
  ["network.interface.name", { network: { interface: { name: "eth1" } } }],
  ["network.interface", { network: { enabled: false, interface: { mtu: 1400 } } }],
  ["network.dns.rebind", { network: { dns: { rebind: true } } }],
  ["network.dns.rebind_protection", { network: { dns: { rebind_protection: "yes" } } }],
  ["network.dns.query_timeout_ms", { network: { dns: { query_timeout_ms: 1 } } }],
  ["network.dns.nameservers.1", { network: { dns: { nameservers: ["dns.example:53", "1.1.1"] } } }],
  ["network.dns.nameservers.0", { network: { dns: { nameservers: ["1.1.1.1:99999"] } } }],
  ["network.ports.0.guest_port", ports({ host_port: 1 })],
  ["network.ports.0.host_port", ports({ host_port: 0, guest_port: 1 })],
  ["network.ports.0.protocol", ports({ host_port: 1, guest_port: 1, protocol: "sctp" })],
  ["network.ports.0.host_bind", ports({ host_port: 1, guest_port: 1, host_bind: "localhost" })],
  ["network.ports.0.port", ports({ host_port: 1, guest_port: 1, port: 1 })],
  ["network.ports.1.host_port", ports(PORT, PORT)],
  ["network.ports", { network: { enabled: false, ports: [PORT] } }],
  ["network.policy.rules.0.destination", rule({ direction: "ingress", destination: { domain: "a.test" } })],
  ["network.max_connections", { network: { max_connections: 0 } }],
  ["network.trust_host_cas", { network: { trust_host_cas: "yes" } }],
  ["network.rate_limiter", { network: { rate_limiter: {} } }],
  ["vsock", { vsock: [] }],
])("refuses %s by its name, and makes nothing", async (field, fields) => {
  const answer = await api.call(START, { ...SPEC, ...fields });
  expect(answer).toMatchObject({
    status: 400,
    body: { code: "invalid_request", error: { details: { field } } },
  });
  expect(answer.body.message).toContain(field);
  expect((await api.ok("GET /v1/sandboxes")).data).toEqual([]);
});

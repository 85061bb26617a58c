/** What a specification says of the network besides its policy, and of its host, as the worker is told it. */
import type { NetworkPolicy, VmId } from "@fastvm/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeAll(async () => {
  api = await sandboxesApp();
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

const START = "POST /v1/sandboxes?start=true&wait_for=running";
const HOST_ROOT = /^localhost\/host-root\/[0-9a-f]{32}:latest$/;
let made = 0;
const specOf = (network: object) => ({
  name: `made-${made++}`,
  image: { type: "oci", reference: "base" },
  network,
});

async function policyOf(network: object): Promise<NetworkPolicy | undefined> {
  const { id, status } = await api.ok(START, specOf(network));
  expect(status).toBe("running");
  return api.fastvm.worker.vms.get(id)?.spec?.network;
}

test("asks the name servers that it names, in its time, and opens as many connections as it may", async () => {
  const dns = { nameservers: ["9.9.9.9", "[::1]:53", "ns.example:5353"], query_timeout_ms: 900 };
  const policy = await policyOf({ dns: { ...dns, rebind_protection: false }, max_connections: 12 });
  expect(policy).toMatchObject({
    egress: { default: "allow", rules: [] },
    dns: { mode: "deny", nameservers: dns.nameservers, queryTimeoutMs: 900, allowsRebinding: true },
    maxConnections: 12,
  });
});

test("a document of no words is that of everybody else", async () => {
  const policy = await policyOf({ dns: { rebind_protection: true, nameservers: [] }, ports: [] });
  expect(policy?.dns).toEqual({ mode: "deny", domains: [], blockBypass: false });
  expect(policy?.published).toBeUndefined();
});

test("publishes ports, to whom its policy lets in", async () => {
  const ports = [
    { host_port: 8080, guest_port: 80, protocol: "tcp", host_bind: "127.0.0.1" },
    { host_port: 5353, guest_port: 53, protocol: "udp", host_bind: "::1" },
  ];
  const rules = [
    {
      direction: "ingress",
      destination: { group: "private" },
      protocols: ["tcp"],
      ports: [],
      action: "deny",
    },
    {
      direction: "any",
      destination: { cidr: "192.0.2.0/24" },
      ports: [{ start: 80, end: 81 }],
      action: "allow",
    },
    { direction: "ingress", destination: "any", protocols: ["icmpv4"], ports: [], action: "deny" },
  ];
  const policy = await policyOf({
    ports,
    policy: { default_egress: "deny", default_ingress: "allow", rules },
  });
  expect(policy?.published).toEqual({
    ports: [
      { address: "127.0.0.1", hostPort: 8080, guestPort: 80, protocol: "tcp" },
      { address: "::1", hostPort: 5353, guestPort: 53, protocol: "udp" },
    ],
    default: "allow",
    rules: [
      {
        action: "deny",
        peers: expect.arrayContaining(["10.0.0.0/8"]) as string[],
        protocols: ["tcp"],
        ports: [],
      },
      { action: "allow", peers: ["192.0.2.0/24"], protocols: [], ports: [{ first: 80, last: 81 }] },
    ],
  });
  // Nobody else is let in by it.
  expect(policy?.ingress).toEqual({ default: "deny", rules: [] });
});

test("ports of the host are its owner's, and no snapshot or fork takes them along", async () => {
  const spec = specOf({ ports: [{ host_port: 8080, guest_port: 80 }] });
  expect(await api.call(START, spec, { key: api.otherKey })).toMatchObject({
    status: 403,
    body: { error: { details: { field: "network.ports" } } },
  });
  expect(await api.call("POST /v1/sandboxes", spec, { key: api.otherKey })).toMatchObject({ status: 403 });
  const { id } = await api.ok(START, spec);
  expect(api.fastvm.worker.vms.get(id)?.spec?.network.published?.ports).toHaveLength(1);
  const forked = await api.fastvm.call(`POST /v1/vms/${id}/fork`, { count: 1 });
  expect(forked.status).toBeLessThan(300);
  const { children } = forked.body as { children: { vm: { id: string } }[] };
  const [child] = children.map(({ vm }) => api.fastvm.worker.vms.get(vm.id as VmId)?.network);
  expect(child).toMatchObject({ egress: { default: "allow" } });
  expect(child?.published).toBeUndefined();
});

test("a folder or a disk of the host is its root, for whose the host is", async () => {
  const image = { type: "disk_image", path: "/srv/a.qcow2", format: "qcow2", fstype: "ext4" };
  expect(await api.call(START, { ...specOf({}), image }, { key: api.otherKey })).toMatchObject({
    status: 403,
  });
  const disk = await api.ok(START, { ...specOf({}), image });
  expect(disk).toMatchObject({ status: "running", spec: { image } });
  const folder = await api.ok(START, { ...specOf({}), image: { Bind: "/srv/root" } });
  const sources = [disk, folder].map(({ id }) => api.fastvm.worker.vms.get(id)?.spec?.source);
  expect(sources).toEqual([
    { kind: "template", image: expect.stringMatching(HOST_ROOT) as string, imageOwner: api.fastvm.orgId },
    { kind: "template", image: expect.stringMatching(HOST_ROOT) as string, imageOwner: api.fastvm.orgId },
  ]);
  expect(new Set(sources.map((source) => source?.kind === "template" && source.image)).size).toBe(2);
});

test("copies files and folders of the host, and trusts whom it trusts", async () => {
  const patches = [
    { type: "copy_file", src: "/srv/a", dst: "/etc/a", mode: 0o600, replace: true },
    { CopyDir: { src: "/srv/b", dst: "/opt/b", replace: false } },
  ];
  const spec = { ...specOf({ trust_host_cas: true }), patches: patches.slice(0, 1) };
  expect(await api.call(START, spec, { key: api.otherKey })).toMatchObject({ status: 403 });
  const { id } = await api.ok(START, spec);
  const local = { ...specOf({}), image: { Oci: { reference: "base" } }, patches: patches.slice(1) };
  const { id: other } = await api.ok(START, local);
  const setups = [id, other].map((of) => api.fastvm.worker.vms.get(of)?.spec?.source);
  expect(setups).toMatchObject([
    {
      setup: {
        patches: [
          { kind: "copy", source: "/srv/a", path: "/etc/a", isFolder: false, mode: 0o600, replace: true },
        ],
        trustsHostAuthorities: true,
      },
    },
    {
      setup: {
        patches: [{ kind: "copy", source: "/srv/b", path: "/opt/b", isFolder: true, replace: false }],
      },
    },
  ]);
});

test("whoever writes its firewall leaves its ports and its name servers alone", async () => {
  const { id } = await api.ok(
    START,
    specOf({
      ports: [{ host_port: 9090, guest_port: 80 }],
      dns: { nameservers: ["192.0.2.1"] },
      max_connections: 9,
    }),
  );
  const firewall = { egress: { default: "deny", rules: [] } };
  const answer = await api.fastvm.call(`PUT /v1/vms/${id}/firewall`, firewall);
  expect(answer.status, answer.text).toBe(200);
  expect(api.fastvm.worker.vms.get(id as VmId)?.network).toMatchObject({
    ...firewall,
    dns: { mode: "allow", domains: [], nameservers: ["192.0.2.1"] },
    maxConnections: 9,
    published: { ports: [{ hostPort: 9090 }] },
  });
});

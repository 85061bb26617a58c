/** `GET firewall`: what is enforced and what it decided; and the address by which a VM is reached. */
import type { NetworkReport, VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeWorker } from "../../../../testing/fake-worker.ts";
import { testApp, type TestApp } from "../../../../testing/test-app.ts";
import { TEST_STORES } from "../../../../testing/test-stores.ts";

const OLD_CLI = { "user-agent": "fastvm-cli/0.1" };
const allow = (ports: string) => ({
  ...{ action: "allow", kind: "cidr", value: "2001:db8::/32" },
  ...{ protocol: "tcp", ports },
});
const POLICY = {
  ingress: { default: "deny", rules: [allow("22")] },
  egress: {
    default: "allow",
    rules: [allow("80"), allow("443")],
    rateLimit: { packetsPerSec: 500, burst: 9 },
  },
  dns: { mode: "deny", domains: ["example.com"], blockBypass: true },
};
const AUTO = {
  ...{ action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "8080" },
  description: "auto: proxy service web",
};

describe.each(TEST_STORES)("on $name", ({ open }) => {
  let api: TestApp;
  let id: VmId;

  beforeEach(async () => {
    api = await testApp({ store: await open() });
    const launched = await api.call("POST /v1/vms", { machineType: "c1m2", name: "vm", firewall: POLICY });
    ({ id } = launched.body);
    await api.call(`POST /v1/vms/${id}/services`, { name: "web", port: 8080 });
  });
  afterEach(() => api[Symbol.asyncDispose]());

  const report = async () => (await api.call("GET /v1/vms/vm/firewall")).body;
  const effective = { ...POLICY, ingress: { ...POLICY.ingress, rules: [allow("22"), AUTO] } };

  test("each rule has its hits, and the services' rules are among them", async () => {
    const { policy, hits } = await report();
    expect(policy).toEqual(effective);
    expect(hits).toEqual({
      ingress: {
        rules: [
          { ...allow("22"), packets: 1, bytes: 100 },
          { ...AUTO, packets: 2, bytes: 200 },
        ],
        default: { packets: 20, bytes: 2000 },
      },
      egress: {
        rules: [
          { ...allow("80"), packets: 1, bytes: 100 },
          { ...allow("443"), packets: 2, bytes: 200 },
        ],
        default: { packets: 30, bytes: 3000 },
      },
      traffic: { sent: { packets: 40, bytes: 4000 }, received: { packets: 50, bytes: 5000 } },
      dropped: { packets: 60, bytes: 6000 },
      dns: { answered: 1, refused: 2, filtered: 3, limited: 4, failed: 5 },
    });
  });

  test.each<[string, () => unknown]>([
    ["is paused", () => api.call(`POST /v1/vms/${id}/pause`)],
    ["died at the worker", () => api.worker.vms.delete(id)],
    ["has no network", () => (api.worker.hasNetwork = false)],
    [
      "has counts of another policy",
      async () => {
        const other = await api.worker.networkReport(id);
        const rules = { ingress: [], egress: [] };
        vi.spyOn(api.worker, "networkReport").mockResolvedValue({ ...other, rules } as NetworkReport);
      },
    ],
  ])("there are no hits of a VM that %s", async (_name, happens) => {
    await happens();
    expect(await report()).toEqual({ policy: effective });
  });

  test("a policy in the older dialect is shown as rules, to old clients too", async () => {
    await api.call(`PUT /v1/vms/${id}/firewall`, { mode: "open" });
    const { body } = await api.call(`GET /v1/vms/${id}/firewall`, undefined, { headers: OLD_CLI });
    expect(body.policy.ingress).toEqual({ default: "allow", rules: [AUTO] });
    const vm = (await api.call(`GET /v1/vms/${id}`, undefined, { headers: OLD_CLI })).body;
    expect(vm.firewall).toEqual({ mode: "open", ingress: [] });
  });

  test("an answer is in the dialect of its request, whatever the client's generation", async () => {
    const generated = { "x-stainless-lang": "js", "x-stainless-package-version": "0.6.0" };
    for (const headers of [OLD_CLI, generated]) {
      const old = { headers };
      const rules = { egress: { default: "deny" } };
      const isRules = (vm: { firewall: object; effectiveFirewall: object }): boolean[] =>
        [vm.firewall, vm.effectiveFirewall].map((firewall) => "egress" in firewall);
      for (const request of [`PUT /v1/vms/${id}/firewall`, `PATCH /v1/vms/${id}/firewall`]) {
        expect(isRules((await api.call(request, rules, old)).body)).toEqual([true, true]);
        expect(isRules((await api.call(request, { mode: "open" }, old)).body)).toEqual([false, false]);
      }
      const launch = { machineType: "c1m2", firewall: rules };
      expect(isRules((await api.call("POST /v1/vms", launch, old)).body)).toEqual([true, true]);
      const forked = await api.call(`POST /v1/vms/${id}/fork`, { firewall: rules }, old);
      expect(isRules(forked.body.children[0].vm)).toEqual([true, true]);
    }
  });

  test("what GET shows can be PUT again", async () => {
    const { policy } = await report();
    await api.call(`DELETE /v1/vms/${id}/services/web`);
    expect((await api.call(`PUT /v1/vms/${id}/firewall`, policy)).status).toBe(200);
    expect((await report()).policy).toEqual(effective);
  });

  test("a policy by mode is rules for who asks, over a snapshot too", async () => {
    const firewall = { egress: { mode: "custom", allow_cidrs: ["192.0.2.0/24"], rate_limit: { pps: 7 } } };
    await api.call(`PUT /v1/vms/${id}/firewall`, firewall);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
    const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    const value = { kind: "cidr", value: "192.0.2.0/24", action: "allow", protocol: "any", ports: "any" };
    for (const shown of [snapshot.firewall, restored.firewall, (await report()).policy]) {
      expect(shown.egress).toEqual({ default: "deny", rules: [value], rateLimit: { packetsPerSec: 7 } });
    }
  });

  test("a VM's address is its own, and stays over a pause", async () => {
    const { publicIpv6 } = (await api.call(`GET /v1/vms/${id}`)).body;
    expect(publicIpv6).toMatch(/^fd00::/);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
    const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    const [child] = (await api.call(`POST /v1/vms/${id}/fork`)).body.children;
    expect(new Set([publicIpv6, restored.publicIpv6, child.vm.publicIpv6]).size).toBe(3);
    expect((await api.call(`POST /v1/vms/${id}/pause`)).body.publicIpv6).toBe(publicIpv6);
    // A worker that has nothing to say leaves what is known.
    api.worker.hasNetwork = false;
    expect((await api.call(`POST /v1/vms/${id}/resume`)).body.publicIpv6).toBe(publicIpv6);
    expect((await api.call("GET /v1/vms")).body[2]).toMatchObject({ id, publicIpv6 });
  });

  test("a VM without a network has no address", async () => {
    api.worker.hasNetwork = false;
    expect((await api.call("POST /v1/vms", { machineType: "c1m2" })).body).not.toHaveProperty("publicIpv6");
  });
});

describe.each(TEST_STORES)("after a restart on $name", ({ open }) => {
  test.each(["provisioning", "running", "paused"] as const)(
    "an address that was not told in time is learned: %s",
    async (status) => {
      const store = await open();
      const worker = new FakeWorker();
      const first = await testApp({ store, worker });
      const { id, publicIpv6 } = (await first.call("POST /v1/vms", { machineType: "c1m2" })).body;
      if (status === "paused") await first.call(`POST /v1/vms/${id}/pause`);
      const before = status === "paused" ? "paused" : "running";
      await store.vms.changeStatus(id, before, status, { publicIpv6: null });
      await first.app.close();
      await using api = await testApp({ store, worker, changesStatuses: true });
      expect((await api.call(`GET /v1/vms/${id}`)).body).toMatchObject({ status: before, publicIpv6 });
    },
  );
});

/** A VM's network is what its record says, in every way in which it can come to run, and a change is in force when it is told. */
import type { NetworkPolicy, VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { networkPolicyOf } from "./network-policy.ts";
import type { WrittenNetwork } from "../../store/vm-settings.ts";
import type { Store } from "../../store/store.ts";
import { eventually } from "../../testing/eventually.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { testApp, type TestAnswer, type TestApp } from "../../testing/test-app.ts";
import { TEST_STORES } from "../../testing/test-stores.ts";

const CLOSED = { egress: { default: "deny", rules: [] } };
const HTTPS = { action: "allow", kind: "cidr", value: "192.0.2.0/24", protocol: "tcp", ports: "443" };
const WRITTEN = { egress: { default: "deny", rules: [HTTPS], rateLimit: { kbitPerSec: 800, burst: 64 } } };
const BY_RULES = { mode: "allow", domains: [], blockBypass: false };
const DEFAULT = networkPolicyOf({ network: undefined, services: [] });
const SERVICE_RULE = {
  value: "::/0",
  protocol: "tcp",
  ports: "8080",
  description: "auto: proxy service web",
};

describe.each(TEST_STORES)("on $name", ({ open }) => {
  let api: TestApp;

  beforeEach(async () => {
    api = await testApp({ store: await open(), config: { launchAnswerMs: 500, insistEveryMs: 20 } });
  });
  afterEach(() => api[Symbol.asyncDispose]());

  const call = async (route: string, body?: unknown): Promise<TestAnswer["body"]> => {
    const answer = await api.call(route, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body;
  };
  const launch = async (body: object = {}): Promise<VmId> =>
    (await call("POST /v1/vms", { machineType: "c1m2", ...body })).id;
  const atWorker = (id: VmId): NetworkPolicy | undefined => api.worker.vms.get(id)?.network;
  const inRecord = async (id: VmId) => (await call(`GET /v1/vms/${id}/firewall`)).policy;
  /** The transaction that writes the change; the one before it notes that worker and record may differ. */
  const failRecord = (): void => {
    const { store } = api;
    const real: Store["transaction"] = store.transaction.bind(store);
    vi.spyOn(store, "transaction")
      .mockImplementationOnce(real)
      .mockRejectedValueOnce(new Error("the database is locked"));
  };
  const told = (): number => api.worker.calls.filter(({ method }) => method === "setNetworkPolicy").length;

  describe("a VM that begins to run has its policy", () => {
    test.each([
      ["nothing written", undefined, DEFAULT],
      ["rules", WRITTEN, { ...DEFAULT, ...WRITTEN, dns: BY_RULES }],
      ["the older dialect", { mode: "open" }, { ...DEFAULT, ingress: { default: "allow", rules: [] } }],
      ["an egress mode", { egress: { mode: "deny_all" } }, { ...DEFAULT, ...CLOSED, dns: NO_NAMES }],
    ])("when it is launched, restored, forked and resumed: %s", async (_name, firewall, expected) => {
      const id = await launch({ firewall });
      expect(atWorker(id)).toEqual(expected);
      const snapshot = await call("POST /v1/snapshots", { vmId: id });
      const restored = await call("POST /v1/vms", { snapshotId: snapshot.id });
      expect(atWorker(restored.id)).toEqual(expected);
      const [child] = (await call(`POST /v1/vms/${id}/fork`)).children;
      expect(atWorker(child.vm.id)).toEqual(expected);
      await call(`POST /v1/vms/${id}/pause`);
      api.worker.vms.set(id, { status: "paused", spec: undefined });
      await call(`POST /v1/vms/${id}/resume`);
      expect(atWorker(id)).toEqual(expected);
      expect(told()).toBe(0);
    });

    test("with its services' rules, which snapshots and forks carry", async () => {
      const id = await launch();
      await call(`POST /v1/vms/${id}/services`, { name: "web", port: 8080 });
      const [child] = (await call(`POST /v1/vms/${id}/fork`)).children;
      const snapshot = await call("POST /v1/snapshots", { vmId: id });
      const restored = await call("POST /v1/vms", { snapshotId: snapshot.id });
      for (const vmId of [child.vm.id, restored.id]) {
        expect(atWorker(vmId)?.ingress.rules).toEqual([expect.objectContaining(SERVICE_RULE)]);
      }
    });

    test("or another one that the request gives, of a restore and of a fork", async () => {
      const id = await launch({ firewall: WRITTEN });
      const snapshot = await call("POST /v1/snapshots", { vmId: id });
      const restored = await call("POST /v1/vms", { snapshotId: snapshot.id, firewall: CLOSED });
      const fork = await call(`POST /v1/vms/${id}/fork`, { count: 2, firewall: CLOSED });
      const children = [restored, ...fork.children.map(({ vm }: { vm: { id: VmId } }) => vm)];
      for (const vm of children) expect(atWorker(vm.id)).toEqual({ ...DEFAULT, ...CLOSED, dns: BY_RULES });
      expect(atWorker(id)).toEqual({ ...DEFAULT, ...WRITTEN, dns: BY_RULES });
    });
  });

  const CHANGES: [string, (id: VmId) => [route: string, body?: unknown]][] = [
    ["PUT", (id) => [`PUT /v1/vms/${id}/firewall`, WRITTEN]],
    ["PUT in the older dialect", (id) => [`PUT /v1/vms/${id}/firewall`, { mode: "open" }]],
    ["PUT of an egress mode", (id) => [`PUT /v1/vms/${id}/firewall`, { egress: { mode: "deny_all" } }]],
    ["PATCH", (id) => [`PATCH /v1/vms/${id}/firewall`, { dns: { mode: "allow", domains: ["debian.org"] } }]],
    ["a service that is registered", (id) => [`POST /v1/vms/${id}/services`, { name: "web", port: 8080 }]],
    ["a service that is made", (id) => [`PUT /v1/vms/${id}/services/web`, { port: 8080 }]],
    ["a service that is changed", (id) => [`PUT /v1/vms/${id}/services/old`, { port: 9090 }]],
    ["a service that goes", (id) => [`DELETE /v1/vms/${id}/services/old`]],
  ];

  describe.each(CHANGES)("%s", (_name, request) => {
    let id: VmId;
    let before: NetworkPolicy | undefined;

    beforeEach(async () => {
      id = await launch();
      await call(`POST /v1/vms/${id}/services`, { name: "old", port: 9000 });
      before = atWorker(id);
    });

    test("is in force when the answer comes", async () => {
      await call(...request(id));
      expect(atWorker(id)).not.toEqual(before);
      expect(await inRecord(id)).toEqual(atWorker(id));
    });

    test("leaves all as it was when the worker refuses", async () => {
      api.worker.failNext("setNetworkPolicy", new Error("nft: no buffer space"));
      const answer = await api.call(...request(id));
      expect(answer).toMatchObject({ status: 502, body: { code: "network_failed" } });
      expect(answer.text).not.toContain("nft");
      expect(atWorker(id)).toEqual(before);
      expect(await inRecord(id)).toEqual(before);
    });

    test("is taken back when it cannot be kept", async () => {
      failRecord();
      expect((await api.call(...request(id))).status).toBe(500);
      expect(atWorker(id)).toEqual(before);
      expect(await inRecord(id)).toEqual(before);
    });

    test("that can be neither kept nor taken back is not what the record says, and so not left", async () => {
      const change = vi.spyOn(api.worker, "setNetworkPolicy");
      const real = change.getMockImplementation() ?? FakeWorker.prototype.setNetworkPolicy.bind(api.worker);
      change.mockImplementationOnce(real).mockRejectedValueOnce(new Error("nft: no buffer space"));
      failRecord();
      expect((await api.call(...request(id))).status).toBe(500);
      expect(change.mock.calls.length).toBeGreaterThan(1);
      await eventually(() => expect(atWorker(id)).toEqual(before));
      expect(await inRecord(id)).toEqual(before);
    });

    test("of a paused VM waits for its next life", async () => {
      await call(`POST /v1/vms/${id}/pause`);
      await call(...request(id));
      expect(atWorker(id)).toEqual(before);
      await call(`POST /v1/vms/${id}/resume`);
      expect(atWorker(id)).not.toEqual(before);
      expect(await inRecord(id)).toEqual(atWorker(id));
    });
  });

  test.each([
    ["the same again", "PUT firewall", {}],
    ["an empty PATCH", "PATCH firewall", {}],
    ["another protocol of a service", "PUT services/web", { port: 8080, h2c: true }],
    ["a service that there is none of", "DELETE services/none", undefined],
  ])("%s does not trouble the worker", async (_name, route, body) => {
    const id = await launch();
    await call(`POST /v1/vms/${id}/services`, { name: "web", port: 8080 });
    const before = told();
    await call(route.replace(" ", ` /v1/vms/${id}/`), body);
    expect(told()).toBe(before);
  });

  describe("a change while a VM is on its way", () => {
    /** Each with the call of the worker that it is held in. */
    const WAYS = [
      { way: "started", held: "launch" },
      { way: "resumed", held: "resume" },
      { way: "paused", held: "pause" },
      { way: "forked", held: "fork" },
    ] as const;
    type Way = (typeof WAYS)[number];

    /** The VM on its way, and how to let it go on. */
    async function begin({ way, held }: Way): Promise<{ id: VmId; release: () => void }> {
      const source = way === "started" ? undefined : await launch();
      if (way === "resumed") await call(`POST /v1/vms/${source}/pause`);
      const release = api.worker.hold(held);
      if (source === undefined) return { id: await launch(), release };
      void api.call(`POST /v1/vms/${source}/${held}`);
      await eventually(() => expect(api.worker.calls.at(-1)?.method).toBe(held));
      const vms = await api.store.vms.listAll();
      const id = way === "forked" ? vms.find((vm) => vm.id !== source)?.id : source;
      if (id === undefined) throw new Error("the fork has no child");
      return { id, release };
    }

    test.each(WAYS)("is not told before it is in force: $way", async (way) => {
      const { id, release } = await begin(way);
      let answered = false;
      const change = api.call(`PUT /v1/vms/${id}/firewall`, CLOSED).finally(() => {
        answered = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(answered).toBe(false);
      release();
      expect(await change).toMatchObject({ status: 200 });
      if (way.way === "paused") await call(`POST /v1/vms/${id}/resume`);
      expect(atWorker(id)).toEqual({ ...DEFAULT, ...CLOSED, dns: BY_RULES });
      expect(await inRecord(id)).toEqual(atWorker(id));
    });

    test.each(WAYS.filter(({ way }) => way !== "paused"))(
      "is taken back when the worker refuses it then: $way",
      async (way) => {
        const { id, release } = await begin(way);
        const change = api.call(`PUT /v1/vms/${id}/firewall`, CLOSED);
        await eventually(async () => expect((await api.store.vms.get(id))?.network).toBeDefined());
        // Whoever asks it, until the change is answered: the start that catches up with the record, the change
        // that makes sure of it, and who asks again.
        const refusing = vi.spyOn(api.worker, "setNetworkPolicy").mockRejectedValue(new Error("nft"));
        release();
        expect(await change).toMatchObject({ status: 502, body: { code: "network_failed" } });
        expect(await inRecord(id)).toEqual(DEFAULT);
        refusing.mockRestore();
        await eventually(() => expect(atWorker(id)).toEqual(DEFAULT));
      },
    );

    test("of a VM that waits for room is in its launch", async () => {
      api.worker.memoryMib = 3000;
      const first = await launch();
      const id = await launch();
      await call(`PUT /v1/vms/${id}/firewall`, CLOSED);
      expect(atWorker(id)).toBeUndefined();
      await call(`DELETE /v1/vms/${first}`);
      await eventually(() => expect(atWorker(id)).toEqual({ ...DEFAULT, ...CLOSED, dns: BY_RULES }));
    });

    test("is made sure of when the VM was paused and resumed in its middle", async () => {
      const id = await launch();
      const set = api.worker.setNetworkPolicy.bind(api.worker);
      vi.spyOn(api.worker, "setNetworkPolicy").mockImplementationOnce(async (...args) => {
        await set(...args);
        await call(`POST /v1/vms/${id}/pause`);
        await call(`POST /v1/vms/${id}/resume`);
        expect(atWorker(id)).toEqual(DEFAULT);
      });
      await call(`PUT /v1/vms/${id}/firewall`, CLOSED);
      expect(atWorker(id)).toEqual({ ...DEFAULT, ...CLOSED, dns: BY_RULES });
    });
  });

  test("changes at the same time all count", async () => {
    const id = await launch();
    const dns = { mode: "allow", domains: ["debian.org"], blockBypass: true };
    await Promise.all([
      call(`PATCH /v1/vms/${id}/firewall`, CLOSED),
      call(`PATCH /v1/vms/${id}/firewall`, { dns }),
      call(`POST /v1/vms/${id}/services`, { name: "web", port: 8080 }),
    ]);
    expect(atWorker(id)).toMatchObject({ ...CLOSED, dns, ingress: { rules: [SERVICE_RULE] } });
    expect(await inRecord(id)).toEqual(atWorker(id));
  });

  test("a VM that died at the worker takes the change into its record", async () => {
    const id = await launch();
    api.worker.vms.delete(id);
    await call(`PUT /v1/vms/${id}/firewall`, CLOSED);
    expect(await inRecord(id)).toEqual({ ...DEFAULT, ...CLOSED, dns: BY_RULES });
  });
});

const NO_NAMES = { mode: "allow", domains: [], blockBypass: true };

describe.each(TEST_STORES)("after a restart on $name", ({ open }) => {
  const network: WrittenNetwork = {
    policy: { ...DEFAULT, egress: { default: "deny", rules: [] } },
    presentation: { api: "another", value: null },
  };

  /** A first control plane makes a running and a paused VM and stores a change that its worker does not get. */
  async function restarted(prepare: (worker: FakeWorker) => void) {
    const store = await open();
    const worker = new FakeWorker();
    const first = await testApp({ store, worker });
    const ids: VmId[] = [];
    for (const _ of ["running", "paused"]) {
      ids.push((await first.call("POST /v1/vms", { machineType: "c1m2" })).body.id);
    }
    const [running = "" as VmId, paused = "" as VmId] = ids;
    await first.call(`POST /v1/vms/${paused}/pause`);
    for (const id of ids) await store.vms.update(id, { network });
    const kept = { ...store, close: () => Promise.resolve() };
    await first.app.close();
    prepare(worker);
    const api = await testApp({ store: kept, worker, config: { insistEveryMs: 20 } });
    return { api, store, worker, running, paused };
  }

  test("what was stored is in force before anybody is served", async () => {
    const { api, store, worker, running, paused } = await restarted(() => undefined);
    expect(worker.vms.get(running)?.network).toEqual(networkPolicyOf({ network, services: [] }));
    expect(worker.vms.get(paused)?.network).toEqual(DEFAULT);
    await api[Symbol.asyncDispose]();
    await store.close();
  });

  test("a worker that refuses is told again until it takes it", async () => {
    const { api, store, worker, running } = await restarted((refusing) => {
      for (const _ of [1, 2, 3]) refusing.failNext("setNetworkPolicy", new Error("nft"));
    });
    expect(api.log.entries.some(({ message }) => message.includes("brought in line"))).toBe(true);
    await eventually(() => expect(worker.vms.get(running)?.network?.egress.default).toBe("deny"));
    const calls = worker.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(worker.calls).toHaveLength(calls);
    await api[Symbol.asyncDispose]();
    await store.close();
  });
});

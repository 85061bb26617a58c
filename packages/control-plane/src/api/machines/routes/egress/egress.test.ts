/** What machines may reach: both forms of it become rules of the engine's, and whatever says "closed" wins. */
import type { NetworkPolicy, VmId } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";

let api: MachinesApp;

beforeAll(async () => {
  api = await machinesApp();
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

const rule = (action: "allow" | "deny", value: string) => ({
  ...{ action, kind: "cidr", value, protocol: "any", ports: "any" },
});
const ALL_NAMES = { mode: "deny", domains: [], blockBypass: false };
const NO_NAMES = { mode: "allow", domains: [] };
const CLOSED = { egress: { default: "deny", rules: [] }, dns: { ...NO_NAMES, blockBypass: true } };
const OPEN = { egress: { default: "allow", rules: [] }, dns: ALL_NAMES };

const vmIdOf = (id: string): VmId =>
  id.replace(/^mch_(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5") as VmId;

/** What the worker was told last. */
async function inForce(id: string): Promise<NetworkPolicy | undefined> {
  const { worker } = api.fastvm;
  const vm = worker.vms.get(vmIdOf(id));
  return vm?.network ?? vm?.spec?.network;
}

const create = async (body: object): Promise<string> => (await api.ok("POST /v1/machines", body)).id;
const patch = (id: string, egress: unknown) => api.call(`PATCH /v1/machines/${id}/egress`, { egress });

describe("at create", () => {
  test.each<[string, object, object]>([
    ["nothing said", {}, OPEN],
    ["allow_all", { network: { egress: { mode: "allow_all" } } }, OPEN],
    ["deny_all", { network: { egress: { mode: "deny_all" } } }, CLOSED],
    [
      "custom, what is allowed",
      { network: { egress: { mode: "custom", allow_cidrs: ["192.0.2.0/24"] } } },
      { egress: { default: "deny", rules: [rule("allow", "192.0.2.0/24")] }, dns: NO_NAMES },
    ],
    [
      "custom, all but what is denied",
      { network: { egress: { mode: "custom", deny_cidrs: ["192.0.2.0/24"], allow_cidrs: ["0.0.0.0/0"] } } },
      {
        egress: { default: "deny", rules: [rule("deny", "192.0.2.0/24"), rule("allow", "0.0.0.0/0")] },
        dns: ALL_NAMES,
      },
    ],
    [
      "a rate of bits",
      { network: { egress: { mode: "custom", rate_limit: { kbit_per_sec: 500, burst: 90 } } } },
      { egress: { default: "allow", rules: [], rateLimit: { kbitPerSec: 500, burst: 90 } } },
    ],
    [
      "a rate of packets",
      { network: { egress: { mode: "allow_all", rate_limit: { pps: 7, kbit_per_sec: null } } } },
      { egress: { default: "allow", rules: [], rateLimit: { packetsPerSec: 7 } } },
    ],
    ["internet_access false", { internet_access: false }, CLOSED],
    ["internet_access true", { internet_access: true }, OPEN],
    [
      "deny_out",
      { network: { deny_out: ["192.0.2.0/24"] } },
      { egress: { default: "allow", rules: [rule("deny", "192.0.2.0/24")] }, dns: ALL_NAMES },
    ],
    [
      "deny_out of everything, with exceptions",
      { network: { deny_out: ["0.0.0.0/0"], allow_out: ["198.51.100.7/32"] } },
      {
        egress: {
          default: "allow",
          rules: [rule("allow", "198.51.100.7/32"), rule("deny", "0.0.0.0/0"), rule("deny", "::/0")],
        },
        dns: NO_NAMES,
      },
    ],
    [
      "allow_out alone",
      { network: { allow_out: ["198.51.100.7/32"] } },
      { egress: { default: "deny", rules: [rule("allow", "198.51.100.7/32")] }, dns: NO_NAMES },
    ],
  ])("%s", async (_name, body, expected) => {
    expect(await inForce(await create(body))).toMatchObject(expected);
  });

  test("internet_access false is not reopened by whatever stands beside it", async () => {
    for (const network of [
      { allow_out: ["0.0.0.0/0"] },
      { allow_out: ["198.51.100.7/32"], deny_out: ["10.0.0.0/8"] },
      { egress: { mode: "allow_all" } },
      { egress: { mode: "custom", allow_cidrs: ["0.0.0.0/0"] } },
    ]) {
      expect(await inForce(await create({ internet_access: false, network }))).toMatchObject(CLOSED);
    }
  });

  test("deny_all is weakened by no list beside it", async () => {
    const egress = { mode: "deny_all", allow_cidrs: ["0.0.0.0/0"], rate_limit: { pps: 5 } };
    const { default: action, rules } = (await inForce(await create({ network: { egress } })))?.egress ?? {};
    expect({ action, rules }).toEqual({ action: "deny", rules: [] });
  });

  test.each<[string, object, string]>([
    ["a key that is not known", { network: { egres: { mode: "deny_all" } } }, "network.egres"],
    [
      "one in the policy",
      { network: { egress: { mode: "custom", deny_cidr: [] } } },
      "network.egress.deny_cidr",
    ],
    ["one at the top", { internet_acces: false }, "internet_acces"],
    [
      "one in the limit",
      { network: { egress: { mode: "custom", rate_limit: { kbps: 1 } } } },
      "network.egress.rate_limit.kbps",
    ],
    ["an unknown mode", { network: { egress: { mode: "closed" } } }, "network.egress.mode"],
    ["a policy without a mode", { network: { egress: {} } }, "network.egress.mode"],
    [
      "lists without custom",
      { network: { egress: { mode: "allow_all", deny_cidrs: ["10.0.0.0/8"] } } },
      "network.egress.mode",
    ],
    [
      "IPv6",
      { network: { egress: { mode: "custom", deny_cidrs: ["fd00::/8"] } } },
      "network.egress.deny_cidrs.0",
    ],
    ["a name", { network: { allow_out: ["example.com"] } }, "network.allow_out.0"],
    [
      "two rates",
      { network: { egress: { mode: "allow_all", rate_limit: { pps: 1, kbit_per_sec: 1 } } } },
      "network.egress.rate_limit",
    ],
    [
      "no rate",
      { network: { egress: { mode: "allow_all", rate_limit: { burst: 1 } } } },
      "network.egress.rate_limit",
    ],
    [
      "both forms",
      { network: { egress: { mode: "allow_all" }, deny_out: ["10.0.0.0/8"] } },
      "network.egress",
    ],
    ["a rate in the older form", { network: { deny_out: [], rate_limit: { pps: 1 } } }, "network.rate_limit"],
  ])("%s is refused, and nothing made", async (_name, body, field) => {
    const before = api.fastvm.worker.calls.length;
    const answer = await api.call("POST /v1/machines", body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", field } });
    expect(api.fastvm.worker.calls).toHaveLength(before);
  });

  test("is the snapshot's, where there is one", async () => {
    const id = await create({ network: { egress: { mode: "deny_all" } } });
    const { id: snapshot_id } = await api.ok(`POST /v1/machines/${id}/snapshots`, {});
    expect(await inForce(await create({ snapshot_id }))).toMatchObject(CLOSED);
    for (const said of [{ internet_access: true }, { network: { egress: { mode: "allow_all" } } }]) {
      expect((await api.call("POST /v1/machines", { snapshot_id, ...said })).status).toBe(400);
    }
  });
});

describe("a change", () => {
  test("is in force when it is answered, with what now holds", async () => {
    const id = await create({});
    const release = api.fastvm.worker.hold("setNetworkPolicy");
    let isAnswered = false;
    const changing = patch(id, { mode: "deny_all", allow_cidrs: ["0.0.0.0/0"] }).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await expect.poll(() => api.fastvm.worker.calls.at(-1)?.method).toBe("setNetworkPolicy");
    expect(isAnswered).toBe(false);
    release();
    expect((await changing).body).toEqual({ machine_id: id, egress: { mode: "deny_all" } });
    expect(await inForce(id)).toMatchObject(CLOSED);
    const egress = { mode: "custom", allow_cidrs: ["192.0.2.0/24"], rate_limit: { pps: 9, burst: null } };
    expect((await patch(id, egress)).body.egress).toEqual({
      ...{ mode: "custom", allow_cidrs: ["192.0.2.0/24"], deny_cidrs: [], rate_limit: { pps: 9 } },
    });
    expect(await inForce(id)).toMatchObject({ egress: { rateLimit: { packetsPerSec: 9 } }, dns: NO_NAMES });
  });

  test("that the worker refuses is told, and leaves what was", async () => {
    const id = await create({ network: { egress: { mode: "deny_all" } } });
    api.fastvm.worker.failNext("setNetworkPolicy", new Error("nft"));
    expect((await patch(id, { mode: "allow_all" })).status).toBe(502);
    await api.ok(`POST /v1/machines/${id}/hibernate`);
    const { id: resumed } = await api.ok(`POST /v1/machines/${id}/resume`);
    expect(await inForce(resumed)).toMatchObject(CLOSED);
  });

  test("to a narrower list closes the names that a wider one had opened", async () => {
    const id = await create({ network: { egress: { mode: "custom", allow_cidrs: ["0.0.0.0/0"] } } });
    await patch(id, { mode: "custom", allow_cidrs: ["192.0.2.0/24"] });
    expect(await inForce(id)).toMatchObject({ dns: NO_NAMES });
    await patch(id, { mode: "allow_all" });
    expect(await inForce(id)).toMatchObject(OPEN);
  });

  test("goes on over a pause, to a fork and to a snapshot", async () => {
    const id = await create({});
    await patch(id, { mode: "deny_all" });
    await api.ok(`POST /v1/machines/${id}/hibernate`);
    const { id: resumed } = await api.ok(`POST /v1/machines/${id}/resume`);
    const policyOf = async (machine: string) =>
      (await api.fastvm.store.vms.get(vmIdOf(machine)))?.network?.policy;
    const { id: child } = await api.ok(`POST /v1/machines/${resumed}/fork`);
    const { id: snapshot_id } = await api.ok(`POST /v1/machines/${resumed}/snapshots`);
    const restored = await create({ snapshot_id });
    for (const machine of [resumed, child, restored])
      expect(await policyOf(machine)).toMatchObject({ egress: { default: "deny", rules: [] } });
  });

  test("keeps what the other API says of who may come in, and is shown there as rules", async () => {
    const id = await create({});
    const vm = `/v1/vms/${vmIdOf(id)}`;
    await api.fastvm.call(`PUT ${vm}/firewall`, { ingress: { default: "allow" } });
    await patch(id, { mode: "custom", deny_cidrs: ["192.0.2.0/24"] });
    const { policy } = (await api.fastvm.call(`GET ${vm}/firewall`)).body;
    expect(policy).toMatchObject({
      ingress: { default: "allow" },
      egress: { default: "allow", rules: [rule("deny", "192.0.2.0/24")] },
    });
  });

  test("is refused where the machine does not run, or says what it may not", async () => {
    const id = await create({});
    expect((await patch(id, { mode: "custom", allow_cidr: [] })).body).toMatchObject({
      field: "egress.allow_cidr",
    });
    expect((await patch(id, null)).status).toBe(400);
    await api.ok(`POST /v1/machines/${id}/hibernate`);
    expect(await patch(id, { mode: "deny_all" })).toMatchObject({
      status: 409,
      body: { code: "machine_not_ready" },
    });
    expect((await patch(`mch_${"0".repeat(32)}`, { mode: "deny_all" })).status).toBe(404);
  });
});

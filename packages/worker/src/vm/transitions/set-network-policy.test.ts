import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newVmId, parseMachineType } from "@fastvm/contract";
import type { NetworkPolicy } from "@fastvm/contract";
import { readJournal } from "../../journal/journal.ts";
import { setNetworkPolicy } from "./set-network-policy.ts";
import { Intercepted } from "../state/intercepted.ts";
import { Vm } from "../state/vm.ts";
import type { VmRecord } from "../state/vm.ts";
import type { WorkerContext } from "../state/worker-context.ts";

let folder: string;
let vm: Vm;
let enforced: NetworkPolicy[];
let refusal: Error | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-policy-"));
  enforced = [];
  refusal = undefined;
  vm = new Vm(folder, runningRecord());
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What the kernel is told, as far as a policy goes. */
function context(): WorkerContext {
  const network = {
    networkOf: (held: object) => held,
    update: async (_slot: object, policy: NetworkPolicy) => {
      if (refusal !== undefined) throw refusal;
      enforced.push(policy);
    },
  };
  return { network, intercepted: new Intercepted(() => undefined) } as unknown as WorkerContext;
}

function policyOf(action: "allow" | "deny"): NetworkPolicy {
  return {
    ingress: { default: "deny", rules: [] },
    egress: { default: action, rules: [] },
    dns: { mode: "allow", domains: [], blockBypass: false },
  };
}

function runningRecord(): VmRecord {
  const machine = parseMachineType("c1m2");
  if (machine === undefined) throw new Error("c1m2 is no machine type");
  return {
    vmId: newVmId(),
    phase: "running",
    machine,
    diskGib: 10,
    identity: { hostname: "probe", envVars: {}, authorizedKeys: [] },
    imageDigest: "",
    uid: 0,
    network: { index: 3 },
    publicIpv6: "fd00::3",
    policy: policyOf("deny"),
    slot: "fastvm-probe",
    generation: "",
    chain: ["0.raw"],
  } as unknown as VmRecord;
}

test("the policy that is in force is not enforced again", async () => {
  await setNetworkPolicy(context(), vm, policyOf("deny"));
  expect(enforced).toEqual([]);
  await setNetworkPolicy(context(), vm, policyOf("allow"));
  expect(enforced).toEqual([policyOf("allow")]);
  expect((await readJournal(folder))?.policy).toEqual(policyOf("allow"));
});

test("after a change that failed the same policy is enforced all the same, until one succeeds", async () => {
  refusal = new Error("nft said no");
  await expect(setNetworkPolicy(context(), vm, policyOf("allow"))).rejects.toThrow("nft said no");
  expect((await readJournal(folder))?.policy).toEqual(policyOf("deny"));
  refusal = undefined;
  await setNetworkPolicy(context(), vm, policyOf("deny"));
  await setNetworkPolicy(context(), vm, policyOf("deny"));
  expect(enforced).toEqual([policyOf("deny")]);
});

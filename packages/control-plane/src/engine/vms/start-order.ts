/** What a worker is told when it starts a VM, whether that is launched, forked or resumed, and what it tells back. */
import type {
  Durability,
  LaunchResult,
  NetworkPolicy,
  VmIdentity,
  VmTtl,
  VolumeMount,
} from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import { identityOf } from "../keys/authorized-keys.ts";
import type { OwedContext } from "../owed/tell-owed.ts";
import type { Parts } from "../context.ts";
import { tellInterception } from "../interception/tell-interception.ts";
import { toldMount } from "../volumes/bucket-credentials.ts";
import { presentNetwork } from "../network/change-network.ts";
import { ttlToStart } from "./ttl.ts";

/** What a start takes, from its order to its end. */
export type StartVmContext = OwedContext & Parts<"inflight" | "log" | "queue" | "reconciler" | "sealing">;

export interface StartOrder {
  readonly identity: VmIdentity;
  readonly network: NetworkPolicy;
  readonly ttl?: VmTtl;
  readonly generation?: number;
  readonly volumes: readonly VolumeMount[];
  readonly durability: Durability;
}

/** Call it when the start is among the operations in flight: whoever changes the network meanwhile waits for those. */
export async function startOrderOf(
  ctx: Parts<"sealing" | "store" | "worker">,
  vm: VmRecord,
): Promise<StartOrder> {
  const ttl = ttlToStart(vm);
  if (vm.interception !== undefined) await tellInterception(ctx, (await ctx.store.vms.get(vm.id)) ?? vm);
  const [identity, network] = await Promise.all([identityOf(ctx, vm), presentNetwork(ctx, vm)]);
  const volumes = await Promise.all(vm.volumes.map((mount) => toldMount(ctx, vm, mount)));
  const { durability } = vm;
  return {
    identity,
    network,
    volumes,
    durability,
    generation: vm.generation,
    ...(ttl === undefined ? {} : { ttl }),
  };
}

/** A VM that had one keeps it. */
export function addressOf({ publicIpv6 }: LaunchResult): Pick<VmChanges, "publicIpv6"> {
  return publicIpv6 === undefined ? {} : { publicIpv6 };
}

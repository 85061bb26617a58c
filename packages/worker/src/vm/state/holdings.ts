/** What a VM has of the host while it lives. Of one that does not run nothing is left, and what it had may be another's by now. */
import { rm } from "node:fs/promises";
import { endBucket } from "../../buckets/bucket-process.ts";
import { eachInTurn } from "../../concurrency/each-in-turn.ts";
import { freeSlot } from "../../pool/slot.ts";
import type { SlotHost } from "../../pool/slot.ts";
import { killAndWait } from "../../processes/proc.ts";
import type { VmNetwork } from "../../network/vm-network.ts";
import type { Vm } from "./vm.ts";
import type { Parts } from "./worker-context.ts";

/** Call when its process has ended, and it was let go. Nothing of its record can be written any more. */
export async function freeHoldings(context: SlotHost, vm: Vm): Promise<void> {
  const { phase, slot: name, uid } = vm.record;
  const isAtRest = phase === "paused" || phase === "stopped" || phase === "error";
  await eachInTurn(
    () => endVolumeServer(context, vm),
    () => vm.endWrites(),
    () =>
      isAtRest
        ? rm(vm.folder, { recursive: true, force: true })
        : freeSlot(context, { name, folder: vm.folder, uid, network: networkOf(context, vm) }),
  );
}

/** Nothing of it is needed once its QEMU has ended. It may wait for a bucket's tool, which has so long and no longer. */
export async function endVolumeServer(host: SlotHost, { record }: Vm): Promise<void> {
  const { volumeServer, buckets = [] } = record;
  await Promise.all([
    volumeServer === undefined ? undefined : killAndWait(volumeServer.process),
    ...buckets.map((held) => endBucket(host, held)),
  ]);
  if (volumeServer?.group !== undefined) await host.cgroups.remove(volumeServer.group);
}

export function networkOf({ network }: Parts<"network">, vm: Vm): VmNetwork | undefined {
  const { network: held, publicIpv6 } = vm.record;
  if (network === undefined || held === undefined || publicIpv6 === undefined) return undefined;
  return network.networkOf({ index: held.index, publicIpv6 });
}

/** What may be told of its address. One that it has where the host speaks no IPv6 leads nowhere. */
export function publicAddress(
  { network }: Parts<"network">,
  { record: { publicIpv6 } }: Vm,
): { readonly publicIpv6?: string } {
  return publicIpv6 === undefined || network?.hasIpv6 !== true ? {} : { publicIpv6 };
}
